"""The C++ trainer, and what the assets that run it share."""

import os
import shlex
from pathlib import Path

import dagster as dg

CHECKOUT = Path(__file__).resolve().parents[3]
TRAINER = os.environ.get("DPIPES_TRAINER", str(CHECKOUT / "build/examples/trainer/trainer"))
# The Ray of `dpipes local up` is on this machine and runs the trainer where it is; on a cluster of several machines
# it would travel in the runtime_env's working_dir.
RAY_JOB = {"entrypoint": f"exec {shlex.quote(TRAINER)}"}
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
