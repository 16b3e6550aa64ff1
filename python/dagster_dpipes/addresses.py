"""Which dashboard an address names, as Ray's own job client has it."""

from __future__ import annotations

import os
import sys

from dagster_dpipes._native import Client, DpipesError

_VARIABLES = ("DPIPES_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")
_PROBE_SECONDS = 5.0
_DEFAULT = "http://127.0.0.1:8265"


def given_address(address: str | None) -> str | None:
    """The argument, else the first of the environment's variables that is set."""
    return address or next(filter(None, map(os.environ.get, _VARIABLES)), None)


def resolve_address(address: str | None) -> str:
    """The dashboard's http(s) address. Ray's Python is imported where the address names something else: `auto`,
    `ray://…`, the address of a GCS, nothing."""
    given = given_address(address)
    if given is None:
        return _initialized_ray() or _ask_ray(None, _DEFAULT)
    if given.startswith(("http://", "https://")):
        return given
    if given != "auto" and "://" not in given and _is_dashboard(given):
        return f"http://{given}"
    return _ask_ray(given, None)


def _is_dashboard(address: str) -> bool:
    """A GCS does not speak HTTP."""
    try:
        with Client(address, timeout=_PROBE_SECONDS) as client:
            client.get_job("dpipes-probe")
    except DpipesError as error:
        return error.status in ("ENOENT", "EREMOTE")
    return True


def _initialized_ray() -> str | None:
    """The dashboard of the cluster that `ray.init` has connected this process with."""
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return None
    node = getattr(ray._private.worker.global_worker, "node", None)
    url = node.address_info.get("webui_url") if node else None
    return f"http://{url}" if url else None


def _ask_ray(given: str | None, default: str | None) -> str:
    from ray.dashboard.utils import get_address_for_submission_client

    try:
        return get_address_for_submission_client(given)
    except ConnectionError as error:
        if default:
            return default
        raise DpipesError(f"address: no Ray cluster is found for `{given}`: {error}", "ENOENT") from error
