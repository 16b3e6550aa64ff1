"""A dashboard of a real Ray that is killed under a live run, and started again."""

import uuid

import pytest
from live_run import Live
from processes import wait_until
from runs_harness import Project, command, dpipes, program_output, run, status_of_run, stored


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """One step goes on while the dashboard is away, and one is to be tried again meanwhile."""
    project = Project(tmp_path_factory.mktemp("project"))
    project.add("long", program_output("table", 400), 300, assets=["table"])
    project.add("again", program_output("model"), 5, fails_once=True, assets=["model"], retries={"max": 1, "delay": 2})
    project.add("last", program_output("report"), 5, needs=["long", "again"], assets=["report"])
    return project


class Place:
    """How the run reads its logs: of the node's agent, or by their last lines, where the dashboard seems to be elsewhere."""

    def __init__(self, ray, by, project):
        address = ray.address if by == "agent" else ray.address.replace("127.0.0.1", "0.0.0.0")
        self.environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": ray.token_file}
        # Ray puts a line of its own into the log once the program runs, wherever that is then.
        project.write({"ray": {"address": address, "runtime_env": {"env_vars": {"WAIT_FIRST": "0.5"}}}})

    def live(self, *words):
        return Live(*words, **self.environment)

    def dpipes(self, *words):
        done = dpipes(*words, **self.environment)
        assert done.returncode == 0, done.stderr


@pytest.fixture(params=["agent", "lines"])
def place(lasting, project, request):
    return Place(lasting, request.param, project)


@pytest.fixture
def undisturbed(place, project, tmp_path):
    place.dpipes("execute", project.graph, "--home", tmp_path / "undisturbed")
    return stored(tmp_path / "undisturbed"), project.take_starts()


def assert_as_undisturbed(home, project, undisturbed):
    events, starts = undisturbed
    actual = stored(home)
    for attempt, expected in events.events.items():
        assert actual.events[attempt] == expected, attempt
    assert actual == events
    assert project.take_starts() == starts


def test_a_dashboard_that_is_started_again_costs_a_run_nothing(lasting, place, project, undisturbed, tmp_path):
    with place.live("execute", project.graph, "--home", tmp_path / "home") as live:
        live.until("STEP_UP_FOR_RETRY", "again")
        lasting.restart_dashboard()
        code, errors = live.end()
    assert code == 0, errors
    assert "is not submitted yet" in errors and "has not answered for" in errors
    assert_as_undisturbed(tmp_path / "home", project, undisturbed)


def test_a_dashboard_that_stays_away_leaves_a_run_that_is_resumed(lasting, place, project, undisturbed, tmp_path):
    run_id = str(uuid.uuid4())
    words = ["execute", project.graph, "--run-id", run_id, "--home", tmp_path / "home", "--give-up-after", "3"]
    with place.live(*words) as live:
        live.until("STEP_UP_FOR_RETRY", "again")
        lasting.kill_dashboard()
        code, errors = live.end()
    lasting.start_dashboard()
    assert code == 3
    assert f"its jobs go on; go on with them: dpipes runs resume {run_id}\n" in errors
    assert status_of_run(tmp_path / "home") == "STARTED"
    jobs = command("jobs", "--address", lasting.address)
    wait_until(lambda: run(jobs, env=lasting.trace.environment).returncode == 0, 60, lambda: "no dashboard")
    place.dpipes("runs", "resume", run_id, "--home", tmp_path / "home")
    assert_as_undisturbed(tmp_path / "home", project, undisturbed)
