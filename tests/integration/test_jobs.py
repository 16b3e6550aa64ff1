"""The job's options and the commands that look at jobs, on a real Ray."""

import json
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time

import pytest
from harness import built, clean_environment, dpipes_run, extra_options, run
from processes import Trace, free_port

HELLO = ("--asset", "table", "--extra", "rows=3")


def new_id():
    return f"t-{secrets.token_hex(6)}"


def dpipes(ray, command, *words, timeout=60):
    return run([built("cli/dpipes"), command, "--address", ray.address, *words], timeout)


def wait_for(ray, job, *wanted, seconds=60):
    """The job's details once it has one of these statuses."""
    until = time.monotonic() + seconds
    while True:
        details = json.loads(dpipes(ray, "status", "--json", job).stdout)
        if details["status"] in wanted:
            return details
        assert time.monotonic() < until, details
        time.sleep(0.1)


def attach(ray, *words):
    done = dpipes(ray, "attach", "--json", *words)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def hello(ray):
    """A job that has run, and what the run that followed it said."""
    job = new_id()
    options = ("--submission-id", job, "--metadata", "team=a b", "--env", "COLOUR=blue = green")
    followed = dpipes_run("--address", ray.address, *options, *HELLO, "--", built("examples/hello"))
    assert followed.code == 0, followed.stderr
    return job, followed


def test_attached_to_an_ended_job_the_events_are_those_of_the_run_that_followed_it(ray, hello):
    job, followed = hello
    code, events = attach(ray, "--asset", "table", job)
    assert code == 0
    assert events[:-1] == followed.events
    assert events[-1]["results"] == followed.result["results"]


def test_attached_at_any_events_offset_the_rest_comes(ray, hello):
    job, followed = hello
    for number, event in enumerate(followed.events, 1):
        code, events = attach(ray, "--offset", str(event["offset"]), job)
        later = [other for other in followed.events[number:]]
        assert (code, events[:-1]) == (0, later)


def test_a_job_is_found_among_all_with_its_metadata(ray, hello):
    job, _ = hello
    done = dpipes(ray, "jobs", "--json", "--status", "SUCCEEDED")
    found = [details for details in json.loads(done.stdout) if details["submission_id"] == job]
    assert [details["metadata"] for details in found] == [{"team": "a b"}]
    assert job in dpipes(ray, "jobs").stdout
    assert job not in dpipes(ray, "jobs", "--status", "FAILED").stdout


def test_a_log_is_shown_as_its_bytes(ray):
    job = new_id()
    bytes_ = rb"a\r\nb\377\n\tc"
    script = f"printf '{bytes_.decode()}'"
    assert dpipes_run("--address", ray.address, "--submission-id", job, "--", "sh", "-c", script).code == 0
    done = subprocess.run(
        [built("cli/dpipes"), "logs", "--address", ray.address, job],
        env=clean_environment(),
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"a\r\nb\xff\n\tc" in done.stdout


def test_a_detached_job_is_followed_stopped_and_deleted(ray):
    job = new_id()
    script = "echo begun; trap 'echo asked; exit 0' TERM; while :; do sleep 0.1; done"
    left = dpipes_run("--address", ray.address, "--submission-id", job, "--detach", "--", "sh", "-c", script)
    assert (left.code, left.result["status"]) == (0, "DETACHED")
    wait_for(ray, job, "RUNNING")
    while "begun\n" not in dpipes(ray, "logs", job).stdout:  # what there is now, of a job that goes on
        time.sleep(0.1)
    follower = subprocess.Popen(
        [built("cli/dpipes"), "logs", "-f", "--address", ray.address, job],
        env=clean_environment(),
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    refused = dpipes(ray, "delete", job)
    assert refused.returncode == 1
    assert "non-terminal state" in refused.stderr
    assert dpipes(ray, "stop", "--grace", "20", job).stdout == f"job {job} is STOPPED\n"
    log = follower.communicate(timeout=30)[0].splitlines()
    assert (log.count("begun"), log[-1]) == (1, "asked")
    assert dpipes(ray, "stop", job).returncode == 0
    time.sleep(2)  # Ray looks at a job each second, and writes FAILED for one that was deleted before it saw its end
    assert dpipes(ray, "delete", job).stdout == f"job {job} was deleted\n"
    gone = dpipes(ray, "status", job)
    assert (gone.returncode, f"Job {job} does not exist" in gone.stderr) == (1, True)


def test_what_no_node_has_is_named(ray):
    words = ("--num-gpus", "2", "--resource", "unobtainium=1", "--num-cpus", "1", "--pending-timeout", "6")
    done = dpipes_run("--address", ray.address, *words, "--", "true")
    assert (done.code, done.result["ray"]["outcome"]) == (4, "PENDING_TOO_LONG")
    assert "No node has GPU: 2, unobtainium: 1" in done.result["error"]["message"]
    assert "It may be waiting for resources" in done.result["error"]["message"]


def test_the_environment_and_the_runtime_env_reach_the_job(ray, tmp_path):
    runtime_env = tmp_path / "env.json"
    runtime_env.write_text('{"env_vars": {"A": "from the file", "B": "from the file"}}')
    words = ("--env", "A=from the option", "--runtime-env", f"@{runtime_env}")
    done = dpipes_run("--address", ray.address, *words, "--", "sh", "-c", 'echo "$A, $B"')
    assert "from the option, from the file" in done.output


def test_messages_come_by_a_file_that_the_command_makes(ray, tmp_path):
    words = ("--address", ray.address, "--message-channel", "file", *HELLO, "--", built("examples/hello"))
    done = dpipes_run(*words, TMPDIR=str(tmp_path))
    assert (done.code, done.logs) == (0, [("INFO", "counting 3 rows")])
    assert list(tmp_path.iterdir()) == []
    elsewhere = ("--address", ray.address.replace("127.0.0.1", "0.0.0.0"), "--message-channel", "file", "--", "true")
    refused = dpipes_run(*elsewhere)
    assert refused.code == 2 and "so --message-file is wanted" in refused.result["error"]["message"]


def test_a_job_that_is_left_goes_on_in_the_file(ray, tmp_path):
    script = f"sleep 9; exec {built('examples/hello')}"
    words = ("--address", ray.address, "--message-channel", "file", *HELLO, "--json", "--", "sh", "-c", script)
    environment = clean_environment(TMPDIR=str(tmp_path))
    with subprocess.Popen(
        [built("cli/dpipes"), "run", *words], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr:
            if "was submitted" in line:
                break
        job = re.search(r"job (pipes-[a-z]+) was submitted", line)[1]
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read()
    assert process.returncode == 130, said
    messages = next(tmp_path.glob("dpipes-*/messages"), None)
    assert f"go on in {messages}" in said
    assert dpipes(ray, "stop", job).returncode == 0  # the first signal's may not have left
    attached = dpipes_run("--address", ray.address, "--attach", job, "--message-file", messages)
    assert (attached.code, attached.result["status"]) == (1, "STOPPED")


def test_messages_and_the_context_travel_by_files(ray, tmp_path):
    files = ("--message-file", tmp_path / "messages", "--context-file", tmp_path / "context")
    big = {f"big{i}": secrets.token_hex(60_000) for i in range(3)}  # more than an environment takes
    job = new_id()
    words = ("--address", ray.address, "--submission-id", job, *files, *HELLO, *extra_options(big))
    done = dpipes_run(*words, "--", built("examples/hello"))
    assert (done.code, done.logs) == (0, [("INFO", "counting 3 rows")])
    assert [r["asset_key"] for r in done.results("materialization")] == ["table"]
    again = dpipes_run("--address", ray.address, "--asset", "table", "--attach", job, *files[:2])
    assert (again.code, again.result["results"]) == (0, done.result["results"])
    messages = [[event for event in told.events if event["event"] != "output"] for told in (done, again)]
    assert messages[0] == messages[1] and len(messages[0]) == 4
    assert (tmp_path / "context").stat().st_mode & 0o777 == 0o600


# ---- TLS ------------------------------------------------------------------------------------------------------------

NGINX = """
daemon off; master_process off; pid {dir}/pid; error_log {dir}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/f;
    uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {dir}/server.pem; ssl_certificate_key {dir}/server.key;
        ssl_client_certificate {dir}/server.pem; ssl_verify_client optional_no_ca;
        location /ray/ {{
            if ($http_x_team != "a") {{ return 403; }}
            if ($cookie_door != "open") {{ return 403; }}
            if ($ssl_client_verify = "NONE") {{ return 403; }}
            proxy_pass {backend}/; proxy_buffering off; proxy_read_timeout 600s; proxy_http_version 1.1;
        }}
    }}
}}
"""


def make_certificate(directory):
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    files = ["-keyout", directory / "server.key", "-out", directory / "server.pem"]
    subprocess.run(["openssl", *words.split(), *files], check=True, capture_output=True)


@pytest.fixture
def tls_proxy(ray, tmp_path):
    """nginx in front of the Ray: https, a path prefix, a header, a cookie and a client's certificate."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    if not nginx:
        pytest.skip("nginx is not installed")
    make_certificate(tmp_path)
    port = free_port()
    (tmp_path / "nginx.conf").write_text(NGINX.format(dir=tmp_path, port=port, backend=ray.address))
    server = subprocess.Popen([nginx, "-c", tmp_path / "nginx.conf", "-p", tmp_path], stderr=subprocess.DEVNULL)
    until = time.monotonic() + 10
    while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
        assert time.monotonic() < until and server.poll() is None
        time.sleep(0.05)
    yield f"https://127.0.0.1:{port}/ray", tmp_path
    server.terminate()
    server.wait(timeout=10)


def test_a_job_runs_behind_tls_with_all_that_the_proxy_wants(ray, tls_proxy):
    address, directory = tls_proxy
    door = ("--header", "X-Team=a", "--cookie", "door=open", "--token-file", ray.token_file)
    mine = ("--client-cert", directory / "server.pem", "--client-key", directory / "server.key")
    words = ("--address", address, *door, *mine, "--ca-file", directory / "server.pem", *HELLO)
    done = dpipes_run(*words, "--", built("examples/hello"))
    assert (done.code, done.logs) == (0, [("INFO", "counting 3 rows")]), done.stderr


def test_a_certificate_that_nobody_vouches_for_is_refused_unless_told(ray, tls_proxy):
    address, directory = tls_proxy
    door = ("--header", "X-Team=a", "--cookie", "door=open", "--token-file", ray.token_file)
    mine = ("--client-cert", directory / "server.pem", "--client-key", directory / "server.key")
    refused = dpipes_run("--address", address, *door, *mine, "--", "true")
    assert (refused.code, "certificate" in refused.result["error"]["message"]) == (3, True)
    assert dpipes_run("--address", address, *door, *mine, "--insecure", "--", "true").code == 0


# ---- Which Ray ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variables", [{}, {"RAY_ADDRESS": "auto"}])
def test_without_an_address_the_ray_of_local_up_is_found(ray, variables):
    done = dpipes_run("--", "true", **variables)
    assert done.code == 0 and done.result["ray"]["address"] == ray.address


def test_auto_finds_a_dashboard_that_no_local_up_has_started(ray, tmp_path):
    """Another runtime directory has no list of clusters with ours in it, so the ports are asked."""
    tmp_path.chmod(0o700)
    words = ("--address", "auto", "--token-file", ray.token_file, "--", "true")
    done = dpipes_run(*words, XDG_RUNTIME_DIR=str(tmp_path))
    port = int(done.result["ray"]["address"].rpartition(":")[2])
    assert 8265 <= port < 8269
    assert done.code == 0 or "token" in done.result["error"]["message"]


def test_a_client_without_an_address_starts_the_ray_that_it_may_start(ray_program, runtime_directory):
    trace = Trace(clean_environment(DPIPES_RAY=ray_program))
    done = run([built("tests/integration/own_ray"), built("examples/hello")], timeout=180, env=trace.environment)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+ SUCCEEDED table v1\n", done.stdout)
    assert trace.left() == []
