"""Programs whose messages dagster-ray's client loses, and ours does not. What theirs makes of them:

    .venv/bin/python tests/integration/dagster_ray_loses.py http://127.0.0.1:8265 large|split|twice
"""

import sys
from pathlib import Path

import pytest
from harness import dpipes_run

PROGRAM = Path(__file__).with_name("losing_program.py")


def ours(ray, case):
    return dpipes_run("--address", ray.address, "--asset", "one", "--", sys.executable, PROGRAM, case)


def text_of(done):
    assert done.code == 0 and done.of("warning") == [], done.stderr
    [result] = done.results("materialization")
    assert set(result["metadata"]) == {"text", "Ray Job ID"}
    return result["metadata"]["text"]["raw_value"]


def test_a_materialization_of_5_mb_arrives(ray):
    """There: one with `Ray Job ID` alone, in a run that succeeds."""
    assert text_of(ours(ray, "large")) == "y" * 5_000_000


def test_messages_that_a_buffer_has_cut_arrive(ray):
    """There: those that were not cut."""
    done = ours(ray, "split")
    assert text_of(done) == "y" * 10
    assert [text.split()[1] for _, text in done.logs] == [str(n) for n in range(6)]


@pytest.mark.parametrize("run", [1, 2])
def test_a_second_run_has_its_messages(ray, run):
    """There: the second run of a client has none. tests/unit/test_ray_client.c has two runs of one client of ours."""
    assert text_of(ours(ray, "small")) == "y" * 10
