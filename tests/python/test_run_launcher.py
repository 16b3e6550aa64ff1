"""RayRunLauncher: a whole run as a Ray job, launched as Dagster's own command launches it."""

import dagster as dg
import pytest
from homes import FLAT, UNDER_RAY, job_of, opened
from processes import wait_until


@pytest.fixture
def home(ray, tmp_path, monkeypatch, request):
    with opened(ray, tmp_path / "home", getattr(request, "param", FLAT), monkeypatch) as one:
        yield one


def metadata(home, run_id):
    [event] = home.instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
    return {k: v.value for k, v in event.asset_materialization.metadata.items()}


@pytest.mark.parametrize(
    ("home", "mark"),
    [(FLAT, "of the launcher"), (UNDER_RAY, "of the runtime_env")],
    indirect=["home"],
    ids=["flat", "ray"],
)
def test_a_run_is_a_job_with_what_it_is_given(ray, home, mark):
    run_id = home.launch("whole")
    home.wait(run_id, "SUCCESS", "FAILURE")
    assert home.status(run_id) == "SUCCESS"
    assert (metadata(home, run_id)["ALL"], metadata(home, run_id)["DAGSTER_RUN_JOB_NAME"]) == (mark, "whole")
    job = job_of(ray, run_id)
    assert job.metadata["dagster/job"] == "whole" and job.metadata["dagster/run-id"] == run_id
    assert job.metadata["dagster/code-location"]
    if mark == "of the launcher":
        assert job.metadata["foo"] == "bar" and job.metadata["pip"] == '["polars"]'
    wait_until(lambda: home.health(run_id).status.value == "SUCCESS", 20, lambda: "the job's end")
    assert run_id in home.instance.run_launcher.get_run_worker_debug_info(home.instance.get_run_by_id(run_id))


def test_the_runs_tag_stands_instead_of_the_launchers_values(ray, home):
    run_id = home.launch("tagged")
    home.wait(run_id, "SUCCESS", "FAILURE")
    assert metadata(home, run_id)["ALL"] == "of the tag"


def test_a_run_is_terminated(ray, home):
    run_id = home.launch("slow")
    home.wait(run_id, "STARTED")
    assert home.health(run_id).status.value == "RUNNING"
    assert home.instance.run_launcher.terminate(run_id)
    wait_until(lambda: job_of(ray, run_id).status == "STOPPED", 30, lambda: "the job is stopped")
    home.wait(run_id, "CANCELED")
    assert not home.instance.run_launcher.terminate(run_id)


def test_a_run_whose_process_dies_is_failed_by_its_health(ray, home):
    run_id = home.launch("dead")
    wait_until(lambda: job_of(ray, run_id).status == "FAILED", 60, lambda: "the process dies")
    wait_until(lambda: home.health(run_id).status.value == "FAILED", 10, lambda: "the health says so")
    assert "exit code 4" in home.health(run_id).msg


def test_a_job_that_others_stop_is_a_failure_that_says_so(ray, home):
    from dagster_dpipes import Client

    run_id = home.launch("slow")
    home.wait(run_id, "STARTED")
    with Client(ray.address) as client:
        client.stop_job(f"dagster-run-{run_id}")
    wait_until(lambda: home.health(run_id).status.value == "FAILED", 30, lambda: "the health says so")
    assert "stopped from outside" in home.health(run_id).msg


def test_a_run_that_ray_does_not_know_is_not_found(ray, home):
    """It was never launched: one that is deleted as it ends, Ray may write down once more."""

    @dg.job
    def nothing():
        pass

    run_id = home.instance.create_run_for_job(nothing).run_id
    assert home.health(run_id).status.value == "NOT_FOUND"


def test_the_steps_of_a_run_may_be_jobs_of_their_own(ray, home):
    """ray_executor takes the launcher's cluster."""
    run_id = home.launch("inner")
    home.wait(run_id, "SUCCESS", "FAILURE")
    assert home.status(run_id) == "SUCCESS"
    assert metadata(home, run_id)["DAGSTER_RUN_STEP_KEY"] == "regular_asset"


def test_hostile_names_stay_words_of_the_command():
    """What a shell would run is one argument."""
    import shlex

    from dagster_dpipes.run_launcher import submission_id_of_run

    assert submission_id_of_run("r", 2) == "dagster-run-r-2" and submission_id_of_run("r", 0) == "dagster-run-r"
    hostile = ["dagster", "api", "execute_run", '{"path": "it\'s $(touch /tmp/x); `id`\n"}']
    assert shlex.split(shlex.join(hostile)) == hostile
