"""Ray jobs that are whole Dagster runs or steps: submitted without Pipes, and followed by the C client on a thread.

What becomes of a job (it failed, was stopped from outside, its node died) is the client's finding; here it is only kept.
"""

from __future__ import annotations

import select
import threading
import time
import weakref
from collections.abc import Mapping
from typing import Any

from dagster_dpipes._native import Client, DpipesError, Result, Run, Session
from dagster_dpipes.addresses import resolve_address

_LONGEST_WAIT = 0.2  # seconds between two looks at whether the watch is over
_KNOWN_WITHIN = 120.0  # seconds for a submission to be answered, or a job to be found


class JobWatch:
    """Any number of jobs of one cluster, for any thread.

    Args:
        address: None: that of the environment, else of the Ray that runs here.
        connection: of Client: headers, cookies, verify, timeout.
        metadata: of all jobs; a job's own wins.
    """

    def __init__(self, address: str | None, connection: Mapping[str, Any], metadata: Mapping[str, str]) -> None:
        self.metadata = metadata
        self._client = Client(resolve_address(address), **connection)
        self._lock = threading.Lock()  # a client is for one thread at a time
        self._runs: dict[str, Run] = {}
        self._ended: dict[str, float] = {}
        self._failure: DpipesError | None = None  # of the loop itself
        thread = threading.Thread(target=_turn, args=(weakref.ref(self),), name="ray jobs", daemon=True)
        thread.start()

    @property
    def address(self) -> str:
        return self._client.address

    def launch(self, **job: Any) -> str:
        """Submits a job, and returns its id once Ray has it. The arguments are those of Client.start.

        Raises:
            DpipesError: Ray does not take it, or cannot be reached.
        """
        job["metadata"] = {**self.metadata, **(job.get("metadata") or {})}
        with self._lock:
            run = self._client.start(Session(pipes=False), **job)
            self._runs[run.submission_id] = run
        return self._known(run).submission_id

    def look(self, submission_id: str) -> Result:
        """What is known of a job; `outcome` is "UNFINISHED" while it goes on. One that others have launched is looked up.

        Raises:
            DpipesError: ENOENT: Ray does not know it; Ray cannot be reached.
        """
        with self._lock:
            run = self._runs.get(submission_id)
            if run is None:
                run = self._client.attach(Session(pipes=False), submission_id, forward_termination=False)
                self._runs[submission_id] = run
        return self._known(run)

    def seconds_since_end(self, submission_id: str) -> float:
        """Since it was seen to have ended; 0 while it goes on."""
        with self._lock:
            run = self._runs.get(submission_id)
            if run is None or not run.ended:
                return 0.0
            return time.monotonic() - self._ended.setdefault(submission_id, time.monotonic())

    def stop(self, submission_id: str, wait: float = 0.0) -> bool:
        """Asks Ray to stop it, and waits up to so many seconds for its end. False: it had ended already."""
        with self._lock:
            stopped = self._client.stop_job(submission_id)
        until = time.monotonic() + wait
        while time.monotonic() < until and self.look(submission_id).outcome == "UNFINISHED":
            time.sleep(0.05)
        return stopped

    def jobs_with(self, name: str, value: str) -> list[Any]:
        """Those whose metadata has this."""
        with self._lock:
            return [job for job in self._client.list_jobs() if job.metadata.get(name) == value]

    def forget(self, submission_id: str) -> None:
        with self._lock:
            run = self._runs.pop(submission_id, None)
            self._ended.pop(submission_id, None)
            if run:
                self._client.forget(run)

    def _known(self, run: Run) -> Result:
        """Once Ray has answered for it."""
        until = time.monotonic() + _KNOWN_WITHIN
        while True:
            with self._lock:
                result = run.result()
            if self._failure:
                raise self._failure
            if result.status != "UNKNOWN" or result.outcome != "UNFINISHED":
                break
            if time.monotonic() > until:
                raise DpipesError(f"job {result.submission_id}: nothing is known of it", "ETIMEDOUT")
            time.sleep(0.01)
        if result.error and result.status == "UNKNOWN":
            self.forget(result.submission_id)
            raise result.error
        return result

    def step(self) -> int | None:
        """Moves the jobs on. A descriptor that is readable when there is more to do; None: the loop has failed."""
        with self._lock:
            try:
                self._client.step(0)
                for _ in self._client.events():
                    pass  # what a run or a step prints, Dagster captures where it runs
            except DpipesError as error:
                self._failure = error
                return None
            return self._client.fileno()


def _turn(watch: weakref.ref[JobWatch]) -> None:
    """Until nobody has the watch any more."""
    while (one := watch()) is not None and (descriptor := one.step()) is not None:
        del one
        select.select([descriptor], [], [], _LONGEST_WAIT)
