"""What Dagster sees when the dashboard is started anew under a job, when its node dies, and when Ray's agent does."""

import json
import os
import re
import signal
import subprocess
import sys
import threading

import dagster as dg
import pytest
from harness import ROOT
from own_ray import Ray
from processes import wait_until
from two_nodes import ADDRESS, Cluster

HERE = ROOT / "tests/python"


@pytest.fixture(scope="module")
def mortal(ray_program, runtime_directory):
    ray = Ray(ray_program)
    yield ray
    ray.close()


def told(instance, of_type=None):
    """What stands in the event log of its only run."""
    runs = instance.get_runs()
    return instance.all_logs(runs[0].run_id, of_type=of_type) if runs else []


def ticks(instance):
    return [entry.user_message for entry in told(instance) if entry.user_message.startswith("tick ")]


def test_a_dashboard_that_is_started_again_costs_dagster_nothing(mortal, instance):
    """Neither an event nor a job's life; none comes twice."""
    from dagster_dpipes import PipesRayJobClient
    from dagster_dpipes.job_watch import JobWatch

    client, results = PipesRayJobClient(address=mortal.address), []

    @dg.asset
    def table(context: dg.AssetExecutionContext):
        params = {"entrypoint": f"exec {sys.executable} {HERE}/programs.py tick", "submission_id": "ticking"}
        return client.run(context=context, submit_job_params=params).get_materialize_result()

    thread = threading.Thread(target=lambda: results.append(dg.materialize([table], instance=instance)))
    thread.start()
    wait_until(lambda: len(ticks(instance)) > 10, 60, lambda: told(instance))
    watch = JobWatch(mortal.address, {}, {})
    assert watch.look("ticking").outcome == "UNFINISHED"
    mortal.restart_dashboard()
    assert watch.look("ticking").outcome == "UNFINISHED"
    thread.join(120)
    assert results and results[0].success
    assert ticks(instance) == [f"tick {n}" for n in range(300)]
    [entry] = told(instance, dg.DagsterEventType.ASSET_MATERIALIZATION)
    assert entry.dagster_event.event_specific_data.materialization.metadata["ticks"].value == 300
    wait_until(lambda: watch.look("ticking").outcome == "SUCCEEDED", 30, lambda: watch.look("ticking"))


@pytest.fixture
def cluster(ray_program):
    cluster = Cluster(ray_program)
    yield cluster
    cluster.close()


def test_a_step_whose_node_dies_fails_and_says_so(cluster, instance, tmp_path):
    """ray_executor on another machine than the head, the step on a third."""
    given = {"address": ADDRESS, "resources": {"worker": 1}, "env_vars": ["PYTHONPATH"]}
    variables = {"PYTHONPATH": os.environ["PYTHONPATH"], "DAGSTER_HOME": str(tmp_path)}
    command = [*cluster.client.enter, sys.executable, HERE / "execute_waiting.py"]
    process = subprocess.Popen(
        [*command, json.dumps({"execution": {"config": given}})],
        env={**cluster.environment, **variables},
        stdout=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: any(entry.user_message == "waiting" for entry in told(instance)), 90, lambda: told(instance))
    cluster.worker.kill_all()
    output, _ = process.communicate(timeout=120)
    assert re.search(r"Ray job of step wait .*\bnode\b.*\b(terminated|dead)", output), output


def test_a_job_whose_agent_dies_is_lost(mortal):
    """Nobody is left who would tell Ray what becomes of it. The last test of this Ray."""
    from dagster_dpipes.job_watch import JobWatch

    watch = JobWatch(mortal.address, {}, {})
    watch.launch(submission_id="orphan", entrypoint="sleep 600")
    wait_until(lambda: watch.look("orphan").status == "RUNNING", 60, lambda: watch.look("orphan"))
    os.kill(mortal.process("ray::DashboardAgent"), signal.SIGKILL)
    wait_until(lambda: watch.look("orphan").outcome != "UNFINISHED", 90, lambda: watch.look("orphan"))
    result = watch.look("orphan")
    assert (result.outcome, "is lost: node" in str(result.error)) == ("LOST", True), result
