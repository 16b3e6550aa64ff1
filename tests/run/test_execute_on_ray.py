"""`dpipes execute` on a real Ray: what parity.md says of dagster-ray's ray_executor, row by row."""

import json
import signal
import time
from dataclasses import dataclass

import pytest
from processes import wait_until
from runs_harness import Project, begin, check, dpipes, message, query, status_of_run, stored

CPUS = {"num_cpus": 0.1}


def config(**values):
    return {"dagster-ray/config": {**CPUS, **values}}


@dataclass
class Ran:
    """One run with all that can be seen in a run that ends by itself."""

    project: Project
    home: str
    code: int
    run_id: str

    def text(self, name):
        return (self.project.directory / name).read_text()

    def steps(self):
        rows = query(self.home, "SELECT step, status, attempt, error FROM steps")
        return {step: (status, attempt, error) for step, status, attempt, error in rows}

    def times(self, step):
        """When its program began and ended, by its own clock, in ns."""
        return [int(line) for line in self.text(f"times-{step}").split()]


def add_command(project, name, entrypoint, **more):
    tags = {**config(), **more.pop("tags", {})}
    project.steps.append({"name": name, "entrypoint": entrypoint, "tags": tags, **more})


def make_graph(project, address):
    here = project.directory
    say_env = f"env > {here}/env-"
    job = config(runtime_env={"env_vars": {"ONLY_A": "a", "BOTH": "step"}})
    add_command(project, "env_a", say_env + "a", tags=job, env={"OWN": "x y"})
    add_command(project, "env_b", say_env + "b")
    count = f"echo $(date +%s%N) >> {here}/starts-flaky; "
    flaky = f'{count} [ "$(wc -l < {here}/starts-flaky)" = 3 ]'
    add_command(project, "flaky", flaky, retries={"max": 2, "delay": 1, "backoff": "exponential"})
    add_command(project, "hopeless", "exit 7", retries={"max": 1})
    add_command(project, "after", "true", needs=["hopeless"])
    add_command(project, "cleanup", "true", needs=["hopeless", "after"], when="all_done")
    add_command(project, "alarm", "true", needs=["hopeless"], when="one_failed")
    add_command(project, "no_alarm", "true", needs=["env_b"], when="one_failed")
    for name, blocking in (("blocked", True), ("noted", False)):
        asset = f"asset_{name}"
        project.add(
            name,
            message("opened", extras={}) + check(asset, passed=False) + message("closed"),
            assets=[asset],
            checks=[{"name": "some", "asset": asset, "blocking": blocking}],
            tags=config(),
        )
        add_command(project, f"after_{name}", "true", needs=[name])
    for n, value in enumerate("xxyy"):
        stamp = f"date +%s%N >> {here}/times-limited{n}"
        add_command(project, f"limited{n}", f"{stamp}; sleep 0.3; {stamp}", tags={"gpu": value, **config()})
    limit = {"key": "gpu", "value": {"applyLimitPerUniqueValue": True}, "limit": 1}
    runtime_env = {"env_vars": {"BOTH": "executor", "OF_ALL": "1"}}
    # No node has so many CPUs: a job that had them would never begin.
    ray = {"address": address, "num_cpus": 1000, "runtime_env": runtime_env, "tag_concurrency_limits": [limit]}
    project.write({"ray": ray})


@pytest.fixture(scope="module")
def ran(ray, tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("project"))
    make_graph(project, ray.address)
    home = project.directory / "home"
    done = dpipes("execute", project.graph, "--home", home, "--address", ray.address)
    [(run_id,)] = query(home, "SELECT run_id FROM runs")
    return Ran(project, home, done.returncode, run_id)


def test_a_run_with_a_failed_step_has_failed(ran):
    assert (ran.code, status_of_run(ran.home)) == (1, "FAILURE")


def test_a_step_has_its_variables_and_labels(ran, ray):
    lines = ran.text("env-a").splitlines()
    for line in ("DAGSTER_RUN_JOB_NAME=job", "DAGSTER_RUN_STEP_KEY=env_a", "OWN=x y", "ONLY_A=a", "BOTH=step", "OF_ALL=1"):
        assert line in lines
    [(submission_id,)] = query(ran.home, "SELECT submission_id FROM attempts WHERE step = 'env_a'")
    assert submission_id.startswith("dagster-step-env-a-")
    assert ran.run_id in submission_id
    status = dpipes("status", "--json", "--address", ray.address, submission_id)
    assert status.returncode == 0, status.stderr
    job = json.loads(status.stdout)
    expected = {"dagster/job": "job", "dagster/op": "env_a", "dagster/run-id": ran.run_id}
    assert expected.items() <= job["metadata"].items()


def test_what_one_step_is_given_is_not_given_to_another(ran):
    lines = ran.text("env-b").splitlines()
    assert "BOTH=executor" in lines
    assert "OF_ALL=1" in lines
    assert not [line for line in lines if line.startswith(("ONLY_A=", "OWN="))]


def test_the_num_cpus_of_a_step_win(ran):
    assert ran.steps()["env_b"][0] == "SUCCESS"


def test_a_step_is_tried_again_after_its_delay(ran):
    first, second, third = (int(line) for line in ran.text("starts-flaky").split())
    assert ran.steps()["flaky"][:2] == ("SUCCESS", 3)
    assert second - first >= 1e9
    assert third - second >= 3e9
    ids = [one for (one,) in query(ran.home, "SELECT submission_id FROM attempts WHERE step = 'flaky' ORDER BY attempt")]
    assert ids[1:] == [f"{ids[0]}-1", f"{ids[0]}-2"]


def test_retries_end(ran):
    status, attempt, error = ran.steps()["hopeless"]
    assert (status, attempt) == ("FAILURE", 2)
    assert "exit code 7" in error


def test_a_failure_skips_what_needs_it_and_nothing_else(ran):
    steps = ran.steps()
    assert steps["after"][0] == "SKIPPED"
    assert [steps[name][0] for name in ("env_a", "env_b", "noted")] == ["SUCCESS"] * 3


def test_when_a_step_runs(ran):
    steps = ran.steps()
    assert [steps[name][0] for name in ("cleanup", "alarm", "no_alarm")] == ["SUCCESS", "SUCCESS", "SKIPPED"]


def test_a_failed_blocking_check_stops_what_is_behind_it(ran):
    steps = ran.steps()
    assert steps["blocked"][0] == "FAILURE"
    assert steps["blocked"][2] == "the blocking check some of asset_blocked has failed"
    assert steps["after_blocked"][0] == "SKIPPED"
    assert (steps["noted"][0], steps["after_noted"][0]) == ("SUCCESS", "SUCCESS")


def test_a_limit_for_each_value_of_a_tag_holds(ran):
    for one, other in ((0, 1), (2, 3)):
        begin_one, end_one = ran.times(f"limited{one}")
        begin_other, end_other = ran.times(f"limited{other}")
        assert end_one <= begin_other or end_other <= begin_one


# ---- From outside ---------------------------------------------------------------------------------------------------


def make_waiting(tmp_path, address, **more):
    """A step that waits until it is told to end, and says that it was; and one that needs it."""
    project = Project(tmp_path)
    script = f"trap 'echo told > {tmp_path}/told; exit 1' TERM; touch {tmp_path}/began; sleep 60 & wait"
    project.steps.append({"name": "waits", "entrypoint": script, **more})
    project.steps.append({"name": "behind", "entrypoint": "true", "needs": ["waits"]})
    project.write({"ray": {"address": address}})
    return project


def has_begun(tmp_path):
    wait_until(lambda: (tmp_path / "began").exists(), 60, lambda: "the step has not begun")


def test_a_timeout_stops_the_job(ray, tmp_path):
    project = make_waiting(tmp_path, ray.address, timeout=15)
    done = dpipes("execute", project.graph, "--home", tmp_path / "home")
    [(_, status, _, error), (_, behind, _, _)] = stored(tmp_path / "home").steps
    assert (done.returncode, status, behind) == (1, "FAILURE", "SKIPPED")
    assert "15" in error
    assert (tmp_path / "told").exists(), error


def test_a_job_that_others_stop_is_a_failure_that_says_so(ray, tmp_path):
    project = make_waiting(tmp_path, ray.address)
    home = tmp_path / "home"
    process = begin("execute", project.graph, "--home", home)
    has_begun(tmp_path)
    [(submission_id,)] = query(home, "SELECT submission_id FROM attempts")
    stop = dpipes("stop", "--address", ray.address, submission_id)
    assert stop.returncode == 0, stop.stderr
    process.communicate(timeout=60)
    [(_, first, _, error), (_, second, _, _)] = stored(home).steps
    assert (process.returncode, first, second) == (1, "FAILURE", "SKIPPED")
    assert "STOPPED by somebody else" in error


def test_ctrl_c_stops_the_jobs_and_waits_for_them(ray, tmp_path):
    project = make_waiting(tmp_path, ray.address)
    home = tmp_path / "home"
    process = begin("execute", project.graph, "--home", home)
    has_begun(tmp_path)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert (tmp_path / "told").exists()
    assert status_of_run(home) == "CANCELED"
    assert [status for _, status, _, _ in stored(home).steps] == ["CANCELED", "CANCELED"]


def test_a_second_ctrl_c_leaves_at_once_and_a_resume_goes_on_stopping(ray, tmp_path):
    project = Project(tmp_path)
    script = f"trap 'touch {tmp_path}/told' TERM; touch {tmp_path}/began; while sleep 0.1; do :; done"
    project.steps.append({"name": "waits", "entrypoint": script})
    project.write({"ray": {"address": ray.address}})
    home = tmp_path / "home"
    process = begin("execute", project.graph, "--run-id", f"twice-{time.time_ns()}", "--home", home)
    has_begun(tmp_path)
    process.send_signal(signal.SIGINT)
    wait_until(lambda: status_of_run(home) == "CANCELING", 30, lambda: "not canceling")
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "left at once; what was started may still run" in stderr
    [(run_id,)] = query(home, "SELECT run_id FROM runs")
    again = dpipes("runs", "resume", run_id, "--home", home)
    assert again.returncode == 130
    assert status_of_run(home) == "CANCELED"
