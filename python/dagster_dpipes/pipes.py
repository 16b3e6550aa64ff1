"""PipesRayJobClient and PipesRayJobMessageReader, with the arguments of dagster-ray's.

The C client submits, follows the job's log and tells messages from output; Dagster's own session makes the context
and takes each message's line as it came.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

import dagster as dg
from dagster._core.definitions.resource_annotation import TreatAsResourceParam
from dagster._core.pipes.client import PipesClientCompletedInvocation
from dagster._core.pipes.context import PipesLaunchedData
from dagster_pipes import (
    DAGSTER_PIPES_CONTEXT_ENV_VAR,
    DAGSTER_PIPES_MESSAGES_ENV_VAR,
    PipesDefaultMessageWriter,
    PipesExtras,
    PipesParams,
)
from typing_extensions import NotRequired

from dagster_dpipes._native import STEP_MS, Client, DpipesError, Event, LocalRay, Run, Session
from dagster_dpipes.addresses import given_address, resolve_address
from dagster_dpipes.configs import execution_labels

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

OpOrAssetExecutionContext: TypeAlias = dg.OpExecutionContext | dg.AssetExecutionContext

RAY_ADDRESS_KEY = "ray_address"
RAY_JOB_ID_KEY = "ray_job_id"
STDOUT_PARAMS: PipesParams = {PipesDefaultMessageWriter.STDIO_KEY: PipesDefaultMessageWriter.STDOUT}

_NEWS_LEVEL = 20  # of Python's logging: what the client does and meets
_LEAVE_SECONDS = 30.0  # for the log's rest, once Dagster has closed its session


class SubmitJobParams(TypedDict):
    """The arguments of Ray's JobSubmissionClient.submit_job."""

    entrypoint: str
    runtime_env: NotRequired[dict[str, Any]]
    metadata: NotRequired[dict[str, str]]
    submission_id: NotRequired[str]
    entrypoint_num_cpus: NotRequired[float]
    entrypoint_num_gpus: NotRequired[float]
    entrypoint_memory: NotRequired[int]
    entrypoint_resources: NotRequired[dict[str, float]]
    entrypoint_label_selector: NotRequired[dict[str, str]]


def hand_on(handler: dg.PipesMessageHandler, event: Event) -> None:
    """Gives an event to Dagster: a message to its handler, output to our stdout."""
    if event.line is not None and event.kind != "warning":
        try:
            handler.handle_message(json.loads(event.line))
        except Exception:
            handler.report_pipes_framework_exception("dagster_dpipes", sys.exc_info())
    elif event.kind == "output":
        sys.stdout.write(f"{event.text}\n")
    elif event.kind == "warning" and event.line is not None:
        _log(handler).warning(f"[pipes] {event.text}")


def _log(handler: dg.PipesMessageHandler) -> dg.DagsterLogManager:
    return handler._context.log  # pyright: ignore[reportPrivateUsage]


class _FedReader(dg.PipesMessageReader):
    """Of a run of our own client, which follows the log anyway and feeds Dagster's handler from there."""

    @contextmanager
    def read_messages(self, handler: dg.PipesMessageHandler) -> Generator[PipesParams, None, None]:
        yield STDOUT_PARAMS

    def no_messages_debug_text(self) -> str:
        return "Messages were looked for in the Ray job's log, to its end."


class PipesRayJobMessageReader(dg.PipesMessageReader):
    """Reads messages from a Ray job's log, from its beginning to its end, and writes the rest of it to stdout.

    For a session of one's own: it begins once PipesSession.report_launched was called with `ray_address` and
    `ray_job_id` among the extras.

    Args:
        job_submission_client_kwargs: of JobSubmissionClient, but for the address: headers, cookies, verify.
    """

    def __init__(self, job_submission_client_kwargs: dict[str, Any] | None = None) -> None:
        self._kwargs = job_submission_client_kwargs or {}
        self._address: str | None = None
        self._job_id: str | None = None
        self._launched = threading.Event()
        self._closed = threading.Event()
        self.completed = threading.Event()

    @property
    def job_id(self) -> str:
        if self._job_id is None:
            raise RuntimeError("job_id is known once PipesSession.report_launched was called")
        return self._job_id

    def on_launched(self, launched_payload: PipesLaunchedData) -> None:
        self._address = launched_payload["extras"][RAY_ADDRESS_KEY]
        self._job_id = launched_payload["extras"][RAY_JOB_ID_KEY]
        self._launched.set()
        super().on_launched(launched_payload)

    def messages_are_readable(self, params: PipesParams) -> bool:
        return self._launched.is_set()

    @contextmanager
    def read_messages(self, handler: dg.PipesMessageHandler) -> Generator[PipesParams, None, None]:
        self._launched.clear()
        self._closed.clear()
        self.completed.clear()
        thread = threading.Thread(target=self._read, args=(handler,), name="ray job log", daemon=True)
        thread.start()
        try:
            yield STDOUT_PARAMS
        finally:
            self._closed.set()
            thread.join()
            if not self._launched.is_set():
                _log(handler).warning(
                    "[pipes] PipesSession.report_launched was not called before the session was closed, so no log was read."
                )

    def no_messages_debug_text(self) -> str:
        return (
            "Messages were looked for in the Ray job's log. PipesSession.report_launched must have been called with "
            f"`{RAY_ADDRESS_KEY}` and `{RAY_JOB_ID_KEY}` among its extras."
        )

    def _read(self, handler: dg.PipesMessageHandler) -> None:
        try:
            while not self._launched.wait(STEP_MS / 1000):
                if self._closed.is_set():
                    return
            self._follow(handler)
        except Exception:
            handler.report_pipes_framework_exception("PipesRayJobMessageReader", sys.exc_info())
        finally:
            self.completed.set()

    def _follow(self, handler: dg.PipesMessageHandler) -> None:
        """To the end of the job's log; the session's own end may come before, by as much as the log takes to be read."""
        kwargs = {name: self._kwargs[name] for name in ("headers", "cookies", "verify") if name in self._kwargs}
        waited = 0.0
        with Client(resolve_address(self._address), **kwargs) as client:
            run = client.attach(Session(), self.job_id, forward_termination=False)
            while not run.ended and waited < _LEAVE_SECONDS:
                client.step(STEP_MS / 1000)
                waited += STEP_MS / 1000 if self._closed.is_set() else 0
                for _, event in client.events():
                    hand_on(handler, event)


class PipesRayJobClient(dg.PipesClient, TreatAsResourceParam):
    """Runs Ray jobs as Dagster Pipes: on any cluster, from any number of assets, threads and processes.

    Args:
        address: http(s)://…, `host:port`, `auto` or `ray://…`; None: that of the environment, else of the Ray that runs here.
        create_cluster_if_needed: a LocalRay is started where no address is known and no cluster answers; it ends with
            this process.
        headers: HTTP headers of all requests.
        verify: whether the certificate is checked, or a file of certificates to check it with.
        cookies: of all requests.
        metadata: of all jobs; a job's own wins.
        context_injector: by default the context travels in the environment.
        message_reader: by default messages come in the job's log.
        forward_termination: the job is stopped when Dagster's process is interrupted.
        timeout: seconds that bound each request.
        poll_interval: the longest pause between two looks at the status, in seconds.
        client: a Ray JobSubmissionClient, whose address, headers, cookies, verify and metadata are taken over.
        run_timeout: seconds that bound the whole job, which is then stopped.
        pending_timeout: seconds that a job may be PENDING, before it is stopped.
    """

    def __init__(
        self,
        address: str | None = None,
        create_cluster_if_needed: bool = False,
        headers: dict[str, Any] | None = None,
        verify: str | bool = True,
        cookies: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        context_injector: dg.PipesContextInjector | None = None,
        message_reader: dg.PipesMessageReader | None = None,
        forward_termination: bool = True,
        timeout: float = 600,
        poll_interval: float = 1,
        *,
        client: JobSubmissionClient | None = None,
        run_timeout: float | None = None,
        pending_timeout: float | None = None,
    ) -> None:
        if client is not None:
            given: Any = client  # Ray has no public names for these
            address, headers, cookies = given._address, given._headers, given._cookies
            verify, metadata = given._verify, given._default_metadata
        self._address = address
        self._create_cluster_if_needed = create_cluster_if_needed
        self._headers = headers
        self._verify = verify
        self._cookies = cookies
        self._metadata = metadata or {}
        self._context_injector = context_injector or dg.PipesEnvContextInjector()
        self._message_reader = message_reader
        self._local_ray: LocalRay | None = None
        self._lock = threading.Lock()
        self.forward_termination = dg._check.bool_param(forward_termination, "forward_termination")
        self.timeout = dg._check.numeric_param(timeout, "timeout")
        self.poll_interval = dg._check.numeric_param(poll_interval, "poll_interval")
        self.run_timeout = dg._check.opt_numeric_param(run_timeout, "run_timeout")
        self.pending_timeout = dg._check.opt_numeric_param(pending_timeout, "pending_timeout")

    def run(  # type: ignore[override]
        self,
        *,
        context: OpOrAssetExecutionContext,
        submit_job_params: SubmitJobParams,
        extras: PipesExtras | None = None,
    ) -> PipesClientCompletedInvocation:
        """Runs one job to its end.

        Args:
            context: of the op or asset.
            submit_job_params: of JobSubmissionClient.submit_job; nothing in them is modified.
            extras: what the program gets by `get_extra`.

        Raises:
            DpipesError: the job failed, was stopped, is lost, or could not be submitted.
        """
        reader = self._message_reader or _FedReader()
        with (
            dg.open_pipes_session(
                context=context, context_injector=self._context_injector, message_reader=reader, extras=extras
            ) as session,
            self._client(context) as client,
        ):
            job_id = self._run(client, context, session, submit_job_params)
            return PipesClientCompletedInvocation(session, metadata={"Ray Job ID": job_id})

    def get_dagster_tags(self, context: OpOrAssetExecutionContext) -> dict[str, str]:
        """The metadata that each job gets."""
        return execution_labels(context.run)

    def _client(self, context: OpOrAssetExecutionContext) -> Client:
        def note(level: int, message: str) -> None:
            if level >= _NEWS_LEVEL:
                context.log.log(level, f"[pipes] {message}")

        return Client(
            self._dashboard(note),
            headers=self._headers,
            cookies=self._cookies,
            verify=self._verify,
            timeout=self.timeout,
            poll_interval=self.poll_interval,
            logger=note,
        )

    def _dashboard(self, note: Any) -> str:
        if not self._create_cluster_if_needed or given_address(self._address):
            return resolve_address(self._address)
        with self._lock:
            if self._local_ray is None:
                self._local_ray = LocalRay(logger=note)
            return self._local_ray.address

    def _run(
        self,
        client: Client,
        context: OpOrAssetExecutionContext,
        session: dg.PipesSession,
        submit_job_params: SubmitJobParams,
    ) -> str:
        variables = session.get_bootstrap_env_vars()
        own = Session(variables=(variables[DAGSTER_PIPES_CONTEXT_ENV_VAR], variables[DAGSTER_PIPES_MESSAGES_ENV_VAR]))
        run = client.start(own, **self._job(context, submit_job_params))
        context.log.info(f"[pipes] Starting Ray job {run.submission_id}...")
        try:
            self._follow(client, run, session)
        except BaseException:
            self._leave(client, run, session, context)
            raise
        result = run.result()
        if result.error:
            raise result.error
        return result.submission_id

    def _job(self, context: OpOrAssetExecutionContext, params: SubmitJobParams) -> dict[str, Any]:
        job: dict[str, Any] = {name: value for name, value in params.items() if value is not None}
        job["metadata"] = {**self._metadata, **(params.get("metadata") or {}), **self.get_dagster_tags(context)}
        job["runtime_env"] = complete_runtime_env(params.get("runtime_env"))
        return {
            **job,
            "run_timeout": self.run_timeout,
            "pending_timeout": self.pending_timeout,
            "forward_termination": self.forward_termination,
        }

    def _leave(self, client: Client, run: Run, session: dg.PipesSession, context: OpOrAssetExecutionContext) -> None:
        """Interrupted: what the program says while it ends is taken, too. A second interrupt leaves at once."""
        if run.ended or not self.forward_termination:
            return
        context.log.warning(f"[pipes] interrupted: stopping Ray job {run.submission_id}")
        run.cancel()
        try:
            self._follow(client, run, session)
        except BaseException:
            context.log.warning(f"[pipes] interrupted again: Ray job {run.submission_id} may run on")
            raise
        context.log.info(f"[pipes] {run.result().error}")

    def _follow(self, client: Client, run: Run, session: dg.PipesSession) -> None:
        """To the run's end. A reader that was given tells Dagster itself what the program says."""
        launched = False
        while not run.ended:
            client.step(STEP_MS / 1000)
            if not launched and run.status != "UNKNOWN":
                launched = True
                session.report_launched({"extras": {RAY_JOB_ID_KEY: run.submission_id, RAY_ADDRESS_KEY: client.address}})
            for _, event in client.events():
                if self._message_reader is None:
                    hand_on(session.message_handler, event)


def complete_runtime_env(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """A copy; files that it names on this machine (of pip, uv, conda) are read as Ray's own client reads them."""
    runtime_env = dict(given or {})
    if not any(isinstance(runtime_env.get(name), str) for name in ("pip", "uv", "conda")):
        return runtime_env
    from ray.runtime_env import RuntimeEnv

    local = {name: runtime_env.pop(name) for name in ("working_dir", "py_modules", "excludes") if name in runtime_env}
    try:
        whole: Any = RuntimeEnv(**runtime_env)
        return {**whole.to_dict(), **local}
    except (ValueError, TypeError) as error:
        raise DpipesError(f"runtime_env: {error}", "EINVAL") from error
