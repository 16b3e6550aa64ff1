"""Steps whose jobs' logs get out of reach while Ray says RUNNING: none starts once more beside a job that may run."""

import contextlib
import json
import os
import signal

import pytest
from fake_ray import FakeRay
from harness import clean_environment, run
from live_run import Live
from processes import wait_until
from runs_harness import Project, command, query, status_of_run

LOST_AFTER = ("--lost-after", "2")


def steps_of(home):
    """How each has ended, and the jobs that were its attempts."""
    steps = {}
    for name, status, error in query(home, "SELECT step, status, error FROM steps"):
        ids = query(home, f"SELECT submission_id FROM attempts WHERE step = '{name}' ORDER BY attempt")
        steps[name] = (status, error, [one for (one,) in ids])
    return steps


# ---- A dashboard that is played ---------------------------------------------------------------------------------------


class Agentless(FakeRay):
    """Of the first job of each step no log can be read, and it runs on."""

    def new_job(self, job):
        new = super().new_job(job)
        new.lost = self.submitted.count(self.submitted[-1]) == 1
        new.ends_after = 3600 if new.lost else 0
        return new

    async def answer(self, request, reader, writer):
        job = self.jobs.get(request.log)
        if job and job.lost:
            return await self.send(writer, 500, b"Agent for node id: f doesn't exist.")
        return await super().answer(request, reader, writer)


def test_a_lost_job_that_has_stopped_is_started_once_more(tmp_path):
    project, home = Project(tmp_path), tmp_path / "home"
    project.add("train", b"line\n", retries={"max": 1})
    with Agentless(project) as fake:
        project.write({"ray": {"address": fake.address}})
        with Live("execute", project.graph, "--home", home, *LOST_AFTER) as live:
            code, errors = live.end()
        lines = [request.line for request in fake.requests]
    status, _, (first, second) = steps_of(home)["train"]
    assert (code, status) == (0, "SUCCESS"), errors
    submissions = [n for n, line in enumerate(lines) if line == "POST /api/jobs/"]
    assert len(submissions) == 2 and submissions[-1] > lines.index(f"POST /api/jobs/{first}/stop")
    assert fake.jobs[first].status == "STOPPED" and fake.jobs[second].status == "SUCCEEDED"


def test_a_launched_run_whose_job_is_lost_is_left(tmp_path):
    project, home = Project(tmp_path), tmp_path / "home"
    project.add("train")
    with Agentless(project) as fake:
        project.write(launcher={"ray": {"address": fake.address}})
        for words in (["launch", project.graph, "--run-id", "r"], ["runs", "attach", "r"]):
            with Live(*words, "--home", home, *LOST_AFTER) as live:
                code, errors = live.end()
            assert code == 3 and "job dagster-run-r is lost: Ray says RUNNING, but its log was out of reach for" in errors
            assert "its job goes on; follow it: dpipes runs attach r\n" in errors
            assert "no message came" not in errors + live.rest
            assert status_of_run(home) == "STARTING"
        assert fake.take_starts() == ["--launched"] and fake.count("POST /api/jobs/dagster-run-r/stop") == 0


# ---- A real one whose agent stands still --------------------------------------------------------------------------------


@contextlib.contextmanager
def frozen(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class Trainer:
    """A run of one step, which may be tried again and notes its begin and end; it goes on and on, but for the second time."""

    def __init__(self, ray, directory):
        self.ray, self.home, self.notes = ray, directory / "home", directory / "notes"
        self.environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": ray.token_file}
        project = Project(directory)
        script = f"""exec >&2; echo begin >> {self.notes}; trap 'echo end >> {self.notes}; exit 1' TERM
[ "$(grep -c begin {self.notes})" = 2 ] && echo end >> {self.notes} && exit
while sleep 0.1; do :; done"""
        project.steps.append({"name": "train", "entrypoint": script, "retries": {"max": 1}})
        project.write({"ray": {"address": ray.address}})
        self.graph = project.graph

    def live(self):
        return Live("execute", self.graph, "--home", self.home, *LOST_AFTER, **self.environment)

    def noted(self):
        return self.notes.read_text().split() if self.notes.exists() else []

    def status_of(self, job):
        done = run(command("status", "--json", "--address", self.ray.address, job), env=clean_environment(**self.environment))
        return json.loads(done.stdout)["status"]


@pytest.fixture
def trainer(lasting, tmp_path):
    return Trainer(lasting, tmp_path)


def test_a_lost_job_that_ray_stops_late_is_waited_for(trainer):
    with trainer.live() as live:
        wait_until(lambda: trainer.noted() == ["begin"], 60, trainer.noted)
        with frozen(trainer.ray.process("ray::DashboardAgent")):
            live.wait_for_errors("its log was out of reach for")
        code, errors = live.end()
    assert code == 0, errors
    assert trainer.noted() == ["begin", "end", "begin", "end"]
    status, _, jobs = steps_of(trainer.home)["train"]
    assert (status, [trainer.status_of(job) for job in jobs]) == ("SUCCESS", ["STOPPED", "SUCCEEDED"])


def test_a_lost_job_that_ray_does_not_stop_has_failed_and_is_alone(trainer):
    with trainer.live() as live:
        wait_until(lambda: trainer.noted() == ["begin"], 60, trainer.noted)
        with frozen(trainer.ray.process("ray::DashboardAgent")):
            code, errors = live.end()
            assert trainer.noted() == ["begin"], "it runs, and no other does"
    assert (code, status_of_run(trainer.home)) == (1, "FAILURE"), errors
    status, error, [job] = steps_of(trainer.home)["train"]
    assert status == "FAILURE" and "is still RUNNING and may run on (" in error
    assert f"job {job} is lost: its log was out of reach for 2.0 s; it was asked to stop 30 s ago" in error
    wait_until(lambda: trainer.status_of(job) == "STOPPED", 60, lambda: "Ray takes the stop once its agent goes on")
