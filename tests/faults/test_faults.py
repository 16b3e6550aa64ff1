"""Every system call and every allocation of the writer fails once: either all messages are whole, or close says why not."""

import errno
import itertools
import json
import subprocess
import time
from dataclasses import dataclass

import pytest
from harness import asset_context, built, clean_environment, pipes_variables, run

METHODS = [
    "opened",
    "log",
    "report_asset_materialization",
    "report_asset_check",
    "report_custom_message",
    "log_external_stream",
    "closed",
]
CALLS = ["open", "log", "materialization", "check", "custom", "stream", "close"]
# More calls of a kind than the writer makes.
MOST_CALLS = 400

CHANNELS = {
    "file": lambda tmp_path: ({"path": str(tmp_path / "messages")}, ""),
    "stdio": lambda tmp_path: ({"stdio": "stdout"}, ""),
    "nonblocking": lambda tmp_path: ({"stdio": "stdout"}, "nonblocking"),
    "buffered_stdio": lambda tmp_path: ({"buffered_stdio": "stdout"}, ""),
    "unity": lambda tmp_path: ({"path": str(tmp_path)}, "unity"),
    "capture": lambda tmp_path: ({"path": str(tmp_path / "messages")}, "capture"),
}


@dataclass
class Outcome:
    statuses: dict
    calls: int
    error: str
    lines: list  # whole ones, parsed
    half: str  # what follows the last newline
    code: int


def run_writer(channel, tmp_path, call, at, number=0):
    for path in tmp_path.iterdir():
        path.unlink()
    params, kind = CHANNELS[channel](tmp_path)
    context = asset_context("a", extras={"n": 7, "text": "é\\", "tree": {"a": [1, None]}})
    fault = {"FAULT_CALL": call, "FAULT_AT": str(at), "FAULT_ERRNO": str(number)}
    environment = clean_environment(
        LD_PRELOAD=str(built("tests/faults/fault.so")), **fault, **pipes_variables({"data": context}, params)
    )
    result = tmp_path / "result"
    done = run([built("tests/faults/writer"), result, kind], env=environment, timeout=20)
    assert done.returncode in (0, 1), f"{call} {at} {number}: {done.returncode} {done.stderr}"
    return outcome(result, done, sent_text(channel, tmp_path, done))


def sent_text(channel, tmp_path, done):
    if channel == "unity":
        chunks = sorted(path for path in tmp_path.iterdir() if path.suffix == ".json")
        return "".join(chunk.read_text() + "\n" for chunk in chunks)
    messages = tmp_path / "messages"
    if channel in ("file", "capture"):
        return messages.read_text() if messages.exists() else ""
    return done.stdout


def outcome(result, done, text):
    *said, calls, error = result.read_text().split("\n")[:-1]
    *lines, half = text.split("\n")
    parsed = [json.loads(line) for line in lines if line]
    return Outcome(dict(line.split() for line in said), int(calls.split()[1]), error, parsed, half, done.returncode)


def assert_nothing_is_lost_silently(got):
    methods = [line["method"] for line in got.lines]
    if got.code == 0:
        assert list(got.statuses) == CALLS and set(got.statuses.values()) == {"DPIPES_OK"}
        assert (methods, got.half) == (METHODS, "")
    else:
        assert got.error
        assert got.statuses.get("close", got.statuses["open"]) != "DPIPES_OK"
        # What has arrived is in order, and a half line stands at the very end only.
        left = iter(METHODS)
        assert all(method in left for method in methods)


def each_call(channel, tmp_path, call, number):
    """One run for each call of the kind, until a run has fewer of them."""
    for at in range(1, MOST_CALLS):
        got = run_writer(channel, tmp_path, call, at, number)
        if got.calls < at:
            assert got.code == 0
            return
        yield got
    raise AssertionError(f"more than {MOST_CALLS} calls of {call}")


FAULTS = [
    *itertools.product(["write"], ["ENOSPC", "EPIPE", "EIO", "EDQUOT", "EINTR", "EAGAIN"]),
    *itertools.product(["short_write"], [""]),
    *itertools.product(["open", "close", "fcntl", "rename", "dup2", "pipe2", "poll"], ["EIO", "EINTR"]),
]
HARMLESS = {"EINTR", "EAGAIN", ""}


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(("call", "name"), FAULTS)
def test_a_system_call_that_fails_is_survived_or_reported(channel, call, name, tmp_path):
    runs = 0
    for got in each_call(channel, tmp_path, call, getattr(errno, name, 0)):
        assert_nothing_is_lost_silently(got)
        if call in ("write", "short_write", "close", "poll") and name in HARMLESS:
            assert got.code == 0, f"{call} {name}: {got.error}"
        runs += 1
    if call in ("write", "short_write"):
        assert runs >= {"unity": 1, "buffered_stdio": 3}.get(channel, len(METHODS))


@pytest.mark.parametrize("channel", CHANNELS)
def test_an_allocation_that_fails_is_reported(channel, tmp_path):
    runs = 0
    for got in each_call(channel, tmp_path, "alloc", errno.ENOMEM):
        assert_nothing_is_lost_silently(got)
        if got.code != 0:
            failures = {status for status in got.statuses.values() if status != "DPIPES_OK"}
            assert failures <= {"DPIPES_ENOMEM", "DPIPES_EIO"}, got
        runs += 1
    assert runs > 20


# ---- A slow reader and interruptions --------------------------------------------------------------------------------


def test_interrupted_writes_into_a_full_pipe_stay_whole():
    variables = pipes_variables({"data": asset_context("a")}, {"stdio": "stdout"})
    with subprocess.Popen(
        [built("tests/faults/interrupted")], stdout=subprocess.PIPE, env=clean_environment(**variables)
    ) as program:
        text = b""
        while part := program.stdout.read1(65536):
            text += part
            if len(text) < 2_000_000:
                time.sleep(0.002)  # the pipe is full meanwhile
    assert program.returncode == 0
    messages = [json.loads(line) for line in text.splitlines() if line]
    assert [message["method"] for message in messages] == ["opened", *["log"] * 500, "closed"]
    assert all(message["params"]["message"] == "x" * 20000 for message in messages[1:-1])


def test_a_reader_that_goes_is_an_error_where_sigpipe_is_ignored(tmp_path):
    variables = pipes_variables({"data": asset_context("a", extras={})}, {"stdio": "stdout"})
    command = 'trap "" PIPE; "$0" "$1" | true; wait; cat "$1"'
    done = run(
        ["bash", "-c", command, built("tests/faults/writer"), tmp_path / "result"], env=clean_environment(**variables)
    )
    assert "Broken pipe" in done.stdout and "DPIPES_EIO" in done.stdout
