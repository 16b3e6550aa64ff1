"""Measures one trivial Ray job, from the submission until its end is known, four ways on the same Ray, interleaved: plain
REST (POST, then GET every 20 ms), `dpipes run`, and in one Dagster process the PipesRayJobClient of dagster_dpipes and of dagster-ray. The
job is examples/hello.

    scripts/bench-ray-job [ROUNDS]
"""

import contextlib
import importlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from pathlib import Path

ENDED = ("SUCCEEDED", "FAILED", "STOPPED")
POLL_SECONDS = 0.02
JOB_SECONDS_MAX = 60


class Cluster:
    """A Ray of `dpipes local up`, which ends with the block."""

    def __init__(self, build):
        self.dpipes = str(build / "cli/dpipes")
        self.directory = tempfile.TemporaryDirectory()
        self.variables = {"XDG_RUNTIME_DIR": self.directory.name}
        self.environment = {**os.environ, **self.variables}

    def __enter__(self):
        up = subprocess.run([self.dpipes, "local", "up", "--json"], env=self.environment, check=True, stdout=subprocess.PIPE)
        info = json.loads(up.stdout)
        self.address, self.token_file = info["address"], info["token_file"]
        return self

    def __exit__(self, *_):
        subprocess.run([self.dpipes, "local", "down"], env=self.environment, check=True, stdout=subprocess.DEVNULL)
        self.directory.cleanup()


def plain_rest(cluster, program):
    headers = {"Authorization": f"Bearer {Path(cluster.token_file).read_text().strip()}"}

    def call(path, body=None):
        data = json.dumps(body).encode() if body else None
        with urllib.request.urlopen(urllib.request.Request(cluster.address + path, data, headers), timeout=10) as reply:
            return json.load(reply)

    job = f"rest-{uuid.uuid4().hex}"
    call("/api/jobs/", {"entrypoint": f"exec {program}", "submission_id": job})
    deadline = time.monotonic() + JOB_SECONDS_MAX
    while (status := call(f"/api/jobs/{job}")["status"]) not in ENDED:
        assert time.monotonic() < deadline, f"{job} has not ended"
        time.sleep(POLL_SECONDS)
    assert status == "SUCCEEDED", status


def dpipes_run(cluster, program):
    command = [cluster.dpipes, "run", "--json", "--address", cluster.address, "--asset", "table", "--", program]
    done = subprocess.run(command, env=cluster.environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    result = json.loads(done.stdout.splitlines()[-1])
    assert [r["kind"] for r in result["results"]] == ["materialization"], result


def asset_by(package):
    """The same asset, whose client is that of the package."""

    def materialize(cluster, program):
        import dagster as dg

        client = importlib.import_module(package).PipesRayJobClient(address=cluster.address)

        @dg.asset
        def table(context: dg.AssetExecutionContext):
            return client.run(context=context, submit_job_params={"entrypoint": f"exec {program}"}).get_materialize_result()

        with contextlib.redirect_stdout(io.StringIO()):  # the job's own lines
            assert dg.materialize([table]).success

    return materialize


def main():
    build = Path(sys.argv[1]).resolve()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    program = str(build / "examples/hello")
    sys.path.insert(0, str(build / "python"))
    ways = {
        "plain REST": plain_rest,
        "dpipes run": dpipes_run,
        "dagster_dpipes": asset_by("dagster_dpipes"),
        "dagster-ray": asset_by("dagster_ray"),
    }
    times = {name: [] for name in ways}
    with Cluster(build) as cluster:
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=cluster.token_file)
        for round_number in range(rounds + 1):
            for name, way in ways.items():
                started = time.perf_counter()
                way(cluster, program)
                if round_number > 0:  # the first round imports modules and starts Ray's workers
                    times[name].append(time.perf_counter() - started)
    print(f"one trivial Ray job, {rounds} rounds: seconds")
    for name, seconds in times.items():
        print(f"  {name:14} minimum {min(seconds):6.2f}  median {statistics.median(seconds):6.2f}  maximum {max(seconds):6.2f}")


if __name__ == "__main__":
    main()
