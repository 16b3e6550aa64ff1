"""`dpipes local` and `dpipes run --local-ray`: a Ray of one's own, closed to others, of which nothing is left."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import urllib.error
import urllib.request
import zipfile

import pytest
from harness import Run, built, clean_environment, dpipes_run, run
from processes import Trace, wait_until


@pytest.fixture
def trace(ray_program, runtime_directory):
    trace = Trace(clean_environment(DPIPES_RAY=ray_program))
    yield trace
    left = trace.left()
    trace.close()
    assert left == []


def dpipes(trace, *words):
    return run([built("cli/dpipes"), *words], timeout=180, env=trace.environment)


def start_dpipes(trace, *words):
    """As a shell does it: in a process group of its own."""
    command = [str(built("cli/dpipes")), *words]
    return subprocess.Popen(
        command, env=trace.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, process_group=0
    )


def status_of(address):
    """The HTTP status of a dashboard for a request without a token."""
    try:
        with urllib.request.urlopen(f"{address}/api/version", timeout=10) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code


def refuses(address):
    host, _, port = address.removeprefix("http://").partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


# ---- A cluster that runs --------------------------------------------------------------------------------------------


def test_every_listener_is_on_the_loopback_address(ray):
    listeners = ray.trace.listeners()
    assert len(listeners) >= 8
    assert {host for host, _ in listeners} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def test_the_token_file_is_its_owners_alone(ray):
    assert stat.S_IMODE(os.stat(ray.token_file).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(ray.token_file)).st_mode) == 0o700
    assert re.fullmatch("[0-9a-f]{64}", token(ray))


def token(ray):
    with open(ray.token_file) as file:
        return file.read().strip()


def test_a_request_without_the_token_is_refused(ray):
    assert status_of(ray.address) == 401


def test_the_token_is_in_no_command_line_environment_or_output(ray):
    secret = token(ray).encode()
    for pid in ray.trace.pids():
        for name in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{name}", "rb") as file:
                assert secret not in file.read(), f"the {name} of {pid}"
    job = dpipes_run(
        "--address", ray.address, "--", "sh", "-c", "cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'; env"
    )
    assert job.code == 0 and len(job.output) > 20
    said = [ray.up_output, json.dumps(job.events), json.dumps(job.result), job.stderr]
    assert all(secret.decode() not in text for text in said)


def test_a_client_without_the_token_is_told_so(ray, tmp_path):
    elsewhere = {"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    refused = dpipes_run("--address", ray.address, "--", "true", **elsewhere)
    assert (refused.code, refused.result["status"]) == (3, "ERROR")
    assert "token" in refused.result["error"]["message"] and ray.address in refused.result["error"]["message"]
    taken = dpipes_run("--address", ray.address, "--", "true", RAY_AUTH_TOKEN_PATH=ray.token_file, **elsewhere)
    assert taken.code == 0


def test_run_takes_the_cluster_that_is_up(ray):
    assert dpipes_run("--", "true").result["ray"]["address"] == ray.address


# ---- Up, status, down -----------------------------------------------------------------------------------------------


def test_a_second_cluster_comes_up_beside_the_first_and_goes_without_a_trace(ray, trace):
    up = dpipes(trace, "local", "up", "--no-auth", "--num-cpus", "1")
    assert up.returncode == 0, up.stderr
    exports = dict(re.findall(r"^export (\w+)=(.*)$", up.stdout, re.MULTILINE))
    address, gcs_address = exports["RAY_API_SERVER_ADDRESS"], exports["RAY_ADDRESS"]
    assert exports["RAY_AUTH_MODE"] == "disabled" and address != ray.address
    assert status_of(address) == 200

    status = dpipes(trace, "local", "status", "--json")
    clusters = {cluster["address"]: cluster for cluster in json.loads(status.stdout)}
    assert status.returncode == 0 and {ray.address, address} <= clusters.keys()
    assert clusters[address]["token_file"] is None and clusters[address]["gcs_address"] == gcs_address
    assert clusters[address]["answers"] is True and clusters[ray.address]["answers"] is True
    assert clusters[address]["temp_dir"].startswith(trace.directory)
    assert not {port for _, port in trace.listeners()} & {port for _, port in ray.trace.listeners()}
    assert dpipes_run("--address", address, "--", "true").code == 0

    ambiguous = dpipes(trace, "local", "down")
    assert ambiguous.returncode != 0 and "--address" in ambiguous.stderr
    down = dpipes(trace, "local", "down", "--address", address)
    assert down.returncode == 0, down.stderr
    assert trace.left() == []
    assert refuses(address) and refuses(gcs_address)
    assert status_of(ray.address) == 401
    again = dpipes(trace, "local", "down", "--address", address)
    assert again.returncode != 0 and address in again.stderr


def test_status_and_down_say_when_there_is_none(trace, tmp_path):
    trace.environment["XDG_RUNTIME_DIR"] = str(tmp_path)
    status = dpipes(trace, "local", "status", "--json")
    assert (status.returncode, json.loads(status.stdout)) == (1, [])
    assert dpipes(trace, "local", "down").returncode != 0


def test_a_ray_that_is_not_installed_is_explained(trace, tmp_path):
    trace.environment["DPIPES_RAY"] = "/no/such/ray"
    missing = dpipes(trace, "local", "up")
    assert missing.returncode != 0 and "/no/such/ray" in missing.stderr
    del trace.environment["DPIPES_RAY"]
    trace.environment["PATH"] = str(tmp_path)
    nowhere = run([built("cli/dpipes"), "local", "up"], env=trace.environment, cwd=tmp_path)
    assert nowhere.returncode != 0 and "ray[default]" in nowhere.stderr


# ---- run --local-ray ------------------------------------------------------------------------------------------------


def run_on_local_ray(trace, *words):
    done = dpipes(trace, "run", "--json", "--local-ray", "--", *words)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    return Run(done.returncode, events[:-1], events[-1], done.stderr)


def test_nothing_is_left_of_a_ray_that_was_started_for_a_run(trace):
    done = run_on_local_ray(trace, "sh", "-c", "sleep 0.3; echo hello; setsid sleep 300 & exit 5")
    assert (done.code, done.result["exit_code"], done.output) == (1, 5, ["hello"])
    assert trace.left() == []
    assert refuses(done.result["ray"]["address"])


def started_job(trace):
    """`dpipes run --local-ray` whose program has started."""
    child = start_dpipes(
        trace, "run", "--json", "--local-ray", "--", "sh", "-c", "sleep 0.3; echo started; exec sleep 300"
    )
    for line in child.stdout:
        if json.loads(line).get("text") == "started":
            return child
    raise AssertionError(f"the program did not start; exit code {child.wait()}")


def test_nothing_is_left_when_the_owner_is_killed(trace):
    with started_job(trace) as child:
        child.kill()
    trace.wait_until_nothing_is_left()


def test_nothing_is_left_after_ctrl_c(trace):
    with started_job(trace) as child:
        os.killpg(child.pid, signal.SIGINT)
        assert child.wait(timeout=60) == 130
    assert trace.left() == []


@pytest.mark.parametrize("words", [["run", "--local-ray", "--", "true"], ["local", "up"]], ids=["run", "up"])
@pytest.mark.parametrize("moment", ["ray start", "gcs_server"])
def test_nothing_is_left_after_ctrl_c_in_the_middle_of_the_start(words, moment, trace):
    with start_dpipes(trace, *words) as child:
        wait_until(lambda: any(moment in line for line in trace.command_lines()), 60, lambda: f"no {moment}")
        os.killpg(child.pid, signal.SIGINT)
        assert child.wait(timeout=60) == 130
    assert trace.left() == []


# ---- What it is started with ----------------------------------------------------------------------------------------


def test_resources_labels_and_variables_are_those_of_the_node_and_it_can_be_used_again(trace, tmp_path):
    tmp_path.chmod(0o700)
    trace.environment["XDG_RUNTIME_DIR"] = str(tmp_path)
    options = ["--num-cpus", "1", "--num-gpus", "1", "--object-store-memory", "100MiB", "--resource", "special=2"]
    options += ["--label", "zone=a", "--env", "MARK=of the cluster"]
    up = dpipes(trace, "local", "up", "--json", *options)
    assert up.returncode == 0, up.stderr
    address = json.loads(up.stdout)["address"]
    again = dpipes(trace, "local", "up", "--json", "--reuse", "--num-cpus", "1")
    assert json.loads(again.stdout)["address"] == address and "using the Ray" in again.stderr
    words = ["--resource", "special=1", "--num-gpus", "1", "--label", "zone=a", "--", "sh", "-c", "echo $MARK"]
    job = dpipes_run("--address", address, *words, XDG_RUNTIME_DIR=str(tmp_path))
    assert job.code == 0 and job.output == ["of the cluster"], job.stderr
    down = dpipes(trace, "local", "down", "--address", address)
    assert down.returncode == 0 and trace.left() == []


def make_wheel(directory):
    """A wheel of one module, so that pip needs no network."""
    path = directory / "only_here-1.0-py3-none-any.whl"
    info = "only_here-1.0.dist-info"
    files = {
        "only_here.py": "answer = 42\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: only-here\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(name, text)
    return path


def test_a_runtime_env_of_the_cluster_is_that_of_each_job(trace, tmp_path):
    tmp_path.chmod(0o700)
    trace.environment["XDG_RUNTIME_DIR"] = str(tmp_path)
    file = tmp_path / "env.yaml"
    file.write_text(f"pip: [{make_wheel(tmp_path)}]\nenv_vars: {{OF: cluster, MARK: cluster}}\n")
    up = dpipes(trace, "local", "up", "--json", "--num-cpus", "2", "--runtime-env", f"@{file}")
    assert up.returncode == 0, up.stderr
    address = json.loads(up.stdout)["address"]
    program = "import os, only_here; print(only_here.answer, os.environ['OF'], os.environ['MARK'])"
    words = ["--address", address, "--env", "MARK=job", "--", "python", "-c", program]
    job = dpipes_run(*words, XDG_RUNTIME_DIR=str(tmp_path))
    assert job.code == 0 and job.output[-1] == "42 cluster job", job.stderr
    own = ["--runtime-env", '{"pip": null}', *words]
    without_pip = dpipes_run(*own, XDG_RUNTIME_DIR=str(tmp_path))
    assert without_pip.code == 1 and "No module named 'only_here'" in "".join(without_pip.output)
    wrong = dpipes(trace, "local", "up", "--runtime-env", "[1]")
    assert wrong.returncode == 2 and "runtime_env: is array, not an object" in wrong.stderr
    assert dpipes(trace, "local", "down", "--address", address).returncode == 0 and trace.left() == []


def test_the_log_of_a_start_that_failed_is_kept(trace, tmp_path):
    tmp_path.chmod(0o700)
    program = tmp_path / "ray"
    program.write_text("#!/bin/sh\nseq 1000; echo no such thing; exit 3\n")
    program.chmod(0o755)
    trace.environment.update(DPIPES_RAY=str(program), XDG_RUNTIME_DIR=str(tmp_path))
    up = dpipes(trace, "local", "up")
    log = tmp_path / "dpipes" / "start-failed.log"
    assert up.returncode == 3 and f"exit code 3, all it said is in {log}; its last lines:" in up.stderr
    assert "no such thing" in up.stderr and log.read_text().startswith("1\n2\n")
