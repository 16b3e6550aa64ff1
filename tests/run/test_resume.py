"""Orchestrators that are killed at random moments: who goes on with their runs loses nothing and does nothing twice."""

import itertools
import json
import random
import signal
import time
import uuid

import pytest
from fake_ray import FakeRay
from harness import built, run
from runs_harness import Project, begin, dpipes, kill, offsets, program_output, run_of, status_of_run, stored

KILLS = 50
BIG_LINE = b"x" * 1_000_000 + b"\n"


def make_project(directory, executor):
    """prepare → three steps at once, of which one fails at first → publish"""
    project = Project(directory)
    project.add("prepare", program_output("table"), 7, assets=["table"])
    for n in range(3):
        output = program_output(f"model{n}") if n else BIG_LINE + program_output("model0")
        more = {"needs": ["prepare"], "assets": [f"model{n}"], "retries": {"max": 1}}
        project.add(f"train{n}", output, 5, fails_once=n == 1, **more)
    needs = ["train0", "train1", "train2"]
    project.add("publish", program_output("report"), 3, needs=needs, assets=["report", "silent"])
    project.write(executor)
    return project


@pytest.fixture
def local(tmp_path):
    return make_project(tmp_path, "in_process")


def run_undisturbed(project, home, take_starts):
    done = dpipes("execute", project.graph, "--home", home)
    assert done.returncode == 0, done.stderr
    return stored(home), take_starts()


def words_for(project, home, run_id):
    """A run that was killed before it was written down has not begun."""
    known = run_of(home)
    return ["runs", "resume", known] if known else ["execute", project.graph, "--run-id", run_id]


def go_on(project, home):
    if status_of_run(home) != "SUCCESS":
        done = dpipes(*words_for(project, home, str(uuid.uuid4())), "--home", home)
        assert done.returncode == 0, done.stderr


def run_killed(project, home, longest, group):
    """Kills whoever executes the run until it has ended; how many were."""
    kills, run_id = 0, str(uuid.uuid4())
    while status_of_run(home) != "SUCCESS":
        process = begin(*words_for(project, home, run_id), "--home", home)
        time.sleep(random.uniform(0, longest))
        if process.poll() is None:
            kills += kill(process, group)
        else:
            said = process.communicate()
            assert process.returncode == 0, said
    return kills


def assert_same(home, undisturbed, take_starts):
    expected, starts = undisturbed
    actual = stored(home)
    assert actual.steps == expected.steps
    assert actual.attempts == expected.attempts
    for attempt, events in expected.events.items():
        assert actual.events[attempt] == events, attempt
    assert actual == expected
    assert take_starts() == starts


def kill_many(project, directory, longest, group):
    undisturbed = run_undisturbed(project, directory / "undisturbed", project.take_starts)
    kills = runs = 0
    while kills < KILLS:
        runs += 1
        home = directory / f"home{runs}"
        kills += run_killed(project, home, longest, group)
        assert_same(home, undisturbed, project.take_starts)
        yield home
    assert runs > 1


@pytest.mark.parametrize("group", [False, True])
def test_runs_of_processes_that_lose_their_orchestrator_go_on(local, tmp_path, group):
    for home in kill_many(local, tmp_path, 0.1, group):
        assert all(offset == size for offset, size in offsets(home))


def test_runs_of_jobs_that_lose_their_orchestrator_go_on(ray, tmp_path):
    # Ray puts a line of its own into the log once the program runs, wherever that is then.
    late = {"runtime_env": {"env_vars": {"WAIT_FIRST": "0.5"}}}
    project = make_project(tmp_path, {"ray": {"address": ray.address, **late}})
    for _ in kill_many(project, tmp_path, 1.5, False):
        pass


# ---- Every transaction ----------------------------------------------------------------------------------------------


def make_small_project(directory):
    project = Project(directory)
    project.add("first", program_output("table", 1), 3, assets=["table"])
    project.add("second", program_output("model", 1), 2, needs=["first"], assets=["model", "silent"])
    return project


def run_killed_at(project, home, n, when):
    """Whether the run came to its end before."""
    run_id = run_of(home) or str(uuid.uuid4())
    done = run([built("tests/run/killed"), home, project.graph, run_id, n, when])
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode == 0


def kill_at_every_commit(project, directory, starts):
    undisturbed = run_undisturbed(project, directory / "undisturbed", starts)
    for when in ("before", "after"):
        for n in itertools.count(1):
            home = directory / f"{when}{n}"
            survived = run_killed_at(project, home, n, when)
            go_on(project, home)
            assert_same(home, undisturbed, starts)
            if survived:
                break
        assert n > 5


def test_processes_of_a_run_that_is_killed_at_any_commit(tmp_path):
    project = make_small_project(tmp_path)
    project.write()
    kill_at_every_commit(project, tmp_path, project.take_starts)


def test_jobs_of_a_run_that_is_killed_at_any_commit(tmp_path):
    project = make_small_project(tmp_path)
    with FakeRay(project) as fake:
        project.write({"ray": {"address": fake.address}})
        kill_at_every_commit(project, tmp_path, fake.take_starts)


def test_a_run_that_is_killed_at_each_of_its_commits(tmp_path):
    """But for the first one of each that goes on, which only says so."""
    project = make_small_project(tmp_path)
    project.write()
    undisturbed = run_undisturbed(project, tmp_path / "undisturbed", project.take_starts)
    home, kills = tmp_path / "home", 0
    while status_of_run(home) != "SUCCESS":
        kills += not run_killed_at(project, home, 2, "after")
    assert kills > 5
    assert_same(home, undisturbed, project.take_starts)


# ---- A dashboard that is away ---------------------------------------------------------------------------------------


def test_without_a_dashboard_a_run_waits_to_be_resumed(tmp_path):
    project = make_small_project(tmp_path)
    home, run_id = tmp_path / "home", str(uuid.uuid4())
    with FakeRay(project) as fake:
        project.write({"ray": {"address": fake.address}})
        dpipes("runs", "--home", home)  # which makes the store, by commits of its own
        run([built("tests/run/killed"), home, project.graph, run_id, 3, "before"])
        assert fake.submitted == ["first"]
    away = dpipes("runs", "resume", run_id, "--home", home)
    assert (away.returncode, status_of_run(home)) == (3, "STARTED")
    assert f"its jobs go on; go on with them: dpipes runs resume {run_id}" in away.stderr
    fake.port = int(fake.address.rpartition(":")[2])
    with fake:
        assert dpipes("runs", "resume", run_id, "--home", home).returncode == 0
    assert fake.take_starts() == ["first", "second"]
    assert status_of_run(home) == "SUCCESS"


# ---- A disk without room --------------------------------------------------------------------------------------------

# Needs a kernel that gives namespaces to everybody, or root. The store stays where the mount is.
FULL_DISK = """
mount -t tmpfs -o size=2m none "$1"
"$0" execute "$2" --run-id "$3" --home "$1/home" > "$4/said" 2>&1 && exit 9
echo "$?" >> "$4/codes"
mount -o "$5" "$1"
"$0" runs resume "$3" --home "$1/home" > "$4/again" 2>&1 || echo "$?" >> "$4/codes"
mount -o remount,rw,size=64m "$1"
[ "$(wc -l < "$4/codes")" = 1 ] || "$0" runs resume "$3" --home "$1/home" > "$4/again" 2>&1
"$0" runs show "$3" --json --events --home "$1/home"
"""


@pytest.mark.parametrize(("remount", "codes"), [("remount,size=64m", ["3"]), ("remount,ro", ["3", "3"])])
def test_a_disk_that_is_full_or_read_only_loses_nothing(remount, codes, tmp_path):
    project = Project(tmp_path)
    lines = [b"%d " % n + b"x" * 2000 for n in range(2000)]
    project.add("prints", b"\n".join(lines) + b"\n", 5)
    (tmp_path / "disk").mkdir()
    run_id = str(uuid.uuid4())
    with FakeRay(project) as fake:
        project.write({"ray": {"address": fake.address}})
        words = [built("cli/dpipes"), tmp_path / "disk", project.graph, run_id, tmp_path, remount]
        done = run(["unshare", "-Urm", "sh", "-c", FULL_DISK, *words])
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "codes").read_text().split() == codes
    said = (tmp_path / "said").read_text()
    assert "database or disk is full" in said
    assert f"its jobs go on; go on with them: dpipes runs resume {run_id}" in said
    shown = json.loads(done.stdout)
    assert shown["status"] == "SUCCESS"
    texts = [event["text"] for event in shown["events"] if event["type"] == "OUTPUT"]
    assert texts == [line.decode() for line in lines]
    assert fake.take_starts() == ["prints"]


# ---- Two at once ----------------------------------------------------------------------------------------------------


def test_a_run_that_is_executed_is_not_resumed(local, tmp_path):
    first = begin("execute", local.graph, "--run-id", "r", "--home", tmp_path / "home")
    while not status_of_run(tmp_path / "home"):
        assert first.poll() is None
    second = dpipes("runs", "resume", "r", "--home", tmp_path / "home")
    assert second.returncode == 3
    assert f"run `r`: another process executes it, with the pid {first.pid} " in second.stderr
    first.communicate()
    assert first.returncode == 0
    third = dpipes("runs", "resume", "r", "--home", tmp_path / "home")
    assert "run r has ended: SUCCESS" in third.stderr
