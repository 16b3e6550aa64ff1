"""examples/dagster_project in Dagster's pages: `dagster dev`, started as the project's README says, in a real browser.

The screenshots of docs/images are made by

    DPIPES_TEST_SCREENSHOTS=docs/images .venv/bin/python -m pytest tests/integration/test_dagster_webserver.py
"""

import contextlib
import os
import re
import signal
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import ROOT
from processes import Trace, free_port, wait_until
from project_harness import CHECK, PROJECT, jobs_of_run, project_environment, project_variables, readme_command

dg = pytest.importorskip("dagster")
pytest.importorskip("dagster_webserver")
pytest.importorskip("selenium")
from browser import browser  # noqa: E402  (it needs selenium)


@dataclass(frozen=True)
class Dev:
    """A `dagster dev` at work."""

    address: str
    home: Path

    def instance(self):
        return dg.DagsterInstance.from_config(str(self.home))


def answers(address):
    try:
        with urllib.request.urlopen(f"{address}/server_info", timeout=5) as response:
            return response.status == 200
    except (urllib.error.URLError, TimeoutError):
        return False


@contextlib.contextmanager
def started(name, ray, ray_program, home):
    """With the instance of this name; at the end nothing of it runs any more."""
    trace = Trace(project_environment(project_variables(ray, ray_program, home)))
    port = free_port()
    script = f"{readme_command(f'instances/{name}/')}\nexec {readme_command('dagster dev')} --host 127.0.0.1 --port {port}"
    with (home / "dev.log").open("w") as log:
        process = subprocess.Popen(
            ["bash", "-euc", script], cwd=PROJECT, env=trace.environment, stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    dev = Dev(f"http://127.0.0.1:{port}", home)
    try:
        wait_until(lambda: process.poll() is not None or answers(dev.address), 240, lambda: said(dev, "no answer"))
        assert process.poll() is None, said(dev, f"exit code {process.returncode}")
        yield dev
        os.killpg(process.pid, signal.SIGINT)
        wait_until(lambda: process.poll() is not None, 90, lambda: said(dev, "not ended by SIGINT"))
        wait_until(lambda: not trace.pids(), 30, lambda: f"left: {trace.command_lines()}")
    finally:
        trace.close()
        process.wait(30)


def said(dev, what):
    return f"dagster dev at {dev.address}: {what}; it said:\n{(dev.home / 'dev.log').read_text()}"


@pytest.fixture(scope="module")
def dev(ray, ray_program, tmp_path_factory):
    with started("local", ray, ray_program, tmp_path_factory.mktemp("home")) as one:
        yield one


@pytest.fixture
def page(tmp_path):
    with browser(tmp_path) as one:
        yield one


def screenshot(page, tmp_path, name, **options):
    """Into the folder that is asked for, else one that is thrown away."""
    folder = os.environ.get("DPIPES_TEST_SCREENSHOTS")
    page.screenshot((ROOT / folder if folder else tmp_path) / f"dagster-{name}.png", **options)


def run_by_page(page, dev):
    """Clicks Materialize on the page that is open; the run's id, with its page, once it has succeeded."""
    with dev.instance() as instance:
        before = run_ids(instance)
        page.click("Materialize")
        [run_id] = page.wait("a new run", lambda: run_ids(instance) - before)
        page.open(f"{dev.address}/runs/{run_id}")
        page.wait("the end of the run", lambda: re.search(r"^(Success|Failure|Canceled)$", page.text, re.MULTILINE), 300)
        assert instance.get_run_by_id(run_id).status.value == "SUCCESS", page.text
    return run_id


def run_ids(instance):
    return {run.run_id for run in instance.get_runs()}


def stored(dev, asset):
    with dev.instance() as instance:
        return instance.get_latest_materialization_event(dg.AssetKey(asset)).asset_materialization


def wait_for_row(page, key, value):
    """A row of a table of metadata."""
    row = f"//tr[td[1][normalize-space()='{key}']]"
    page.wait(f"{key} with {value}", lambda: any(value in element.text for element in page.elements(row)))


def test_an_asset_is_materialized_and_its_metadata_and_its_check_are_shown(page, dev, ray, tmp_path):
    page.open(f"{dev.address}/assets/ray_model")
    page.wait_for_text("Never materialized")
    run_id = run_by_page(page, dev)
    page.fill("Filter", "accuracy")
    page.wait_for_text(f"Check {CHECK} succeeded for materialization of ray_model.")
    screenshot(page, tmp_path, "run", height=1300)

    metadata = stored(dev, "ray_model").metadata
    page.open(f"{dev.address}/assets/ray_model")
    for key in ("mean_accuracy", "mean_log_loss", "rows", "xgboost_version", "Ray Job ID"):
        wait_for_row(page, key, str(metadata[key].value))
    for record in metadata["folds"].records:
        wait_for_row(page, str(record.data["fold"]), str(record.data["accuracy"]))
    page.wait_for_text("Breast cancer: 5 folds of 50 rounds")
    screenshot(page, tmp_path, "asset", height=1660)

    page.click("Checks")
    page.wait("the check's result", lambda: re.search(r"^Evaluation result\n(.*\n)*?Passed$", page.text, re.MULTILINE))
    assert CHECK in page.text
    wait_for_row(page, "mean_accuracy", str(metadata["mean_accuracy"].value))
    wait_for_row(page, "least_accuracy", "0.9")
    screenshot(page, tmp_path, "check", height=1000)
    assert jobs_of_run(ray, run_id) == {metadata["Ray Job ID"].value: "SUCCEEDED"}


def test_a_job_on_ray_executor_is_run(page, dev, ray):
    page.open(f"{dev.address}/locations/dagster_project.definitions/jobs/on_ray_executor")
    run_id = run_by_page(page, dev)
    [(submission_id, status)] = jobs_of_run(ray, run_id).items()
    assert (submission_id[:13], status) == ("dagster-step-", "SUCCEEDED")
    page.fill("Filter", "in Ray job")
    page.wait_for_text(f'Executing step "local_model" in Ray job {submission_id}.')
    page.open(f"{dev.address}/assets/local_model")
    wait_for_row(page, "mean_accuracy", str(stored(dev, "local_model").metadata["mean_accuracy"].value))


def test_with_ray_run_launcher_a_run_is_a_ray_job(page, ray, ray_program, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    with started("ray", ray, ray_program, home) as dev:
        page.open(f"{dev.address}/assets/distributed_ml_training")
        run_id = run_by_page(page, dev)
        page.fill("Filter", "Ray run job")
        page.wait_for_text("[RayRunLauncher] Ray run job created")
        metadata = stored(dev, "distributed_ml_training").metadata
        page.open(f"{dev.address}/assets/distributed_ml_training")
        wait_for_row(page, "num_partitions", "4")
        wait_for_row(page, "results", '"accuracy": 0.95')
        wait_for_row(page, "Ray Job ID", metadata["Ray Job ID"].value)
    jobs = {f"dagster-run-{run_id}": "SUCCEEDED", metadata["Ray Job ID"].value: "SUCCEEDED"}
    assert jobs_of_run(ray, run_id) == jobs
