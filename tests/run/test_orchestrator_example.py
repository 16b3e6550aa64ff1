"""examples/orchestrator: a graph that is built in code, executed through the public header, as C and as C++."""

import signal
import subprocess
from collections import Counter

import pytest
from harness import BUILD, built, run
from processes import wait_until

PROGRAMS = ["orchestrator", "orchestrator_cpp"]
STEPS = ["hello", "twice", "square", "report"]


def orchestrate(home, program, directory):
    return run([built(f"examples/{program}"), home.directory / "store"], cwd=directory, env=home.environment)


def a_hello(directory, script):
    path = directory / "hello"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return directory


def summary(output):
    """The status of the run, and of its steps."""
    lines = output.splitlines()
    first = max(i for i, line in enumerate(lines) if line.startswith("run "))
    return lines[first].split(": ")[1], dict(line.split() for line in lines[first + 1 :])


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_says_what_happens_and_then_what_is_stored(program, home):
    done = orchestrate(home, program, BUILD / "examples")
    assert (done.returncode, done.stderr) == (0, "")
    [one] = home.runs()
    assert summary(done.stdout) == ("SUCCESS", dict.fromkeys(STEPS, "SUCCESS"))
    lines = [tuple(line.split(maxsplit=1)) for line in done.stdout.splitlines()[: -len(STEPS) - 1]]
    assert Counter(lines) == {
        **{(step, f"STEP_{what}"): 1 for step in STEPS for what in ("START", "SUCCESS")},
        ("hello", "LOG counting 7 rows"): 1,
        ("hello", "ASSET_MATERIALIZATION table"): 1,
        ("twice", "OUTPUT 14"): 1,
        ("square", "OUTPUT 49"): 1,
        ("report", f"OUTPUT run {one['run_id']} is complete"): 1,
    }
    [table] = home.stored("assets")
    assert (table["asset_key"], table["data_version"], table["code_version"]) == ("table", "v1", "1")


def test_a_step_that_fails_is_tried_again_and_named(home, tmp_path):
    done = orchestrate(home, "orchestrator", a_hello(tmp_path, "exit 3"))
    assert done.returncode == 1 and done.stderr.endswith(" has failed: step `hello`\n")
    assert "hello   STEP_FAILURE exit code 3\n" in done.stdout
    assert summary(done.stdout) == ("FAILURE", {"hello": "FAILURE", **dict.fromkeys(STEPS[1:], "SKIPPED")})
    [step] = [step for step in home.stored("runs", "show", home.runs()[0]["run_id"])["steps"] if step["step"] == "hello"]
    assert len(step["attempts"]) == 2


def test_ctrl_c_cancels(home, tmp_path):
    command = [built("examples/orchestrator"), tmp_path / "store"]
    directory = a_hello(tmp_path, "touch begun; exec sleep 60")
    process = subprocess.Popen(command, cwd=directory, env=home.environment, stdout=subprocess.PIPE, text=True)
    try:
        wait_until((tmp_path / "begun").exists, 60, lambda: "hello has not begun")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert summary(output) == ("CANCELED", {"hello": "CANCELED", **dict.fromkeys(STEPS[1:], "CANCELED")})


def test_a_store_that_cannot_be_opened_is_named(home):
    (home.directory / "store").write_text("no directory")
    done = orchestrate(home, "orchestrator", BUILD / "examples")
    assert (done.returncode, done.stdout) == (1, "") and str(home.directory / "store") in done.stderr
