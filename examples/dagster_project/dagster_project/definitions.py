"""Two assets, both made by the C++ trainer: `ray_model` by a Ray job, `local_model` by a child process."""

import os
import shlex
from pathlib import Path

import dagster as dg
from dagster_dpipes import PipesRayJobClient

CHECKOUT = Path(__file__).resolve().parents[3]
TRAINER = os.environ.get("DPIPES_TRAINER", str(CHECKOUT / "build/examples/trainer/trainer"))
CHECK = "accuracy_at_least_0_9"


class Training(dg.Config):
    """The trainer's parameters; it has its own defaults for the rest."""

    num_folds: int = 5
    num_rounds: int = 50


def extras(context: dg.AssetExecutionContext, config: Training) -> dict:
    """What the trainer is told: its parameters, and where the model goes."""
    folder = Path(context.instance.storage_directory())
    folder.mkdir(parents=True, exist_ok=True)
    return {**config.model_dump(), "model": str(folder / f"{context.asset_key.path[-1]}.json")}


# The Ray of `dpipes local up` is on this machine and runs the trainer where it is; on a cluster of several machines
# it would travel in the runtime_env's working_dir.
@dg.asset(check_specs=[dg.AssetCheckSpec(CHECK, asset="ray_model")])
def ray_model(context: dg.AssetExecutionContext, config: Training, ray: PipesRayJobClient) -> dg.MaterializeResult:
    return ray.run(
        context=context,
        submit_job_params={"entrypoint": f"exec {shlex.quote(TRAINER)}"},
        extras=extras(context, config),
    ).get_materialize_result()


@dg.asset(check_specs=[dg.AssetCheckSpec(CHECK, asset="local_model")])
def local_model(
    context: dg.AssetExecutionContext, config: Training, child: dg.PipesSubprocessClient
) -> dg.MaterializeResult:
    return child.run(context=context, command=[TRAINER], extras=extras(context, config)).get_materialize_result()


defs = dg.Definitions(
    assets=[ray_model, local_model],
    # Without an address it is the one in RAY_API_SERVER_ADDRESS, or in RAY_ADDRESS.
    resources={"ray": PipesRayJobClient(), "child": dg.PipesSubprocessClient()},
)
