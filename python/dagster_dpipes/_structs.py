"""The structs of <dagster_pipes/session.h> and <dagster_pipes/ray.h>, field by field, and the calls that take them.

tests/python/test_structs.py compares them with the headers.
"""

from __future__ import annotations

import ctypes
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_bool,
    c_char,
    c_char_p,
    c_double,
    c_int,
    c_int64,
    c_size_t,
    c_uint,
    c_uint64,
    c_void_p,
)
from pathlib import Path
from typing import Any

LOGGER = CFUNCTYPE(None, c_void_p, c_int, c_char_p)


class Sized(Structure):
    """A struct that begins with its own size."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(size=ctypes.sizeof(self), **fields)


class Error(Structure):
    _fields_ = [("status", c_int), ("message", c_char * 1020)]


class Pair(Structure):
    _fields_ = [("name", c_char_p), ("value", c_char_p)]


class Text(Structure):
    _fields_ = [("data", c_void_p), ("length", c_size_t)]


class ContextParams(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("run_id", c_char_p),
        ("job_name", c_char_p),
        ("retry_number", c_int64),
        ("asset_keys", POINTER(c_char_p)),
        ("asset_key_count", c_size_t),
        ("code_versions", POINTER(c_char_p)),
        ("partition_key", c_char_p),
        ("extras_json", c_char_p),
        ("provenances_json", POINTER(c_char_p)),
        ("time_window_start", c_char_p),
        ("time_window_end", c_char_p),
    ]


class SessionOptions(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("on_event", c_void_p),
        ("user", c_void_p),
        ("max_line", c_size_t),
        ("context_variable", c_char_p),
        ("messages_variable", c_char_p),
        ("no_pipes", c_bool),
        ("offset", c_uint64),
    ]


class PipesEvent(Structure):
    _fields_ = [
        ("kind", c_int),
        ("level", c_int),
        ("severity", c_int),
        ("passed", c_bool),
        ("text", Text),
        ("name", Text),
        ("asset_key", Text),
        ("check_name", Text),
        ("data_version", Text),
        ("json", Text),
        ("line", Text),
        ("offset", c_uint64),
    ]


class RayEvent(Structure):
    _fields_ = [("kind", c_int), ("run", c_void_p), ("status", c_int), ("pipes", PipesEvent)]


class LocalRayOptions(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("ray", c_char_p),
        ("num_cpus", c_double),
        ("num_gpus", c_double),
        ("object_store_memory", c_int64),
        ("dashboard_port", c_int),
        ("no_auth", c_bool),
        ("detached", c_bool),
        ("timeout_ms", c_int64),
        ("cancel", POINTER(c_int)),
        ("logger", LOGGER),
        ("logger_user", c_void_p),
        ("resources_json", c_char_p),
        ("labels_json", c_char_p),
        ("env_vars", POINTER(Pair)),
        ("env_var_count", c_size_t),
        ("temp_dir", c_char_p),
        ("reuse", c_bool),
        ("runtime_env_json", c_char_p),
        ("runtime_env_file", c_char_p),
    ]


class ClientOptions(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("address", c_char_p),
        ("headers", POINTER(Pair)),
        ("header_count", c_size_t),
        ("token_file", c_char_p),
        ("ca_file", c_char_p),
        ("insecure", c_bool),
        ("timeout_ms", c_int64),
        ("poll_interval_ms", c_int64),
        ("give_up_after_ms", c_int64),
        ("lost_after_ms", c_int64),
        ("logger", LOGGER),
        ("logger_user", c_void_p),
        ("cookies", POINTER(Pair)),
        ("cookie_count", c_size_t),
        ("client_cert_file", c_char_p),
        ("client_key_file", c_char_p),
        ("stall_after_ms", c_int64),
        ("max_streams", c_uint),
        ("queue_events", c_bool),
        ("local_ray", POINTER(LocalRayOptions)),
    ]


class Job(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("entrypoint", c_char_p),
        ("submission_id", c_char_p),
        ("runtime_env_json", c_char_p),
        ("env_vars", POINTER(Pair)),
        ("env_var_count", c_size_t),
        ("metadata", POINTER(Pair)),
        ("metadata_count", c_size_t),
        ("entrypoint_num_cpus", c_double),
        ("entrypoint_num_gpus", c_double),
        ("entrypoint_memory", c_int64),
        ("entrypoint_resources_json", c_char_p),
        ("run_timeout_ms", c_int64),
        ("entrypoint_label_selector_json", c_char_p),
        ("pending_timeout_ms", c_int64),
        ("no_forward_termination", c_bool),
        ("message_channel", c_int),
        ("message_path", c_char_p),
        ("context_path", c_char_p),
        ("working_dir", c_char_p),
        ("ship", POINTER(c_char_p)),
        ("ship_count", c_size_t),
        ("message_reader", c_void_p),
        ("runtime_env_file", c_char_p),
        ("no_log", c_bool),
        ("stop_lost", c_bool),
    ]


class Attach(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("submission_id", c_char_p),
        ("offset", c_uint64),
        ("run_timeout_ms", c_int64),
        ("no_forward_termination", c_bool),
        ("no_log", c_bool),
        ("message_path", c_char_p),
        ("message_reader", c_void_p),
        ("stop_lost", c_bool),
    ]


class RunResult(Structure):
    _fields_ = [
        ("submission_id", c_char * 128),
        ("status", c_int),
        ("has_exit_code", c_bool),
        ("exit_code", c_int),
        ("error_type", c_char * 64),
        ("message", c_char_p),
        ("submitted_ms", c_int64),
        ("start_ms", c_int64),
        ("end_ms", c_int64),
        ("log_bytes", c_uint64),
        ("reconnects", c_uint),
        ("outcome", c_int),
        ("last_lines", c_char_p),
        ("may_run", c_bool),
    ]


class JobInfo(Structure):
    _fields_ = [
        ("submission_id", c_char_p),
        ("entrypoint", c_char_p),
        ("status", c_int),
        ("message", c_char_p),
        ("error_type", c_char_p),
        ("metadata_json", c_char_p),
        ("node_id", c_char_p),
        ("start_ms", c_int64),
        ("end_ms", c_int64),
        ("has_exit_code", c_bool),
        ("exit_code", c_int),
    ]


# What a call returns and takes; handles are c_void_p.
_CALLS: dict[str, tuple[Any, list[Any]]] = {
    "dpipes_status_name": (c_char_p, [c_int]),
    "dpipes_version": (c_char_p, []),
    "dpipes_session_new": (c_void_p, [POINTER(ContextParams), POINTER(SessionOptions), POINTER(Error)]),
    "dpipes_session_free": (None, [c_void_p]),
    "dpipes_ray_client_new": (c_void_p, [POINTER(ClientOptions), POINTER(Error)]),
    "dpipes_ray_client_free": (None, [c_void_p]),
    "dpipes_ray_client_address": (c_char_p, [c_void_p]),
    "dpipes_ray_client_start": (c_void_p, [c_void_p, POINTER(Job), c_void_p, POINTER(Error)]),
    "dpipes_ray_client_attach": (c_void_p, [c_void_p, POINTER(Attach), c_void_p, POINTER(Error)]),
    "dpipes_ray_client_step": (c_int, [c_void_p, c_int64, POINTER(Error)]),
    "dpipes_ray_client_fd": (c_int, [c_void_p]),
    "dpipes_ray_client_next_event": (c_bool, [c_void_p, POINTER(RayEvent)]),
    "dpipes_ray_client_list_jobs": (c_int, [c_void_p, POINTER(POINTER(JobInfo)), POINTER(c_size_t), POINTER(Error)]),
    "dpipes_ray_client_get_job": (c_int, [c_void_p, c_char_p, POINTER(POINTER(JobInfo)), POINTER(Error)]),
    "dpipes_ray_jobs_free": (None, [POINTER(JobInfo), c_size_t]),
    "dpipes_ray_client_stop_job": (c_int, [c_void_p, c_char_p, POINTER(c_bool), POINTER(Error)]),
    "dpipes_ray_client_delete_job": (c_int, [c_void_p, c_char_p, POINTER(Error)]),
    "dpipes_ray_job_status_name": (c_char_p, [c_int]),
    "dpipes_ray_outcome_name": (c_char_p, [c_int]),
    "dpipes_ray_run_ended": (c_bool, [c_void_p]),
    "dpipes_ray_run_submission_id": (c_char_p, [c_void_p]),
    "dpipes_ray_run_status": (c_int, [c_void_p]),
    "dpipes_ray_run_result": (c_int, [c_void_p, POINTER(RunResult), POINTER(Error)]),
    "dpipes_ray_run_cancel": (None, [c_void_p]),
    "dpipes_ray_run_detach": (None, [c_void_p]),
    "dpipes_ray_run_free": (None, [c_void_p]),
    "dpipes_ray_result_fini": (None, [POINTER(RunResult)]),
    "dpipes_local_ray_start": (c_void_p, [POINTER(LocalRayOptions), POINTER(Error)]),
    "dpipes_local_ray_address": (c_char_p, [c_void_p]),
    "dpipes_local_ray_gcs_address": (c_char_p, [c_void_p]),
    "dpipes_local_ray_token_file": (c_char_p, [c_void_p]),
    "dpipes_local_ray_stop": (None, [c_void_p]),
}


def load() -> ctypes.CDLL:
    """The library beside this file. ctypes gives the GIL away for the time of each call."""
    lib = ctypes.CDLL(str(Path(__file__).with_name("libdagster_dpipes.so")))
    for name, (returned, taken) in _CALLS.items():
        function = getattr(lib, name)
        function.restype = returned
        function.argtypes = taken
    return lib
