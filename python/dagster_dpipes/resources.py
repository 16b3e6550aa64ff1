"""RayResource and LocalRay: a Ray cluster for the time of a step."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Generator
from functools import cached_property
from importlib import import_module
from typing import Any, TypeAlias
from uuid import uuid4

import dagster as dg
from pydantic import Field, PrivateAttr
from typing_extensions import Self

from dagster_dpipes import _native
from dagster_dpipes.configs import Lifecycle, merge_config, resolve_config

AnyDagsterContext: TypeAlias = dg.OpExecutionContext | dg.AssetExecutionContext | dg.InitResourceContext

# Of ray.init's arguments those that shape a cluster; the rest is of the connection.
_CLUSTER_OPTIONS = ("num_cpus", "num_gpus", "object_store_memory", "resources", "labels")


class RayResource(dg.ConfigurableResource[Any], ABC):
    """The interface of all Ray clusters: annotate with it what works on any of them.

    A subclass has `created`, `create`, `wait`, `delete` and the addresses; what is called when is decided by `lifecycle`.
    The hooks on_create, on_ready, on_connect and on_cleanup are there to be overridden.
    """

    lifecycle: Lifecycle = Field(default_factory=Lifecycle, description="What is done by itself.")
    timeout: float = Field(default=600.0, description="Seconds for the cluster to become ready.")
    ray_init_options: dict[str, Any] = Field(
        default_factory=dict,
        description='Arguments of `ray.init`: num_cpus, runtime_env and so on; EnvVar and {"env": NAME} anywhere inside.',
    )
    env_vars: dict[str, str] | None = Field(default_factory=dict, description="Environment variables of the cluster.")
    enable_tracing: bool = Field(default=False, description="Task events for `ray.timeline()`.")
    enable_actor_task_logging: bool = Field(default=False, description="RAY_ENABLE_RECORD_ACTOR_TASK_LOGGING=1.")
    enable_debug_post_mortem: bool = Field(default=False, description="RAY_DEBUG_POST_MORTEM=1.")
    enable_legacy_debugger: bool = Field(default=False, description="RAY_DEBUG=legacy.")

    _context: Any = PrivateAttr(default=None)
    _waited: bool = PrivateAttr(default=False)
    _begun: float = PrivateAttr(default=0.0)

    @property
    def _life(self) -> Lifecycle:
        """Dagster's classes hide the types of their fields from a type checker."""
        own: Any = self
        return own.lifecycle

    @cached_property
    def resource_uid(self) -> str:
        return str(uuid4())[:8]

    @property
    def context(self) -> Any:
        """What `ray.init` has returned."""
        if self._context is None:
            raise RuntimeError(f"{self.display_name} is not connected")
        return self._context

    @property
    @abstractmethod
    def name(self) -> str: ...

    @property
    @abstractmethod
    def host(self) -> str: ...

    @property
    @abstractmethod
    def ray_address(self) -> str | None:
        """For `ray.init`."""

    @property
    @abstractmethod
    def dashboard_url(self) -> str:
        """For PipesRayJobClient."""

    @property
    @abstractmethod
    def created(self) -> bool: ...

    @property
    def ready(self) -> bool:
        return self.created

    @property
    def connected(self) -> bool:
        return self._context is not None

    @property
    def display_name(self) -> str:
        return self.name

    @property
    def runtime_job_id(self) -> str:
        """Ray's id of the job that `ray.init` has begun."""
        import ray

        return ray.get_runtime_context().get_job_id()

    # ---- The steps of its life ----

    def create(self, context: AnyDagsterContext) -> None:
        """Starts the cluster."""

    def wait(self, context: AnyDagsterContext) -> None:
        """Until it is ready."""

    def connect(self, context: AnyDagsterContext) -> Any:
        """Connects this process by `ray.init`."""
        ray: Any = import_module("ray")
        self._context = ray.init(address=self.ray_address, **self.connect_options())
        return self._context

    def delete(self, context: AnyDagsterContext) -> None:
        """Ends the cluster."""

    def on_create(self, context: AnyDagsterContext) -> None:
        _log(context).info(f"Created {self.display_name}.")

    def on_ready(self, context: AnyDagsterContext) -> None:
        """The cluster takes connections."""

    def on_connect(self, context: AnyDagsterContext) -> None:
        _log(context).info(f"Connected to {self.display_name}.")

    def on_cleanup(self, context: AnyDagsterContext, *, deleted: bool) -> None:
        if deleted:
            _log(context).info(f'Deleted {self.display_name} (cleanup policy "{self._life.cleanup}").')

    # ---- What they are given ----

    def resolved_options(self) -> dict[str, Any]:
        """`ray_init_options` with the values of variables; an option that is None is left out, as is a variable of
        runtime_env that is unset."""
        options = {k: v for k, v in resolve_config(self.ray_init_options).items() if v is not None}
        runtime_env: dict[str, Any] = options.get("runtime_env") or {}
        if "env_vars" in runtime_env:
            variables: dict[str, Any] = runtime_env["env_vars"] or {}
            runtime_env["env_vars"] = {name: value for name, value in variables.items() if value is not None}
        return options

    def connect_options(self) -> dict[str, Any]:
        options = self.resolved_options()
        if "address" in options:
            raise ValueError("ray_init_options: `address` is the resource's own")
        return merge_config(options, {"runtime_env": {"env_vars": self.get_env_vars_to_inject()}})

    def get_env_vars_to_inject(self) -> dict[str, str]:
        switches = {
            "RAY_DEBUG_POST_MORTEM": "1" if self.enable_debug_post_mortem else None,
            "RAY_PROFILING": "1" if self.enable_tracing else None,
            "RAY_task_events_report_interval_ms": "0" if self.enable_tracing else None,
            "RAY_ENABLE_RECORD_ACTOR_TASK_LOGGING": "1" if self.enable_actor_task_logging else None,
            "RAY_DEBUG": "legacy" if self.enable_legacy_debugger else None,
        }
        return {**(self.env_vars or {}), **{name: value for name, value in switches.items() if value is not None}}

    # ---- Dagster's side ----

    @contextlib.contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator[Self, None, None]:
        exception: BaseException | None = None
        self._begun = time.time()
        try:
            if self._life.create:
                self._create(context)
                if self._life.wait:
                    self._wait(context)
                    if self._life.connect:
                        self._connect(context)
            yield self
        except BaseException as error:
            exception = error
            raise
        finally:
            self.cleanup(context, exception)

    def _create(self, context: AnyDagsterContext) -> None:
        if not self.created:
            self.create(context)
            self.on_create(context)

    def _wait(self, context: AnyDagsterContext) -> None:
        self._create(context)
        if not self._waited:
            self.wait(context)
            self._waited = True
            self.on_ready(context)

    def _connect(self, context: AnyDagsterContext) -> None:
        self._wait(context)
        if not self.connected:
            self.connect(context)
            self.on_connect(context)

    def cleanup(self, context: AnyDagsterContext, exception: BaseException | None) -> None:
        policy = self._life.cleanup
        failed = policy == "on_exception" and (exception is not None or self._step_has_failed(context))
        deleted = self.created and (policy == "always" or failed)
        try:
            if self._context is not None:
                self._context.disconnect()
                self._context = None
        finally:
            if deleted:
                self.delete(context)
                self._waited = False
            self.on_cleanup(context, deleted=deleted)

    def _step_has_failed(self, context: AnyDagsterContext) -> bool:
        """Dagster does not tell a resource; its event log does, of any step of the run that failed meanwhile."""
        run, instance = context.dagster_run, context.instance
        if run is None or instance is None:
            return False
        failures = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
        return any(record.timestamp >= self._begun for record in failures)


def _log(context: AnyDagsterContext) -> Any:
    return dg._check.not_none(context.log)


class LocalRay(RayResource):
    """A Ray cluster on this machine for the time of a step, which ends with its owner, however that ends.

    It listens on 127.0.0.1 only. It needs a token where this process can still learn one: Ray's Python reads how it is to
    authenticate when it is imported. `ray_init_options` shape the cluster, and are what `ray.init` is called with.
    """

    dashboard_port: int = Field(default=0, description="The dashboard's port; 0: 8265, or a free one when that is taken.")

    _cluster: Any = PrivateAttr(default=None)
    _connection: Any = PrivateAttr(default=None)

    @property
    def name(self) -> str:
        return "LocalRay"

    @property
    def host(self) -> str:
        return "127.0.0.1"

    @property
    def cluster(self) -> _native.LocalRay:
        if self._cluster is None:
            raise RuntimeError("LocalRay was not created: see `lifecycle`")
        return self._cluster

    @property
    def ray_address(self) -> str:
        return self.cluster.gcs_address

    @property
    def dashboard_url(self) -> str:
        return self.cluster.address

    @property
    def created(self) -> bool:
        return self._cluster is not None

    def create(self, context: AnyDagsterContext) -> None:
        options = self.resolved_options()
        log = _log(context)
        self._cluster = _native.LocalRay(
            **{name: options[name] for name in _CLUSTER_OPTIONS if name in options},
            env_vars=self.get_env_vars_to_inject(),
            dashboard_port=self.dashboard_port,
            timeout=self.timeout,
            auth=_ray_can_have_token(),
            logger=lambda level, message: log.log(level, message),
        )

    def connect_options(self) -> dict[str, Any]:
        """What shapes the cluster is no argument for a connection to it."""
        return {k: v for k, v in super().connect_options().items() if k not in _CLUSTER_OPTIONS}

    def connect(self, context: AnyDagsterContext) -> Any:
        self._connection = contextlib.ExitStack()
        self._connection.enter_context(_environment_of(self.cluster))
        with _loopback_address():
            return super().connect(context)

    def cleanup(self, context: AnyDagsterContext, exception: BaseException | None) -> None:
        try:
            super().cleanup(context, exception)
        finally:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def delete(self, context: AnyDagsterContext) -> None:
        self.cluster.stop()
        self._cluster = None


def _ray_can_have_token() -> bool:
    if "ray" not in sys.modules:
        return True
    raylet: Any = import_module("ray._raylet")
    if not hasattr(raylet, "get_authentication_mode"):  # a Ray that is too old for tokens
        return False
    return raylet.get_authentication_mode() == raylet.AuthenticationMode.TOKEN


@contextlib.contextmanager
def _environment_of(cluster: _native.LocalRay) -> Generator[None, None, None]:
    """What Ray's Python reads, and what it starts inherits."""
    variables = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    if cluster.token_file:
        variables |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": cluster.token_file}
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    if cluster.token_file:
        raylet: Any = import_module("ray._raylet")
        raylet.AuthenticationTokenLoader.instance().reset_cache()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _loopback_address() -> Generator[None, None, None]:
    """Else Ray's Python takes 127.0.0.1 for the network's address of this machine, on which LocalRay does not listen. It
    reads RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER when it is imported, which may have been long before."""
    ray_constants: Any = import_module("ray._private.ray_constants")
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
