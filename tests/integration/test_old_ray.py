"""What every Ray from 2.9 on can do; scripts/test-matrix runs this on older ones, and the whole run on the newest."""

import json
import re
from pathlib import Path

from harness import built, clean_environment, dpipes_run, run
from test_jobs import dpipes, new_id, wait_for

HELLO = ("--asset", "table", "--extra", "rows=3", "--", built("examples/hello"))


def test_a_programs_messages_arrive_in_order_and_once(ray):
    done = dpipes_run("--address", ray.address, *HELLO)
    assert done.code == 0, done.stderr
    assert [event["event"] for event in done.events if event["event"] not in ("output", "warning")] == [
        "opened",
        "log",
        "materialization",
        "closed",
    ]
    many = dpipes_run("--address", ray.address, "--", built("tests/interop/probe"), "log", "2000")
    assert [text for _, text in many.logs] == [f"message {i}" for i in range(2000)]


def test_output_of_any_bytes_comes_whole(ray):
    script = "sleep 0.3; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo grüße; echo end"
    done = dpipes_run("--address", ray.address, "--", "sh", "-c", script)
    assert done.code == 0, done.stderr
    assert [len(line) for line in done.output] == [3_000_000, 5, 3] and done.output[1:] == ["grüße", "end"]


def test_a_long_log_that_the_dashboard_gave_is_measured_and_not_fetched_again(ray):
    """By Ray's own record of what it was asked for. An agent is not told what is meant for a dashboard elsewhere."""
    elsewhere = ["--address", ray.address.replace("127.0.0.1", "0.0.0.0"), "--header", "X-Secret=of the dashboard's"]
    elsewhere += ["--token-file", ray.token_file] if ray.token_file else []
    job, lines = new_id(), 20_000
    program = f"yes {'tick' * 25} | head -n {lines}; sleep 3"
    done = dpipes_run("--submission-id", job, *elsewhere, "--", "sh", "-c", program)
    assert (done.code, done.output) == (0, ["tick" * 25] * lines), done.stderr
    (agents_log,) = Path(ray.trace.directory).glob("**/session_2*/logs/dashboard_agent.log")
    size = len(dpipes(ray, "logs", job).stdout.encode())
    begins = re.findall(rf"Tailing logs from (\d+) to {size} for lines=", agents_log.read_text())
    assert begins[-1] == str(size) and "0" not in begins


def test_a_failure_has_its_last_lines_and_where_ray_tells_it_the_exit_code(ray):
    done = dpipes_run("--address", ray.address, "--", "sh", "-c", "echo last words; exit 7")
    assert (done.code, done.result["status"]) == (1, "FAILED")
    assert done.result["exit_code"] in (7, None) and "last words" in done.result["error"]["message"]


def test_a_job_is_left_stopped_and_attached_to(ray):
    job = new_id()
    script = "echo begun; while :; do sleep 0.1; done"
    left = dpipes_run("--address", ray.address, "--submission-id", job, "--detach", "--", "sh", "-c", script)
    assert left.code == 0
    wait_for(ray, job, "RUNNING")
    assert dpipes(ray, "stop", "--grace", "20", job).returncode == 0
    attached = run([built("cli/dpipes"), "attach", "--json", "--address", ray.address, job], env=clean_environment())
    assert attached.returncode == 1
    events = [json.loads(line) for line in attached.stdout.splitlines()]
    assert events[-1]["status"] == "STOPPED" and any(event.get("text") == "begun" for event in events)


def test_the_timeout_stops_the_job(ray):
    done = dpipes_run("--address", ray.address, "--timeout", "3", "--", "sleep", "100")
    assert (done.code, done.result["status"]) == (4, "TIMED_OUT")
