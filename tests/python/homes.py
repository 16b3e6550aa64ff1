"""A DAGSTER_HOME whose dagster.yaml has RayRunLauncher, and runs that are launched from it by Dagster's own command."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
from harness import clean_environment
from processes import wait_until

DEFINITIONS = Path(__file__).with_name("step_definitions.py")

FLAT = """
run_launcher:
  module: dagster_dpipes
  class: RayRunLauncher
  config:
    address:
      env: RAY_ADDRESS
    timeout: 1800
    metadata:
      foo: bar
      runtime_env:
      env_vars:
        FOO: bar
      pip:
        - polars
    env_vars:
      - ALL=of the launcher
      - PYTHONPATH
      - DAGSTER_HOME
      - NOT_SET_ANYWHERE
"""
UNDER_RAY = """
run_launcher:
  module: dagster_dpipes
  class: RayRunLauncher
  config:
    ray:
      address:
        env: RAY_ADDRESS
      num_cpus: 0.5
      runtime_env:
        env_vars:
          ALL: of the runtime_env
          PYTHONPATH:
            env: PYTHONPATH
"""


# The launcher is asked at once, and not by a daemon.
AT_ONCE = """
run_coordinator:
  module: dagster._core.run_coordinator
  class: DefaultRunCoordinator
telemetry:
  enabled: false
"""


class Home:
    def __init__(self, ray, path, yaml):
        path.mkdir()
        (path / "dagster.yaml").write_text(yaml + AT_ONCE)
        self.environment = clean_environment(
            DAGSTER_HOME=str(path), PYTHONPATH=os.environ["PYTHONPATH"], RAY_ADDRESS=ray.address
        )
        self.instance = dg.DagsterInstance.from_config(str(path))

    def launch(self, job, definitions=DEFINITIONS):
        command = [sys.executable, "-m", "dagster", "job", "launch", "-f", definitions, "-j", job]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        [run] = self.instance.get_runs(dg.RunsFilter(job_name=job))
        return run.run_id

    def status(self, run_id):
        return self.instance.get_run_by_id(run_id).status.value

    def wait(self, run_id, *statuses):
        wait_until(lambda: self.status(run_id) in statuses, 120, lambda: f"not {statuses}: {self.told(run_id)}")

    def told(self, run_id):
        entries = self.instance.all_logs(run_id)
        return [(entry.dagster_event and entry.dagster_event.message) or entry.user_message for entry in entries]

    def health(self, run_id):
        return self.instance.run_launcher.check_run_worker_health(self.instance.get_run_by_id(run_id))


@contextlib.contextmanager
def opened(ray, path, yaml, monkeypatch):
    """A new one, which is this process's too."""
    monkeypatch.setenv("RAY_ADDRESS", ray.address)
    one = Home(ray, path, yaml)
    monkeypatch.setenv("DAGSTER_HOME", one.environment["DAGSTER_HOME"])
    with one.instance:
        yield one


def job_of(ray, run_id, attempt=None):
    from dagster_dpipes import Client
    from dagster_dpipes.run_launcher import submission_id_of_run

    with Client(ray.address) as client:
        return client.get_job(submission_id_of_run(run_id, attempt))
