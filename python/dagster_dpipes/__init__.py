"""Dagster on Ray by the C library: the systems of dagster-ray under their own names.

PipesRayJobClient, PipesRayJobMessageReader, LocalRay, RayResource, Lifecycle, ray_executor and RayRunLauncher are for
Dagster; RayJob, Client and DpipesError need none.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dagster_dpipes._native import Client, DpipesError, Event, Result, version
from dagster_dpipes.ray_jobs import RayJob

if TYPE_CHECKING:
    from dagster_dpipes.configs import Lifecycle
    from dagster_dpipes.executor import ray_executor
    from dagster_dpipes.pipes import PipesRayJobClient, PipesRayJobMessageReader
    from dagster_dpipes.resources import LocalRay, RayResource
    from dagster_dpipes.run_launcher import RayRunLauncher

__version__ = version()

# What needs Dagster is imported when it is asked for.
_MODULES = {
    "Lifecycle": "configs",
    "LocalRay": "resources",
    "PipesRayJobClient": "pipes",
    "PipesRayJobMessageReader": "pipes",
    "RayResource": "resources",
    "RayRunLauncher": "run_launcher",
    "ray_executor": "executor",
}

__all__ = [
    "Client",
    "DpipesError",
    "Event",
    "Lifecycle",
    "LocalRay",
    "PipesRayJobClient",
    "PipesRayJobMessageReader",
    "RayJob",
    "RayResource",
    "RayRunLauncher",
    "Result",
    "__version__",
    "ray_executor",
    "version",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from dagster._core.libraries import DagsterLibraryRegistry

    DagsterLibraryRegistry.register("dagster-dpipes", __version__, is_dagster_package=False)
    value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    return value
