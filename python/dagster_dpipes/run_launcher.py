"""RayRunLauncher: each Dagster run is one Ray job."""

from __future__ import annotations

import functools
import json
import logging
import shlex
import sys
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._config.config_schema import UserConfigSchema
from dagster._core.events import EngineEventData
from dagster._core.launcher import LaunchRunContext, ResumeRunContext, RunLauncher
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.storage.dagster_run import DagsterRun, DagsterRunStatus
from dagster._grpc.types import ExecuteRunArgs, ResumeRunArgs
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from dagster._utils.error import serializable_error_info_from_exc_info
from pydantic import Field

from dagster_dpipes._native import DpipesError
from dagster_dpipes.configs import (
    RayExecutionConfig,
    RayJobSubmissionClientConfig,
    config_from_tags,
    resolve_config,
    resolve_env_vars,
)
from dagster_dpipes.job_watch import JobWatch
from dagster_dpipes.pipes import complete_runtime_env

_UNFINISHED = (DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING)


class RayLauncherConfig(RayExecutionConfig, RayJobSubmissionClientConfig):
    metadata: dict[str, Any] | None = Field(  # type: ignore[assignment]
        default=None, description="Metadata of all jobs; what is not a text is written as JSON."
    )


def config_fields(config: type[dg.Config]) -> Mapping[str, Any]:
    return config.to_config_schema().as_field().config_type.fields  # type: ignore[attr-defined]


def flat_or_under_ray(config: type[dg.Config]) -> dict[str, Any]:
    """A schema whose keys may stand at its top, as in the tutorial, or under `ray`."""
    fields = {name: dg.Field(field.config_type, is_required=False) for name, field in config_fields(config).items()}
    for name in ("metadata", "runtime_env", "headers", "cookies"):  # any JSON, null as well
        fields[name] = dg.Field(dg.Permissive(), is_required=False, description=config.model_fields[name].description)
    return {**fields, "ray": dg.Field(dg.Shape(dict(fields)), is_required=False)}


def take_config(config: type[dg.Config], value: Mapping[str, Any]) -> dict[str, Any]:
    """What such a schema was given; a key under `ray` wins."""
    known = config_fields(config)
    given: dict[str, Any] = {**value, **(value.get("ray") or {})}
    return {name: resolve_config(member, name) for name, member in given.items() if name in known}


def as_labels(metadata: Mapping[str, Any] | None) -> dict[str, str]:
    """Ray takes texts alone."""
    given = {name: value for name, value in (metadata or {}).items() if value is not None}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}


def code_location(run: DagsterRun) -> dict[str, str]:
    origin = run.remote_job_origin
    return {"dagster/code-location": origin.repository_origin.code_location_origin.location_name} if origin else {}


def job_of_config(config: Mapping[str, Any], variables: Mapping[str, str], labels: dict[str, str]) -> dict[str, Any]:
    """The arguments of JobWatch.launch. `variables` are Dagster's own, which win."""
    runtime_env = complete_runtime_env(config.get("runtime_env"))
    given: dict[str, str] = runtime_env.get("env_vars") or {}
    runtime_env["env_vars"] = {**given, **resolve_env_vars(config.get("env_vars")), **variables}
    return {
        "runtime_env": runtime_env,
        "metadata": labels,
        "entrypoint_num_cpus": config.get("num_cpus"),
        "entrypoint_num_gpus": config.get("num_gpus"),
        "entrypoint_memory": config.get("memory"),
        "entrypoint_resources": config.get("resources"),
    }


def submission_id_of_run(run_id: str, attempt: int | None = None) -> str:
    return f"dagster-run-{run_id}" + (f"-{attempt}" if attempt else "")


class RayRunLauncher(RunLauncher, ConfigurableClass):
    """Submits each run as a Ray job. Configured in `dagster.yaml`, and for one run by its tag `dagster-ray/config`,
    whose values stand instead of these."""

    def __init__(
        self,
        address: str | None = None,
        metadata: dict[str, Any] | None = None,
        headers: dict[str, Any] | None = None,
        cookies: dict[str, Any] | None = None,
        env_vars: list[str] | None = None,
        runtime_env: dict[str, Any] | None = None,
        num_cpus: float | None = None,
        num_gpus: float | None = None,
        memory: int | None = None,
        resources: dict[str, float] | None = None,
        timeout: float | None = None,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        self._inst_data = dg._check.opt_inst_param(inst_data, "inst_data", ConfigurableClassData)
        self.address = address
        self.metadata = metadata
        self.headers = headers
        self.cookies = cookies
        self.timeout = timeout
        self.env_vars = env_vars
        self.runtime_env = runtime_env
        self.num_cpus = num_cpus
        self.num_gpus = num_gpus
        self.memory = memory
        self.resources = resources
        super().__init__()

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        return flat_or_under_ray(RayLauncherConfig)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> RayRunLauncher:
        return cls(inst_data=inst_data, **take_config(RayLauncherConfig, config_value))

    @functools.cached_property
    def watch(self) -> JobWatch:
        connection = {"headers": self.headers, "cookies": self.cookies, "timeout": self.timeout}
        return JobWatch(self.address, connection, as_labels(self.metadata))

    @property
    def supports_resume_run(self) -> bool:
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    @property
    def supports_run_worker_crash_recovery(self) -> bool:
        return True

    # ---- Launching ----

    def launch_run(self, context: LaunchRunContext) -> None:
        run = context.dagster_run
        self._launch(submission_id_of_run(run.run_id), self._arguments(ExecuteRunArgs, run), run)

    def resume_run(self, context: ResumeRunContext) -> None:
        run = context.dagster_run
        submission_id = submission_id_of_run(run.run_id, context.resume_attempt_number)
        self._launch(submission_id, self._arguments(ResumeRunArgs, run), run)

    def _arguments(self, args: type[ExecuteRunArgs] | type[ResumeRunArgs], run: DagsterRun) -> list[str]:
        return list(
            args(
                job_origin=dg._check.not_none(run.job_code_origin),
                run_id=run.run_id,
                instance_ref=self._instance.get_ref(),
                set_exit_code_on_failure=True,
            ).get_command_args()
        )

    def _job(self, run: DagsterRun) -> dict[str, Any]:
        own: dict[str, Any] = {
            "runtime_env": self.runtime_env,
            "num_cpus": self.num_cpus,
            "num_gpus": self.num_gpus,
            "memory": self.memory,
            "resources": self.resources,
            "env_vars": self.env_vars,
        }
        config: dict[str, Any] = {**own, **config_from_tags(run.tags)}
        job_name = dg._check.not_none(run.job_code_origin).job_name
        labels = {"dagster/job": job_name, "dagster/run-id": run.run_id, **code_location(run)}
        return job_of_config(config, {"DAGSTER_RUN_JOB_NAME": job_name}, labels)

    def _launch(self, submission_id: str, arguments: list[str], run: DagsterRun) -> None:
        labels = {"Ray Job Submission ID": submission_id, "Run ID": run.run_id}
        self._report("Creating Ray run job", run, EngineEventData(labels))
        self.watch.launch(submission_id=submission_id, entrypoint=shlex.join(arguments), **self._job(run))
        self._report("Ray run job created", run)

    def _report(self, message: str, run: DagsterRun, data: EngineEventData | None = None) -> None:
        self._instance.report_engine_event(message, run, data, cls=self.__class__)

    # ---- What becomes of it ----

    def _submission_id(self, run: DagsterRun) -> str:
        return submission_id_of_run(run.run_id, self._instance.count_resume_run_attempts(run.run_id))

    def terminate(self, run_id: str) -> bool:
        run = self._instance.get_run_by_id(run_id)
        if not run or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        try:
            stopped = self.watch.stop(self._submission_id(run))
        except DpipesError:
            error = EngineEventData.engine_error(serializable_error_info_from_exc_info(sys.exc_info()))
            self._report("Run was not terminated: its Ray job could not be stopped", run, error)
            return False
        self._report("Run was terminated." if stopped else "Run was terminated: its Ray job had ended already.", run)
        return stopped

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        try:
            result = self.watch.look(self._submission_id(run))
        except DpipesError as error:
            return CheckRunHealthResult(WorkerStatus.UNKNOWN, str(error))
        if result.outcome == "UNFINISHED":
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if result.outcome == "DELETED":
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, str(result.error))
        if result.outcome == "UNREACHABLE":
            return CheckRunHealthResult(WorkerStatus.UNKNOWN, str(result.error))
        if result.error:
            return CheckRunHealthResult(WorkerStatus.FAILED, _sentence(result.outcome, result.error))
        now = self._instance.get_run_by_id(run.run_id)  # it may have ended since the caller has read it
        if now and now.status in _UNFINISHED:
            return CheckRunHealthResult(WorkerStatus.FAILED, "The Ray job has succeeded, but the run has not ended.")
        return CheckRunHealthResult(WorkerStatus.SUCCESS)

    def get_run_worker_debug_info(self, run: DagsterRun, include_container_logs: bool | None = True) -> str | None:
        try:
            return "\n---\n".join(map(str, self.watch.jobs_with("dagster/run-id", run.run_id)))
        except DpipesError:
            logging.getLogger(__name__).exception("no debug information of the Ray jobs of run %s", run.run_id)
            return None

    def dispose(self) -> None:
        vars(self).pop("watch", None)


def _sentence(outcome: str, error: DpipesError) -> str:
    who = "The Ray job was stopped from outside: " if outcome == "STOPPED" else "The Ray job has failed: "
    return f"{who}{error}"
