"""Measures how messages of a Ray job arrive, by `dpipes run`, dagster_dpipes and dagster-ray on the same Ray: the latency of single messages, a
burst of 10,000, the client's CPU time and memory. Called by scripts/bench-ray-job."""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from ray_job_bench import Cluster

SINGLE = (200, 20)  # messages, and milliseconds between them
BURST = (10_000, 0)


def ours(cluster, entrypoint):
    command = [cluster.dpipes, "run", "--json", "--address", cluster.address, "--", *entrypoint]
    arrivals = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        for line in process.stdout:
            if line.startswith(b'{"event": "log"'):
                arrivals.append((json.loads(line)["message"], time.time_ns()))
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return {"success": status == 0, "arrivals": arrivals, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss}


def in_dagster(package, build):
    """An asset, whose client is that of the package."""
    script = Path(__file__).with_name("dagster_messages.py")

    def materialize(cluster, entrypoint):
        command = [sys.executable, script, package, cluster.address, "exec " + " ".join(entrypoint)]
        environment = {**os.environ, **cluster.variables, "PYTHONPATH": str(build / "python")}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        return json.loads(done.stdout.splitlines()[-1])

    return materialize


def latencies(run):
    """Milliseconds from the moment at which a message was written until it was there, in order."""
    return sorted((arrived - int(text.split()[1])) / 1e6 for text, arrived in run["arrivals"])


def percentile(values, share):
    return values[min(int(len(values) * share), len(values) - 1)] if values else float("nan")


def report(name, single, burst):
    times = latencies(single)
    first = min((int(text.split()[1]) for text, _ in burst["arrivals"]), default=0)
    last = max((arrived for _, arrived in burst["arrivals"]), default=0)
    print(f"  {name}")
    print(f"    {len(times)} of {SINGLE[0]} single messages: median {statistics.median(times or [0]):.0f} ms, "
          f"99 % within {percentile(times, 0.99):.0f} ms")  # fmt: skip
    print(f"    {len(burst['arrivals'])} of {BURST[0]} messages of a burst: the last after {(last - first) / 1e9:.2f} s, "
          f"{burst['cpu'] * 1e6 / BURST[0]:.0f} ms of CPU per 1,000, {burst['memory'] / 1024:.0f} MiB")  # fmt: skip


def main():
    build = Path(sys.argv[1]).resolve()
    ticker = str(build / "bench/ticker")
    with Cluster(build) as cluster:
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=cluster.token_file)
        ways = {"dpipes run": ours} | {package: in_dagster(package, build) for package in ("dagster_dpipes", "dagster_ray")}
        for name, way in ways.items():
            way(cluster, [ticker, "10", "0"])  # starts what has to be started
            report(name, *(way(cluster, [ticker, *map(str, words)]) for words in (SINGLE, BURST)))


if __name__ == "__main__":
    main()
