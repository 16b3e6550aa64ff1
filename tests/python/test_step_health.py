"""The health of the executor's steps against a dashboard that goes away: no step is tried again beside a job that may run."""

import sys
from types import SimpleNamespace

import dagster as dg
import pytest
from harness import ROOT
from processes import wait_until

sys.path.insert(0, str(ROOT / "tests/fakes"))

from dashboard import HANG_UP, Answer, Dashboard, Job  # noqa: E402

POLICIES = {"retries": dg.RetryPolicy(max_retries=1), "no retries": None}


class Jobs(Dashboard):
    def new_job(self, job):
        return Job([], ends_after=1000)


@pytest.fixture
def fake():
    with Jobs() as fake:
        yield fake


@pytest.fixture
def handler(fake):
    from dagster_dpipes.executor import RayStepHandler
    from dagster_dpipes.job_watch import JobWatch

    return RayStepHandler(JobWatch(fake.address, {"give_up_after": 0.5}, {}), {})


def step(policy):
    """As Dagster's, as far as it is looked at."""
    arguments = SimpleNamespace(
        step_keys_to_execute=["train"],
        run_id="0" * 32,
        known_state=None,
        get_command_args=lambda **_: ["true"],
        get_command_env=list,
    )
    run = SimpleNamespace(job_name="job", run_id="0" * 32, remote_job_origin=None)
    context = SimpleNamespace(op_retry_policy=policy)
    return SimpleNamespace(
        execute_step_args=arguments, dagster_run=run, step_tags={"train": {}}, get_step_context=lambda _: context
    )


def launch(handler, one, monkeypatch):
    monkeypatch.setattr(dg.DagsterEvent, "step_worker_starting", lambda *_, **__: None)
    list(handler.launch_step(one))


def assert_without_an_answer(handler, one, policy):
    from dagster_dpipes import DpipesError

    if policy:
        with pytest.raises(DpipesError):
            handler.check_step_health(one)
    else:
        assert "Ray job dagster-step-00000000-train" in handler.check_step_health(one).unhealthy_reason


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_a_step_that_would_be_tried_again_is_asked_for_until_there_is_an_answer(fake, handler, policy, monkeypatch):
    one = step(policy)
    launch(handler, one, monkeypatch)
    assert handler.check_step_health(one).is_healthy
    away = Answer("GET /api/", HANG_UP, times=10**6)
    fake.answers.append(away)
    wait_until(lambda: not is_healthy(handler, one), 30, lambda: "the dashboard is away")
    assert_without_an_answer(handler, one, policy)
    away.times = 0
    assert handler.check_step_health(one).is_healthy


def is_healthy(handler, one):
    from dagster_dpipes import DpipesError

    try:
        return handler.check_step_health(one).is_healthy
    except DpipesError:
        return False


@pytest.mark.parametrize("arrives", [True, False], ids=["arrives", "does not"])
def test_a_submission_that_nobody_has_answered_is_looked_for(fake, handler, arrives, monkeypatch):
    one = step(POLICIES["retries"])
    away = Answer("GET /api/jobs/", HANG_UP, times=10**6)
    fake.answers += [Answer("POST /api/jobs/", HANG_UP, times=10**6, after=arrives), away]
    launch(handler, one, monkeypatch)
    assert_without_an_answer(handler, one, POLICIES["retries"])
    away.times = 0
    health = handler.check_step_health(one)
    assert health.is_healthy == arrives
    assert arrives or "is not known to" in health.unhealthy_reason
