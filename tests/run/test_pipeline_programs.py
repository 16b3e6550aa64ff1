"""examples/pipeline: the file shows every key, and each program works by hand and under `dpipes run --local`."""

import json

import jsonschema
import pytest
import yaml
from harness import ROOT, built, clean_environment, dpipes_run, extra_options, run

SCHEMA = json.loads((ROOT / "schema/graph.schema.json").read_text())
PIPELINE = ROOT / "examples/pipeline/pipeline.yaml"
FOLDS = {
    f"train_{i}": {
        "assets": {f"m{i}": {"metadata": {"accuracy": 0.9 + i // 2 / 50, "log_loss": 0.4 - i / 10, "model": f"/m{i}"}}}
    }
    for i in (1, 2, 3)
}


def local(program, **extras):
    words = ("--local", "--asset", "made", *extra_options(extras), "--", built(f"examples/pipeline/{program}"))
    done = dpipes_run(*words)
    assert done.code == 0, done.result
    [made] = done.of("materialization")
    values = {key: value["raw_value"] for key, value in made["metadata"].items()}
    return values, {check["check_name"]: check["passed"] for check in done.of("check")}, made["data_version"]


def test_the_file_is_good_for_both_and_shows_every_key():
    text = PIPELINE.read_text()
    graph = yaml.safe_load(text)
    jsonschema.validate(graph, SCHEMA, jsonschema.Draft202012Validator)
    done = run([built("cli/dpipes"), "check", PIPELINE])
    assert done.stdout == f"{PIPELINE}: breast_cancer: 11 steps, 11 assets, 12 checks\n", done.stderr
    assert set(graph) == set(SCHEMA["properties"])
    assert {key for step in graph["steps"] for key in step} == set(SCHEMA["$defs"]["step"]["properties"])
    ray = SCHEMA["properties"]["executor"]["anyOf"][-1]["properties"]["ray"]["properties"]
    shown = set(graph["launcher"]["ray"]) | set(graph["executor"]["ray"])
    assert set(ray) - shown == {"address"} and "address" in text


@pytest.mark.parametrize("program", ["prepare", "train", "compare", "publish"])
def test_a_program_runs_by_hand(program, tmp_path):
    done = run([built(f"examples/pipeline/{program}")], cwd=tmp_path, env=clean_environment())
    assert done.returncode == 0 and "nothing is reported" in done.stderr, done.stderr


def test_the_data_is_prepared(tmp_path):
    values, checks, version = local("prepare", directory=str(tmp_path / "a/b"))
    prepared = tmp_path / "a/b/prepared.csv"
    assert values == {"rows": 569, "columns": 30, "malignant": 212, "benign": 357, "data": str(prepared)}
    assert checks == {"complete": True, "both_classes": True} and len(version) == 16
    assert prepared.read_bytes() == (ROOT / "examples/trainer/data/breast_cancer.csv").read_bytes()


def test_a_table_with_a_row_missing_is_not_complete(tmp_path):
    lines = (ROOT / "examples/trainer/data/breast_cancer.csv").read_text().splitlines()
    (tmp_path / "short.csv").write_text("\n".join(lines[:-1]))
    short = {"data": str(tmp_path / "short.csv"), "directory": str(tmp_path)}
    assert local("prepare", **short)[1] == {"complete": False, "both_classes": True}


def test_a_fold_is_trained(tmp_path):
    values, checks, _ = local("train", fold=2, num_folds=8, num_rounds=10, directory=str(tmp_path))
    assert (values["fold"], values["test_rows"]) == (2, 71) and 0.85 < values["accuracy"] <= 1
    assert checks == {"better_than_guessing": True}
    assert json.loads((tmp_path / "model_2.json").read_text())["learner"]


def test_the_best_fold_is_found():
    values, checks, _ = local("compare", upstream=FOLDS)
    assert (values["best_step"], values["best_model"], checks) == ("train_3", "/m3", {"accurate": True})
    assert values["mean_accuracy"] == pytest.approx(0.9 + 0.04 / 3)
    assert [row["step"] for row in values["folds"]["records"]] == ["train_1", "train_2", "train_3"]


def test_the_best_model_is_published(tmp_path):
    (tmp_path / "m").write_text("a model")
    upstream = {"compare": {"assets": {"comparison": {"metadata": {"best_step": "train_3"}}}}}
    values, checks, _ = local("publish", model=str(tmp_path / "m"), to=str(tmp_path / "p"), upstream=upstream)
    assert values == {"published": str(tmp_path / "p"), "bytes": 7, "trained_by": "train_3"} and checks == {"not_empty": True}
    assert (tmp_path / "p").read_text() == "a model"


@pytest.mark.parametrize(("program", "extras"), [("prepare", {"data": "/nonexistent"}), ("publish", {"model": "/nonexistent"})])
def test_what_is_not_there_is_named(program, extras):
    words = ("--local", "--asset", "made", *extra_options(extras), "--", built(f"examples/pipeline/{program}"))
    done = dpipes_run(*words)
    assert done.code == 1 and "/nonexistent" in done.stderr
