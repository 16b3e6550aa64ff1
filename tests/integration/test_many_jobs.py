"""Many jobs on a real Ray, followed by one client on one thread."""

import json
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

from harness import built, clean_environment, dpipes_run, run
from test_jobs import new_id

JOBS = 40


def submit(ray, number):
    job = new_id()
    words = ("--submission-id", job, "--asset", "table", "--extra", f"rows={number}", "--detach")
    left = dpipes_run("--address", ray.address, *words, "--", built("examples/hello"), timeout=300)
    assert left.code == 0, left.stderr
    return job


def test_forty_jobs_at_once(ray):
    with ThreadPoolExecutor(8) as pool:
        jobs = dict(enumerate(pool.map(lambda number: submit(ray, number), range(JOBS))))
    done = run([built("tests/faults/many_jobs"), ray.address, 64, *jobs.values()], 300, env=clean_environment())
    assert done.returncode == 0, done.stderr
    told = defaultdict(list)
    for line in done.stdout.splitlines():
        job, _, rest = line.partition(" ")
        told[job].append(json.loads(rest) if rest.startswith("{") else rest)
    for number, job in jobs.items():
        assert told[job].pop() == "end SUCCEEDED "
        messages = [event for event in told[job] if event["event"] != "output"]
        assert [event["event"] for event in messages] == ["opened", "log", "materialization", "closed"]
        assert messages[1]["message"] == f"counting {number} rows"
