"""`dpipes run` on a terminal: lines scroll, and below them the status area is drawn again in place."""

import os
import re
import signal
import sys
import termios

import pytest
from harness import built, clean_environment, run
from terminal import Screen, Terminal, let, shows

# Takes a step each time that the test makes the next file.
STEPS = """
import os, sys, time
from dagster_pipes import open_dagster_pipes

def wait_for(name):
    while not os.path.exists(os.path.join(sys.argv[1], name)):
        time.sleep(0.01)

with open_dagster_pipes() as pipes:
    pipes.log.info("begun")
    print("one line", flush=True)
    pipes.report_custom_message({"progress": 0.25, "label": sys.argv[2]})
    wait_for("go on")
    pipes.report_custom_message({"progress": 0.5})
    pipes.report_custom_message({"another": 1})
    pipes.report_asset_materialization({"rows": 7}, data_version="v1")
    pipes.report_asset_check("good", True)
    wait_for("end")
"""


def local(*command):
    return ("run", "--local", "--asset", "table", "--", *command)


def shell(script, *words):
    return local("sh", "-c", script, "sh", *words)


def steps(directory, label):
    return local(sys.executable, "-c", STEPS, directory, label)


COUNTED = r"RUNNING \d+:\d\d, 3 messages, 1 custom message"
SUM = "1 materialization, 1 check passed, 3 custom messages"


def test_the_area_stands_below_the_lines_and_is_gone_at_the_end(terminal, tmp_path):
    shown = terminal(*steps(tmp_path, "fold 1 of 4"))
    lines = shown.wait_for(shows(COUNTED, "█{7}░{23}  25%  fold 1 of 4"))
    assert sorted(lines[:-2]) == ["INFO     begun", "one line"]
    let(tmp_path, "go on")
    shown.wait_for(shows(rf"RUNNING \d+:\d\d, 7 messages, {SUM}", "█{15}░{15}  50%"))
    let(tmp_path, "end")
    assert shown.finish() == 0
    lines = shown.screen.lines
    assert sorted(lines[:2]) == ["INFO     begun", "one line"]
    assert lines[2:6] == [
        'CUSTOM   {"another": 1}',
        "ASSET    table materialized, data version v1",
        "         rows  int  7",
        "CHECK    PASSED good of table, severity ERROR",
    ]
    assert re.fullmatch(rf"SUCCEEDED in [\d.]+ s, 8 messages, {SUM}", lines[6])
    assert lines[7:] == [""]


def test_a_terminal_without_utf8_gets_ascii(terminal, tmp_path):
    shown = terminal(*steps(tmp_path, "é"), LANG="C")
    shown.wait_for(shows(COUNTED, "#{7}-{23}  25%  [?]"))
    let(tmp_path, "go on")
    let(tmp_path, "end")
    assert shown.finish() == 0
    assert shown.raw.isascii()


def test_a_narrow_window_cuts_and_a_resized_one_is_measured_again(terminal, tmp_path):
    shown = terminal(*steps(tmp_path, "学習中です"), columns=25)
    shown.wait_for(shows(r"RUNNING \d:\d\d, 3 message…", "█{3}░{9}  25%  学習…"))
    shown.resize(60)
    shown.wait_for(shows(COUNTED, "█{7}░{22}  25%  学習中です"))
    let(tmp_path, "go on")
    let(tmp_path, "end")
    assert shown.finish() == 0


def test_what_the_program_prints_cannot_break_the_view(terminal, tmp_path):
    script = r"""
    echo first
    printf '\033[2J\033[H\033]0;title\007\033[31mred\a\b\n'
    printf '\302\2332J\016second\n10%%\r20%%\n'
    printf 'no end \033[4m'
    while ! [ -e "$1/end" ]; do sleep 0.01; done
    """
    shown = terminal(*shell(script, tmp_path))
    lines = shown.wait_for(lambda lines: "20%" in lines)
    assert lines[:-1] == ["first", "red", "2Jsecond", "20%"]
    assert lines[-1].startswith("RUNNING 0:0")
    let(tmp_path, "end")
    assert shown.finish() == 0
    assert b"\033[31mred\033[0m\r\n" in shown.raw
    assert b"no end \033[4m\033[0m\r\n" in shown.raw
    assert shown.screen.lines[4] == "no end"


def test_many_lines_come_whole_and_in_order_with_few_areas_between(terminal):
    count = 20_000
    shown = terminal(*shell(f"seq {count}"))
    assert shown.finish() == 0
    numbers = [line for line in shown.screen.lines if line.isdigit()]
    assert numbers == [str(number) for number in range(1, count + 1)]
    assert shown.raw.count(b"RUNNING") < count / 10


def test_ctrl_c_leaves_the_terminal_in_order(terminal):
    shown = terminal(*shell("echo begun; exec sleep 600"))
    shown.wait_for(lambda lines: lines[0] == "begun" and lines[-1].startswith("RUNNING"))
    shown.press(b"\x03")
    assert shown.finish() == 130
    lines = shown.screen.lines
    assert lines[:2] == ["begun", "dpipes: stopping; a second signal leaves at once"]
    assert re.fullmatch(r"CANCELED after [\d.]+ s, 0 messages", lines[-2])
    assert lines[-1] == ""
    assert not any("STOPPING" in line or "RUNNING" in line for line in lines)
    assert termios.tcgetattr(shown.slave) == shown.modes


def test_a_second_ctrl_c_takes_the_area_away_before_it_leaves(terminal, tmp_path):
    script = 'trap "" TERM; echo $$ > "$1/pid"; echo begun; while :; do sleep 0.1; done'
    shown = terminal(*shell(script, tmp_path))
    shown.wait_for(lambda lines: lines[0] == "begun" and lines[-1].startswith("RUNNING"))
    shown.press(b"\x03")
    shown.wait_for(shows(r"STOPPING \d:\d\d, 0 messages"))
    shown.press(b"\x03")
    code = shown.finish()
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert code == 130
    assert shown.screen.lines[1:] == [
        "dpipes: stopping; a second signal leaves at once",
        "dpipes: left at once; what was started may still run",
        "",
    ]


def test_a_failure_is_told_below_the_last_line(terminal):
    shown = terminal(*shell("echo last; exit 3"), columns=400)
    assert shown.finish() == 1
    lines = shown.screen.lines
    assert (lines[0], lines[-3][:8], lines[-2][:12], lines[-1]) == ("last", "dpipes: ", "FAILED after", "")


def test_in_the_background_there_is_no_area():
    script = f"set -m; {built('cli/dpipes')} run --local -- sh -c 'echo begun; exec sleep 600' & wait"
    job = Terminal(["bash", "-c", script], clean_environment(TERM="xterm"))
    try:
        job.wait_for(lambda lines: "begun" in lines)
        [dpipes] = run(["pgrep", "-P", str(job.process.pid)]).stdout.split()
        os.kill(int(dpipes), signal.SIGTERM)
        job.finish()
        assert b"RUNNING" not in job.raw
        assert b"CANCELED" in job.raw
    finally:
        job.close()


@pytest.mark.parametrize("how", [{"TERM": "dumb"}, {"json": True}])
def test_without_a_cursor_or_with_json_there_are_lines_only(terminal, how):
    how = dict(how)
    options = ["--json"] if how.pop("json", False) else []
    shown = terminal("run", *options, "--local", "--", "echo", "line", **how)
    assert shown.finish() == 0
    assert b"line" in shown.raw
    assert b"RUNNING" not in shown.raw
    if not options:
        assert b"\033" not in shown.raw


# ---- Colours --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "environment", "coloured"),
    [
        ([], {}, True),
        ([], {"NO_COLOR": "1"}, False),
        (["--color", "auto"], {"NO_COLOR": "1"}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--color=never"], {}, False),
    ],
)
def test_the_outcome_is_coloured_on_a_terminal_unless_told_otherwise(terminal, options, environment, coloured):
    shown = terminal("run", *options, "--local", "--", "true", **environment)
    assert shown.finish() == 0
    assert (b"\033[32mSUCCEEDED\033[0m" in shown.raw) == coloured


@pytest.mark.parametrize(("options", "coloured"), [([], False), (["--color", "always"], True)])
def test_a_pipe_has_colours_only_when_told_so_and_never_an_area(options, coloured):
    done = run([built("cli/dpipes"), "run", *options, "--local", "--", "printf", r"a\033[2Jb"])
    assert done.stdout.startswith("a\033[2Jb\n")
    assert ("\033[32mSUCCEEDED\033[0m" in done.stdout) == coloured
    assert "RUNNING" not in done.stdout


def test_a_wrong_colour_is_named():
    done = run([built("cli/dpipes"), "run", "--color", "red", "--local", "--", "true"])
    assert (done.returncode, "--color `red`: auto, always or never is wanted" in done.stderr) == (2, True)


# ---- A Ray job ------------------------------------------------------------------------------------------------------


def test_a_ray_job_shows_rays_own_words(terminal, ray, tmp_path):
    script = f"echo begun; while ! [ -e {tmp_path}/end ]; do sleep 0.05; done"
    shown = terminal("run", "--address", ray.address, "--token-file", ray.token_file, "--", "sh", "-c", script)
    shown.wait_for(lambda lines: "begun" in lines and lines[-1].startswith("RUNNING"))
    let(tmp_path, "end")
    assert shown.finish() == 0
    assert shown.screen.lines[-2].startswith("SUCCEEDED in ")


# ---- The screen of these tests --------------------------------------------------------------------------------------


def test_the_screen_wraps_overwrites_and_erases():
    screen = Screen(5)
    screen.write("abcdefg\r\n学習中\rx\n\rone\r\na\tb\r\x1b[1AO\x1b[J")
    assert screen.lines == ["abcde", "fg", "学習", "x", "O"]
