"""ray_executor: each step of a job is a Ray job. The asset is as it is without Ray."""

import dagster as dg
from dagster_dpipes import ray_executor

from dagster_project.trainer import CHECK, TRAINER, Training, extras

resources = {"child": dg.PipesSubprocessClient()}


@dg.asset(
    group_name="ray_executor",
    kinds={"xgboost"},
    check_specs=[dg.AssetCheckSpec(CHECK, asset="local_model")],
    # What the step asks of Ray, over the executor's configuration.
    op_tags={"dagster-ray/config": {"num_cpus": 1}},
)
def local_model(context: dg.AssetExecutionContext, config: Training, child: dg.PipesSubprocessClient) -> dg.MaterializeResult:
    """The C++ trainer as a child of the step. In the job on_ray_executor the step is a Ray job, elsewhere a process here."""
    return child.run(context=context, command=[TRAINER], extras=extras(context, config)).get_materialize_result()


on_ray_executor = dg.define_asset_job(
    "on_ray_executor",
    selection=[local_model],
    description="local_model, whose step is a Ray job.",
    executor_def=ray_executor.configured(
        # env_vars are copied from the run's process, where they are set.
        {"address": dg.EnvVar("RAY_ADDRESS"), "env_vars": ["DPIPES_TRAINER", "PYTHONPATH"]}
    ),
)
