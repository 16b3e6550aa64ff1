"""The C++ trainer and the tutorial's training on the systems of dagster_dpipes, a module for each system."""

import dagster as dg

from dagster_project import local_ray, pipes_ray_job_client, ray_executor_job

SYSTEMS = [pipes_ray_job_client, local_ray, ray_executor_job]

defs = dg.Definitions(
    assets=dg.load_assets_from_modules(SYSTEMS),
    jobs=[ray_executor_job.on_ray_executor],
    resources={name: resource for system in SYSTEMS for name, resource in system.resources.items()},
)
