"""A fake dashboard whose jobs are the steps of a Project."""

import contextlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "fakes"))
from dashboard import Dashboard, Job  # noqa: E402


class FakeRay(Dashboard):
    """Its jobs print what the project's steps print, and are counted. `seconds`: how long they run, at least."""

    def __init__(self, project, seconds=0):
        super().__init__()
        self.project = project
        self.seconds = seconds
        self.submitted = []

    def new_job(self, job):
        name = job["entrypoint"].split()[-1]
        self.submitted.append(name)
        pieces = self.pieces_of(name)
        fails = self.project.fails_once(name) and self.submitted.count(name) == 1
        end = {"status": "FAILED", "exit_code": 3} if fails else {}
        return Job(pieces, ends_after=max(0.02 * len(pieces), self.seconds), **end)

    def pieces_of(self, name):
        return [(n * 0.02, piece) for n, piece in enumerate(self.project.pieces(name))]

    def take_starts(self):
        starts, self.submitted = sorted(self.submitted), []
        return starts

    @contextlib.contextmanager
    def away(self):
        """Nobody listens meanwhile, and connections are closed."""
        self.port = int(self.address.rpartition(":")[2])
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()
