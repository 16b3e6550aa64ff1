"""Programs and addresses that let us down, as a child process and as a Ray job: what `dpipes run` says then."""

import json
import signal
import socket
import subprocess
import sys

import pytest
from harness import built, clean_environment, dpipes_run, interop_program, program_lines

NO_MESSAGE = "no message came through"


@pytest.fixture(params=["child", "Ray job"])
def target(request):
    """The options that choose where the program runs."""
    if request.param == "child":
        return ["--local"]
    return ["--address", request.getfixturevalue("ray").address]


def shell(target, script, *options):
    return dpipes_run(*target, *options, "--", "sh", "-c", script)


def python(target, source, *options):
    return dpipes_run(*target, *options, "--", sys.executable, "-c", source)


def is_local(target):
    return target == ["--local"]


def only_warning(run):
    [warning] = run.of("warning")
    return warning["message"]


# ---- Programs that fail ---------------------------------------------------------------------------------------------


def test_a_program_that_fails_has_its_exit_code_and_last_lines_shown(target):
    run = shell(target, "sleep 0.3; for i in $(seq 30); do echo line $i; done; echo last words; exit 7")
    assert (run.code, run.result["status"], run.result["exit_code"]) == (1, "FAILED", 7)
    assert run.result["error"]["status"] == "DPIPES_EREMOTE"
    assert "exit code 7" in run.result["error"]["message"]
    assert run.output == [*(f"line {i}" for i in range(1, 31)), "last words"]
    shown = run.stderr.splitlines()
    assert "last words" in shown[shown.index("line 25") :] and "exit code 7" in run.stderr


def test_the_reason_of_a_failed_job_ends_with_its_last_lines(ray):
    run = shell(["--address", ray.address], "sleep 0.3; for i in $(seq 30); do echo line $i; done; exit 7")
    assert run.result["error"]["message"].endswith("".join(f"\nline {i}" for i in range(21, 31)))
    assert run.result["ray"]["error_type"] == "JOB_ENTRYPOINT_COMMAND_ERROR"


def test_a_program_that_is_killed_has_its_signal_named(target):
    run = shell(target, "sleep 0.3; echo before; kill -9 $$")
    assert (run.code, run.result["status"]) == (1, "FAILED")
    wanted = (None, 9, "signal 9") if is_local(target) else (-9, None, "exit code -9")
    assert (run.result["exit_code"], run.result["signal"]) == wanted[:2]
    assert wanted[2] in run.result["error"]["message"]
    assert run.output == ["before"]


def test_a_program_that_dies_after_opening_is_missed(target):
    run = python(target, "import os, dagster_pipes; dagster_pipes.open_dagster_pipes(); os._exit(3)", "--asset", "a")
    assert (run.code, run.result["status"], run.result["exit_code"]) == (1, "FAILED", 3)
    assert len(run.of("opened")) == 1 and run.of("closed") == []
    assert only_warning(run) == "the program opened Dagster Pipes, but did not close it"


def test_an_exception_is_told_with_its_stack(target):
    source = "import dagster_pipes\nwith dagster_pipes.open_dagster_pipes(): {}['missing key']"
    run = python(target, source)
    assert (run.code, run.result["status"], run.result["exit_code"]) == (1, "FAILED", 1)
    [closed] = run.of("closed")
    assert closed["exception"]["name"] == "KeyError"
    assert closed["exception"]["message"] == "KeyError: 'missing key'\n"
    assert len(closed["exception"]["stack"]) == 1


def test_a_program_that_does_not_exist(target):
    run = dpipes_run(*target, "--", "/no/such/program")
    assert "/no/such/program" in run.result["error"]["message"]
    if is_local(target):
        assert (run.code, run.result["error"]["status"]) == (2, "DPIPES_ENOENT")
    else:
        assert (run.code, run.result["exit_code"]) == (1, 127)


# ---- Programs that write oddly --------------------------------------------------------------------------------------


def test_a_program_without_a_message_succeeds_with_a_warning(target):
    run = shell(target, "sleep 0.3; echo only output", "--asset", "a")
    assert (run.code, run.result["status"]) == (0, "SUCCEEDED")
    assert run.output == ["only output"]
    assert only_warning(run).startswith(NO_MESSAGE)
    assert [(result["asset_key"], result["implicit"]) for result in run.results("materialization")] == [("a", True)]


def test_half_a_line_is_output(target):
    run = shell(target, "sleep 0.3; echo whole; printf half")
    assert run.output == ["whole", "half"]
    assert run.code == 0


def test_half_a_message_is_output(ray):
    half = '{"__dagster_pipes_version": "0.1", "method": "log", "params": {"mess'
    run = shell(["--address", ray.address], f"sleep 0.3; printf '%s' '{half}'")
    assert run.output == [half]
    assert run.of("log") == [] and run.code == 0


def message(text):
    return json.dumps({"__dagster_pipes_version": "0.1", "method": "log", "params": {"message": text, "level": "INFO"}})


def test_messages_are_found_within_a_line_and_in_pieces(ray, tmp_path):
    whole = message("behind output") + message("directly after") + " and more output"
    first, second = message("in pieces")[:50], message("in pieces")[50:]
    # A file, since Ray writes the entrypoint to the log, with all that is in it.
    script = tmp_path / "script"
    script.write_text(f"""sleep 0.3; printf 'loss 0.5 '; printf '%s\\n' '{whole}'; printf '%s' '{first}'; sleep 0.3
            printf '%s\\n' '{second}'""")
    run = dpipes_run("--address", ray.address, "--", "sh", script)
    assert run.logs == [("INFO", text) for text in ("behind output", "directly after", "in pieces")]
    assert [line.strip() for line in run.output] == ["loss 0.5", "and more output"]


def test_five_megabytes_on_one_line_are_one_line(target):
    run = python(target, "import sys, time; time.sleep(0.3); sys.stdout.write('x' * 5_000_000 + '\\nend\\n')")
    assert run.code == 0
    assert [len(line) for line in run.output] == [5_000_000, 3]
    assert set(run.output[0]) == {"x"}


def test_five_megabytes_in_one_message_are_one_message(target):
    source = """
from dagster_pipes import open_dagster_pipes
with open_dagster_pipes() as context:
    context.log.info("é" * 1_000_000)
    context.report_asset_materialization({"text": "y" * 5_000_000})
    context.log.info("end")
"""
    run = python(target, source, "--asset", "a")
    assert run.code == 0 and run.of("warning") == []
    assert [text for _, text in run.logs] == ["é" * 1_000_000, "end"]
    [report] = run.of("materialization")
    assert report["metadata"] == {"text": {"raw_value": "y" * 5_000_000, "type": "__infer__"}}


def test_bytes_that_are_no_text_do_no_harm(target):
    run = shell(target, r"sleep 0.3; printf 'caf\303\n\377\376 \000 end\r\nlast\n'")
    assert run.code == 0
    assert run.output == ["caf\ufffd", "\ufffd\ufffd \0 end\r", "last"]


def test_many_messages_arrive_in_order_and_once(target):
    run = dpipes_run(*target, "--", interop_program("probe"), "log", "20000")
    assert [text for _, text in run.logs] == [f"message {i}" for i in range(20000)]
    assert run.result["messages"] == 20002


def test_messages_between_a_hundred_megabytes_of_output_arrive(target):
    source = """
from dagster_pipes import open_dagster_pipes
block = ("x" * 99 + "\\n") * 10_000
with open_dagster_pipes() as context:
    for n in range(100):
        print(block, end="", flush=True)
        context.log.info(str(n))
"""
    command = [built("cli/dpipes"), "run", "--json", *target, "--", sys.executable, "-c", source]
    counts, numbers = 0, []
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        for line in process.stdout:
            counts += line.count(b"x" * 99)
            if b'"event": "log"' in line:
                numbers.append(int(json.loads(line)["message"]))
    assert process.returncode == 0
    assert (counts, numbers) == (1_000_000, list(range(100)))


def test_two_writers_at_once_lose_nothing(target):
    probe = interop_program("probe")
    run = shell(target, f"{probe} log 2000 & {probe} log 2000; wait")
    assert run.code == 0
    wanted = [f"message {i}" for i in range(2000) for _ in range(2)]
    assert sorted(text for _, text in run.logs) == sorted(wanted)


# ---- Ends that we bring about ---------------------------------------------------------------------------------------


def test_the_timeout_stops_the_program(target):
    run = dpipes_run(*target, "--timeout", "1.5", "--", "sleep", "60")
    assert (run.code, run.result["status"]) == (4, "TIMED_OUT")
    assert run.result["error"]["status"] == "DPIPES_ETIMEDOUT"
    if not is_local(target):
        assert run.result["ray"]["status"] == "STOPPED"


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_stops_the_program(target, stop):
    command = [
        built("cli/dpipes"),
        "run",
        "--json",
        *target,
        "--",
        "sh",
        "-c",
        "sleep 0.3; echo started; exec sleep 60",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment()) as child:
        events = []
        for line in child.stdout:
            events.append(json.loads(line))
            if events[-1].get("text") == "started":
                child.send_signal(stop)
        assert child.wait(timeout=60) == 130
    assert program_lines(event["text"] for event in events if event["event"] == "output") == ["started"]
    assert (events[-1]["event"], events[-1]["status"]) == ("result", "CANCELED")
    if not is_local(target):
        assert events[-1]["ray"]["status"] == "STOPPED"


# ---- Addresses ------------------------------------------------------------------------------------------------------


def test_an_address_that_refuses_is_named():
    run = dpipes_run("--address", "http://127.0.0.1:1", "--", "true")
    assert (run.code, run.result["status"], run.result["error"]["status"]) == (3, "ERROR", "DPIPES_EIO")
    assert "http://127.0.0.1:1" in run.result["error"]["message"]


def test_an_address_that_never_answers_ends_with_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = "http://127.0.0.1:%d" % server.getsockname()[1]
        run = dpipes_run("--address", address, "--timeout", "1.5", "--", "true")
    assert (run.code, run.result["status"]) == (4, "TIMED_OUT")
    assert address in run.result["error"]["message"]


@pytest.mark.parametrize(
    "address", ["ftp://127.0.0.1", "http://", "http://127.0.0.1:99999", "ray://127.0.0.1:10001", ""]
)
def test_an_address_of_a_form_that_is_none_is_refused(address):
    run = dpipes_run("--address", address, "--", "true")
    assert (run.code, run.result["error"]["status"]) == (2, "DPIPES_EINVAL")
    assert address in run.result["error"]["message"]


def test_a_server_that_is_no_ray_is_named(tmp_path):
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(tmp_path), "0"]
    with subprocess.Popen(
        [*command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1
    ) as server:
        address = "http://127.0.0.1:%s" % server.stdout.readline().split("port ")[1].split()[0]
        run = dpipes_run("--address", address, "--", "true")
        server.terminate()
    assert run.code == 3
    assert address in run.result["error"]["message"]
