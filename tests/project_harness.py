"""What the tests of examples/dagster_project share: its README's commands, and what these need to know."""

import json
import os
import sys
from pathlib import Path

from docs_harness import blocks_of, commands_of
from harness import BUILD, ROOT, built, clean_environment, run
from processes import wait_until

PROJECT = ROOT / "examples/dagster_project"
CHECK = "accuracy_at_least_0_9"
COMMANDS = [command for block in blocks_of(PROJECT / "README.md") for command in commands_of(block)]


def readme_command(words):
    """The one that has these words; README may have it several times."""
    [command] = {command for command in COMMANDS if words in command}
    return command


def project_variables(ray, ray_program, home):
    """What README's set-up leaves in the environment, with the session's Ray and the build that is tested."""
    return {
        **ray.variables,
        "RAY_API_SERVER_ADDRESS": ray.address,
        "RAY_ADDRESS": ray.gcs_address,
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "DPIPES_RAY": ray_program,
        "DPIPES_TRAINER": str(built("examples/trainer/trainer")),
        "DPIPES_ML_TRAINING": str(built("examples/ml_training")),
        "DAGSTER_HOME": str(home),
        "PYTHONPATH": str(BUILD / "python"),
    }


def project_environment(variables):
    """Of README's commands, where the virtual environment is active."""
    scripts = Path(sys.executable).parent
    return clean_environment(**variables, PATH=f"{scripts}{os.pathsep}{os.environ['PATH']}")


def jobs_of_run(ray, run_id):
    """The submission ids and states of the Ray jobs that belong to a run of Dagster's, once all have ended."""
    wait_until(lambda: ended(states(ray, run_id)), 60, lambda: f"the jobs of run {run_id}: {states(ray, run_id)}")
    return states(ray, run_id)


def ended(jobs):
    return jobs and not {"PENDING", "RUNNING"} & set(jobs.values())


def states(ray, run_id):
    done = run([built("cli/dpipes"), "jobs", "--json", "--address", ray.address])
    assert done.returncode == 0, done.stderr
    jobs = [job for job in json.loads(done.stdout) if job["metadata"].get("dagster/run-id") == run_id]
    return {job["submission_id"]: job["status"] for job in jobs}
