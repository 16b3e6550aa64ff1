"""The C client of Ray's job API: client, runs, events, LocalRay.

A Client and what belongs to it is for one thread at a time. Waiting calls give the GIL away and return at least every
0.1 s, so that signal handlers run. Failures are raised as DpipesError.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster_dpipes import _structs as c

_lib = c.load()

STEP_MS = 100  # how long a wait keeps a signal handler from running

_CURLS_CA_FILE = Path("/etc/ssl/certs/ca-certificates.crt")  # as Debian builds it

Logger = Callable[[int, str], None]
"""Takes what the client does and meets: a level of Python's logging, and a line."""

_LEVELS = [10, 20, 30, 40, 50]
_KINDS = [
    "output",
    "opened",
    "log",
    "materialization",
    "check",
    "custom",
    "external_stream",
    "closed",
    "warning",
]
_PIPES, _STATUS, _ENDED = 0, 1, 2


class DpipesError(RuntimeError):
    """A failure of the C library: its sentence, and its status without the prefix: "EINVAL", "EREMOTE", …"""

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status


def _failure(error: c.Error) -> DpipesError:
    name = _lib.dpipes_status_name(error.status).decode()
    return DpipesError(error.message.decode("utf-8", "replace"), name.removeprefix("DPIPES_"))


def _check(status: int, error: c.Error) -> None:
    if status != 0:
        raise _failure(error)


def _bytes(text: str | None) -> bytes | None:
    """As a C string. A NUL would end it early."""
    if text is None:
        return None
    if "\0" in text:
        raise DpipesError(f"{text!r}: has a NUL in it", "EINVAL")
    return text.encode()


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode("utf-8", "replace")


def _json(value: Any, what: str) -> bytes | None:
    if value is None:
        return None
    try:
        return json.dumps(value, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise DpipesError(f"{what}: cannot be sent as JSON: {error}", "EINVAL") from error


def _pairs(mapping: Mapping[str, Any] | None) -> tuple[Any, int]:
    items = [(_bytes(str(name)), _bytes(str(value))) for name, value in (mapping or {}).items()]
    return (c.Pair * len(items))(*items), len(items)


def _ms(seconds: float | None) -> int:
    """0 stands for the default, so a positive time is at least 1 ms."""
    return 0 if seconds is None else max(1, round(seconds * 1000))


def _ca_file(verify: bool | str | None) -> str | None:
    """None: curl's own. A wheel's curl looks where the system that built it has its certificates; Python knows this one's."""
    if isinstance(verify, str):
        return verify
    if verify is False or _CURLS_CA_FILE.exists():
        return None
    import ssl

    return ssl.get_default_verify_paths().cafile


def _texts(values: tuple[str, ...]) -> Any:
    return (ctypes.c_char_p * len(values))(*[_bytes(value) for value in values])


def _logger(logger: Logger | None) -> Any:
    if logger is None:
        return c.LOGGER()

    def note(_: int | None, level: int, message: bytes) -> None:
        logger(_LEVELS[level], message.decode("utf-8", "replace"))

    return c.LOGGER(note)


def _span(text: c.Text) -> bytes | None:
    return ctypes.string_at(text.data, text.length) if text.data is not None else None


@dataclass(frozen=True, slots=True)
class Event:
    """What a program said: `kind` is "output", "opened", "log", "materialization", "check", "custom",
    "external_stream", "closed" or "warning" (of the client's own)."""

    kind: str
    text: str | None
    level: int
    severity: str
    passed: bool
    name: str | None
    asset_key: str | None
    check_name: str | None
    data_version: str | None
    json: str | None
    line: bytes | None
    """The whole message as it came; None where there is none."""
    offset: int
    """Bytes of the log that are done with this event."""

    @property
    def data(self) -> Any:
        """`json` as Python's values: metadata, a payload, extras, an exception."""
        return None if self.json is None else json.loads(self.json)


def _event(raw: Any) -> Event:
    return Event(
        kind=_KINDS[int(raw.kind)],
        text=_text(_span(raw.text)),
        level=_LEVELS[int(raw.level)],
        severity=("ERROR", "WARN")[int(raw.severity)],
        passed=raw.passed,
        name=_text(_span(raw.name)),
        asset_key=_text(_span(raw.asset_key)),
        check_name=_text(_span(raw.check_name)),
        data_version=_text(_span(raw.data_version)),
        json=_text(_span(raw.json)),
        line=_span(raw.line),
        offset=raw.offset,
    )


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a job. `outcome` is "SUCCEEDED", "FAILED", "STOPPED", "DELETED", "REFUSED", "TIMED_OUT",
    "PENDING_TOO_LONG", "CANCELED", "DETACHED", "LOST", "UNREACHABLE", "LOG_INCOMPLETE" or "UNFINISHED"."""

    submission_id: str
    status: str
    outcome: str
    exit_code: int | None
    error_type: str | None
    message: str | None
    last_lines: str | None
    log_bytes: int
    reconnects: int
    submitted_ms: int
    start_ms: int
    end_ms: int
    error: DpipesError | None
    """None: it succeeded."""


@dataclass(frozen=True, slots=True)
class JobInfo:
    submission_id: str | None
    entrypoint: str
    status: str
    message: str | None
    error_type: str | None
    metadata: dict[str, str]
    node_id: str | None
    start_ms: int
    end_ms: int
    exit_code: int | None


def _status_name(status: int) -> str:
    return _lib.dpipes_ray_job_status_name(status).decode()


def _job_info(raw: c.JobInfo) -> JobInfo:
    return JobInfo(
        submission_id=_text(raw.submission_id),
        entrypoint=_text(raw.entrypoint) or "",
        status=_status_name(raw.status),
        message=_text(raw.message),
        error_type=_text(raw.error_type),
        metadata=json.loads(raw.metadata_json),
        node_id=_text(raw.node_id),
        start_ms=raw.start_ms,
        end_ms=raw.end_ms,
        exit_code=raw.exit_code if raw.has_exit_code else None,
    )


class Session:
    """What a program is told, and who understands what it says.

    `variables` are the values of DAGSTER_PIPES_CONTEXT and DAGSTER_PIPES_MESSAGES that another session has made. With
    `pipes=False` the program is told nothing, and its output is output alone.
    """

    def __init__(
        self,
        *,
        variables: tuple[str, str] | None = None,
        pipes: bool = True,
        run_id: str | None = None,
        job_name: str | None = None,
        asset_keys: tuple[str, ...] = (),
        partition_key: str | None = None,
        extras: Mapping[str, Any] | None = None,
    ) -> None:
        error = c.Error()
        context, messages = variables or (None, None)
        params = c.ContextParams(
            run_id=_bytes(run_id),
            job_name=_bytes(job_name),
            asset_keys=_texts(asset_keys),
            asset_key_count=len(asset_keys),
            partition_key=_bytes(partition_key),
            extras_json=_json(extras, "extras"),
        )
        options = c.SessionOptions(context_variable=_bytes(context), messages_variable=_bytes(messages), no_pipes=not pipes)
        self.handle = _lib.dpipes_session_new(params, options, error)
        if not self.handle:
            raise _failure(error)
        self._free = weakref.finalize(self, _lib.dpipes_session_free, self.handle)
        self._free.atexit = False  # a run that goes on would find it gone

    def close(self) -> None:
        self._free()


class Run:
    """A job on its way, made by Client.start and Client.attach."""

    def __init__(self, handle: int, session: Session) -> None:
        self.handle = handle
        self.session = session  # which must live as long

    @property
    def submission_id(self) -> str:
        return _lib.dpipes_ray_run_submission_id(self.handle).decode()

    @property
    def status(self) -> str:
        """Ray's: "PENDING", "RUNNING", "STOPPED", "SUCCEEDED", "FAILED"; "UNKNOWN" before it is known."""
        return _status_name(_lib.dpipes_ray_run_status(self.handle))

    @property
    def ended(self) -> bool:
        return _lib.dpipes_ray_run_ended(self.handle)

    def cancel(self) -> None:
        """Asks to stop the job and to wait for its end; a second time: to leave at once."""
        _lib.dpipes_ray_run_cancel(self.handle)

    def detach(self) -> None:
        """The run ends as soon as Ray has the job, which runs on."""
        _lib.dpipes_ray_run_detach(self.handle)

    def result(self) -> Result:
        """What it came to; while it goes on, what is known."""
        error, raw = c.Error(), c.RunResult()
        status = _lib.dpipes_ray_run_result(self.handle, raw, error)
        try:
            return Result(
                submission_id=raw.submission_id.decode(),
                status=_status_name(raw.status),
                outcome=_lib.dpipes_ray_outcome_name(raw.outcome).decode(),
                exit_code=raw.exit_code if raw.has_exit_code else None,
                error_type=raw.error_type.decode() or None,
                message=_text(raw.message),
                last_lines=_text(raw.last_lines),
                log_bytes=raw.log_bytes,
                reconnects=raw.reconnects,
                submitted_ms=raw.submitted_ms,
                start_ms=raw.start_ms,
                end_ms=raw.end_ms,
                error=_failure(error) if status != 0 else None,
            )
        finally:
            _lib.dpipes_ray_result_fini(raw)


class Client:
    """Any number of jobs at one address. `verify` is True, False or a file of certificates, as Ray has it."""

    def __init__(
        self,
        address: str | None = None,
        *,
        headers: Mapping[str, Any] | None = None,
        cookies: Mapping[str, Any] | None = None,
        verify: bool | str | None = True,
        token_file: str | None = None,
        timeout: float | None = None,
        poll_interval: float | None = None,
        give_up_after: float | None = None,
        lost_after: float | None = None,
        max_streams: int = 0,
        logger: Logger | None = None,
    ) -> None:
        error = c.Error()
        self._logger = _logger(logger)  # lives as long as the client calls it
        header_array, header_count = _pairs(headers)
        cookie_array, cookie_count = _pairs(cookies)
        options = c.ClientOptions(
            address=_bytes(address),
            headers=header_array,
            header_count=header_count,
            cookies=cookie_array,
            cookie_count=cookie_count,
            token_file=_bytes(token_file),
            ca_file=_bytes(_ca_file(verify)),
            insecure=verify is False,
            timeout_ms=_ms(timeout),
            poll_interval_ms=_ms(poll_interval),
            give_up_after_ms=_ms(give_up_after),
            lost_after_ms=_ms(lost_after),
            max_streams=max_streams,
            logger=self._logger,
            queue_events=True,
        )
        self._runs: dict[int, Run] = {}
        self._handle = _lib.dpipes_ray_client_new(options, error)
        if not self._handle:
            raise _failure(error)
        self._free = weakref.finalize(self, _free_client, self._handle, self._runs, self._logger)

    @property
    def address(self) -> str:
        return _lib.dpipes_ray_client_address(self._handle).decode()

    def fileno(self) -> int:
        """Readable when `step` has something to do."""
        return _lib.dpipes_ray_client_fd(self._handle)

    def start(
        self,
        session: Session,
        *,
        entrypoint: str,
        submission_id: str | None = None,
        runtime_env: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        entrypoint_num_cpus: float | None = None,
        entrypoint_num_gpus: float | None = None,
        entrypoint_memory: int | None = None,
        entrypoint_resources: Mapping[str, float] | None = None,
        entrypoint_label_selector: Mapping[str, str] | None = None,
        working_dir: str | None = None,
        ship: tuple[str, ...] = (),
        run_timeout: float | None = None,
        pending_timeout: float | None = None,
        forward_termination: bool = True,
        read_log: bool = True,
    ) -> Run:
        error = c.Error()
        metadata_array, metadata_count = _pairs(metadata)
        job = c.Job(
            entrypoint=_bytes(entrypoint),
            submission_id=_bytes(submission_id),
            runtime_env_json=_json(runtime_env, "runtime_env"),
            metadata=metadata_array,
            metadata_count=metadata_count,
            entrypoint_num_cpus=entrypoint_num_cpus or 0,
            entrypoint_num_gpus=entrypoint_num_gpus or 0,
            entrypoint_memory=entrypoint_memory or 0,
            entrypoint_resources_json=_json(entrypoint_resources, "entrypoint_resources"),
            entrypoint_label_selector_json=_json(entrypoint_label_selector, "entrypoint_label_selector"),
            working_dir=_bytes(working_dir),
            ship=_texts(ship),
            ship_count=len(ship),
            run_timeout_ms=_ms(run_timeout),
            pending_timeout_ms=_ms(pending_timeout),
            no_forward_termination=not forward_termination,
            no_log=not read_log,
        )
        return self._take(_lib.dpipes_ray_client_start(self._handle, job, session.handle, error), session, error)

    def attach(
        self,
        session: Session,
        submission_id: str,
        *,
        offset: int = 0,
        forward_termination: bool = True,
        read_log: bool = True,
    ) -> Run:
        error = c.Error()
        attach = c.Attach(
            submission_id=_bytes(submission_id),
            offset=offset,
            no_forward_termination=not forward_termination,
            no_log=not read_log,
        )
        return self._take(_lib.dpipes_ray_client_attach(self._handle, attach, session.handle, error), session, error)

    def _take(self, handle: int | None, session: Session, error: c.Error) -> Run:
        if not handle:
            raise _failure(error)
        run = self._runs[handle] = Run(handle, session)
        return run

    def forget(self, run: Run) -> None:
        """The run is done with; one that goes on leaves its job as it is."""
        if self._runs.pop(run.handle, None):
            _lib.dpipes_ray_run_free(run.handle)

    def step(self, seconds: float) -> None:
        """Moves all runs on, after waiting up to so long for something to do."""
        error = c.Error()
        _check(_lib.dpipes_ray_client_step(self._handle, round(seconds * 1000), error), error)

    def events(self) -> Iterator[tuple[Run, Event]]:
        """What the programs have said since the last call."""
        raw = c.RayEvent()
        while _lib.dpipes_ray_client_next_event(self._handle, raw):
            if raw.kind == _PIPES:
                yield self._runs[raw.run], _event(raw.pipes)

    def follow(self, run: Run) -> Iterator[Event]:
        """The events of the only run of the client, until it has ended."""
        while not run.ended:
            self.step(STEP_MS / 1000)
            for _, event in self.events():
                yield event

    def submit(self, **job: Any) -> str:
        """Submits a job without Pipes, which nobody follows; the arguments are those of `start`."""
        session = Session(pipes=False)
        run = self.start(session, **job)
        run.detach()
        while not run.ended:
            self.step(STEP_MS / 1000)
        result = run.result()
        self.forget(run)
        if result.error and result.outcome != "DETACHED":
            raise result.error
        return result.submission_id

    def list_jobs(self) -> list[JobInfo]:
        """The newest first."""
        error, jobs, count = c.Error(), ctypes.POINTER(c.JobInfo)(), ctypes.c_size_t()
        _check(_lib.dpipes_ray_client_list_jobs(self._handle, jobs, count, error), error)
        try:
            return [_job_info(jobs[i]) for i in range(count.value)]
        finally:
            _lib.dpipes_ray_jobs_free(jobs, count)

    def get_job(self, submission_id: str) -> JobInfo:
        """DpipesError with status ENOENT: Ray does not know it."""
        error, jobs = c.Error(), ctypes.POINTER(c.JobInfo)()
        _check(_lib.dpipes_ray_client_get_job(self._handle, _bytes(submission_id), jobs, error), error)
        try:
            return _job_info(jobs[0])
        finally:
            _lib.dpipes_ray_jobs_free(jobs, 1)

    def stop_job(self, submission_id: str) -> bool:
        """False: it had ended already. Does not wait for its end."""
        error, stopped = c.Error(), ctypes.c_bool()
        _check(_lib.dpipes_ray_client_stop_job(self._handle, _bytes(submission_id), stopped, error), error)
        return stopped.value

    def delete_job(self, submission_id: str) -> None:
        error = c.Error()
        _check(_lib.dpipes_ray_client_delete_job(self._handle, _bytes(submission_id), error), error)

    def close(self) -> None:
        self._free()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _free_client(handle: int, runs: dict[int, Run], _logger: Any) -> None:
    for run in runs:
        _lib.dpipes_ray_run_free(run)
    runs.clear()
    _lib.dpipes_ray_client_free(handle)


class LocalRay:
    """A Ray cluster of this process on this machine, which ends with it, however that ends."""

    def __init__(
        self,
        *,
        num_cpus: float | None = None,
        num_gpus: float | None = None,
        object_store_memory: int | None = None,
        resources: Mapping[str, float] | None = None,
        labels: Mapping[str, str] | None = None,
        runtime_env: Mapping[str, Any] | None = None,
        env_vars: Mapping[str, str] | None = None,
        dashboard_port: int = 0,
        temp_dir: str | None = None,
        timeout: float | None = None,
        auth: bool = True,
        logger: Logger | None = None,
    ) -> None:
        error = c.Error()
        self._logger = _logger(logger)
        env_array, env_count = _pairs(env_vars)
        options = c.LocalRayOptions(
            ray=_bytes(_ray_beside_python()),
            num_cpus=num_cpus or 0,
            num_gpus=num_gpus or 0,
            object_store_memory=object_store_memory or 0,
            dashboard_port=dashboard_port,
            no_auth=not auth,
            timeout_ms=_ms(timeout),
            logger=self._logger,
            resources_json=_json(resources, "resources"),
            labels_json=_json(labels, "labels"),
            env_vars=env_array,
            env_var_count=env_count,
            temp_dir=_bytes(temp_dir),
            runtime_env_json=_json(runtime_env, "runtime_env"),
        )
        handle = _lib.dpipes_local_ray_start(options, error)
        if not handle:
            raise _failure(error)
        self.address = _lib.dpipes_local_ray_address(handle).decode()
        self.gcs_address = _lib.dpipes_local_ray_gcs_address(handle).decode()
        self.token_file = _text(_lib.dpipes_local_ray_token_file(handle))
        self._free = weakref.finalize(self, _stop_local_ray, handle, os.getpid())

    def stop(self) -> None:
        self._free()


def _stop_local_ray(handle: int, owner: int) -> None:
    """A forked child has the object, but not the cluster."""
    if os.getpid() == owner:
        _lib.dpipes_local_ray_stop(handle)


def _ray_beside_python() -> str | None:
    """The `ray` of the environment that this Python is of, unless DPIPES_RAY names another."""
    program = Path(sys.executable).with_name("ray")
    return None if os.environ.get("DPIPES_RAY") or not program.exists() else str(program)


def version() -> str:
    return _lib.dpipes_version().decode()
