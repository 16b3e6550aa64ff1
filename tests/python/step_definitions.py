"""The jobs of test_executor.py and test_run_launcher.py, which the steps and the runs on Ray import."""

import os
import sys
import time
from pathlib import Path

import dagster as dg
from dagster import EnvVar
from dagster_dpipes import ray_executor

PATH = {"PYTHONPATH": EnvVar("PYTHONPATH")}
NAMES = ("ALL", "STEP", "COPIED", "DAGSTER_RUN_JOB_NAME", "DAGSTER_RUN_STEP_KEY")


@dg.op(
    tags={
        "dagster-ray/config": {"num_cpus": 0, "resources": {}, "runtime_env": {"env_vars": {"STEP": "of the step"}}},
    }
)
def environment():
    print("printed by the step")
    return {name: os.environ.get(name) for name in NAMES}


@dg.op
def plain():
    return {name: os.environ.get(name) for name in NAMES}


@dg.op
def join(context, one, two):
    context.log.info("joining")
    return [one, two]


@dg.op(retry_policy=dg.RetryPolicy(max_retries=2))
def again(context):
    if context.retry_number < 1:
        raise RuntimeError("the first attempt")
    return context.retry_number


# As the tutorial configures it: flat, with EnvVar.
flat = ray_executor.configured(
    {
        "address": EnvVar("RAY_ADDRESS"),
        "runtime_env": {"env_vars": {**PATH, "ALL": "of all"}},
        "env_vars": ["COPIED", "NOT_SET_ANYWHERE"],
        "num_cpus": 0.5,
        "max_concurrent": 4,
        "retries": {"enabled": {}},
    }
)


@dg.job(executor_def=flat)
def steps():
    join(environment(), plain())
    again()


@dg.op
def die():
    print("about to die", flush=True)
    os._exit(3)


@dg.op(tags={"dagster-ray/config": {"resources": {"nowhere": 1e9}, "num_cpus": -1}})
def refused():
    return 1


@dg.op
def fine():
    return 1


@dg.op
def wait(context):
    context.log.info("waiting")
    time.sleep(600)


@dg.op
def leave():
    """The job succeeds, and the step has said nothing."""
    sys.stdout.flush()
    os._exit(0)


# Under `ray`, in the run's configuration.
@dg.job(executor_def=ray_executor)
def dying():
    die()
    fine()


@dg.job(executor_def=ray_executor)
def refusing():
    refused()
    fine()


@dg.job(executor_def=ray_executor)
def waiting():
    wait()


# ---- Whole runs -----------------------------------------------------------------------------------------------------


@dg.asset
def regular_asset(context: dg.AssetExecutionContext):
    return dg.MaterializeResult(metadata={name: str(os.environ.get(name)) for name in NAMES})


@dg.asset
def slow_asset(context: dg.AssetExecutionContext):
    context.log.info("waiting")
    time.sleep(600)


@dg.asset
def dead_asset():
    os._exit(4)


def note_begin():
    """How often a step has begun stands in a file."""
    begun = Path(os.environ["DAGSTER_HOME"], "begun")
    with begun.open("a") as file:
        file.write("x")
    return begun.stat().st_size


@dg.asset
def interrupted_asset(context: dg.AssetExecutionContext):
    """Waits the first time, until others end it."""
    if note_begin() == 1:
        context.log.info("waiting")
        time.sleep(600)


@dg.asset
def patient_asset(context: dg.AssetExecutionContext):
    """Waits for a file of the test's."""
    note_begin()
    context.log.info("waiting")
    while not Path(os.environ["DAGSTER_HOME"], "go").exists():
        time.sleep(0.1)


whole = dg.define_asset_job("whole", [regular_asset], executor_def=dg.in_process_executor)
tagged = dg.define_asset_job(
    "tagged",
    [regular_asset],
    executor_def=dg.in_process_executor,
    tags={"dagster-ray/config": '{"env_vars": ["ALL=of the tag", "PYTHONPATH", "DAGSTER_HOME"]}'},
)
slow = dg.define_asset_job("slow", [slow_asset], executor_def=dg.in_process_executor)
dead = dg.define_asset_job("dead", [dead_asset], executor_def=dg.in_process_executor)
interrupted = dg.define_asset_job("interrupted", [interrupted_asset], executor_def=dg.in_process_executor)
on_ray = ray_executor.configured({"runtime_env": {"env_vars": dict(PATH)}, "env_vars": ["DAGSTER_HOME"]})
patient = dg.define_asset_job("patient", [patient_asset], executor_def=on_ray)
inner = dg.define_asset_job(
    "inner", [regular_asset], executor_def=ray_executor.configured({"runtime_env": {"env_vars": dict(PATH)}})
)

definitions = dg.Definitions(
    assets=[regular_asset, slow_asset, dead_asset, interrupted_asset, patient_asset],
    jobs=[steps, dying, refusing, waiting, whole, tagged, slow, dead, interrupted, patient, inner],
)
