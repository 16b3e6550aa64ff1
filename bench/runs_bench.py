"""Measures a graph of ten empty steps, 1 → 8 → 1, each a job of the same Ray, three ways, interleaved: a job of Dagster under
the ray_executor of dagster-ray and under that of dagster_dpipes (`dagster job execute`), and `dpipes execute`. The CPU time is
that of the orchestrator and of what it has started itself, without Ray's processes and the steps.

    scripts/bench-runs [ROUNDS]
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ray_job_bench import Cluster

WIDTH = 8
RUN_SECONDS_MAX = 600
REFERENCE = "dagster-ray"


class Place:
    """Where the ways keep their files: a DAGSTER_HOME, a store, a graph."""

    def __init__(self, directory, cluster, build):
        self.directory, self.dpipes = Path(directory), cluster.dpipes
        packages = str(build / "python")
        self.environment = {
            **cluster.environment,
            "DAGSTER_HOME": str(self.directory),
            "DPIPES_HOME": str(self.directory / "store"),
            "PYTHONPATH": packages,
            "RAY_ADDRESS": cluster.address,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": cluster.token_file,
        }
        ray = {"address": cluster.address, "runtime_env": {"env_vars": {"PYTHONPATH": packages}}}
        (self.directory / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        (self.directory / "config.json").write_text(json.dumps({"execution": {"config": {"ray": ray}}}))
        (self.directory / "graph.json").write_text(json.dumps(fan()))

    def run(self, *command):
        words = [str(word) for word in command]
        done = subprocess.run(
            words, cwd=self.directory, env=self.environment, capture_output=True, text=True, timeout=RUN_SECONDS_MAX
        )
        if done.returncode != 0:
            sys.exit(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr


def fan():
    """The graph of fan_jobs.py."""
    works = [f"work_{i}" for i in range(WIDTH)]
    steps = [("begin", []), *((work, ["begin"]) for work in works), ("end", works)]
    return {
        "name": "fan",
        "executor": "ray",
        "steps": [{"name": name, "needs": needs, "entrypoint": "true"} for name, needs in steps],
    }


def job(name):
    command = [Path(sys.executable).with_name("dagster"), "job", "execute", "-f", Path(__file__).with_name("fan_jobs.py")]

    def execute(place):
        output = place.run(*command, "-a", name, "-c", place.directory / "config.json")
        assert output.count(" STEP_WORKER_STARTING ") == WIDTH + 2 and " RUN_SUCCESS " in output, output

    return execute


def dpipes_execute(place):
    output = place.run(place.dpipes, "execute", place.directory / "graph.json")
    assert f": {WIDTH + 2} succeeded; run " in output, output


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(way, place):
    began, cpu = time.perf_counter(), cpu_seconds()
    way(place)
    return time.perf_counter() - began, cpu_seconds() - cpu


def print_table(figures):
    """The medians, and what they are of dagster-ray's."""
    medians = {name: [statistics.median(column) for column in zip(*rounds, strict=True)] for name, rounds in figures.items()}
    print(f"{'':14}  {'seconds':>8}  {'':>8}  {'CPU s':>8}")
    for name, (wall, cpu) in medians.items():
        of_wall, of_cpu = (mine / theirs for mine, theirs in zip((wall, cpu), medians[REFERENCE], strict=True))
        print(f"{name:14}  {wall:8.2f}  {of_wall:8.1%}  {cpu:8.3f}  {of_cpu:8.1%}")


def main():
    build = Path(sys.argv[1]).resolve()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    ways = {REFERENCE: job("by_dagster_ray"), "dagster_dpipes": job("by_dagster_dpipes"), "dpipes execute": dpipes_execute}
    figures = {name: [] for name in ways}
    with Cluster(build) as cluster, tempfile.TemporaryDirectory() as directory:
        place = Place(directory, cluster, build)
        for round_number in range(rounds + 1):
            for name, way in ways.items():
                measured = measure(way, place)
                if round_number > 0:  # the first round starts Ray's workers
                    figures[name].append(measured)
    print(f"a graph of {WIDTH + 2} empty steps on Ray, medians of {rounds} rounds")
    print_table(figures)


if __name__ == "__main__":
    main()
