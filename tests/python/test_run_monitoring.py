"""Dagster's run monitoring by its own daemon: what it finds out of RayRunLauncher's jobs, and what it does about it."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from homes import DEFINITIONS, FLAT, job_of, opened
from processes import wait_until

MONITORING = """
run_monitoring:
  enabled: true
  max_resume_run_attempts: {attempts}
  poll_interval_seconds: 1
"""


@contextmanager
def daemon(home):
    log = Path(home.environment["DAGSTER_HOME"], "daemon.log")
    with log.open("w") as file:
        command = [sys.executable, "-m", "dagster._daemon", "run", "-f", DEFINITIONS]
        process = subprocess.Popen(command, env=home.environment, stdout=file, stderr=file)
    try:
        yield log
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


@pytest.fixture
def monitored(ray, tmp_path, monkeypatch, request):
    with opened(ray, tmp_path / "home", FLAT + MONITORING.format(attempts=request.param), monkeypatch) as home, daemon(home):
        yield home


def kill_worker(ray, home, run_id):
    """The run's own process, as an out-of-memory killer does it."""
    mine = [pid for pid in ray.trace.pids() if is_worker(pid, run_id)]
    assert mine, "no process of the run"
    for pid in mine:
        os.kill(pid, signal.SIGKILL)


def is_worker(pid, run_id):
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    except OSError:
        return False
    return run_id in command and ("execute_run" in command or "resume_run" in command)


def stop_job(ray, home, run_id):
    """As `ray job stop` does it."""
    from dagster_dpipes import Client

    with Client(ray.address) as client:
        client.stop_job(f"dagster-run-{run_id}")


def wait_for_step(home, run_id):
    wait_until(lambda: "waiting" in home.told(run_id), 60, lambda: f"the step waits: {home.told(run_id)}")


def begun(home):
    return Path(home.environment["DAGSTER_HOME"], "begun").stat().st_size


def sentences(home, run_id, word):
    return [text for text in home.told(run_id) if word in text]


@pytest.mark.parametrize("monitored", [1], indirect=True)
@pytest.mark.parametrize(
    ("end", "because"),
    [(kill_worker, "FAILED with exit code"), (stop_job, "stopped from outside")],
    ids=["killed", "stopped"],
)
def test_a_run_whose_job_was_ended_from_outside_is_resumed_and_succeeds(ray, monitored, end, because):
    run_id = monitored.launch("interrupted")
    wait_for_step(monitored, run_id)
    end(ray, monitored, run_id)
    monitored.wait(run_id, "SUCCESS", "FAILURE")
    assert monitored.status(run_id) == "SUCCESS", monitored.told(run_id)
    assert any(because in text and "Resuming run" in text for text in monitored.told(run_id)), monitored.told(run_id)
    assert job_of(ray, run_id, 1).status in ("RUNNING", "SUCCEEDED")
    assert begun(monitored) == 2


@pytest.mark.parametrize("monitored", [1], indirect=True)
def test_a_resumed_run_takes_its_steps_up_again_where_they_are(ray, monitored):
    """ray_executor's steps are jobs of their own, which go on while nobody looks."""
    run_id = monitored.launch("patient")
    wait_for_step(monitored, run_id)
    kill_worker(ray, monitored, run_id)
    wait_until(lambda: sentences(monitored, run_id, "for resuming job"), 60, lambda: monitored.told(run_id))
    Path(monitored.environment["DAGSTER_HOME"], "go").touch()
    monitored.wait(run_id, "SUCCESS", "FAILURE")
    assert monitored.status(run_id) == "SUCCESS", monitored.told(run_id)
    assert begun(monitored) == 1


@pytest.mark.parametrize("monitored", [0], indirect=True)
def test_without_an_attempt_left_a_run_fails_and_says_what_became_of_its_job(ray, monitored):
    run_id = monitored.launch("interrupted")
    wait_for_step(monitored, run_id)
    kill_worker(ray, monitored, run_id)
    monitored.wait(run_id, "SUCCESS", "FAILURE")
    [text] = sentences(monitored, run_id, "Marking run")
    assert monitored.status(run_id) == "FAILURE"
    assert f"job dagster-run-{run_id} FAILED with exit code" in text and "JOB_ENTRYPOINT_COMMAND_ERROR" in text
