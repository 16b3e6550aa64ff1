"""Runs whose stdout nobody reads any more, or which takes nothing."""

import subprocess
from pathlib import Path

import pytest
from fake_ray import FakeRay
from harness import clean_environment
from runs_harness import Project, command, query, run_of, status_of_run

TALKS = "for n in $(seq 600); do echo line $n; sleep 0.1; done"


def read_one_line(*words):
    """The exit code of who has nobody to talk to then, and its stderr."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    with subprocess.Popen(command(*words), text=True, env=clean_environment(), **pipes) as process:
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
    return process.returncode, errors


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    project.steps = [{"name": "talks", "entrypoint": TALKS}, {"name": "after", "entrypoint": "true", "needs": ["talks"]}]
    return project


@pytest.mark.parametrize("more", [[], ["--json"]], ids=["text", "json"])
def test_a_closed_pipe_stops_a_run(more, project, tmp_path):
    project.write()
    assert read_one_line("execute", project.graph, "--home", tmp_path / "home", *more) == (141, "")
    assert query(tmp_path / "home", "SELECT status FROM runs") == [("CANCELED",)]
    assert query(tmp_path / "home", "SELECT status FROM steps") == [("CANCELED",)] * 2


def test_a_closed_pipe_stops_a_backfill(project, tmp_path):
    project.write(partitions=["a", "b"])
    words = ("backfill", project.graph, "--max-runs", "1", "--backfill-id", "x", "--home", tmp_path / "home")
    assert read_one_line(*words) == (141, "")
    assert sorted(query(tmp_path / "home", "SELECT status FROM runs")) == [("CANCELED",), ("QUEUED",)]


def test_a_closed_pipe_leaves_a_launched_run(project, tmp_path):
    project.write(launcher={"ray": {}})
    with FakeRay(project, seconds=60) as fake:
        fake.pieces_of = lambda name: [(n * 0.1, b"line %d\n" % n) for n in range(600)]
        code, errors = read_one_line("launch", project.graph, "--address", fake.address, "--home", tmp_path / "home")
        run_id = run_of(tmp_path / "home")
        assert code == 141
        assert errors.endswith(f"dpipes: its job goes on; follow it: dpipes runs attach {run_id}\n")
        assert status_of_run(tmp_path / "home") in ("STARTING", "STARTED")
        assert not fake.jobs[f"dagster-run-{run_id}"].ended


def leave_launched_runs(fake, home, *words):
    """Their backfill."""
    code, errors = read_one_line(*words, "--max-runs", "1", "--address", fake.address, "--home", home)
    [(backfill,)] = query(home, "SELECT DISTINCT backfill_id FROM runs")
    assert code == 141
    assert errors.endswith(f"dpipes: its jobs go on; go on with them: dpipes backfill --resume {backfill}\n")
    [left, waiting] = query(home, "SELECT status FROM runs ORDER BY partition_key")
    assert left[0] in ("STARTING", "STARTED") and waiting == ("QUEUED",)
    assert not any(job.ended for job in fake.jobs.values())
    return backfill


def test_a_closed_pipe_leaves_launched_runs(project, tmp_path):
    project.write(launcher={"ray": {}}, partitions=["a", "b"])
    home = tmp_path / "home"
    with FakeRay(project, seconds=60) as fake:
        fake.pieces_of = lambda name: [(n * 0.1, b"line %d\n" % n) for n in range(600)]
        backfill = leave_launched_runs(fake, home, "launch", project.graph, "--range", "a..b")
        leave_launched_runs(fake, home, "backfill", "--resume", backfill)
        assert len(fake.jobs) == 1


def test_a_full_disk_behind_stdout_stops_nothing(project, tmp_path):
    project.steps[0]["entrypoint"] = "echo hello"
    project.write()
    with Path("/dev/full").open("w") as full:
        words = command("execute", project.graph, "--home", tmp_path / "home")
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, env=clean_environment(), timeout=60)
    assert (done.returncode, done.stderr) == (3, "dpipes: stdout: No space left on device\n")
    assert status_of_run(tmp_path / "home") == "SUCCESS"
    assert query(tmp_path / "home", "SELECT text FROM events WHERE type = 'OUTPUT'") == [(b"hello",)]
