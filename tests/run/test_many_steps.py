"""Graphs of thousands of steps, whose jobs are a fake's. DPIPES_TEST_STEPS: of how many; each has ended after a second."""

import json
import math
import os
from collections import defaultdict

import pytest
from fake_ray import Dashboard, Job
from runs_harness import dpipes, log_line, materialization, message, query, status_of_run

STEPS = int(os.environ.get("DPIPES_TEST_STEPS", "2000"))
LINES = 10
CAP = 64  # of the client


def log_of(name):
    lines = [log_line(f"{name} logs {n}") + b"%s prints %d\n" % (name.encode(), n) for n in range(LINES)]
    return [message("opened", extras={}), *lines, materialization(name, 7), message("closed"), f"{name} ends".encode()]


def events_of(name):
    said = [(kind, f"{name} {verb} {n}") for n in range(LINES) for kind, verb in (("LOG", "logs"), ("OUTPUT", "prints"))]
    return [*said, ("ASSET_MATERIALIZATION", name), ("OUTPUT", f"{name} ends"), ("STEP_SUCCESS", None)]


class BusyRay(Dashboard):
    """Its jobs say something all the time."""

    def new_job(self, job):
        pieces = log_of(job["entrypoint"])
        return Job([(n / len(pieces), piece) for n, piece in enumerate(pieces)], ends_after=1)


def write_graph(path, address, steps):
    rows = [{"name": name, "entrypoint": name, "assets": [name], "needs": needs} for name, needs in steps.items()]
    path.write_text(json.dumps({"name": "many", "executor": {"ray": {"address": address}}, "steps": rows}))


def stored_events(home):
    """Of each step what its program has said, and its end."""
    events = defaultdict(list)
    rows = query(home, "SELECT step, type, coalesce(text, asset_key) FROM events WHERE step NOT NULL ORDER BY id")
    for step, kind, text in rows:
        if kind not in ("STEP_START", "ENGINE"):
            events[step].append((kind, text.decode() if isinstance(text, bytes) else text))
    return events


def assert_nothing_is_lost(home, steps):
    assert status_of_run(home) == "SUCCESS"
    events = stored_events(home)
    assert {name: events[name] for name in steps} == {name: events_of(name) for name in steps}
    assert query(home, "SELECT count(*), max(attempt) FROM attempts") == [(len(steps), 1)]


@pytest.mark.parametrize("max_streams", [math.inf, 16], ids=["room for all", "room for 16 streams"])
def test_thousands_of_steps_at_once_lose_nothing_and_leave_room_for_others(max_streams, tmp_path):
    """Ray's state API answers 100 requests at once, and then 429."""
    steps = {f"step-{n}": [] for n in range(STEPS)}
    with BusyRay(max_streams=max_streams) as fake:
        write_graph(tmp_path / "graph.json", fake.address, steps)
        done = dpipes("execute", tmp_path / "graph.json", "--home", tmp_path / "home", timeout=600)
    assert done.returncode == 0, done.stderr
    assert_nothing_is_lost(tmp_path / "home", steps)
    assert fake.most_streams == min(CAP, max_streams)
    assert (fake.refused > 0) == (max_streams < CAP)
