"""JobWatch: any number of jobs that are whole runs or steps, against a dashboard that has as many as one wants."""

import sys
import threading

import pytest
from harness import ROOT
from processes import wait_until

sys.path.insert(0, str(ROOT / "tests/fakes"))

from dashboard import HANG_UP, Answer, Dashboard, Job  # noqa: E402


def watch(fake):
    from dagster_dpipes.job_watch import JobWatch

    return JobWatch(fake.address, {}, {})


def outcomes(one, names):
    return {name: one.look(name).outcome for name in names}


def test_what_was_launched_is_followed_from_the_first_look_on():
    with Dashboard() as fake:
        one = watch(fake)
        assert one.launch(submission_id="a", entrypoint="true") == "a" and len(one._runs) == 0
        fake.jobs["a"].ends_after = 1000
        assert one.look("a").outcome == "UNFINISHED" and len(one._runs) == 1
        assert one.stop("a", wait=10) and one.look("a").outcome == "STOPPED"
        assert len(one._runs) == 0


def test_no_log_is_asked_for():
    with Dashboard({name: Job([(0, b"text\n")]) for name in "abc"}) as fake:
        one = watch(fake)
        wait_until(lambda: set(outcomes(one, "abc").values()) == {"SUCCEEDED"}, 30, lambda: outcomes(one, "abc"))
        assert not [request.line for request in fake.requests if "log" in request.line]


def test_jobs_that_have_ended_are_forgotten_once_that_was_told():
    jobs = {f"job-{n}": Job([], ends_after=0) for n in range(300)}
    with Dashboard(jobs) as fake:
        one = watch(fake)
        for name in jobs:
            wait_until(lambda name=name: one.look(name).outcome == "SUCCEEDED", 10, lambda name=name: name)
            assert len(one._runs) <= 1
        assert one.look("job-0").outcome == "SUCCEEDED", "a later look is a new one"


def test_jobs_whose_end_nobody_asks_for_are_forgotten_but_for_some():
    jobs = {f"job-{n}": Job([], ends_after=1000) for n in range(250)}
    with Dashboard(jobs) as fake:
        one = watch(fake)
        assert set(outcomes(one, jobs).values()) == {"UNFINISHED"} and len(one._runs) == 250
        for job in jobs.values():
            job.ends_after = 0
        wait_until(lambda: all(run.ended for run in one._runs.values()), 30, lambda: "all have ended")
        jobs["last"] = Job([], ends_after=1000)
        assert one.look("last").outcome == "UNFINISHED" and len(one._runs) == 101


def test_one_job_may_be_looked_at_by_many_threads():
    with Dashboard({"a": Job([], ends_after=1)}) as fake:
        one, told = watch(fake), []

        def look():
            while not told or told[-1] == "UNFINISHED":
                told.append(one.look("a").outcome)

        threads = [threading.Thread(target=look) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert set(told) == {"UNFINISHED", "SUCCEEDED"}


def test_what_ray_does_not_take_is_raised_and_what_it_does_not_know_is_told():
    from dagster_dpipes import DpipesError

    with Dashboard({"a": Job([], ends_after=1000)}) as fake:
        one = watch(fake)
        with pytest.raises(DpipesError, match="has another job of this id"):
            one.launch(submission_id="a", entrypoint="true")
        result = one.look("b")
        assert result.outcome == "DELETED" and "job b is not known to" in str(result.error)
        fake.jobs["a"].forgotten_after = 0
        one.look("a")
        wait_until(lambda: one.look("a").outcome == "DELETED", 10, lambda: "the job is gone")


def test_a_dashboard_that_is_away_for_a_while_ends_no_job():
    away = Answer("GET /api/jobs/a", HANG_UP, times=8)
    with Dashboard({"a": Job([], ends_after=4)}, [away]) as fake:
        one = watch(fake)
        wait_until(lambda: one.look("a").outcome != "UNFINISHED", 30, lambda: one.look("a"))
        assert away.times == 0 and one.look("a").outcome == "SUCCEEDED"
