"""Ray jobs without Dagster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagster_dpipes._native import Client, Event, Result, Session


class RayJob:
    """One program as a Ray job: `for event in RayJob("./train", address="http://127.0.0.1:8265").run(): …`

    Args:
        entrypoint: a shell command line.
        address: http(s)://… or `host:port`; `auto`; None: that of the environment.
        asset_keys, partition_key, extras: what the program's Pipes context has.
        connection: of Client: headers, cookies, verify, token_file, timeout, poll_interval, logger.
        job: of Client.start: runtime_env, metadata, entrypoint_num_cpus, working_dir, ship, run_timeout, ….
    """

    def __init__(
        self,
        entrypoint: str,
        address: str | None = None,
        *,
        asset_keys: tuple[str, ...] = (),
        partition_key: str | None = None,
        extras: Mapping[str, Any] | None = None,
        connection: Mapping[str, Any] | None = None,
        **job: Any,
    ) -> None:
        self._address = address
        self._connection = dict(connection or {})
        self._job: dict[str, Any] = {"entrypoint": entrypoint, **job}
        self._context: dict[str, Any] = {"asset_keys": asset_keys, "partition_key": partition_key, "extras": extras}
        self.result: Result | None = None
        """What became of it, once `run` is through."""

    def run(self) -> Iterator[Event]:
        """Submits it, and yields what it says until it has ended; the job is stopped when the iteration is left before.

        Raises:
            DpipesError: it failed, was stopped, is lost, or could not be submitted.
        """
        with Client(self._address, **self._connection) as client:
            run = client.start(Session(**self._context), **self._job)
            try:
                yield from client.follow(run)
            finally:
                if not run.ended:
                    run.cancel()
                    for _ in client.follow(run):
                        pass
                self.result = run.result()
        if self.result.error:
            raise self.result.error
