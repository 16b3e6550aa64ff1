"""`dpipes launch` on a dashboard that is the fake one: what is decided here before a job is submitted, and what comes home."""

import pytest
from fake_cluster import FakeCluster
from graph_runs import of
from harness import built

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
