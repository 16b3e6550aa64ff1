"""LocalRay: a cluster for the time of a step."""

import dagster as dg
from dagster_dpipes import Lifecycle, LocalRay, PipesRayJobClient

from dagster_project.trainer import CHECK, RAY_JOB, Training, extras

# The step submits a job and runs no tasks of its own, so it needs no ray.init.
resources = {"own_ray": LocalRay(ray_init_options={"num_cpus": 2}, lifecycle=Lifecycle(connect=False))}


@dg.asset(
    group_name="LocalRay",
    kinds={"ray", "xgboost"},
    check_specs=[dg.AssetCheckSpec(CHECK, asset="own_ray_model")],
)
def own_ray_model(context: dg.AssetExecutionContext, config: Training, own_ray: LocalRay) -> dg.MaterializeResult:
    """The C++ trainer as a job on a Ray that starts and ends with the step."""
    client = PipesRayJobClient(own_ray.dashboard_url)
    job = client.run(context=context, submit_job_params=RAY_JOB, extras=extras(context, config))
    return job.get_materialize_result()
