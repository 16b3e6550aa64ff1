"""ray_executor: the steps of a job as Ray jobs, on a real Ray with a real instance."""

import json
import os
import signal
import subprocess
import sys

import dagster as dg
import pytest
from dagster._core.storage.compute_log_manager import ComputeIOType
from harness import ROOT, clean_environment
from processes import wait_until


@pytest.fixture
def cluster(ray, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", ray.address)
    monkeypatch.setenv("COPIED", "of the orchestrator")
    return ray


def config(**more):
    runtime_env = {"env_vars": {"PYTHONPATH": {"env": "PYTHONPATH"}}}
    return {"execution": {"config": {"ray": {"address": {"env": "RAY_ADDRESS"}, "runtime_env": runtime_env, **more}}}}


def execute(instance, name, **options):
    import step_definitions

    job = dg.reconstructable(getattr(step_definitions, name))
    return dg.execute_job(job, instance=instance, raise_on_error=False, **options)


def failures(result):
    return {
        event.step_key: event.event_specific_data.error.to_string() for event in result.all_node_events if event.is_step_failure
    }


def jobs_of(ray, run_id):
    from dagster_dpipes import Client

    with Client(ray.address) as client:
        return {
            job.metadata["dagster/op"]: job
            for job in client.list_jobs()
            if job.metadata.get("dagster/run-id") == run_id and "dagster/op" in job.metadata
        }


def statuses(ray, run_id):
    return {job.status for job in jobs_of(ray, run_id).values()}


def test_each_step_is_a_job_with_what_it_is_given(cluster, instance):
    with execute(instance, "steps") as result:
        assert result.success
        step, plain = result.output_for_node("join")
        assert step == {
            "ALL": "of all",
            "STEP": "of the step",
            "COPIED": "of the orchestrator",
            "DAGSTER_RUN_JOB_NAME": "steps",
            "DAGSTER_RUN_STEP_KEY": "environment",
        }
        assert plain == {**step, "STEP": None, "DAGSTER_RUN_STEP_KEY": "plain"}
        assert result.output_for_node("again") == 1
    jobs = jobs_of(cluster, result.run_id)
    assert set(jobs) == {"environment", "plain", "join", "again"}
    # A step has said what came of it before its job ends.
    wait_until(lambda: statuses(cluster, result.run_id) == {"SUCCEEDED"}, 60, lambda: statuses(cluster, result.run_id))
    assert jobs["join"].metadata["dagster/job"] == "steps"
    prefix = f"dagster-step-{result.run_id[:8]}-"
    assert all(job.submission_id.startswith(prefix) for job in jobs.values())


def test_a_steps_output_is_in_the_compute_logs(cluster, instance):
    with execute(instance, "steps") as result:
        prefix = [result.run_id, "compute_logs"]
        manager = instance.compute_log_manager
        keys = manager.get_log_keys_for_log_key_prefix(prefix, ComputeIOType.STDOUT)
        logs = [manager.get_log_data(list(key)).stdout for key in keys]
    assert any(log and b"printed by the step" in log for log in logs)


def test_a_step_whose_process_dies_fails_with_rays_message_and_no_other_does(cluster, instance):
    with execute(instance, "dying", run_config=config()) as result:
        assert not result.success
        [(step, text)] = failures(result).items()
        assert step == "die" and "exit code 3" in text
        assert "fine" in {event.step_key for event in result.all_node_events if event.is_step_success}


def test_a_step_that_is_refused_fails_alone(cluster, instance):
    with execute(instance, "refusing", run_config=config()) as result:
        [(step, text)] = failures(result).items()
        assert step == "refused" and "entrypoint_num_cpus: -1" in text
        assert "fine" in {event.step_key for event in result.all_node_events if event.is_step_success}


def test_an_unset_variable_is_named(cluster, instance):
    with pytest.raises(ValueError, match="headers.X-Team: the environment variable NOT_SET is not set"):
        execute(instance, "dying", run_config=config(headers={"X-Team": {"env": "NOT_SET"}}))


def start_waiting(ray, home):
    environment = clean_environment(DAGSTER_HOME=str(home), PYTHONPATH=os.environ["PYTHONPATH"], RAY_ADDRESS=ray.address)
    command = [sys.executable, ROOT / "tests/python/execute_waiting.py", json.dumps(config())]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def running_wait(ray):
    from dagster_dpipes import Client

    with Client(ray.address) as client:
        jobs = [job for job in client.list_jobs() if job.metadata.get("dagster/job") == "waiting"]
    return next((job for job in jobs if job.status == "RUNNING"), None)


@pytest.mark.parametrize("by", ["orchestrator", "others"])
def test_a_step_that_is_stopped_ends(cluster, tmp_path, by):
    from dagster_dpipes import Client

    home = tmp_path / "home"
    home.mkdir()
    process = start_waiting(cluster, home)
    wait_until(lambda: running_wait(cluster), 60, lambda: "the step runs")
    job = running_wait(cluster)
    if by == "orchestrator":
        process.send_signal(signal.SIGINT)
    else:
        with Client(cluster.address) as client:
            client.stop_job(job.submission_id)
    output, _ = process.communicate(timeout=60)
    with Client(cluster.address) as client:
        assert client.get_job(job.submission_id).status == "STOPPED", output
    wanted = "Stopping Ray job" if by == "orchestrator" else "STOPPED"
    assert wanted in output
