"""A head and a worker in network namespaces of their own, and a client in a third: what one machine cannot show."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from harness import built, clean_environment
from namespaces import Cable, Machine

# A message and a line every 0.1 s, each with the time at which it was written.
TICKER = """
import time
from dagster_pipes import open_dagster_pipes
with open_dagster_pipes() as pipes:
    for n in range({count}):
        pipes.log.info(f"{{n}} {{time.time()}}")
        print("line", n, flush=True)
        time.sleep(0.1)
"""


class Cluster:
    """The client's machine reaches the head, the head the worker."""

    def __init__(self, ray):
        self.ray = ray
        self.directory = Path(tempfile.mkdtemp(prefix="dpn-"))
        self.client = Machine()
        self.head = Machine(inside=self.client)
        self.worker = Machine(inside=self.client)
        self.cable = Cable("c", self.client, self.head, "10.9.1")
        Cable("w", self.head, self.worker, "10.9.2")
        (self.directory / "token").write_text("0" * 64)
        self.environment = clean_environment(
            RAY_AUTH_MODE="token",
            RAY_AUTH_TOKEN_PATH=str(self.directory / "token"),
            RAY_USAGE_STATS_ENABLED="0",
            RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="1",
            PATH=f"{Path(ray).parent}:/usr/bin:/bin:/usr/sbin:/sbin",
        )
        self.start(self.head, "--head", "--node-ip-address=10.9.2.1", "--port=6379", "--dashboard-host=0.0.0.0",
                   "--dashboard-port=8265", "--include-dashboard=true", "--num-cpus=1", f"--temp-dir={self.directory}")  # fmt: skip
        self.start_worker()

    def start(self, machine, *words):
        machine.run(self.ray, "start", "--disable-usage-stats", *words, env=self.environment, timeout=120)

    def start_worker(self):
        self.start(self.worker, "--address=10.9.2.1:6379", "--node-ip-address=10.9.2.2", "--num-cpus=1",
                   '--resources={"worker": 1}')  # fmt: skip

    def popen(self, count):
        """`dpipes run` on the client's machine, of a job that only the worker can take."""
        words = ["run", "--json", "--address", "http://10.9.1.2:8265", "--resource", "worker=1"]
        command = [*self.client.enter, built("cli/dpipes"), *words, "--", sys.executable, "-c", TICKER.format(count=count)]
        return subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment
        )

    def close(self):
        for machine in (self.worker, self.head, self.client):
            machine.close()
        shutil.rmtree(self.directory, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster(ray_program):
    cluster = Cluster(ray_program)
    yield cluster
    cluster.close()


def finish(process, timeout=90):
    out, err = process.communicate(timeout=timeout)
    events = [json.loads(line) for line in out.splitlines()]
    return events[:-1], events[-1], err


def logs(events):
    return [event["message"].split() for event in events if event["event"] == "log"]


def numbers(events):
    return [int(number) for number, _ in logs(events)]


def wait_for_log(process):
    """Reads up to the first message, and gives what was read."""
    read = []
    for line in process.stdout:
        read.append(json.loads(line))
        if read[-1]["event"] == "log":
            return read
    raise AssertionError(process.communicate()[1])


def test_a_job_on_the_worker_is_followed_through_the_head(cluster):
    events, result, err = finish(cluster.popen(20))
    assert result["status"] == "SUCCEEDED", err
    assert numbers(events) == list(range(20))


def test_a_link_that_was_cut_for_20_seconds_costs_no_message(cluster):
    process = cluster.popen(280)
    read = wait_for_log(process)
    cluster.cable.pull()
    time.sleep(20)
    cluster.cable.plug()
    events, result, err = finish(process)
    assert result["status"] == "SUCCEEDED", err
    assert numbers([*read, *events]) == list(range(280))
    assert "has not answered for" in err and "answers again" in err


def test_a_killed_worker_is_a_lost_job_and_what_it_wrote_before_is_there(cluster):
    process = cluster.popen(100000)
    read = wait_for_log(process)
    time.sleep(3)
    cluster.worker.kill_all()
    killed = time.time()
    events, result, _ = finish(process, timeout=60)
    noticed = time.time() - killed
    told = logs([*read, *events])
    assert [int(number) for number, _ in told] == list(range(len(told)))
    assert float(told[-1][1]) > killed - 1
    assert result["ray"]["outcome"] in ("LOST", "FAILED")
    assert result["status"] != "SUCCEEDED" and noticed < 30, result["error"]["message"]
    assert "node" in result["error"]["message"] or "Supervisor" in result["error"]["message"], result["error"]["message"]
