"""`dpipes backfill` and `dpipes execute --range`: a run for each of many partitions, on processes of this machine."""

import base64
import json
import signal
import zlib
from collections import Counter

import pytest
from graph_runs import of, statuses
from processes import wait_until

KEYS = list("abcdefgh")
NOTE = "echo ${partition_key} >> starts"


def most_at_once(events):
    """How many runs were under way at the same time."""
    most, now = 0, set()
    for event in events:
        if event["type"] == "RUN_START":
            now.add(event["run_id"])
        if event["type"] in ("RUN_SUCCESS", "RUN_FAILURE", "RUN_CANCELED"):
            now.remove(event["run_id"])
        most = max(most, len(now))
    assert not now
    return most


@pytest.mark.parametrize("command", [["backfill"], ["execute"]])
@pytest.mark.parametrize(("given", "keys"), [("c..e", "cde"), ("..b", "ab"), ("g..", "gh"), ("d..d", "d")])
def test_a_range_is_a_run_for_each_partition_in_it(command, given, keys, home):
    home.write({"s": NOTE}, partitions=KEYS)
    done = home.dpipes(*command, home.graph, "--range", given)
    assert f": {len(keys)} of {len(keys)} runs succeeded\n" in done.stdout
    assert statuses(home.runs()) == dict.fromkeys(keys, "SUCCESS")
    assert sorted(home.lines("starts")) == list(keys)
    assert len({one["backfill_id"] for one in home.runs()}) == 1


@pytest.mark.parametrize(
    ("partitions", "words", "sentence"),
    [
        (KEYS, ["--range", "a..z"], "`z`"),
        (KEYS, ["--range", "b..a"], "`b` comes after `a`"),
        (None, [], "the graph g has no partitions"),
        (KEYS, ["--max-runs", "-1"], "--max-runs"),
    ],
)
def test_what_cannot_be_filled_is_named_and_nothing_begins(partitions, words, sentence, home):
    home.write({"s": "touch begun"}, **({"partitions": partitions} if partitions else {}))
    assert sentence in home.dpipes("backfill", home.graph, *words, code=2).stderr
    assert home.runs() == [] and not (home.directory / "begun").exists()


def test_a_range_is_without_a_partition(home):
    home.write({"s": NOTE}, partitions=KEYS)
    done = home.dpipes("execute", home.graph, "--range", "a..b", "--partition", "a", code=2)
    assert "--range is a run for each partition" in done.stderr and home.runs() == []


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_runs_at_once_than_wanted(limit, home):
    home.write({"s": NOTE, "t": {"needs": ["s"], "entrypoint": "true"}}, partitions=KEYS)
    home.dpipes("backfill", home.graph, "--max-runs", limit)
    events = home.events()
    assert most_at_once(events) == limit
    assert Counter(of(events, "STEP_SUCCESS")) == {"s": len(KEYS), "t": len(KEYS)}


def test_of_the_failed_ones_each_has_a_new_run(home):
    home.write({"s": f"{NOTE}; test -e repaired || case ${{partition_key}} in b|e) exit 1; esac"}, partitions=KEYS)
    done = home.dpipes("backfill", home.graph, code=1)
    assert ": 6 of 8 runs succeeded, 2 failed; go on: dpipes backfill --resume " in done.stdout
    (home.directory / "repaired").touch()
    done = home.dpipes("backfill", home.graph, "--failed", "--range", "a..d")
    assert ": 1 of 1 runs succeeded\n" in done.stdout
    home.dpipes("backfill", home.graph, "--failed")
    assert Counter(home.lines("starts")) == {**dict.fromkeys(KEYS, 1), "b": 2, "e": 2}
    assert len(home.runs()) == 10 and statuses(home.runs()) == dict.fromkeys(KEYS, "SUCCESS")
    assert ": 0 of 0 runs succeeded\n" in home.dpipes("backfill", home.graph, "--failed").stdout


def test_failed_runs_go_on_from_their_failure(home):
    steps = {"s": NOTE, "t": {"needs": ["s"], "entrypoint": "test -e repaired || test ${partition_key} != c"}}
    home.write(steps, partitions=KEYS)
    home.dpipes("backfill", home.graph, code=1)
    before = home.runs()
    (home.directory / "repaired").touch()
    home.dpipes("backfill", "--resume", before[0]["backfill_id"], "--failed")
    assert [one["run_id"] for one in home.runs()] == [one["run_id"] for one in before]
    assert statuses(home.runs()) == dict.fromkeys(KEYS, "SUCCESS")
    assert Counter(home.lines("starts")) == dict.fromkeys(KEYS, 1)


def begin(home, starts):
    """A backfill, two runs at once, of which so many steps have begun."""
    steps = {
        name: {"needs": needs, "entrypoint": f"echo ${{partition_key}} {name} ${{run_id}} >> starts; sleep 0.3"}
        for name, needs in {"s": [], "t": ["s"], "u": ["s"]}.items()
    }
    home.write(steps, partitions=KEYS)
    process = home.start("backfill", home.graph, "--max-runs", "2")
    try:
        wait_until(lambda: len(home.lines("starts")) >= starts or process.poll() is not None, 60, lambda: home.lines("starts"))
        assert process.poll() is None
    except AssertionError:
        process.kill()
        process.wait()
        raise
    return process


def finish(home, *words):
    [backfill] = {one["backfill_id"] for one in home.runs()}
    home.dpipes("backfill", "--resume", backfill, *words)
    assert statuses(home.runs()) == dict.fromkeys(KEYS, "SUCCESS") and len(home.runs()) == len(KEYS)


@pytest.mark.parametrize("starts", [1, 3, 8])
def test_after_a_kill_the_rest_runs_and_no_step_twice(starts, home):
    process = begin(home, starts)
    process.kill()
    assert process.wait(60) == -signal.SIGKILL
    assert set(statuses(home.runs()).values()) >= {"STARTED", "QUEUED"}
    finish(home, "--max-runs", "2")
    runs = {one["partition_key"]: one["run_id"] for one in home.runs()}
    assert Counter(home.lines("starts")) == {f"{key} {step} {runs[key]}": 1 for key in KEYS for step in "stu"}
    events = home.events()
    assert Counter(of(events, "STEP_START")) == Counter(of(events, "STEP_SUCCESS")) == dict.fromkeys("stu", len(KEYS))
    assert sorted(of(events, "RUN_SUCCESS", "run_id")) == sorted(runs.values())
    assert most_at_once(events) == 2


def goes_on(events):
    return [event["run_id"] for event in events if event["type"] == "ENGINE_EVENT" and event["text"] == "the run goes on"]


def test_what_runs_is_followed_at_once_also_by_a_smaller_limit(home):
    home.write({"s": "echo ${run_id} >> starts; while [ ! -e go ]; do sleep 0.02; done"}, partitions=KEYS)
    first = home.start("backfill", home.graph, "--max-runs", "4")
    try:
        wait_until(lambda: len(home.lines("starts")) == 4, 60, lambda: home.lines("starts"))
    finally:
        first.kill()
        first.wait()
    running = set(home.lines("starts"))
    second = home.start("backfill", "--resume", home.runs()[0]["backfill_id"], "--max-runs", "1")
    try:
        wait_until(lambda: set(goes_on(home.events())) == running, 60, lambda: goes_on(home.events()))
        assert len(home.lines("starts")) == 4
        (home.directory / "go").touch()
        assert second.wait(60) == 0
    finally:
        (home.directory / "go").touch()
        second.kill()
        second.wait()
    assert statuses(home.runs()) == dict.fromkeys(KEYS, "SUCCESS")
    assert Counter(home.lines("starts")) == dict.fromkeys((one["run_id"] for one in home.runs()), 1)
    events = home.events()
    ended = [event["id"] for event in events if event["type"] == "RUN_SUCCESS" and event["run_id"] in running]
    later = [event for event in events if event["run_id"] not in running]
    assert most_at_once(later) == 1 and max(ended) < later[0]["id"]


def test_ctrl_c_ends_what_runs_and_leaves_the_rest_queued(home):
    process = begin(home, 2)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert statuses(home.runs()) == {**dict.fromkeys(KEYS, "QUEUED"), "a": "CANCELED", "b": "CANCELED"}
    finish(home, "--failed")
    assert Counter(line.split()[0] for line in home.lines("starts")) == {**dict.fromkeys(KEYS, 3), "a": 4, "b": 4}


def test_what_begins_later_has_the_extras_of_the_others(home):
    home.write({"s": "echo ${partition_key} $DAGSTER_PIPES_CONTEXT >> told; sleep 0.3"}, partitions=KEYS)
    process = home.start("backfill", home.graph, "--max-runs", "1", "--set", 'extras.k={"n": 7}')
    wait_until(lambda: home.lines("told") or process.poll() is not None, 60, lambda: home.lines("told"))
    process.kill()
    process.wait(60)
    finish(home)
    told = dict(line.split() for line in home.lines("told"))
    contexts = [json.loads(zlib.decompress(base64.b64decode(told[key]))) for key in KEYS]
    assert [context["data"]["extras"] for context in contexts] == [{"k": {"n": 7}}] * len(KEYS)


def test_a_backfill_that_there_is_not(home):
    assert "there is no backfill `nothing`" in home.dpipes("backfill", "--resume", "nothing", code=1).stderr
