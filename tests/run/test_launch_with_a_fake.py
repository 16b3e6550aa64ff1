"""`dpipes launch` on a dashboard that is the fake one: what is decided here before a job is submitted, and what comes home."""

import itertools
import json
import signal
import time
import uuid
from collections import Counter

import jsonschema
import pytest
from fake_cluster import FakeCluster
from graph_runs import of, statuses
from harness import ROOT, built, run
from processes import wait_until
from runs_harness import Project, dpipes, program_output, query, run_of, status_of_run, stored

SCHEMA = json.loads((ROOT / "schema/runs.schema.json").read_text())
CHAIN = {
    "a": {"entrypoint": "true", "assets": ["a"], "code_version": "1"},
    "b": {"entrypoint": "true", "needs": ["a"], "assets": ["b"]},
    "c": {"entrypoint": "true", "needs": ["b"], "assets": ["c"]},
}


@pytest.fixture
def fake(home):
    with FakeCluster([built("cli/dpipes"), "execute", "--launched"], home.directory) as fake:
        yield fake


@pytest.fixture
def launched(home, fake):
    """The events of a run of these steps, and the jobs that were submitted for it."""

    def launch(steps, *words, code=0, **options):
        home.write(steps, launcher={"ray": {"address": fake.address}}, **options)
        before = len(home.events())
        home.dpipes("launch", home.graph, *words, code=code)
        return home.events()[before:], fake.take_submitted()

    return launch


def reasons(events):
    notes = [event for event in events if event["type"] == "ENGINE_EVENT" and event["text"].startswith("stale: ")]
    return {event["step"]: event["text"] for event in notes}


# ---- --stale-only ---------------------------------------------------------------------------------------------------


def test_what_is_stale_is_decided_by_the_store_at_home(home, launched):
    events, jobs = launched(CHAIN, "--stale-only")
    assert reasons(events) == {
        "a": "stale: a was never materialized",
        "b": "stale: a, which it needs, is stale",
        "c": "stale: b, which it needs, is stale",
    }
    assert of(events, "STEP_SUCCESS") == ["a", "b", "c"] and len(jobs) == 1
    home.write(CHAIN)
    home.execute("--select", "a")  # executed or launched, it is the same
    assert launched(CHAIN, "--stale-only", "--select", "a")[1] == []
    changed = {**CHAIN, "b": {**CHAIN["b"], "code_version": "2"}}
    events, jobs = launched(changed, "--stale-only")
    assert reasons(events)["b"].startswith("stale: its code version is 2, and was ")
    assert of(events, "STEP_SUCCESS") == ["b", "c"] and len(jobs) == 1
    assert home.runs()[-1]["step_counts"] == {"SUCCESS": 2}


def test_a_run_without_a_stale_step_has_succeeded_without_a_job(home, launched):
    launched(CHAIN)
    events, jobs = launched(CHAIN, "--stale-only", "--detach")
    assert jobs == []
    assert [event["type"] for event in events] == ["ENGINE_EVENT", "RUN_START", "RUN_SUCCESS"]
    assert "no job is submitted" in events[0]["text"]
    run = home.runs()[-1]
    assert (run["status"], run["step_counts"]) == ("SUCCESS", {})
    assert run["start_ms"] <= run["end_ms"]
    home.dpipes("runs", "attach", run["run_id"])
    assert home.dpipes("runs", "wait", run["run_id"]).stdout == "SUCCESS\n"
    assert "has ended: SUCCESS" in home.dpipes("runs", "resume", run["run_id"], "--from-failure", code=3).stderr


def test_what_is_stale_is_so_in_its_partition(launched):
    parts = {"partitions": ["p", "q"]}
    launched(CHAIN, "--partition", "p", **parts)
    assert launched(CHAIN, "--partition", "p", "--stale-only", **parts)[1] == []
    events, jobs = launched(CHAIN, "--partition", "q", "--stale-only", **parts)
    assert list(reasons(events)) == ["a", "b", "c"] and len(jobs) == 1
    assert {event["partition_key"] for event in events} == {"q"}


def test_a_stale_step_gets_what_the_others_have_left(home, launched):
    events, _ = launched(CHAIN)
    versions = {event["asset_key"]: event["data_version"] for event in events if event["type"] == "ASSET_MATERIALIZATION"}
    changed = {**CHAIN, "c": {**CHAIN["c"], "code_version": "2", "entrypoint": "echo ${upstream.b.data_version}"}}
    events, _ = launched(changed, "--stale-only")
    assert versions["b"] in of(events, "OUTPUT", "text")
    [made] = [event for event in events if event["type"] == "ASSET_MATERIALIZATION"]
    assert made["input_versions"] == {"b": versions["b"]}


# ---- Exit codes -----------------------------------------------------------------------------------------------------

ENDS = {
    "good": "true",
    "bad": "exit 3",
    "flaky": {"entrypoint": "test -e again || { touch again; exit 4; }", "working_dir": ".", "retries": {"max": 1}},
    "killed": "kill -9 $$",
    "left": {"entrypoint": "true", "needs": ["bad"]},
}


def exit_codes(home, run_id):
    """Of the attempts, and of the events that end one."""
    shown = home.stored("runs", "show", run_id, "--events")
    jsonschema.validate(shown, SCHEMA, jsonschema.Draft202012Validator)
    attempts = {
        (one["step"], attempt["attempt"]): attempt["exit_code"] for one in shown["steps"] for attempt in one["attempts"]
    }
    events = {(one["step"], one["attempt"]): one["exit_code"] for one in shown["events"] if "exit_code" in one}
    return attempts, events


def test_exit_codes_come_home(home, launched):
    launched(ENDS, "--run-id", "launched", code=1)
    (home.directory / "again").unlink()
    home.execute("--run-id", "executed", code=1)
    attempts, events = exit_codes(home, "launched")
    assert attempts == {("good", 1): 0, ("bad", 1): 3, ("flaky", 1): 4, ("flaky", 2): 0, ("killed", 1): None}
    assert events == {attempt: code for attempt, code in attempts.items() if code is not None}
    assert exit_codes(home, "executed") == (attempts, events)


# ---- A follower that is killed --------------------------------------------------------------------------------------

RUN_EVENTS = "SELECT type, text FROM events WHERE step IS NULL ORDER BY id"


@pytest.fixture
def project(tmp_path):
    """The second of its steps fails at first, the last for good."""
    project = Project(tmp_path)
    project.add("first", program_output("table", 2), assets=["table"])
    project.add("second", program_output("model", 2), fails_once=True, needs=["first"], assets=["model"], retries={"max": 1})
    project.add("last", fails_once=True, needs=["second"])
    return project


@pytest.fixture
def cluster(project):
    with FakeCluster([built("cli/dpipes"), "execute", "--launched"], project.directory) as cluster:
        project.write(launcher={"ray": {"address": cluster.address}})
        yield cluster


def state_of(home, project, cluster):
    """All that must be the same however often a follower was killed. What no step has said is that of the run."""
    return stored(home), query(home, RUN_EVENTS), project.take_starts(), len(cluster.take_submitted())


def launch_killed_at(project, home, n, when):
    """Whether the run came to its end before."""
    run_id = run_of(home) or str(uuid.uuid4())
    done = run([built("tests/run/killed"), home, project.graph, run_id, n, when, "/bin/true"])
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode == 0


def follow(project, home, word):
    """A run that was killed before it was written down has not begun."""
    known = run_of(home)
    words = ["runs", word, known] if known else ["launch", project.graph]
    done = dpipes(*words, "--home", home)
    assert done.returncode == 1, done.stderr


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_follower_may_be_killed_at_any_commit(when, project, cluster, tmp_path):
    follow(project, tmp_path / "undisturbed", "attach")
    undisturbed = state_of(tmp_path / "undisturbed", project, cluster)
    assert (undisturbed[0].status, undisturbed[2:]) == ("FAILURE", (["first", "last", "second", "second"], 1))
    for n, word in zip(itertools.count(1), itertools.cycle(["attach", "resume", "wait"])):
        home = tmp_path / f"home{n}"
        survived = launch_killed_at(project, home, n, when)
        if status_of_run(home) != "FAILURE":
            follow(project, home, word)
        assert state_of(home, project, cluster) == undisturbed
        if survived:
            break
    assert n > 5


def test_followers_that_are_killed_one_after_the_other(project, cluster, tmp_path):
    follow(project, tmp_path / "undisturbed", "attach")
    undisturbed = state_of(tmp_path / "undisturbed", project, cluster)
    home, kills = tmp_path / "home", 0
    dpipes("runs", "--home", home)
    while status_of_run(home) != "FAILURE":
        kills += not launch_killed_at(project, home, 1, "after")
    assert kills > 5
    assert state_of(home, project, cluster) == undisturbed


def test_a_job_that_ray_has_forgotten_is_not_submitted_again(project, cluster, tmp_path):
    home = tmp_path / "home"
    assert dpipes("launch", project.graph, "--detach", "--home", home).returncode == 0
    assert query(home, "SELECT status FROM runs") == [("STARTING",)]
    cluster.jobs.clear()
    follow(project, home, "attach")
    assert "is not known to" in query(home, "SELECT error FROM runs")[0][0]
    assert len(cluster.take_submitted()) == 1


def test_a_run_that_is_terminated_before_ray_has_its_job_never_runs(project, cluster, tmp_path):
    home = tmp_path / "home"
    dpipes("runs", "--home", home)  # which makes the store, by commits of its own
    launch_killed_at(project, home, 1, "after")
    assert status_of_run(home) == "STARTING"
    assert dpipes("runs", "terminate", run_of(home), "--home", home).stdout == "CANCELED\n"
    assert {step[1] for step in stored(home).steps} == {"CANCELED"}
    assert cluster.take_submitted() == []


# ---- --range --------------------------------------------------------------------------------------------------------

KEYS = list("abcde")


def fill(home, fake, step, *words, code=0):
    home.write({"s": step}, partitions=KEYS, launcher={"ray": {"address": fake.address}})
    return home.dpipes("launch", home.graph, *words, code=code).stdout


def test_a_range_is_a_launched_run_for_each_partition_in_it(home, fake):
    words = ["--tag", "of=me", "--set", "extras.k=[1]", "--select", "s"]
    said = fill(home, fake, {"entrypoint": "echo ${partition_key}", "assets": ["x"]}, "--range", "b..d", *words)
    assert ": 3 of 3 runs succeeded\n" in said
    runs = home.runs()
    assert statuses(runs) == dict.fromkeys("bcd", "SUCCESS")
    assert [one["launch"]["submission_id"] for one in runs] == [f"dagster-run-{one['run_id']}" for one in runs]
    assert sorted(fake.take_submitted()) == sorted(one["launch"]["submission_id"] for one in runs)
    assert {one["backfill_id"] for one in runs} != {None} and {one["tags"]["of"] for one in runs} == {"me"}
    printed = {event["partition_key"]: event["text"] for event in home.events() if event["type"] == "OUTPUT"}
    assert printed == {key: key for key in "bcd"}
    said = fill(home, fake, {"entrypoint": "echo ${partition_key}", "assets": ["x"]}, "--range", "b..e", "--stale-only")
    assert ": 4 of 4 runs succeeded\n" in said and len(fake.take_submitted()) == 1


def wait_until_settled(path):
    """What has just changed is not taken for what it was."""
    time.sleep(max(0, path.stat().st_ctime + 4 - time.time()))


def test_the_program_of_a_range_is_packed_once(home, fake):
    wait_until_settled(built("cli/dpipes"))
    home.write({"s": "true"}, partitions=KEYS, launcher={"ray": {"address": fake.address}})
    said = home.dpipes("launch", home.graph, "--range", "a..c").stderr
    assert said.count(" are package ") == 3 and said.count(", as before\n") == 2
    assert len(fake.packages) == 1


def test_what_changes_between_the_runs_of_a_range_is_packed_anew(home, fake):
    step = {"entrypoint": "echo ${partition_key} >> starts", "working_dir": "."}
    home.write({"s": step}, partitions=KEYS, launcher={"ray": {"address": fake.address}})
    said = home.dpipes("launch", home.graph, "--range", "a..c", "--max-runs", "1").stderr
    assert said.count(" are package ") == 3 and ", as before" not in said
    assert len(fake.packages) == 3


@pytest.mark.parametrize("words", [["--partition", "a"], ["--run-id", "r"], ["--detach"]])
def test_a_range_is_followed_and_has_no_name_of_one(words, home, fake):
    fill(home, fake, "true", "--range", "a..b", *words, code=2)
    assert home.runs() == []


def test_launched_runs_that_have_failed_go_on_as_other_attempts(home, fake):
    step = {"entrypoint": "test -e repaired || test ${partition_key} != b", "working_dir": "."}
    said = fill(home, fake, step, "--range", "a..c", code=1)
    assert ": 2 of 3 runs succeeded, 1 failed; go on: dpipes backfill --resume " in said
    (home.directory / "repaired").touch()
    fake.take_submitted()
    home.dpipes("backfill", "--resume", home.runs()[0]["backfill_id"], "--failed")
    assert statuses(home.runs()) == dict.fromkeys("abc", "SUCCESS")
    [again] = fake.take_submitted()
    assert again.endswith("-1")


@pytest.mark.parametrize("moment", ["the first is written down", "a job has run"])
def test_launched_runs_whose_orchestrator_was_killed_go_on(moment, home, fake):
    """Those that have begun are followed or submitted, the others begin as they were to be begun."""
    step = {"entrypoint": "echo ${partition_key} >> starts", "working_dir": "."}
    home.write({"s": step}, partitions=KEYS, launcher={"ray": {"num_cpus": 1}})
    words = ["--range", "a..e", "--max-runs", "2", "--address", fake.address, "--tag", "of=me", "--set", "extras.k=1"]
    process = home.start("launch", home.graph, *words)

    def has_come():
        begun = "STARTING" in statuses(home.runs()).values()
        return (home.lines("starts") if moment == "a job has run" else begun) or process.poll() is not None

    wait_until(has_come, 60, home.runs)
    process.kill()
    assert process.wait(60) == -signal.SIGKILL
    before = home.runs()
    assert list(statuses(before).values()).count("QUEUED") >= 3
    home.dpipes("backfill", "--resume", before[0]["backfill_id"], "--max-runs", "2")
    assert statuses(home.runs()) == dict.fromkeys(KEYS, "SUCCESS")
    assert [one["run_id"] for one in home.runs()] == [one["run_id"] for one in before]
    assert sorted(home.lines("starts")) == KEYS and len(fake.take_submitted()) == len(KEYS)
    assert {one["tags"]["of"] for one in home.runs()} == {"me"}
    assert of(home.events(), "STEP_SUCCESS") == ["s"] * len(KEYS)


def test_ctrl_c_stops_the_launched_runs_and_leaves_the_rest_queued(home, fake):
    home.write({"s": "echo"}, partitions=KEYS, launcher={"ray": {"address": fake.address}})
    fake.pause_of_jobs = 5
    process = home.start("launch", home.graph, "--range", "a..e", "--max-runs", "2")
    wait_until(lambda: len(fake.submitted) == 2 or process.poll() is not None, 60, lambda: fake.submitted)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert Counter(statuses(home.runs()).values()) == {"CANCELED": 2, "QUEUED": 3}


EVENTS_OF_RUNS = """
    SELECT runs.partition_key, events.type, step, events.attempt, text, exit_code
    FROM events JOIN runs ON runs.id = run ORDER BY runs.partition_key, events.id
"""
ALL_RUNS = "SELECT partition_key, status, error FROM runs ORDER BY partition_key"


def state_of_range(home, project, cluster):
    return query(home, EVENTS_OF_RUNS), query(home, ALL_RUNS), project.take_starts(), len(cluster.take_submitted())


@pytest.mark.parametrize("when", ["before", "after"])
def test_the_follower_of_several_may_be_killed_at_any_commit(when, tmp_path):
    project = Project(tmp_path)
    project.add("first", program_output("table", 1), assets=["table"])
    project.add("second", program_output("model", 1), needs=["first"], assets=["model"])
    with FakeCluster([built("cli/dpipes"), "execute", "--launched"], project.directory) as cluster:
        project.write(launcher={"ray": {"address": cluster.address}}, partitions=["a", "b"])
        assert dpipes("launch", project.graph, "--range", "a..b", "--home", tmp_path / "undisturbed").returncode == 0
        undisturbed = state_of_range(tmp_path / "undisturbed", project, cluster)
        assert undisturbed[1:] == ([("a", "SUCCESS", None), ("b", "SUCCESS", None)], ["first"] * 2 + ["second"] * 2, 2)
        for n in itertools.count(1):
            words = ["x", n, when, "/bin/true", "a..b"]
            killed = run([built("tests/run/killed"), tmp_path / f"home{n}", project.graph, *words])
            assert killed.returncode in (0, -signal.SIGKILL), killed.stderr
            words[1] = 0  # never
            done = run([built("tests/run/killed"), tmp_path / f"home{n}", project.graph, *words])
            assert done.returncode == 0, done.stderr
            assert state_of_range(tmp_path / f"home{n}", project, cluster) == undisturbed
            if killed.returncode == 0:
                break
    assert n > 5
