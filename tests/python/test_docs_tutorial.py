"""docs/tutorial.md: each of its blocks runs, under the name that its first line has."""

import os
import subprocess
import sys

import dagster as dg
import pytest
from docs_harness import blocks_of
from harness import ROOT, built, clean_environment
from homes import Home

PAGE = ROOT / "docs/tutorial.md"
FILES = {
    block.text.splitlines()[0].removeprefix("# "): block.text
    for block in blocks_of(PAGE)
    if block.language in ("python", "yaml")
}


@pytest.fixture
def project(tmp_path, ray, monkeypatch):
    """The page's files in the working directory."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAY_ADDRESS", ray.address)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]]))
    return tmp_path


def materialize(project, name, **variables):
    """As a user does; the instance that has the results."""
    home = project / "home"
    home.mkdir()
    environment = clean_environment(
        DAGSTER_HOME=str(home), PYTHONPATH=os.environ["PYTHONPATH"], RAY_ADDRESS=os.environ["RAY_ADDRESS"], **variables
    )
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "-f", project / name, "--select", "*"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    return dg.DagsterInstance.from_config(str(home)), done.stdout + done.stderr


def metadata(instance, asset):
    event = instance.get_latest_materialization_event(dg.AssetKey(asset))
    return {key: value.value for key, value in event.asset_materialization.metadata.items()}


def test_every_file_is_there():
    assert list(FILES) == [
        "local.py", "options.py", "dagster.yaml", "regular.py", "steps.py", "ml_training.py", "training.py",
    ]  # fmt: skip


def test_local_ray(project, ray_program):
    """In a process where no other Ray is named."""
    code = "import local; r = local.definitions.resolve_implicit_global_asset_job_def().execute_in_process();"
    code += " print(r.output_for_node('batch_processing_results'))"
    environment = clean_environment(DPIPES_RAY=ray_program, PYTHONPATH=os.environ["PYTHONPATH"], DAGSTER_HOME=str(project))
    (project / "dagster.yaml").unlink()
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "{'total': 673}", done.stderr


def test_the_options_are_taken(project):
    code = "import options; r = options.local_ray; print(r.lifecycle.cleanup, r.resolved_options()['runtime_env'])"
    environment = clean_environment(PYTHONPATH=os.environ["PYTHONPATH"], HF_TOKEN="secret")
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout == "on_exception {'pip': ['numpy', 'polars'], 'env_vars': {'HF_TOKEN': 'secret'}}\n", done.stderr


def test_the_run_launcher(project, ray, monkeypatch):
    home = Home(ray, project / "home", FILES["dagster.yaml"])
    monkeypatch.setenv("DAGSTER_HOME", str(project / "home"))
    with home.instance:
        run_id = home.launch("__ASSET_JOB", project / "regular.py")
        home.wait(run_id, "SUCCESS", "FAILURE")
        assert metadata(home.instance, "regular_asset") == {"foo": "bar"}


def test_the_executor(project):
    instance, said = materialize(project, "steps.py")
    with instance:
        assert 'Executing step "large" in Ray job dagster-step-' in said
        assert instance.get_latest_materialization_event(dg.AssetKey("large"))


def test_the_pipes_client(project):
    instance, said = materialize(project, "training.py")
    with instance:
        told = metadata(instance, "distributed_ml_training")
        assert told["num_partitions"] == 4 and len(told["results"]) == 4
        assert "Starting distributed ML training" in said


def test_the_asset_of_the_readme(project):
    [block] = [block for block in blocks_of(ROOT / "README.md") if block.language == "python"]
    (project / "build/examples").mkdir(parents=True)
    (project / "build/examples/hello").symlink_to(built("examples/hello"))
    (project / "readme.py").write_text(block.text)
    instance, _ = materialize(project, "readme.py")
    with instance:
        assert metadata(instance, "table")["rows"] == 7


def test_an_asset_that_returns_the_invocation_fails_in_dagster(project, ray):
    """As the page says."""
    from dagster_dpipes import PipesRayJobClient

    @dg.asset
    def table(context: dg.AssetExecutionContext) -> dict:
        return PipesRayJobClient(ray.address).run(context=context, submit_job_params={"entrypoint": "true"})

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([table], instance=instance, raise_on_error=False)
    [event] = [event for event in result.all_node_events if event.is_step_failure]
    text = event.event_specific_data.error.to_string()
    assert "PipesClientCompletedInvocation" in text and "DagsterInvariantViolationError" in text
