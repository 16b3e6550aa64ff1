"""One program that says everything that a program can say, in C and in Python, under every client: Dagster's for a
child process, dagster-ray's, and both of ours."""

import itertools
import math
import sys
from pathlib import Path

import pytest
from harness import asset_options, dpipes_run, extra_options, interop_program, program_lines

dg = pytest.importorskip("dagster")
import expected
from dagster_side import Check, Materialization, materialize

HERE = Path(__file__).resolve().parent


def c_program():
    return [str(interop_program("everything"))]


def python_program():
    return [sys.executable, str(HERE / "everything.py")]


# ---- Dagster's clients ----------------------------------------------------------------------------------------------


def in_dagster(launch):
    specs = [dg.AssetSpec(key.split("/")) for key in expected.ASSETS]
    checks = [dg.AssetCheckSpec("fine", asset="first"), dg.AssetCheckSpec("doubtful", asset=["deep", "second"])]
    return materialize(launch, specs, checks, expected.PARTITION)


def assert_dagster_has_everything(outcome, launch_metadata, framework_logs):
    assert outcome.success and outcome.errors == []
    assert [log for log in outcome.logs if not log[1].startswith("[pipes]")] == expected.LOGS
    assert sorted(log for log in outcome.logs if log[1].startswith("[pipes]")) == sorted(framework_logs)
    assert outcome.custom == expected.CUSTOM
    first = outcome.results.pop("first")
    assert first.data_version == expected.DATA_VERSION
    assert_every_type(first.metadata, {**expected.in_dagster(expected.METADATA), **launch_metadata})
    assert outcome.results == dict.fromkeys(["deep/second", "quiet"], Materialization(launch_metadata, None))
    assert outcome.checks == {
        ("first", "fine"): Check(True, "ERROR", {**expected.in_dagster(expected.ACCURACY), **launch_metadata}),
        ("deep/second", "doubtful"): Check(False, "WARN", launch_metadata),
    }


def assert_every_type(metadata, wanted):
    nan = metadata.pop("float nan")
    assert isinstance(nan, dg.FloatMetadataValue) and math.isnan(nan.value)
    assert metadata == {key: value for key, value in wanted.items() if key != "float nan"}


OPENED = ("INFO", "[pipes] external process successfully opened dagster pipes.")


def test_our_program_under_dagsters_subprocess_client(capfd):
    client = dg.PipesSubprocessClient()
    outcome = in_dagster(lambda context: client.run(context=context, command=c_program(), extras=expected.EXTRAS))
    output = capfd.readouterr()
    assert_dagster_has_everything(outcome, {}, [OPENED])
    assert output.out.splitlines() == expected.STDOUT
    assert [line for line in output.err.splitlines() if line in expected.STDERR] == expected.STDERR


def test_our_program_under_dagster_rays_client(ray, monkeypatch, capfd):
    dagster_ray = pytest.importorskip("dagster_ray")
    for name, value in ray.variables.items():
        monkeypatch.setenv(name, value)
    client = dagster_ray.PipesRayJobClient(address=ray.address)
    outcome = in_dagster(
        lambda context: client.run(
            context=context, submit_job_params={"entrypoint": f"exec {c_program()[0]}"}, extras=expected.EXTRAS
        )
    )
    output = capfd.readouterr().out.splitlines()
    job_id = outcome.results["quiet"].metadata["Ray Job ID"].text
    framework_logs = [
        OPENED,
        ("DEBUG", "[pipes] PipesRayJobMessageReader is ready to begin reading ray job logs"),
        ("INFO", "[pipes] additional launch_payload reported"),
        ("INFO", f"[pipes] Starting Ray job {job_id}..."),
        ("INFO", f"[pipes] Ray job {job_id} started."),
        ("INFO", f"[pipes] Waiting for Ray job {job_id} to complete..."),
    ]
    assert_dagster_has_everything(outcome, {"Ray Job ID": dg.MetadataValue.text(job_id)}, framework_logs)
    assert sorted(program_lines(output)) == sorted(expected.STDOUT + expected.STDERR)


# ---- Our clients ----------------------------------------------------------------------------------------------------


def under_ours(target, program):
    options = [*target, *asset_options(*expected.ASSETS), "--partition-key", expected.PARTITION]
    return dpipes_run(*options, *extra_options(expected.EXTRAS), "--", *program)


def assert_run_has_everything(run, launch_metadata):
    assert (run.code, run.result["status"], run.result["exit_code"]) == (0, "SUCCEEDED", 0)
    assert run.logs == expected.LOGS
    assert run.of("opened") == [{"extras": {}}]
    assert run.of("closed") == [{"exception": None}]
    assert run.of("warning") == run.of("external_stream") == []
    custom = [message["payload"] for message in run.of("custom")]
    assert expected.canonical(custom) == expected.canonical(expected.CUSTOM)
    assert_equal(run.of("materialization"), materializations())
    assert_equal(run.of("check"), checks())
    assert_equal(run.results("materialization"), reported_and_implicit(launch_metadata))
    assert_equal(run.results("check"), [with_launch(check, launch_metadata) for check in checks()])
    assert_equal(run.results("custom"), [{"payload": payload} for payload in expected.CUSTOM])
    assert run.result["messages"] == len(expected.LOGS) + len(expected.CUSTOM) + 2 + 2 + 2


def assert_equal(values, wanted):
    assert [expected.canonical(value) for value in values] == [expected.canonical(value) for value in wanted]


def materializations():
    metadata = expected.in_messages(expected.METADATA)
    return [
        {"asset_key": "first", "data_version": expected.DATA_VERSION, "metadata": metadata},
        {"asset_key": "deep/second", "data_version": None, "metadata": None},
    ]


def checks():
    accuracy = expected.in_messages(expected.ACCURACY)
    fine = {"asset_key": "first", "check_name": "fine", "passed": True, "severity": "ERROR", "metadata": accuracy}
    doubtful = {"asset_key": "deep/second", "check_name": "doubtful", "passed": False, "severity": "WARN"}
    return [fine, {**doubtful, "metadata": None}]


def with_launch(result, launch_metadata):
    return {**result, "metadata": {**(result["metadata"] or {}), **launch_metadata}}


def reported_and_implicit(launch_metadata):
    reported = [{**each, "implicit": False} for each in materializations()]
    quiet = {"asset_key": "quiet", "data_version": None, "metadata": None, "implicit": True}
    return [with_launch(each, launch_metadata) for each in [*reported, quiet]]


RESULTS = ["materialization", "check"]


def in_order(run):
    """The kinds of the messages and the program's own lines; the same kind in a row once."""
    words = [event["text"] if event["event"] == "output" else event["event"] for event in run.events]
    return [word for word, _ in itertools.groupby(program_lines(words))]


PROGRAMS = {"ours": c_program, "python's": python_program}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_under_our_subprocess_client(program):
    run = under_ours(["--local"], PROGRAMS[program]())
    assert_run_has_everything(run, {})
    output = [(line["stream"], line["text"]) for line in run.of("output")]
    assert sorted(output) == sorted([("stdout", text) for text in expected.STDOUT] + [("stderr", expected.STDERR[0])])


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_under_our_ray_client(program, ray):
    run = under_ours(["--address", ray.address], PROGRAMS[program]())
    job_id = run.result["ray"]["submission_id"]
    assert_run_has_everything(run, {"Ray Job ID": {"raw_value": job_id, "type": "text"}})
    assert run.result["ray"]["status"] == "SUCCEEDED"
    assert run.output == ["a line on stdout", "a line on stderr", "half a line"]
    assert in_order(run) == [
        "opened",
        *run.output[:2],
        "log",
        "custom",
        "log",
        *RESULTS,
        "custom",
        "half a line",
        "closed",
    ]
