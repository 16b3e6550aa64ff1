"""Ray jobs that are whole Dagster runs or steps: submitted without Pipes, and followed by the C client on a thread.

What becomes of a job (it failed, was stopped from outside, its node died) is the client's finding, from its status alone:
what a run or a step prints, Dagster captures where it runs. A job is followed from the first look at it until it has ended
and that was told.
"""

from __future__ import annotations

import select
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from dagster_dpipes._native import Client, DpipesError, Result, Run, Session
from dagster_dpipes.addresses import resolve_address

_LONGEST_WAIT_MS = 200  # between two looks at whether the watch is over
_STAYS_SO = ("UNFINISHED", "LOST")  # what another look would not find out at once
_ENDED_KEPT = 100  # jobs that have ended, and nobody has asked since
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
            run.detach()
            self._client.step(0)  # what was not sent yet does not make the descriptor readable
        result = self._known(lambda: run)
        with self._lock:
            self._client.forget(run)
        if result.error and result.outcome != "DETACHED":
            raise result.error
        return result.submission_id

    def look(self, submission_id: str) -> Result:
        """What is known of a job, whoever has launched it; `outcome` is "UNFINISHED" while it goes on, "DELETED" where Ray
        does not know it.

        Raises:
            DpipesError: Ray cannot be reached.
        """
        result = self._known(lambda: self._followed(submission_id))
        if result.outcome not in _STAYS_SO:
            self._forget(submission_id)
        if result.error and result.status == "UNKNOWN" and result.outcome != "DELETED":
            raise result.error
        return result

    def _followed(self, submission_id: str) -> Run:
        """Under the lock. One that was forgotten is looked up again."""
        if submission_id not in self._runs:
            ended = [one for one, run in self._runs.items() if run.ended]
            for one in ended[:-_ENDED_KEPT]:
                self._client.forget(self._runs.pop(one))
            session = Session(pipes=False)
            self._runs[submission_id] = self._client.attach(session, submission_id, forward_termination=False, read_log=False)
            self._client.step(0)
        return self._runs[submission_id]

    def _forget(self, submission_id: str) -> None:
        with self._lock:
            if run := self._runs.pop(submission_id, None):
                self._client.forget(run)

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

    def _known(self, find: Callable[[], Run]) -> Result:
        """Of the run that `find` gives under the lock, once Ray has answered for it."""
        until = time.monotonic() + _KNOWN_WITHIN
        while True:
            with self._lock:
                result = find().result()
            if self._failure:
                raise self._failure
            if result.status != "UNKNOWN" or result.outcome != "UNFINISHED":
                return result
            if time.monotonic() > until:
                raise DpipesError(f"job {result.submission_id}: nothing is known of it", "ETIMEDOUT")
            time.sleep(0.01)

    def step(self) -> int | None:
        """Moves the jobs on. A descriptor that is readable when there is more to do; None: the loop has failed."""
        with self._lock:
            try:
                self._client.step(0)
                for _ in self._client.events():
                    pass
            except DpipesError as error:
                self._failure = error
                return None
            return self._client.fileno()


def _turn(watch: weakref.ref[JobWatch]) -> None:
    """Until nobody has the watch any more."""
    while (one := watch()) is not None and (descriptor := one.step()) is not None:
        del one
        poll = select.poll()  # select() takes no descriptor above 1023
        poll.register(descriptor, select.POLLIN)
        poll.poll(_LONGEST_WAIT_MS)
