"""A head and a worker in network namespaces of their own, and a client in a third: what one machine cannot show."""

import sys
import time

import pytest
from harness import Following, built
from two_nodes import ADDRESS, Cluster

# A message and a line every 0.1 s, each with the time at which it was written.
TICKER = """
import time
from dagster_pipes import open_dagster_pipes
with open_dagster_pipes() as pipes:
    for n in range({count}):
        pipes.log.info(f"{{n}} {{time.time()}}")
        print("line", n, flush=True)
        time.sleep(0.1)
"""


def follow(cluster, count, address=ADDRESS, node="worker"):
    """`dpipes run` on the client's machine, of a job that only this node can take."""
    words = ["run", "--json", "--address", address, "--resource", f"{node}=1"]
    command = [*cluster.client.enter, built("cli/dpipes"), *words, "--", sys.executable, "-c", TICKER.format(count=count)]
    return Following(command, cluster.environment)


@pytest.fixture(scope="module")
def cluster(ray_program):
    cluster = Cluster(ray_program)
    yield cluster
    cluster.close()


def numbers(following):
    return [int(message.split()[0]) for message in following.logs()]


def test_a_job_on_the_worker_is_followed_through_the_head(cluster):
    following = follow(cluster, 20)
    result, err = following.finish()
    assert result["status"] == "SUCCEEDED", err
    assert numbers(following) == list(range(20))


def test_the_log_of_a_job_on_the_dashboards_machine_comes_from_the_agent_there(cluster):
    """The client's token is known to that machine, and only to that."""
    cluster.client.run("ip", "route", "replace", "10.9.2.1", "via", "10.9.1.2")
    following = follow(cluster, 40, "http://10.9.2.1:8265", "head")
    following.read_logs(20)
    connections = cluster.client.run("ss", "-Htn", "state", "established", "dport", "=", ":52365").stdout.split()
    result, err = following.finish()
    assert (result["status"], numbers(following)) == ("SUCCEEDED", list(range(40))), err
    assert "10.9.2.1:52365" in connections


def test_a_link_that_was_cut_for_20_seconds_costs_no_message(cluster):
    following = follow(cluster, 280)
    following.read_logs(1)
    cluster.cable.pull()
    time.sleep(20)
    cluster.cable.plug()
    result, err = following.finish()
    assert result["status"] == "SUCCEEDED", err
    assert numbers(following) == list(range(280))
    assert "has not answered for" in err and "answers again" in err


def test_a_killed_worker_is_a_lost_job_and_what_it_wrote_before_is_there(cluster):
    following = follow(cluster, 100000)
    following.read_logs(1)
    time.sleep(3)
    cluster.worker.kill_all()
    killed = time.time()
    result, _ = following.finish()
    assert numbers(following) == list(range(len(following.logs())))
    assert float(following.logs()[-1].split()[1]) > killed - 1
    assert result["ray"]["outcome"] in ("LOST", "FAILED")
    assert result["status"] != "SUCCEEDED", result["error"]["message"]
    assert "node" in result["error"]["message"] or "Supervisor" in result["error"]["message"], result["error"]["message"]
