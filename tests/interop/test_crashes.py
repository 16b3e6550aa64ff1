"""Crash reports: programs that really crash, one for each way."""

import json
import signal
import subprocess

import pytest
from harness import asset_context, clean_environment, interop_program, messages_of, pipes_variables, run

# The way: the exception's name, a part of its sentence, a function on its stack, how the program ends.
WAYS = {
    "segv": ("SIGSEGV", "SIGSEGV: invalid memory access at 0x0: the address is not mapped", "write_to_null"),
    "bus": ("SIGBUS", "SIGBUS: bus error at 0x", "read_past_the_file"),
    "fpe": ("SIGFPE", "integer division by zero", "divide_by_zero"),
    "ill": ("SIGILL", "SIGILL: illegal instruction at 0x", "run_into_a_trap"),
    "abort": ("SIGABRT", "SIGABRT: aborted", "end_in_thread"),
    "assert": ("SIGABRT", "SIGABRT: aborted", "fail_an_assertion"),
    "term": ("SIGTERM", "SIGTERM: terminated by process ", "send_term"),
    "overflow": ("SIGSEGV", "SIGSEGV: invalid memory access at 0x", "overflow_the_stack"),
}


@pytest.fixture
def channel(tmp_path):
    return tmp_path / "messages"


def crash(channel, *words, params=None, program="crasher"):
    variables = pipes_variables({"data": asset_context("a")}, params or {"path": str(channel)})
    return run([interop_program(program), *words], env=clean_environment(**variables))


def exception_of(messages):
    assert [message["method"] for message in messages] == ["opened", "log", "closed"]
    return messages[-1]["params"]["exception"]


@pytest.mark.parametrize("where", ["main", "thread"])
@pytest.mark.parametrize("way", WAYS)
def test_a_crash_is_reported_and_the_program_ends_as_without_us(way, where, channel, tmp_path):
    name, sentence, function = WAYS[way]
    words = [way] if where == "main" else [way, "--thread"]
    done = crash(channel, *words)
    exception = exception_of([m for m in map(parse, channel.read_text().splitlines()) if m])
    assert (exception["name"], exception["cause"], exception["context"]) == (name, None, None)
    assert sentence in exception["message"]
    assert any(frame.startswith(function + "+0x") for frame in exception["stack"]), exception["stack"]
    plain = crash(tmp_path / "plain", *words, "--quiet")
    assert done.returncode == plain.returncode == -getattr(signal, name)
    assert done.stderr == plain.stderr


def parse(line):
    return json.loads(line) if line else None


def test_the_innermost_frame_is_last(channel):
    crash(channel, "segv")
    stack = exception_of(messages_without_empty_lines(channel))["stack"]
    functions = [frame.split("+")[0] for frame in stack]
    assert functions[-2:] == ["end_in_thread", "write_to_null"] and "main" in functions


def messages_without_empty_lines(channel):
    return [json.loads(line) for line in channel.read_text().splitlines() if line]


@pytest.mark.parametrize("way", ["segv", "fpe", "abort", "term"])
def test_a_handler_that_was_there_before_runs_after_the_report(way, channel):
    done = crash(channel, way, "--handler")
    assert exception_of(messages_without_empty_lines(channel))["name"] == WAYS[way][0]
    assert done.stderr == "own handler\n"
    assert done.returncode == -getattr(signal, WAYS[way][0])


@pytest.mark.parametrize("where", [[], ["--thread"]])
def test_an_exit_without_close_is_reported(where, channel):
    done = crash(channel, "exit", *where)
    exception = exception_of(messages_without_empty_lines(channel))
    assert (exception["name"], exception["message"]) == (
        "exit",
        "the program called exit() without closing the context",
    )
    assert done.returncode == 3


def test_a_crash_goes_to_stdout_too(channel):
    for kind in ("stdio", "buffered_stdio"):
        done = crash(channel, "segv", params={kind: "stdout"})
        messages = [json.loads(line) for line in done.stdout.splitlines() if line]
        assert exception_of(messages)["name"] == "SIGSEGV"
        assert done.returncode == -signal.SIGSEGV


def test_a_childs_crash_is_not_the_parents(channel):
    done = crash(channel, "child")
    methods = [message["method"] for message in messages_of(channel)]
    assert methods == ["opened", "log", "log", "closed"]
    assert messages_of(channel)[-1]["params"] == {}
    assert done.returncode == 0


def test_after_close_a_crash_is_the_programs_own(channel):
    done = crash(channel, "closed")
    assert [message["method"] for message in messages_of(channel)] == ["opened", "log", "closed"]
    assert messages_of(channel)[-1]["params"] == {}
    assert done.returncode == -signal.SIGSEGV


def started(channel, *words):
    variables = pipes_variables({"data": asset_context("a")}, {"path": str(channel)})
    program = subprocess.Popen(
        [interop_program("crasher"), *words],
        env=clean_environment(**variables),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert program.stderr.readline() == b"ready\n"
    return program


def test_a_signal_from_outside_is_reported(channel):
    program = started(channel, "wait")
    program.terminate()
    assert program.wait(60) == -signal.SIGTERM
    program.stderr.close()
    assert exception_of(messages_without_empty_lines(channel))["name"] == "SIGTERM"


def test_an_ignored_signal_stays_ignored(channel):
    program = started(channel, "wait", "--ignore")
    program.terminate()
    program.send_signal(signal.SIGABRT)
    assert program.wait(60) == -signal.SIGABRT
    program.stderr.close()
    assert exception_of(messages_without_empty_lines(channel))["name"] == "SIGABRT"


# ---- C++ ------------------------------------------------------------------------------------------------------------

ROW = {"message": "row 7", "stack": [], "name": "std::out_of_range", "cause": None, "context": None}
BATCH = {"message": "no batch", "stack": [], "name": "std::runtime_error", "cause": ROW, "context": None}
UNCAUGHT = {
    "throw": BATCH,
    "thread": BATCH,
    "noexcept": BATCH,
    "int": {**ROW, "message": "an exception that is no std::exception", "name": "int"},
    "terminate": {**ROW, "message": "the program called std::terminate", "name": "std::terminate"},
}


@pytest.mark.parametrize("way", UNCAUGHT)
def test_an_exception_that_nobody_catches_is_reported(way, channel, tmp_path):
    done = crash(channel, way, program="crasher_cpp")
    messages = messages_of(channel)
    assert [message["method"] for message in messages] == ["opened", "closed"]
    assert messages[-1]["params"]["exception"] == UNCAUGHT[way]
    plain = crash(tmp_path / "plain", way, "--quiet", program="crasher_cpp")
    assert (done.returncode, done.stderr) == (plain.returncode, plain.stderr)
    assert done.returncode == -signal.SIGABRT


def test_a_program_without_exceptions_uses_the_same_header(channel):
    assert crash(channel, program="no_exceptions").returncode == 0
    assert [message["method"] for message in messages_of(channel)] == ["opened", "log", "closed"]
    failed = crash(channel, "fail", program="no_exceptions")
    assert failed.returncode == -signal.SIGABRT
    assert failed.stderr.startswith("extra `absent`: the orchestrator did not give it\n")
