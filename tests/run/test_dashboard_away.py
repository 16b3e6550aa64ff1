"""A dashboard that goes away under a live run, and comes back or does not."""

import re
import time
import uuid

import pytest
from fake_ray import FakeRay
from live_run import Live
from runs_harness import Project, dpipes, program_output, query, status_of_run, stored

STEPS = ["first", "second", "third"]
LINES = 20
RUN = str(uuid.uuid4())


@pytest.fixture
def project(tmp_path):
    """Three steps, each of which needs the one before; the second fails at first and is tried again half a second later."""
    project = Project(tmp_path)
    for n, name in enumerate(STEPS):
        output = program_output(f"asset{n}", LINES)
        retries = {"retries": {"max": 1, "delay": 0.5}} if n == 1 else {}
        project.add(name, output, 50, fails_once=n == 1, needs=STEPS[:n][-1:], assets=[f"asset{n}"], **retries)
    return project


@pytest.fixture
def fake(project):
    with FakeRay(project) as fake:
        project.write({"ray": {"address": fake.address}})
        yield fake


@pytest.fixture
def undisturbed(project, fake, tmp_path):
    home = tmp_path / "undisturbed"
    done = dpipes("execute", project.graph, "--home", home)
    assert done.returncode == 0, done.stderr
    return stored(home), fake.take_starts()


def assert_as_undisturbed(home, fake, undisturbed):
    events, starts = undisturbed
    assert stored(home) == events
    assert fake.take_starts() == starts


@pytest.mark.parametrize("kind", ["LOG", "STEP_UP_FOR_RETRY"], ids=["while a job runs", "when one is to be submitted"])
def test_a_dashboard_that_comes_back_costs_a_run_nothing(kind, project, fake, undisturbed, tmp_path):
    with Live("execute", project.graph, "--home", tmp_path / "home") as live:
        live.until(kind, "second")
        with fake.away():
            live.wait_for_errors("has not answered for" if kind == "LOG" else "is not submitted yet")
        assert live.end()[0] == 0
    assert_as_undisturbed(tmp_path / "home", fake, undisturbed)


# ---- It stays away --------------------------------------------------------------------------------------------------

PATIENCE = ("--give-up-after", "1")
LEFT = re.compile(r"has not answered for \d+\.\d s; job .* was RUNNING and may still run")  # not the usual minute


def end_without(fake, live):
    """The run's orchestrator has nobody to ask any more."""
    with fake.away():
        code, errors = live.end()
    assert code == 3
    return errors


@pytest.mark.parametrize("kind", ["LOG", "STEP_UP_FOR_RETRY"], ids=["while a job runs", "when one is to be submitted"])
def test_a_dashboard_that_stays_away_leaves_a_run_that_is_resumed(kind, project, fake, undisturbed, tmp_path):
    home = tmp_path / "home"
    with Live("execute", project.graph, "--run-id", RUN, "--home", home, *PATIENCE) as live:
        live.until(kind, "second")
        errors = end_without(fake, live)
    assert ("was RUNNING and may still run" in errors) == (kind == "LOG")
    assert f"its jobs go on; go on with them: dpipes runs resume {RUN}\n" in errors
    assert status_of_run(home) == "STARTED"
    done = dpipes("runs", "resume", RUN, "--home", home, *PATIENCE)
    assert done.returncode == 0, done.stderr
    assert_as_undisturbed(home, fake, undisturbed)


def test_a_dashboard_that_stays_away_leaves_a_resumed_run_again(project, fake, tmp_path):
    home = tmp_path / "home"
    with Live("execute", project.graph, "--run-id", RUN, "--home", home) as live:
        live.until("LOG", "first")
    with Live("runs", "resume", RUN, "--home", home, *PATIENCE) as live:
        live.until("LOG", "second")
        assert f"dpipes runs resume {RUN}\n" in end_without(fake, live)
    assert status_of_run(home) == "STARTED"


def test_a_dashboard_that_stays_away_leaves_a_backfill_that_is_resumed(project, fake, tmp_path):
    home = tmp_path / "home"
    project.write({"ray": {"address": fake.address}}, partitions=["a", "b"])
    with Live("backfill", project.graph, "--backfill-id", "b", "--home", home, *PATIENCE) as live:
        live.until("LOG", "first")
        assert "its jobs go on; go on with them: dpipes backfill --resume b\n" in end_without(fake, live)
    done = dpipes("backfill", "--resume", "b", "--home", home, *PATIENCE)
    assert done.returncode == 0, done.stderr
    assert query(home, "SELECT count(*) FROM runs WHERE status = 'SUCCESS'") == [(2,)]
    assert query(home, "SELECT count(*) FROM events WHERE type = 'LOG'") == [(7 * LINES,)]
    assert fake.take_starts() == sorted([*STEPS, "second", *STEPS])  # it fails only once


def wait_for_request(fake, live, begin):
    while not fake.count(begin):
        assert live.process.poll() is None, live.end()
        time.sleep(0.05)


def test_a_dashboard_that_stays_away_leaves_a_launched_run_that_is_attached_to(project, fake, tmp_path):
    home = tmp_path / "home"
    fake.seconds = 60  # whatever the job does
    project.write("in_process", launcher={"ray": {"address": fake.address}})
    for words in (["launch", project.graph, "--run-id", RUN], ["runs", "attach", RUN], ["runs", "wait", RUN]):
        with Live(*words, "--home", home, *PATIENCE) as live:
            wait_for_request(fake, live, f"GET /api/jobs/dagster-run-{RUN}")
            errors = end_without(fake, live)
        assert LEFT.search(errors)
        assert "no message came" not in live.rest  # it may come yet
        assert (f"its job goes on; follow it: dpipes runs attach {RUN}\n" in errors) == ("wait" not in words)
        fake.requests.clear()
    assert fake.take_starts() == ["--launched"]


class Deaf(FakeRay):
    """No job of its heeds a stop."""

    def job(self, request, name, action=""):
        return self.as_json({"stopped": True}) if action == "stop" else super().job(request, name, action)


def test_a_dashboard_that_stays_away_ends_the_wait_for_a_terminated_run(project, tmp_path):
    home = tmp_path / "home"
    with Deaf(project, seconds=60) as fake:
        project.write("in_process", launcher={"ray": {"address": fake.address}})
        assert dpipes("launch", project.graph, "--run-id", RUN, "--detach", "--home", home).returncode == 0
        with Live("runs", "terminate", RUN, "--home", home, *PATIENCE) as live:
            wait_for_request(fake, live, f"POST /api/jobs/dagster-run-{RUN}/stop")
            fake.requests.clear()
            wait_for_request(fake, live, f"GET /api/jobs/dagster-run-{RUN}")
            assert LEFT.search(end_without(fake, live))
    assert status_of_run(home) == "CANCELING"
