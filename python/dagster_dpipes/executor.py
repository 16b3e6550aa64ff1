"""ray_executor: each step is a Ray job of its own."""

from __future__ import annotations

import hashlib
import re
import shlex
import time
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster._config.field_utils import IntEnvVar
from dagster._core.definitions.executor_definition import multiple_process_executor_requirements
from dagster._core.events import DagsterEvent, EngineEventData
from dagster._core.execution.retries import RetryMode, get_retries_config
from dagster._core.execution.tags import get_tag_concurrency_limits_config
from dagster._core.executor.base import Executor
from dagster._core.executor.init import InitExecutorContext
from dagster._core.executor.step_delegating import (
    CheckStepHealthResult,
    StepDelegatingExecutor,
    StepHandler,
    StepHandlerContext,
)
from pydantic import Field

from dagster_dpipes._native import DpipesError
from dagster_dpipes.configs import (
    RayExecutionConfig,
    RayJobSubmissionClientConfig,
    as_mapping,
    as_sequence,
    config_from_tags,
    merge_config,
)
from dagster_dpipes.job_watch import JobWatch
from dagster_dpipes.run_launcher import RayRunLauncher, as_labels, code_location, flat_or_under_ray, job_of_config, take_config

_HEALTH_INTERVAL = 2  # seconds between two looks at the running steps
_SILENT_SECONDS = 30.0  # for the events of a step whose job has succeeded
_STOP_SECONDS = 30.0  # for the end of a step that is terminated
_NAME_MAX = 60  # characters of a step's name in a submission id


class RayExecutorConfig(RayExecutionConfig, RayJobSubmissionClientConfig):
    inherit_job_submission_client_from_ray_run_launcher: bool = Field(
        default=True, description="Reach the cluster as RayRunLauncher does, where that is the instance's launcher."
    )


_SCHEMA = {
    **flat_or_under_ray(RayExecutorConfig),
    "retries": get_retries_config(),
    "max_concurrent": dg.Field(dg.Int, is_required=False, description="Steps that run at once."),
    "tag_concurrency_limits": get_tag_concurrency_limits_config(),
}


class _RayExecutorDefinition(dg.ExecutorDefinition):
    """Takes EnvVar where Dagster wants {"env": NAME}."""

    def configured(self, config_or_config_fn: Any, *args: Any, **kwargs: Any) -> dg.ExecutorDefinition:
        return super().configured(_with_env_names(config_or_config_fn), *args, **kwargs)


def _with_env_names(value: Any) -> Any:
    if isinstance(value, dg.EnvVar | IntEnvVar):
        return {"env": value.env_var_name}
    if (mapping := as_mapping(value)) is not None:
        return {key: _with_env_names(member) for key, member in mapping.items()}
    if (sequence := as_sequence(value)) is not None:
        return [_with_env_names(member) for member in sequence]
    return value


def _create(init_context: InitExecutorContext) -> Executor:
    given = init_context.executor_config
    config = take_config(RayExecutorConfig, given)
    return StepDelegatingExecutor(
        RayStepHandler(_watch(init_context, config), config),
        retries=RetryMode.from_config(given["retries"]),  # type: ignore[arg-type]
        max_concurrent=dg._check.opt_int_elem(given, "max_concurrent"),
        tag_concurrency_limits=dg._check.opt_list_elem(given, "tag_concurrency_limits"),
        check_step_health_interval_seconds=_HEALTH_INTERVAL,
        should_verify_step=True,
    )


def _watch(init_context: InitExecutorContext, config: dict[str, Any]) -> JobWatch:
    launcher = init_context.instance.run_launcher
    if config.get("inherit_job_submission_client_from_ray_run_launcher", True) and isinstance(launcher, RayRunLauncher):
        return launcher.watch
    connection = {name: config.get(name) for name in ("headers", "cookies", "timeout")}
    return JobWatch(config.get("address"), connection, as_labels(config.get("metadata")))


ray_executor = _RayExecutorDefinition(
    name="ray",
    config_schema=_SCHEMA,
    requirements=multiple_process_executor_requirements(),
    executor_creation_fn=_create,
    description="Runs each step as a Ray job. The op tag `dagster-ray/config` is merged over the configuration for one step.",
)


class RayStepHandler(StepHandler):
    """Args:
    watch: of the cluster.
    config: runtime_env, num_cpus, num_gpus, memory, resources and env_vars of all steps.
    """

    def __init__(self, watch: JobWatch, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.watch = watch
        self.config = dict(config)
        self._refused: dict[str, DpipesError] = {}
        self._succeeded: dict[str, float] = {}  # since when that is known, by the monotonic clock

    @property
    def name(self) -> str:
        return "RayStepHandler"

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        step_key = _step_key(step_handler_context)
        submission_id = _submission_id(step_handler_context)
        yield DagsterEvent.step_worker_starting(  # pyright: ignore[reportUnknownMemberType]
            step_handler_context.get_step_context(step_key),
            message=f'Executing step "{step_key}" in Ray job {submission_id}.',
            metadata={"Ray Submission ID": dg.MetadataValue.text(submission_id)},
        )
        arguments = step_handler_context.execute_step_args.get_command_args(skip_serialized_namedtuple=True)
        job = self._job(step_handler_context, step_key)
        try:
            self.watch.launch(submission_id=submission_id, entrypoint=shlex.join(arguments), **job)
        except DpipesError as error:
            if error.status != "EIO":  # Ray has not said whether it has the job: that is looked for
                self._refused[submission_id] = error  # of this step alone, as its health

    def _job(self, step_handler_context: StepHandlerContext, step_key: str) -> dict[str, Any]:
        args = step_handler_context.execute_step_args
        run = step_handler_context.dagster_run
        config = merge_config(self.config, config_from_tags(step_handler_context.step_tags[step_key]))
        variables = {
            **{variable["name"]: variable["value"] for variable in args.get_command_env()},
            "DAGSTER_RUN_JOB_NAME": run.job_name,
            "DAGSTER_RUN_STEP_KEY": step_key,
        }
        labels = {"dagster/job": run.job_name, "dagster/op": step_key, "dagster/run-id": args.run_id}
        return job_of_config(config, variables, {**labels, **code_location(run)})

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        step_key = _step_key(step_handler_context)
        submission_id = _submission_id(step_handler_context)
        if submission_id in self._refused:
            return _unhealthy(step_handler_context, self._refused[submission_id])
        try:
            result = self.watch.look(submission_id)
        except DpipesError as error:
            return _without_an_answer(step_handler_context, error)
        if result.error and result.outcome == "UNREACHABLE":
            return _without_an_answer(step_handler_context, result.error)
        if result.error and result.outcome != "UNFINISHED":
            kind = f" ({result.error_type})" if result.error_type else ""
            return CheckStepHealthResult.unhealthy(reason=f"Ray job of step {step_key}{kind}: {result.error}")
        if result.outcome == "SUCCEEDED" and self._seconds_since_success(submission_id) > _SILENT_SECONDS:
            return CheckStepHealthResult.unhealthy(
                reason=f"Ray job {submission_id} has succeeded, but step {step_key} has not said what came of it."
            )
        return CheckStepHealthResult.healthy()

    def _seconds_since_success(self, submission_id: str) -> float:
        now = time.monotonic()
        return now - self._succeeded.setdefault(submission_id, now)

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        step_key = _step_key(step_handler_context)
        submission_id = _submission_id(step_handler_context)
        yield DagsterEvent.engine_event(
            step_handler_context.get_step_context(step_key),
            message=f"Stopping Ray job {submission_id} of the step",
            event_specific_data=EngineEventData(),
        )
        self.watch.stop(submission_id, wait=_STOP_SECONDS)


def _unhealthy(step_handler_context: StepHandlerContext, error: DpipesError) -> CheckStepHealthResult:
    job = f"Ray job {_submission_id(step_handler_context)} of step {_step_key(step_handler_context)}"
    return CheckStepHealthResult.unhealthy(reason=f"{job}: {error}")


def _without_an_answer(step_handler_context: StepHandlerContext, error: DpipesError) -> CheckStepHealthResult:
    """The job may run, and Dagster would start an unhealthy step with a retry policy once more beside it. It writes what is
    raised into the event log instead, and looks again."""
    if step_handler_context.get_step_context(_step_key(step_handler_context)).op_retry_policy:
        raise error
    return _unhealthy(step_handler_context, error)


def _step_key(step_handler_context: StepHandlerContext) -> str:
    keys = dg._check.not_none(step_handler_context.execute_step_args.step_keys_to_execute)
    dg._check.invariant(len(keys) == 1, "one step is launched at a time")
    return keys[0]


def _submission_id(step_handler_context: StepHandlerContext) -> str:
    """Ray's ids are never to be reused, and two steps' names may become the same."""
    args = step_handler_context.execute_step_args
    step_key = _step_key(step_handler_context)
    name = re.sub(r"[^a-z0-9]+", "-", step_key.lower()).strip("-")[:_NAME_MAX]
    mark = hashlib.sha256(f"{args.run_id}/{step_key}".encode()).hexdigest()[:8]
    attempt = args.known_state.get_retry_state().get_attempt_count(step_key) if args.known_state else 0
    parts = ["dagster-step", args.run_id[:8], name, mark, str(attempt) if attempt else ""]
    return "-".join(filter(None, parts))
