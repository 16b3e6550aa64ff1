"""Configuration that the systems share, with the names and defaults of dagster-ray."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import dagster as dg
from dagster._config.field_utils import IntEnvVar
from pydantic import Field

USER_DEFINED_RAY_KEY = "dagster-ray/config"

DEPLOYMENT_NAME = (
    os.environ.get("DAGSTER_CLOUD_DEPLOYMENT_NAME")
    if os.environ.get("DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT") == "0"
    else os.environ.get("DAGSTER_CLOUD_GIT_BRANCH")
) or "dev"


class Lifecycle(dg.Config):
    """What a Ray resource does by itself."""

    create: bool = Field(default=True, description="Create the cluster; else `create` is called by the user.")
    wait: bool = Field(default=True, description="Wait until it is ready; else `wait` is called by the user.")
    connect: bool = Field(default=True, description="Call `ray.init`; else `connect` is called by the user.")
    cleanup: Literal["never", "always", "on_exception"] = Field(
        default="always", description="When the cluster is deleted, after the step or when it is interrupted."
    )


class RayExecutionConfig(dg.Config):
    """What a run or a step asks of Ray, for all of them or, in the tag `dagster-ray/config`, for one."""

    runtime_env: dict[str, Any] | None = Field(default=None, description="Ray's runtime_env.")
    num_cpus: float | None = Field(default=None, description="CPUs for the entrypoint.")
    num_gpus: float | None = Field(default=None, description="GPUs for the entrypoint.")
    memory: int | None = Field(default=None, description="Memory for the entrypoint, in bytes.")
    resources: dict[str, float] | None = Field(default=None, description="Ray's custom resources.")
    env_vars: list[str] | None = Field(
        default=None,
        description="KEY=VALUE, or KEY, whose value is taken from this process and which is left out where it is unset.",
    )


class RayJobSubmissionClientConfig(dg.Config):
    """How Ray's dashboard is reached."""

    address: str | None = Field(default=None, description="The cluster's address.")
    metadata: dict[str, str] | None = Field(default=None, description="Metadata of all jobs; a job's own wins.")
    headers: dict[str, Any] | None = Field(default=None, description="HTTP headers of all requests.")
    cookies: dict[str, Any] | None = Field(default=None, description="Cookies of all requests.")
    timeout: float | None = Field(default=None, description="Seconds that bound each request.")


def config_from_tags(tags: Mapping[str, str]) -> dict[str, Any]:
    """What the tag `dagster-ray/config` sets: its own members alone, so that 0 and null override too."""
    text = tags.get(USER_DEFINED_RAY_KEY)
    return {} if text is None else RayExecutionConfig.model_validate_json(text).model_dump(exclude_unset=True)


def merge_config(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A new dictionary; `over` wins, and dictionaries that both have are merged in the same way."""
    merged = dict(under)
    for key, value in over.items():
        below = as_mapping(merged.get(key))
        above = as_mapping(value)
        merged[key] = value if below is None or above is None else merge_config(below, above)
    return merged


def as_mapping(value: Any) -> Mapping[str, Any] | None:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else None


def as_sequence(value: Any) -> Sequence[Any] | None:
    """None of a text, too."""
    plain = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    return cast("Sequence[Any]", value) if plain else None


def resolve_env_vars(env_vars: Sequence[str] | None) -> dict[str, str]:
    """Of KEY=VALUE and KEY."""
    resolved: dict[str, str] = {}
    for entry in env_vars or ():
        name, given, value = entry.partition("=")
        if given:
            resolved[name] = value
        elif name in os.environ:
            resolved[name] = os.environ[name]
    return resolved


def resolve_config(value: Any, name: str | None = None) -> Any:
    """EnvVar and {"env": NAME}, wherever they stand, become the variable's value. One that is unset is an error that has
    `name`, the place; without a name it is None."""
    variable = _variable_of(value)
    if variable is not None:
        found = variable.get_value()
        if found is None and name is not None:
            raise ValueError(f"{name}: the environment variable {variable.env_var_name} is not set")
        return found
    if (mapping := as_mapping(value)) is not None:
        return {key: resolve_config(member, name and f"{name}.{key}") for key, member in mapping.items()}
    if (sequence := as_sequence(value)) is not None:
        return [resolve_config(member, name and f"{name}[{i}]") for i, member in enumerate(sequence)]
    return value


def _variable_of(value: Any) -> dg.EnvVar | IntEnvVar | None:
    if isinstance(value, dg.EnvVar | IntEnvVar):
        return value
    mapping = as_mapping(value) or {}
    return dg.EnvVar(mapping["env"]) if list(mapping) == ["env"] and isinstance(mapping["env"], str) else None


def execution_labels(run: dg.DagsterRun) -> dict[str, str]:
    """The metadata of a job that belongs to a run."""
    return {"dagster/deployment": DEPLOYMENT_NAME, **{k: str(v) for k, v in run.dagster_execution_info.items()}}
