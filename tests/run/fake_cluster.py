"""A Ray whose dashboard is the fake one, and whose jobs are programs that this machine has run when they were submitted: their
log is there piece by piece from the first look on."""

import subprocess
import sys
from pathlib import Path

from harness import clean_environment

sys.path.insert(0, str(Path(__file__).parent.parent / "fakes"))
from dashboard import Dashboard  # noqa: E402

PIECES = 8
PAUSE = 0.03  # seconds between two, by default


class FakeCluster(Dashboard):
    """`program`: the words that are run for each job, with the job's variables, in `directory`."""

    def __init__(self, program, directory):
        super().__init__()
        self.program = [str(word) for word in program]
        self.directory = directory
        self.submitted = []
        self.pause_of_jobs = PAUSE

    def submit(self, job):
        answer = super().submit(job)
        if answer[0] == 200:
            self.submitted.append(job["submission_id"])
            self.run(self.jobs[job["submission_id"]], job["runtime_env"].get("env_vars", {}))
        return answer

    def run(self, job, variables):
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        environment = clean_environment(**variables)
        done = subprocess.run(self.program, cwd=self.directory, env=environment, timeout=60, check=False, **streams)
        size = -(-len(done.stdout) // PIECES)
        job.pieces = [(n * self.pause_of_jobs, done.stdout[n * size : (n + 1) * size]) for n in range(PIECES)]
        job.ends_after = PIECES * self.pause_of_jobs
        job.status = "FAILED" if done.returncode else "SUCCEEDED"
        job.exit_code = done.returncode

    def job(self, request, name, action=""):
        """One that is stopped says no more."""
        if action == "stop" and name in self.jobs:
            self.jobs[name].pieces = [(0, self.jobs[name].log())]
        return super().job(request, name, action)

    def take_submitted(self):
        submitted, self.submitted = self.submitted, []
        return submitted
