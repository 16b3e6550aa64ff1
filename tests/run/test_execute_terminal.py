"""`dpipes execute` on a terminal: lines scroll, and below them stand the steps of the graph."""

import json
import re
import signal
import sys

import pytest
from harness import built, clean_environment, run
from terminal import let, shows

# Tells its progress, and goes on when the test makes the file.
TRAIN = """
import os, time
from dagster_pipes import open_dagster_pipes

with open_dagster_pipes() as pipes:
    pipes.report_custom_message({"progress": 0.5, "label": "fold 2 of 4"})
    while not os.path.exists("go on"):
        time.sleep(0.01)
"""
WAIT = 'while ! [ -e "go on" ]; do sleep 0.01; done'


def step(name, entrypoint, *needs, **more):
    return {"name": name, "entrypoint": entrypoint, "needs": needs, **more}


@pytest.fixture
def graph(tmp_path):
    """A file of these steps; the steps run beside it."""

    def write(*steps, concurrent=4):
        file = tmp_path / "graph.json"
        file.write_text(json.dumps({"name": "g", "executor": {"in_process": {"max_concurrent": concurrent}}, "steps": steps}))
        return file

    return write


def pipeline(tmp_path):
    (tmp_path / "train.py").write_text(TRAIN)
    return [
        step("prepare", "echo prepared"),
        step("train", f"{sys.executable} train.py", "prepare"),
        step("score", f"printf '\\033[31m\\033[2Jscoring 学習\\n'; {WAIT}", "prepare"),
        step("publish", "true", "train", "score"),
    ]


def execute(tmp_path, file, *words):
    return ("execute", file, "--home", tmp_path / "home", *words)


RUNNING = r"RUNNING \d:\d\d, 1 of 4 steps, 2 running"
ROWS = [r"prepare  SUCCESS     \d:\d\d", r"train    RUNNING     \d:\d\d  █{10}░{10}  50%  fold 2 of 4",
        r"score    RUNNING     \d:\d\d  scoring 学習", "publish  WAITING"]  # fmt: skip
PATH = r"slowest path: prepare [\d.]+ m?s (→|->) (train|score) [\d.]+ m?s (→|->) publish [\d.]+ m?s"
SUM = r"SUCCESS in [\d.]+ s: 4 succeeded; run [0-9a-f-]+"


def ends_well(shown):
    assert shown.finish() == 0
    *lines, path, last, empty = shown.screen.lines
    assert re.fullmatch(PATH, path) and empty == ""
    assert re.fullmatch(SUM, last)
    assert not any("RUNNING" in line or "WAITING" in line for line in lines)
    return lines


def test_the_steps_stand_below_the_lines_and_are_gone_at_the_end(terminal, graph, tmp_path):
    shown = terminal(*execute(tmp_path, graph(*pipeline(tmp_path))))
    lines = shown.wait_for(shows(RUNNING, *ROWS))
    assert "prepare  prepared" in lines
    let(tmp_path, "go on")
    lines = ends_well(shown)
    assert sorted(lines) == sorted([
        "prepare  START", "prepare  prepared", "prepare  SUCCESS", "train    START", "score    START", "score    scoring 学習",
        "train    SUCCESS", "score    SUCCESS", "publish  START", "publish  SUCCESS",
    ])  # fmt: skip
    assert "\x1b[36mRUNNING" in shown.text


def test_no_colour_and_no_utf8(terminal, graph, tmp_path):
    shown = terminal(*execute(tmp_path, graph(*pipeline(tmp_path))), LANG="C", NO_COLOR="1")
    shown.wait_for(shows(RUNNING, ROWS[0], r"train    RUNNING     \d:\d\d  #{10}-{10}  50%  fold 2 of 4",
                         r"score    RUNNING     \d:\d\d  scoring \?\?", ROWS[3]))  # fmt: skip
    let(tmp_path, "go on")
    ends_well(shown)
    assert not re.search(r"\x1b\[\d*m(RUNNING|SUCCESS|WAITING)", shown.text)


def test_a_narrow_window_cuts_and_a_resized_one_is_measured_again(terminal, graph, tmp_path):
    shown = terminal(*execute(tmp_path, graph(*pipeline(tmp_path))), columns=30)
    shown.wait_for(shows(r"RUNNING \d:\d\d, 1 of 4 steps, …", ROWS[0], r"train    RUNNING     \d:\d\d  ░…",
                         r"score    RUNNING     \d:\d\d  s…", ROWS[3]))  # fmt: skip
    shown.resize(100)
    shown.wait_for(shows(RUNNING, *ROWS))
    shown.resize(100, rows=8)
    shown.wait_for(shows(RUNNING, ROWS[1], ROWS[2], "and 2 more, 1 waiting, 1 succeeded"))
    let(tmp_path, "go on")
    assert shown.finish() == 0


def test_of_many_steps_those_that_run_are_shown(terminal, graph, tmp_path):
    steps = [step(f"s{number:02}", WAIT if number < 40 else "true", *(["s00"] if number >= 40 else [])) for number in range(60)]
    shown = terminal(*execute(tmp_path, graph(*steps, concurrent=3)))
    shown.wait_for(
        shows(r"RUNNING \d:\d\d, 0 of 60 steps, 3 running", *(rf"s0{number}  RUNNING     \d:\d\d" for number in range(3)),
              *(r"s\d\d  WAITING" for _ in range(7)), "and 50 more, 50 waiting")
    )  # fmt: skip
    let(tmp_path, "go on")
    assert shown.finish() == 0
    assert re.search(r"SUCCESS in [\d.]+ s: 60 succeeded; run", shown.text)


def test_ctrl_c_leaves_the_terminal_in_order(terminal, graph, tmp_path):
    shown = terminal(*execute(tmp_path, graph(*pipeline(tmp_path))))
    shown.wait_for(shows(RUNNING, *ROWS))
    shown.press(b"\x03")
    assert shown.finish() == 130
    lines = shown.screen.lines
    assert "dpipes: stopping; a second signal leaves at once" in lines
    assert re.search(r"CANCELED in [\d.]+ s: 1 succeeded, 3 canceled", "".join(lines[-3:]))
    assert not any(re.match("RUNNING|STOPPING", line) for line in lines)


def test_a_run_that_goes_on_shows_what_it_had(terminal, graph, tmp_path):
    first = terminal(*execute(tmp_path, graph(*pipeline(tmp_path)), "--run-id", "r"))
    first.wait_for(shows(RUNNING, *ROWS))
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    again = terminal("runs", "resume", "r", "--home", tmp_path / "home")
    again.wait_for(shows(RUNNING, ROWS[0], r"train    RUNNING     \d:\d\d", r"score    RUNNING     \d:\d\d", ROWS[3]))
    let(tmp_path, "go on")
    assert again.finish() == 0
    assert re.fullmatch(PATH, again.screen.lines[-3])


def test_on_a_pipe_there_are_lines_alone(graph, tmp_path):
    let(tmp_path, "go on")
    command = [built("cli/dpipes"), *execute(tmp_path, graph(*pipeline(tmp_path)))]
    done = run(command, env=clean_environment(LC_ALL="C.UTF-8"))
    assert (done.returncode, done.stderr) == (0, "")
    *lines, path, last = done.stdout.splitlines()
    assert re.fullmatch(PATH, path) and re.fullmatch(SUM, last)
    assert 'train    CUSTOM   {"progress": 0.5, "label": "fold 2 of 4"}' in lines
    assert not any(re.match("RUNNING", line) for line in lines)
