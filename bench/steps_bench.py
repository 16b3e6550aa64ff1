"""Measures what thousands of steps cost `dpipes execute`, as jobs of the tests' fake dashboard, in two shapes: chains of a
hundred, and all at once. Each job runs for a tenth of a second and says one log message and one materialization. The CPU time
of the fake, which is Python on one core, stands beside ours.

    scripts/bench-steps [STEPS]
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "fakes"))
from dashboard import Dashboard, Job  # noqa: E402

STEPS = 10_000
CHAIN = 100
JOB_SECONDS = 0.1
STREAMS_MAX = 64


def message(method, **params):
    return json.dumps({"__dagster_pipes_version": "0.1", "method": method, "params": params}).encode() + b"\n"


def log_of(asset):
    said = [
        message("opened", extras={}),
        message("log", level="INFO", message="at work"),
        message("report_asset_materialization", asset_key=asset, metadata={}, data_version="1"),
        message("closed"),
    ]
    return b"".join(said)


class BusyRay(Dashboard):
    """A job's entrypoint is the name of its asset."""

    def new_job(self, job):
        return Job([(0, log_of(job["entrypoint"]))], ends_after=JOB_SECONDS)


def chains(count):
    return [(f"step-{n}", [f"step-{n - 1}"] if n % CHAIN else []) for n in range(count)]


def all_at_once(count):
    return [(f"step-{n}", []) for n in range(count)]


def write_graph(path, address, steps):
    rows = [{"name": name, "entrypoint": name, "assets": [name], "needs": needs} for name, needs in steps]
    path.write_text(json.dumps({"name": "many", "executor": {"ray": {"address": address}}, "steps": rows}))


def cpu_seconds(who):
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def peak_memory(pid):
    """In MB; of a process that has ended: 0. What getrusage says counts what the process was before exec, too."""
    status = Path(f"/proc/{pid}/status").read_text()
    most = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(most[1]) * 1024 / 1e6 if most else 0


def execute(dpipes, graph, home, said):
    """The most memory that it had."""
    most = 0
    environment = {**os.environ, "DPIPES_HOME": str(home)}
    process = subprocess.Popen([dpipes, "execute", graph], env=environment, stdout=said, stderr=subprocess.STDOUT)
    while process.poll() is None:
        most = max(most, peak_memory(process.pid))
        time.sleep(0.02)
    return most


def measure(dpipes, steps):
    """Wall time, CPU time, memory, requests, the fake's CPU time."""
    with BusyRay() as fake, tempfile.TemporaryDirectory() as name, (Path(name) / "said").open("w+") as said:
        graph = Path(name) / "graph.json"
        write_graph(graph, fake.address, steps)
        began, cpu, of_fake = time.perf_counter(), cpu_seconds(resource.RUSAGE_CHILDREN), cpu_seconds(resource.RUSAGE_SELF)
        memory = execute(dpipes, graph, Path(name) / "store", said)
        wall = time.perf_counter() - began
        cpu = cpu_seconds(resource.RUSAGE_CHILDREN) - cpu
        of_fake = cpu_seconds(resource.RUSAGE_SELF) - of_fake
        said.seek(0)
        last = said.readlines()[-1]
        assert f": {len(steps)} succeeded, {len(steps)} materializations; run " in last, last
        assert 0 < fake.most_streams <= STREAMS_MAX
        return wall, cpu, memory, len(fake.requests), of_fake


def main():
    dpipes = Path(sys.argv[1]).resolve() / "cli/dpipes"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else STEPS
    shapes = {f"in chains of {CHAIN}": chains, "all at once": all_at_once}
    print(f"{count} steps as jobs of a fake dashboard")
    print(f"{'':16}  {'seconds':>8}  {'CPU s':>8}  {'ms/step':>8}  {'MB':>6}  {'requests':>8}  {'CPU of the fake':>15}")
    for name, shape in shapes.items():
        wall, cpu, memory, requests, of_fake = measure(dpipes, shape(count))
        print(f"{name:16}  {wall:8.1f}  {cpu:8.2f}  {cpu / count * 1e3:8.2f}  {memory:6.0f}  {requests:8}  {of_fake:15.1f}")


if __name__ == "__main__":
    main()
