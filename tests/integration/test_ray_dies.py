"""A Ray of its own whose parts are stopped, killed and started again under a job that goes on."""

import os
import signal
import sys
import time

import pytest
from harness import Following, built, clean_environment
from own_ray import DASHBOARD, Ray

# A message and a line of output every 0.05 s, and lines of 10 kB before.
TICKER = """
import sys, time
from dagster_pipes import open_dagster_pipes
with open_dagster_pipes() as pipes:
    print(("x" * 9999 + "\\n") * int(sys.argv[2]), end="")
    for n in range(int(sys.argv[1])):
        pipes.log.info(str(n))
        print("line", n, flush=True)
        time.sleep(0.05)
"""


def start(ray, count, *words, burst=0):
    where = [] if "--address" in words else ["--address", ray.address]
    command = [built("cli/dpipes"), "run", "--json", *where, *words]
    command += ["--", sys.executable, "-c", TICKER, str(count), str(burst)]
    return Following(command, clean_environment())


@pytest.fixture
def mortal(ray_program, runtime_directory):
    """For what it does not."""
    ray = Ray(ray_program)
    yield ray
    ray.close()


def finish(following):
    """How many messages there were, the result, and what stands on stderr."""
    result, err = following.finish()
    texts = [event["text"] for event in following.events if event["event"] == "output"]
    lines = [text for text in texts if text.startswith("line ")]
    assert following.logs() == [str(n) for n in range(len(following.logs()))]
    assert lines == [f"line {n}" for n in range(len(lines))]
    return len(following.logs()), result, err


@pytest.mark.parametrize("by", ["agent", "lines", "stream"])
def test_a_dashboard_that_is_killed_and_started_again_costs_no_message(lasting, by):
    """The log comes from the node's agent; or, where the client does not take the dashboard to be on this machine, by its last
    lines, and where too much comes at once for that, from a stream of the dashboard's."""
    elsewhere = ["--address", lasting.address.replace("127.0.0.1", "0.0.0.0"), "--token-file", lasting.token_file]
    following = start(lasting, 200, *([] if by == "agent" else elsewhere), burst=500 if by == "stream" else 0)
    following.read_logs(10)
    lasting.restart_dashboard()
    count, result, err = finish(following)
    assert (result["status"], count) == ("SUCCEEDED", 200), err
    assert ("reading the log again from byte" in err and "is read again" in err) == (by == "stream")
    assert (result["ray"]["reconnects"] >= 1) == (by == "stream")


def test_a_dashboard_that_stands_still_costs_no_message(lasting):
    following = start(lasting, 200)
    following.read_logs(10)
    pid = lasting.process(DASHBOARD)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(15)
    os.kill(pid, signal.SIGCONT)
    count, result, err = finish(following)
    assert (result["status"], count) == ("SUCCEEDED", 200), err
    assert "has not answered for" in err and "answers again" in err


def test_a_client_that_stands_still_reads_on_where_it_was(lasting):
    following = start(lasting, 200, "--lost-after", "5", "--give-up-after", "5")
    following.read_logs(10)
    following.process.send_signal(signal.SIGSTOP)
    time.sleep(12)
    following.process.send_signal(signal.SIGCONT)
    count, result, err = finish(following)
    assert (result["status"], count) == ("SUCCEEDED", 200), err


def test_a_supervisor_that_is_killed_is_a_failed_job(lasting):
    following = start(lasting, 10000)
    following.read_logs(10)
    os.kill(lasting.process("ray::JobSupervisor"), signal.SIGKILL)
    count, result, _ = finish(following)
    assert count >= 10
    assert (result["status"], result["ray"]["error_type"]) == ("FAILED", "JOB_SUPERVISOR_ACTOR_DIED")


def test_an_agent_that_is_killed_is_a_lost_job(mortal):
    following = start(mortal, 10000, "--lost-after", "4")
    following.read_logs(10)
    os.kill(mortal.process("ray::DashboardAgent"), signal.SIGKILL)
    count, result, err = finish(following)
    assert count >= 10 and following.process.returncode == 3
    assert result["ray"]["outcome"] == "LOST" and "is lost: " in result["error"]["message"], err


def test_a_dashboard_that_stays_away_is_given_up(mortal):
    following = start(mortal, 10000, "--give-up-after", "4")
    following.read_logs(10)
    os.kill(mortal.process(DASHBOARD), signal.SIGKILL)
    count, result, _ = finish(following)
    assert count >= 10 and following.process.returncode == 3
    assert result["ray"]["outcome"] == "UNREACHABLE" and "may still run" in result["error"]["message"]
