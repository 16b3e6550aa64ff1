"""The examples under the clients: what they log and report, all of it. The trainer under Dagster's clients is in
tests/integration/test_dagster_project.py."""

import re
import sys
from pathlib import Path

import pytest
from harness import ROOT, asset_options, built, dpipes_run, extra_options

RESULTS = [{"partition_id": i, "accuracy": 0.95} for i in range(3)]


# ---- ml_training: in C, and the tutorial's script with Ray tasks in it ----------------------------------------------


def ml_training_logs(partitions):
    return [
        ("INFO", "Starting distributed ML training"),
        ("INFO", f"Training complete on {partitions} partitions"),
    ]


def assert_ml_training(run, types, launch_metadata):
    assert (run.code, run.result["status"]) == (0, "SUCCEEDED")
    assert run.logs == ml_training_logs(3)
    assert run.of("warning") == run.of("check") == run.of("custom") == []
    values = {"num_partitions": 3, "results": RESULTS}
    metadata = {key: {"raw_value": value, "type": type_} for (key, value), type_ in zip(values.items(), types)}
    report = {"asset_key": "model", "data_version": "alpha", "metadata": metadata}
    assert run.of("materialization") == [report]
    assert run.results("materialization") == [
        {**report, "metadata": {**metadata, **launch_metadata}, "implicit": False}
    ]


def job_id(run):
    return {"Ray Job ID": {"raw_value": run.result["ray"]["submission_id"], "type": "text"}}


def test_ml_training_as_a_child():
    done = dpipes_run(
        "--local", *asset_options("model"), "--extra", "num_partitions=3", "--", built("examples/ml_training")
    )
    assert_ml_training(done, ["int", "json"], {})
    assert done.output == []


def test_ml_training_as_a_ray_job(ray):
    target = ["--address", ray.address, *asset_options("model"), "--extra", "num_partitions=3"]
    done = dpipes_run(*target, "--", built("examples/ml_training"))
    assert_ml_training(done, ["int", "json"], job_id(done))
    assert done.output == []


def test_the_tutorials_script_as_a_ray_job(ray):
    target = ["--address", ray.address, *asset_options("model"), "--extra", "num_partitions=3"]
    done = dpipes_run(*target, "--", sys.executable, ROOT / "ray_scripts/ml_training.py")
    assert_ml_training(done, ["__infer__", "__infer__"], job_id(done))


def test_ml_training_refuses_partitions_that_it_cannot_have():
    target = ["--local", *asset_options("model"), "--extra", "num_partitions=-1"]
    done = dpipes_run(*target, "--", built("examples/ml_training"))
    assert (done.code, done.result["status"], done.result["exit_code"]) == (1, "FAILED", 1)
    assert [closed["exception"]["name"] for closed in done.of("closed")] == ["ValueError"]


def in_dagster(launch):
    pytest.importorskip("dagster")
    import dagster as dg
    from dagster_side import Materialization, materialize

    outcome = materialize(launch, [dg.AssetSpec("model")])
    model = outcome.results.pop("model")
    assert outcome.success and outcome.results == outcome.checks == {} and outcome.custom == outcome.errors == []
    assert [log for log in outcome.logs if not log[1].startswith("[pipes]")] == ml_training_logs(3)
    launch_metadata = {key: value for key, value in model.metadata.items() if key == "Ray Job ID"}
    values = {"num_partitions": dg.MetadataValue.int(3), "results": dg.MetadataValue.json(RESULTS)}
    assert model == Materialization({**values, **launch_metadata}, "alpha")
    return launch_metadata


def test_ml_training_under_dagsters_subprocess_client():
    dg = pytest.importorskip("dagster")
    client, command = dg.PipesSubprocessClient(), [str(built("examples/ml_training"))]
    assert in_dagster(lambda context: client.run(context=context, command=command, extras={"num_partitions": 3})) == {}


def test_ml_training_under_dagster_rays_client(ray, monkeypatch):
    dagster_ray = pytest.importorskip("dagster_ray")
    for name, value in ray.variables.items():
        monkeypatch.setenv(name, value)
    client, job = dagster_ray.PipesRayJobClient(address=ray.address), {
        "entrypoint": f"exec {built('examples/ml_training')}"
    }
    launch_metadata = in_dagster(
        lambda context: client.run(context=context, submit_job_params=job, extras={"num_partitions": 3})
    )
    assert launch_metadata["Ray Job ID"].text.startswith("pipes-")


# ---- The trainer ----------------------------------------------------------------------------------------------------

FOLDS, ROUNDS = 2, 3
EPOCH = re.compile(r"fold (\d)/2, epoch (\d)/3: train-logloss:0\.\d+ test-logloss:0\.\d+")
METADATA_TYPES = {
    "num_folds": "int",
    "rows": "int",
    "mean_accuracy": "float",
    "mean_log_loss": "float",
    "folds": "table",
    "parameters": "json",
    "summary": "md",
    "data": "path",
    "model": "path",
    "trained_at": "timestamp",
    "xgboost_version": "text",
}


def train(target, tmp_path, **extras):
    model = tmp_path / "model.json"
    options = [*target, *asset_options("model"), *extra_options({"num_folds": FOLDS, "model": str(model), **extras})]
    return dpipes_run(*options, "--", built("examples/trainer/trainer")), model


def assert_trained(run, model, launch_metadata):
    assert (run.code, run.result["status"]) == (0, "SUCCEEDED")
    assert run.of("warning") == run.of("custom") == []
    assert run.of("closed") == [{"exception": None}]
    assert_trainer_logs(run.logs, model)
    # Some of XGBoost's own lines, one for each tree: the folds', and those of the model of all rows.
    assert [line for line in run.output if "tree pruning end" not in line] == []
    assert len(run.output) == ROUNDS * (FOLDS + 1)
    [report], [result] = run.of("materialization"), run.results("materialization")
    assert {key: value["type"] for key, value in report["metadata"].items()} == METADATA_TYPES
    assert result == {**report, "metadata": {**report["metadata"], **launch_metadata}, "implicit": False}
    values = {key: value["raw_value"] for key, value in report["metadata"].items()}
    assert (values["num_folds"], values["rows"], values["model"]) == (FOLDS, 569, str(model))
    assert [record["fold"] for record in values["folds"]["records"]] == [1, 2]
    assert Path(values["data"]).exists() and model.exists()
    assert 0.9 <= values["mean_accuracy"] <= 1
    [check] = run.of("check")
    assert (check["asset_key"], check["check_name"], check["passed"]) == ("model", "accuracy_at_least_0_9", True)
    assert check["metadata"]["mean_accuracy"]["raw_value"] == values["mean_accuracy"]


def assert_trainer_logs(logs, model):
    assert {level for level, _ in logs} == {"INFO"}
    texts = [text for _, text in logs]
    assert texts.pop(0) == "training 2 folds of 3 rounds on 569 rows of 30 features"
    assert re.fullmatch(r"mean accuracy 0\.9\d{3}", texts.pop())
    assert texts.pop() == f"model of all 569 rows written to {model}"
    for fold in ("1", "2"):
        epochs = [EPOCH.fullmatch(texts.pop(0)).groups() for _ in range(ROUNDS)]
        assert epochs == [(fold, "1"), (fold, "2"), (fold, "3")]
        assert re.fullmatch(rf"fold {fold}/2: accuracy 0\.9\d+, log loss 0\.\d+ on 28[45] rows", texts.pop(0))
    assert texts == []


def test_the_trainer_as_a_child(tmp_path):
    done, model = train(["--local"], tmp_path, num_rounds=ROUNDS)
    assert_trained(done, model, {})


def test_the_trainer_as_a_ray_job(ray, tmp_path):
    done, model = train(["--address", ray.address], tmp_path, num_rounds=ROUNDS)
    assert_trained(done, model, job_id(done))


def test_an_untrained_model_fails_its_check_and_not_the_run(tmp_path):
    done, _ = train(["--local"], tmp_path, num_rounds=0)
    assert (done.code, done.result["status"]) == (0, "SUCCEEDED")
    [check] = done.of("check")
    assert check["passed"] is False and check["metadata"]["mean_accuracy"]["raw_value"] < 0.9


def test_the_same_parameters_give_the_same_data_version(tmp_path):
    def version(**extras):
        done, _ = train(["--local"], tmp_path, **extras)
        return done.of("materialization")[0]["data_version"]

    first = version(num_rounds=1)
    assert version(num_rounds=1) == first
    assert version(num_rounds=2) != first


@pytest.mark.parametrize(
    "extras, name, words",
    [
        ({"num_folds": 1}, "ParameterError", ["num_folds", "1"]),
        ({"num_folds": "five"}, "ParameterError", ["num_folds", "five"]),
        ({"eta": 2}, "ParameterError", ["eta", "2"]),
        ({"data": "/no/such/file.csv"}, "DataError", ["/no/such/file.csv", "No such file"]),
        ({"model": "/no/such/folder/model.json"}, "XGBoostError", ["/no/such/folder/model.json"]),
    ],
    ids=["folds", "a text", "eta", "data", "model"],
)
def test_a_trainer_that_cannot_train_says_why(extras, name, words, tmp_path):
    done, _ = train(["--local"], tmp_path, **{"num_rounds": 1, **extras})
    assert (done.code, done.result["status"], done.result["exit_code"]) == (1, "FAILED", 1)
    [closed] = done.of("closed")
    assert closed["exception"]["name"] == name
    assert all(word in closed["exception"]["message"] for word in words)
    assert done.of("materialization") == []
