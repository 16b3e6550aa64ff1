"""LocalRay as a resource: a cluster for the time of a step, with `ray.init` in the step's process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness import clean_environment

SCENES = Path(__file__).with_name("local_ray_scenes.py")


@pytest.fixture
def scene(ray_program, tmp_path):
    """Runs one in a process of its own, since `ray.init` is the process's; what it printed as JSON."""
    tmp_path.chmod(0o700)
    home = tmp_path / "home"
    home.mkdir()

    def play(*words, **variables):
        environment = clean_environment(
            DPIPES_RAY=ray_program,
            XDG_RUNTIME_DIR=str(tmp_path),
            DAGSTER_HOME=str(home),
            PYTHONPATH=os.environ["PYTHONPATH"],
            **variables,
        )
        command = [sys.executable, SCENES, *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.stdout.strip(), done.stderr
        assert list((tmp_path / "dpipes").glob("dpipes-ray-*")) == [], "a cluster is left"
        return json.loads(done.stdout.splitlines()[-1])

    return play


def test_the_tutorials_asset_gets_a_cluster_with_what_it_asks_for(scene):
    """With Ray's Python imported before: no token can be taken any more."""
    told = scene("tutorial", MARK="of the environment")
    assert told["success"] and told["sum"] == 6
    assert (told["cpus"], told["special"]) == (3, 2)
    assert told["variables"] == ["of the environment", "of both", "1", None]
    assert told["hooks"] == ["create", "ready", "connect", "cleanup True"]


def test_twice_in_one_process_with_a_token(scene):
    told = scene("twice")
    assert told["sums"] == [6, 6] and told["token"] and told["variables_after"] == [None, None]


@pytest.mark.parametrize(
    ("policy", "fails", "deleted"),
    [("always", True, True), ("never", False, False), ("on_exception", False, False), ("on_exception", True, True)],
)
def test_what_is_left_is_decided_by_the_policy(scene, policy, fails, deleted):
    """A cluster that is not deleted ends with the process."""
    told = scene("policy", policy, "fail" if fails else "succeed")
    assert (told["success"], told["deleted"]) == (not fails, deleted)


def test_by_hand(scene):
    told = scene("by_hand")
    assert told == {"created": [False, True], "connected": [False, True], "sum": 6}


def test_a_pipes_client_runs_on_it(scene):
    assert scene("pipes")["outcome"] == [True, "small"]
