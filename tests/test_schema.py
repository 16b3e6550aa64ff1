"""schema/result.schema.json describes what the command and the library write."""

import json

import jsonschema
import pytest
from harness import ROOT, built, clean_environment, dpipes_run, extra_options, run

SCHEMA = json.loads((ROOT / "schema/result.schema.json").read_text())


def check(result):
    jsonschema.validate(result, SCHEMA, jsonschema.Draft202012Validator)
    return result


def local(*words, **extras):
    return check(dpipes_run("--local", "--asset", "table", *extra_options(extras), "--", *words).result)


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_a_childs_result():
    assert local(built("examples/hello"))["results"]
    assert local("false")["exit_code"] == 1
    assert local("sh", "-c", "kill -9 $$")["signal"] == 9
    assert local("/nonexistent")["status"] == "ERROR"


def test_a_ray_jobs_result(ray):
    words = ("--address", ray.address, "--asset", "table", "--")
    assert check(dpipes_run(*words, built("examples/hello")).result)["ray"]["outcome"] == "SUCCEEDED"
    failed = check(dpipes_run(*words, "sh", "-c", "echo the end; exit 3").result)
    assert failed["ray"]["outcome"] == "FAILED" and "the end" in failed["ray"]["last_lines"]


def test_the_librarys_result(ray):
    program = built("tests/integration/result_json")
    done = run([program, ray.address, built("examples/hello")], env=clean_environment())
    result = check(json.loads(done.stdout))
    assert result["status"] == "SUCCEEDED" and result["error"] is None
    assert [r["data_version"] for r in result["results"]] == ["v1"]
    done = run([program, ray.address, "exit 3"], env=clean_environment())
    result = check(json.loads(done.stdout))
    assert (result["status"], result["exit_code"], result["results"]) == ("FAILED", 3, [])
    assert result["error"]["status"] == "DPIPES_EREMOTE"


@pytest.mark.parametrize("change", [{"status": "GONE"}, {"more": 1}, {"results": [{"kind": "other"}]}])
def test_another_result_is_refused(change):
    good = {"status": "SUCCEEDED", "exit_code": 0, "error": None, "results": [], "ray": None}
    check(good)
    with pytest.raises(jsonschema.ValidationError):
        check({**good, **change})
