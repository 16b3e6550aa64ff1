"""examples/dagster_project on a real Dagster and a real Ray: what Dagster has stored of the trainer, type by type."""

import importlib
import statistics
import sys
import time
from pathlib import Path

import pytest
from harness import BUILD, ROOT, built, clean_environment, run

dg = pytest.importorskip("dagster")
pytest.importorskip("dagster_ray")

PROJECT = ROOT / "examples/dagster_project"
CHECK = "accuracy_at_least_0_9"
COLUMNS = [("fold", "int"), ("train_rows", "int"), ("test_rows", "int"), ("accuracy", "float"), ("log_loss", "float")]
TYPES = {
    "num_folds": dg.IntMetadataValue,
    "rows": dg.IntMetadataValue,
    "mean_accuracy": dg.FloatMetadataValue,
    "mean_log_loss": dg.FloatMetadataValue,
    "folds": dg.TableMetadataValue,
    "parameters": dg.JsonMetadataValue,
    "summary": dg.MarkdownMetadataValue,
    "data": dg.PathMetadataValue,
    "model": dg.PathMetadataValue,
    "trained_at": dg.TimestampMetadataValue,
    "xgboost_version": dg.TextMetadataValue,
}


@pytest.fixture
def home(tmp_path):
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return tmp_path


@pytest.fixture
def variables(ray, home):
    """What the project needs to know."""
    return {
        **ray.variables,
        "RAY_API_SERVER_ADDRESS": ray.address,
        "DAGSTER_HOME": str(home),
        "DPIPES_TRAINER": str(built("examples/trainer/trainer")),
        "PYTHONPATH": str(BUILD / "python"),
    }


@pytest.fixture
def project(variables, monkeypatch):
    """The project's definitions, in this process."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(BUILD / "python"))
    monkeypatch.syspath_prepend(str(PROJECT))
    module = importlib.import_module("dagster_project.definitions")
    yield module
    for name in ("dagster_project.definitions", "dagster_project"):
        del sys.modules[name]


def stored_materialization(instance, asset):
    return instance.get_latest_materialization_event(dg.AssetKey(asset)).asset_materialization


def stored_check(instance, asset):
    key = dg.AssetCheckKey(dg.AssetKey(asset), CHECK)
    [record] = instance.event_log_storage.get_asset_check_execution_history(key, limit=5)
    return record.event.dagster_event.asset_check_evaluation_data


def assert_trained(instance, home, asset, folds, rounds, since, launch_types):
    """Returns the data version and the mean accuracy."""
    materialization = stored_materialization(instance, asset)
    metadata = materialization.metadata
    assert {key: type(value) for key, value in metadata.items()} == {**TYPES, **launch_types}
    values = {key: metadata[key].value for key in TYPES}
    assert (values["num_folds"], values["rows"], values["xgboost_version"].count(".")) == (folds, 569, 2)
    assert_folds(metadata["folds"], folds, values["mean_accuracy"], values["mean_log_loss"])
    parameters = {"num_folds": folds, "num_rounds": rounds, "max_depth": 4, "eta": 0.3, "seed": 7}
    assert values["parameters"] == parameters
    assert values["summary"].startswith(f"### Breast cancer: {folds} folds of {rounds} rounds\n")
    assert values["model"] == str(home / "storage" / f"{asset}.json")
    assert Path(values["model"]).exists() and Path(values["data"]).name == "breast_cancer.csv"
    assert since <= values["trained_at"] <= time.time()
    assert materialization.tags["dagster/data_version_is_user_provided"] == "true"
    return materialization.tags["dagster/data_version"], values["mean_accuracy"]


def assert_folds(table, folds, mean_accuracy, mean_log_loss):
    assert [(column.name, column.type) for column in table.schema.columns] == COLUMNS
    assert table.schema.columns[0].description == "number of the fold, from 1"
    records = [record.data for record in table.records]
    assert [record["fold"] for record in records] == list(range(1, folds + 1))
    assert all(record["train_rows"] + record["test_rows"] == 569 for record in records)
    assert statistics.fmean(record["accuracy"] for record in records) == pytest.approx(mean_accuracy)
    assert statistics.fmean(record["log_loss"] for record in records) == pytest.approx(mean_log_loss)


def assert_checked(instance, asset, passed, accuracy, launch_types):
    check = stored_check(instance, asset)
    assert (check.passed, check.severity) == (passed, dg.AssetCheckSeverity.ERROR)
    values = {key: value for key, value in check.metadata.items() if key not in launch_types}
    assert {key: type(value) for key, value in check.metadata.items() if key in launch_types} == launch_types
    assert values == {
        "mean_accuracy": dg.MetadataValue.float(accuracy),
        "least_accuracy": dg.MetadataValue.float(0.9),
    }


LAUNCH_TYPES = {"ray_model": {"Ray Job ID": dg.TextMetadataValue}, "local_model": {}}


def assert_both(home, folds, rounds, since, passed):
    with dg.DagsterInstance.from_config(str(home)) as instance:
        versions = set()
        for asset, launch_types in LAUNCH_TYPES.items():
            version, accuracy = assert_trained(instance, home, asset, folds, rounds, since, launch_types)
            assert_checked(instance, asset, passed, accuracy, launch_types)
            assert (accuracy >= 0.9) == passed
            versions.add(version)
    assert len(versions) == 1, "the same data and parameters made different versions"


def test_dagster_asset_materialize_stores_what_the_trainer_reports(variables, home):
    since = time.time()
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "--select", "*"]
    done = run(
        [*command, "-m", "dagster_project.definitions"],
        timeout=180,
        cwd=PROJECT,
        env=clean_environment(**variables),
    )
    assert done.returncode == 0, done.stderr
    assert_both(home, folds=5, rounds=50, since=since, passed=True)


@pytest.mark.parametrize("package", ["dagster_dpipes", "dagster_ray"])
def test_materialize_stores_what_the_trainer_reports(project, home, package):
    """The trainer is a Pipes program like any other, so dagster-ray runs it, too."""
    client = importlib.import_module(package).PipesRayJobClient()
    since = time.time()
    config = {"config": {"num_folds": 3, "num_rounds": 0}}
    with dg.DagsterInstance.from_config(str(home)) as instance:
        result = dg.materialize(
            [project.ray_model, project.local_model],
            instance=instance,
            resources={**project.defs.resources, "ray": client},
            run_config={"ops": {"ray_model": config, "local_model": config}},
        )
        assert result.success
    assert_both(home, folds=3, rounds=0, since=since, passed=False)


def test_a_trainer_that_fails_fails_the_step_and_says_why(project, home):
    with dg.DagsterInstance.from_config(str(home)) as instance:
        result = dg.materialize(
            [project.local_model],
            instance=instance,
            resources=project.defs.resources,
            run_config={"ops": {"local_model": {"config": {"num_folds": 1}}}},
            raise_on_error=False,
        )
        events = [entry.dagster_event for entry in instance.all_logs(result.run_id) if entry.dagster_event]
        assert not result.success
        assert instance.get_latest_materialization_event(dg.AssetKey("local_model")) is None
    [closed] = [event for event in events if event.message == "[pipes] external process pipes closed with exception"]
    error = closed.engine_event_data.error
    assert error.cls_name == "ParameterError"
    assert error.message == "num_folds: 1 is not between 2 and 100"
