"""examples/dagster_project on a real Dagster and a real Ray, by its README's commands: what Dagster stores, type by type."""

import importlib
import re
import shutil
import statistics
import sys
import time
from pathlib import Path

import pytest
from harness import BUILD, ROOT, built, clean_environment, run
from processes import Trace
from project_harness import CHECK, COMMANDS, PROJECT, jobs_of_run, project_environment, project_variables, readme_command

dg = pytest.importorskip("dagster")
pytest.importorskip("dagster_ray")

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
    shutil.copy(PROJECT / "instances/local/dagster.yaml", tmp_path)
    return tmp_path


@pytest.fixture
def variables(ray, ray_program, home):
    return project_variables(ray, ray_program, home)


@pytest.fixture
def project(variables, monkeypatch):
    """The project's definitions, in this process."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(BUILD / "python"))
    monkeypatch.syspath_prepend(str(PROJECT))
    module = importlib.import_module("dagster_project.definitions")
    yield module
    for name in [name for name in sys.modules if name.partition(".")[0] == "dagster_project"]:
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


AS_A_JOB = {"Ray Job ID": dg.TextMetadataValue}
LAUNCH_TYPES = {"ray_model": AS_A_JOB, "own_ray_model": AS_A_JOB, "local_model": {}}


def assert_models(home, assets, folds, rounds, since, passed):
    with dg.DagsterInstance.from_config(str(home)) as instance:
        versions = set()
        for asset in assets:
            launch_types = LAUNCH_TYPES[asset]
            version, accuracy = assert_trained(instance, home, asset, folds, rounds, since, launch_types)
            assert_checked(instance, asset, passed, accuracy, launch_types)
            assert (accuracy >= 0.9) == passed
            versions.add(version)
    assert len(versions) == 1, "the same data and parameters made different versions"


def run_readme_command(words, variables):
    """Returns when it began."""
    since = time.time()
    done = run(["bash", "-c", readme_command(words)], timeout=240, cwd=PROJECT, env=project_environment(variables))
    assert done.returncode == 0, done.stderr
    return since


def test_all_assets_are_materialized(variables, home):
    since = run_readme_command("asset materialize --select '*'", variables)
    assert_models(home, LAUNCH_TYPES, folds=5, rounds=50, since=since, passed=True)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        for asset in ("distributed_ml_training", "native_ml_training"):
            materialization = stored_materialization(instance, asset)
            assert materialization.tags["dagster/data_version"] == "alpha"
            values = {key: value.value for key, value in materialization.metadata.items() if key not in AS_A_JOB}
            results = [{"partition_id": number, "accuracy": 0.95} for number in range(4)]
            assert values == {"num_partitions": 4, "results": results}


def readme_script():
    """README from its set-up to its end with a Ray of its own, without the installation, which test_wheel.py has, and without
    what other tests run."""
    elsewhere = ("pip install", "instances/ray/", "dagster dev", "--select '*'", "-j on_ray_executor")
    script = "\n".join(command for command in COMMANDS if not any(words in command for words in elsewhere))
    script = re.sub(r"(\.\./\.\./)?build/cli/dpipes", str(built("cli/dpipes")), script)
    script = script.replace(".venv/bin/activate", str(Path(sys.executable).with_name("activate")))
    return script.replace("local down", 'local down --address "$RAY_API_SERVER_ADDRESS"')


def test_from_the_set_up_to_a_model_of_no_rounds_that_fails_its_check(ray_program, runtime_directory):
    trainer = str(built("examples/trainer/trainer"))
    variables = {"DPIPES_RAY": ray_program, "DPIPES_TRAINER": trainer, "PYTHONPATH": str(BUILD / "python")}
    trace = Trace(clean_environment(**variables))
    since = time.time()
    done = run(["bash", "-euc", readme_script()], timeout=240, cwd=ROOT, env=trace.environment)
    assert done.returncode == 0, done.stderr
    [home] = Path(trace.directory).glob("tmp.*")
    assert_models(home, ["local_model"], folds=5, rounds=0, since=since, passed=False)
    shutil.rmtree(home)
    trace.wait_until_nothing_is_left()
    trace.close()


def test_on_ray_executor_the_step_is_a_ray_job(ray, variables, home):
    since = run_readme_command("-j on_ray_executor", variables)
    assert_models(home, ["local_model"], folds=5, rounds=50, since=since, passed=True)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        [record] = instance.get_runs()
    [(submission_id, status)] = jobs_of_run(ray, record.run_id).items()
    assert submission_id.startswith(f"dagster-step-{record.run_id[:8]}-local-model-")
    assert status == "SUCCEEDED"


@pytest.mark.parametrize("package", ["dagster_dpipes", "dagster_ray"])
def test_materialize_stores_what_the_trainer_reports(project, home, package):
    """The trainer is a Pipes program like any other, so dagster-ray runs it, too."""
    client = importlib.import_module(package).PipesRayJobClient()
    since = time.time()
    config = {"config": {"num_folds": 3, "num_rounds": 0}}
    with dg.DagsterInstance.from_config(str(home)) as instance:
        result = dg.materialize(
            [project.pipes_ray_job_client.ray_model, project.ray_executor_job.local_model],
            instance=instance,
            resources={**project.defs.resources, "ray_client": client},
            run_config={"ops": {"ray_model": config, "local_model": config}},
        )
        assert result.success
    assert_models(home, ["ray_model", "local_model"], folds=3, rounds=0, since=since, passed=False)


def test_a_trainer_that_fails_fails_the_step_and_says_why(project, home):
    with dg.DagsterInstance.from_config(str(home)) as instance:
        result = dg.materialize(
            [project.ray_executor_job.local_model],
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
