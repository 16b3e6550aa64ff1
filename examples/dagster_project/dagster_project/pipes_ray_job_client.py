"""PipesRayJobClient: a program is a Ray job, and the step follows it."""

import os
import shlex

import dagster as dg
from dagster_dpipes import PipesRayJobClient

from dagster_project.trainer import CHECK, CHECKOUT, RAY_JOB, Training, extras

ML_TRAINING = os.environ.get("DPIPES_ML_TRAINING", str(CHECKOUT / "build/examples/ml_training"))

# Without an address it is the one in RAY_API_SERVER_ADDRESS, or in RAY_ADDRESS.
resources = {"ray_client": PipesRayJobClient(timeout=1800)}


@dg.asset(
    group_name="PipesRayJobClient",
    kinds={"ray", "xgboost"},
    check_specs=[dg.AssetCheckSpec(CHECK, asset="ray_model")],
)
def ray_model(context: dg.AssetExecutionContext, config: Training, ray_client: PipesRayJobClient) -> dg.MaterializeResult:
    """The C++ trainer as a Ray job."""
    job = ray_client.run(context=context, submit_job_params=RAY_JOB, extras=extras(context, config))
    return job.get_materialize_result()


class MLTrainingConfig(dg.Config):
    num_partitions: int = 4


@dg.asset(group_name="PipesRayJobClient", kinds={"ray", "python"})
def distributed_ml_training(
    context: dg.AssetExecutionContext, config: MLTrainingConfig, ray_client: PipesRayJobClient
) -> dg.MaterializeResult:
    """The tutorial's ray_scripts/ml_training.py, which travels to the cluster; each partition is a task of Ray's."""
    job = {"entrypoint": "python ml_training.py", "runtime_env": {"working_dir": str(CHECKOUT / "ray_scripts")}}
    return ray_client.run(context=context, submit_job_params=job, extras=config.model_dump()).get_materialize_result()


@dg.asset(group_name="PipesRayJobClient", kinds={"ray", "c"})
def native_ml_training(
    context: dg.AssetExecutionContext, config: MLTrainingConfig, ray_client: PipesRayJobClient
) -> dg.MaterializeResult:
    """The same in C, examples/ml_training.c, which trains each partition in a thread."""
    job = {"entrypoint": f"exec {shlex.quote(ML_TRAINING)}"}
    return ray_client.run(context=context, submit_job_params=job, extras=config.model_dump()).get_materialize_result()
