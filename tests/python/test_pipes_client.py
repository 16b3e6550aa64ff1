"""PipesRayJobClient and PipesRayJobMessageReader, on a real Ray under a real Dagster."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import dagster as dg
import pytest
from harness import ROOT, built, clean_environment
from processes import wait_until

PROGRAMS = ROOT / "tests/python/programs.py"


def program(name):
    return f"exec {sys.executable} {PROGRAMS} {name}"


def client_of(ray, **options):
    from dagster_dpipes import PipesRayJobClient

    return PipesRayJobClient(address=ray.address, **options)


def one_asset(client, params, extras=None, name="table", check=None):
    specs = [dg.AssetCheckSpec(check, asset=name)] if check else None

    @dg.asset(name=name, check_specs=specs)
    def asset(context: dg.AssetExecutionContext):
        return client.run(context=context, submit_job_params=params, extras=extras).get_materialize_result()

    return asset


def metadata_of(result, name="table"):
    [materialization] = result.asset_materializations_for_node(name)
    return {key: value.value for key, value in materialization.metadata.items()}


def jobs(ray):
    from dagster_dpipes import Client

    with Client(ray.address) as client:
        return client.list_jobs()


def user_logs(instance, run_id):
    return [(entry.level, entry.user_message) for entry in instance.all_logs(run_id) if entry.dagster_event is None]


def test_what_a_program_reports_is_dagsters(ray, instance, capfd):
    params = {
        "entrypoint": program("everything"),
        "runtime_env": {"env_vars": {"MARK": "of the asset"}},
        "metadata": {"team": "ml"},
        "entrypoint_num_cpus": 0.5,
    }
    before = json.dumps(params)
    asset = one_asset(client_of(ray, metadata={"of": "all", "team": "of all"}), params, {"rows": 3}, check="full")
    result = dg.materialize([asset], instance=instance)
    assert result.success and json.dumps(params) == before
    metadata = metadata_of(result)
    assert (metadata["rows"], metadata["mark"]) == (3, "of the asset")
    [check] = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed, check.severity) == ("full", False, dg.AssetCheckSeverity.WARN)
    assert (20, "counting 3 rows") in user_logs(instance, result.run_id)
    assert "a line of its own\n" in capfd.readouterr().out
    [job] = [job for job in jobs(ray) if job.submission_id == metadata["Ray Job ID"]]
    labels = job.metadata
    assert labels["dagster/run-id" if "dagster/run-id" in labels else "dagster/run_id"] == result.run_id
    assert (labels["team"], labels["of"], job.status) == ("ml", "all", "SUCCEEDED")


def test_one_client_runs_again_and_again(ray, instance):
    client = client_of(ray)
    assets = [one_asset(client, {"entrypoint": program("small")}, name=name) for name in ("one", "two")]
    result = dg.materialize(assets, instance=instance)
    assert [metadata_of(result, name)["text"] for name in ("one", "two")] == ["small", "small"]


def test_custom_messages_and_results_are_the_invocations(ray, instance):
    client = client_of(ray)
    seen = {}

    @dg.asset
    def table(context: dg.AssetExecutionContext):
        invocation = client.run(context=context, submit_job_params={"entrypoint": program("custom")})
        seen["custom"] = list(invocation.get_custom_messages())
        seen["id"] = invocation.metadata["Ray Job ID"].value
        return invocation.get_results()

    result = dg.materialize([table], instance=instance)
    assert result.success and seen["custom"] == [{"progress": 0.5}, "text"]
    assert metadata_of(result) == {"Ray Job ID": seen["id"]}


def failure_of(result):
    [event] = [event for event in result.all_node_events if event.is_step_failure]
    error = event.event_specific_data.error
    return error.to_string()


def test_a_program_that_fails_is_the_assets_failure(ray, instance):
    asset = one_asset(client_of(ray), {"entrypoint": program("fail")})
    result = dg.materialize([asset], instance=instance, raise_on_error=False)
    text = failure_of(result)
    assert "DpipesError" in text and "FAILED with exit code 3" in text and "the last words" in text


def test_what_cannot_be_submitted_is_named(ray, instance):
    asset = one_asset(client_of(ray), {"entrypoint": "true", "submission_id": "no spaces"})
    result = dg.materialize([asset], instance=instance, raise_on_error=False)
    assert "submission_id: `no spaces`" in failure_of(result)
    asset = one_asset(client_of(ray), {"entrypoint": "true", "runtime_env": {"x": object()}})
    result = dg.materialize([asset], instance=instance, raise_on_error=False)
    assert "runtime_env: cannot be sent as JSON" in failure_of(result)


def test_a_job_that_others_stop_is_a_failure_that_says_so(ray, instance):
    from dagster_dpipes import Client

    asset = one_asset(client_of(ray), {"entrypoint": program("wait"), "submission_id": "stopped-by-others"})

    def stop():
        with Client(ray.address) as client:
            wait_until(lambda: any(job.submission_id == "stopped-by-others" for job in client.list_jobs()), 30, lambda: "job")
            client.stop_job("stopped-by-others")

    thread = threading.Thread(target=stop)
    thread.start()
    result = dg.materialize([asset], instance=instance, raise_on_error=False)
    thread.join()
    assert "STOPPED" in failure_of(result)


def test_twenty_assets_at_once_through_one_client(ray, tmp_path):
    client = client_of(ray)
    got = {}

    def work(n):
        asset = one_asset(client, {"entrypoint": program("small")}, {"text": f"of {n}"}, name=f"table_{n}")
        with dg.DagsterInstance.ephemeral() as instance:
            got[n] = metadata_of(dg.materialize([asset], instance=instance), f"table_{n}")["text"]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == {n: f"of {n}" for n in range(20)}


def test_rays_own_client_is_taken_over(ray, instance, monkeypatch):
    from dagster_dpipes import PipesRayJobClient
    from ray.job_submission import JobSubmissionClient

    theirs = JobSubmissionClient(ray.address, headers=bearer(ray), metadata={"from": "theirs"})
    asset = one_asset(PipesRayJobClient(client=theirs, timeout=1800), {"entrypoint": program("small")})
    result = dg.materialize([asset], instance=instance)
    [job] = [job for job in jobs(ray) if job.submission_id == metadata_of(result)["Ray Job ID"]]
    assert job.metadata["from"] == "theirs"


def bearer(ray):
    return {"Authorization": f"Bearer {Path(ray.token_file).read_text()}"}


@pytest.mark.parametrize("address", ["http", "host:port", "gcs", "environment", "auto"])
def test_an_address_is_what_it_is_to_rays_own_client(ray, monkeypatch, address):
    """In a process of its own, which imports Ray only where that must be asked."""
    variables = {"environment": {"RAY_ADDRESS": ray.address}, "auto": {"RAY_ADDRESS": ray.gcs_address}}
    given = {"http": ray.address, "host:port": ray.address.removeprefix("http://"), "gcs": ray.gcs_address}
    code = "import sys\nfrom dagster_dpipes.addresses import resolve_address\n"
    code += f"print(resolve_address({given.get(address, 'auto' if address == 'auto' else None)!r}), 'ray' in sys.modules)"
    environment = clean_environment(
        **ray.variables,
        **variables.get(address, {}),
        RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0",
        PYTHONPATH=os.environ["PYTHONPATH"],
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == [ray.address, str(address in ("gcs", "auto"))], done.stderr


def test_the_reader_alone_reads_a_job_that_others_submit(ray, instance):
    """open_pipes_session with a launch of one's own, as dagster-ray's reader is used."""
    from dagster_dpipes import Client, PipesRayJobMessageReader
    from dagster_dpipes._native import Session

    @dg.asset
    def table(context: dg.AssetExecutionContext):
        reader = PipesRayJobMessageReader({"headers": bearer(ray)})
        with (
            dg.open_pipes_session(context, dg.PipesEnvContextInjector(), reader) as session,
            Client(ray.address) as client,
        ):
            variables = session.get_bootstrap_env_vars()
            run = client.start(Session(pipes=False), entrypoint=program("small"), runtime_env={"env_vars": dict(variables)})
            run.detach()
            while not run.ended:
                client.step(0.1)
            session.report_launched({"extras": {"ray_address": ray.address, "ray_job_id": run.submission_id}})
        return session.get_results()

    result = dg.materialize([table], instance=instance)
    assert metadata_of(result)["text"] == "small"


def test_a_reader_of_ones_own_is_used(ray, instance, tmp_path):
    client = client_of(ray, message_reader=dg.PipesFileMessageReader(str(tmp_path / "messages")))
    asset = one_asset(client, {"entrypoint": program("small")})
    assert metadata_of(dg.materialize([asset], instance=instance))["text"] == "small"


def test_a_working_dir_of_this_machine_is_sent(ray, instance, tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code/step.py").write_text(PROGRAMS.read_text())
    params = {
        "entrypoint": f"exec {sys.executable} step.py small",
        "runtime_env": {"working_dir": str(tmp_path / "code")},
    }
    result = dg.materialize([one_asset(client_of(ray), params)], instance=instance)
    assert metadata_of(result)["text"] == "small"


def test_a_context_too_large_for_the_environment_travels_in_the_working_dir(ray, instance, tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code/step.py").write_text(PROGRAMS.read_text())
    noise = os.urandom(150_000).hex()
    params = {
        "entrypoint": f"exec {sys.executable} step.py small",
        "runtime_env": {"working_dir": str(tmp_path / "code")},
    }
    result = dg.materialize([one_asset(client_of(ray), params, {"text": noise})], instance=instance)
    assert metadata_of(result)["text"] == noise


def test_an_interrupt_stops_the_job(ray, tmp_path):
    """Ctrl-C on a process that materializes."""
    code = tmp_path / "definitions.py"
    code.write_text(INTERRUPTED.format(address=ray.address, entrypoint=program("wait")))
    home = tmp_path / "home"
    home.mkdir()
    environment = clean_environment(DAGSTER_HOME=str(home), PYTHONPATH=os.environ["PYTHONPATH"])
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "-f", code, "--select", "table"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_until(lambda: status_of(ray, "interrupted") == "RUNNING", 60, lambda: "the job runs")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert status_of(ray, "interrupted") == "STOPPED", output
    assert "interrupted: stopping Ray job interrupted" in output and "canceled; job interrupted" in output


INTERRUPTED = """
import dagster as dg
from dagster_dpipes import PipesRayJobClient

@dg.asset
def table(context: dg.AssetExecutionContext):
    params = {{"entrypoint": {entrypoint!r}, "submission_id": "interrupted"}}
    return PipesRayJobClient({address!r}).run(context=context, submit_job_params=params).get_materialize_result()

definitions = dg.Definitions([table])
"""


def status_of(ray, submission_id):
    return next((job.status for job in jobs(ray) if job.submission_id == submission_id), None)


def test_a_cluster_is_started_where_there_is_none(instance, runtime_directory, monkeypatch, tmp_path):
    from dagster_dpipes import PipesRayJobClient

    tmp_path.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    client = PipesRayJobClient(create_cluster_if_needed=True)
    try:
        assets = [one_asset(client, {"entrypoint": program("small")}, name=name) for name in ("one", "two")]
        assert dg.materialize(assets, instance=instance).success
    finally:
        client._local_ray.stop()


@pytest.mark.parametrize(
    "package",
    ["dagster_dpipes", pytest.param("dagster_ray", marks=pytest.mark.xfail(strict=True, reason="ray-jobs.md §4"))],
)
@pytest.mark.parametrize("case", ["large", "split", "twice"])
def test_no_message_is_lost(ray, package, case):
    """Each case loses messages under dagster-ray."""
    script = ROOT / "tests/integration/dagster_ray_loses.py"
    environment = clean_environment(**ray.variables, PYTHONPATH=os.environ["PYTHONPATH"], DAGSTER_RAY_PACKAGE=package)
    done = subprocess.run(
        [sys.executable, script, ray.address, case], env=environment, capture_output=True, text=True, timeout=180
    )
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["success"] and told["metadata"] == [["Ray Job ID", "text"]] * (2 if case == "twice" else 1), done.stderr
    assert told["ticks"] == (6 if case == "split" else 0)


def test_without_dagster_a_job_yields_its_events(ray):
    from dagster_dpipes import DpipesError, RayJob

    job = RayJob(program("everything"), ray.address, asset_keys=("table",), extras={"rows": 2})
    kinds = {}
    for event in job.run():
        kinds.setdefault(event.kind, []).append(event)
    assert kinds["log"][0].text == "counting 2 rows" and kinds["log"][0].level == 20
    assert kinds["materialization"][0].data["rows"]["raw_value"] == 2
    assert job.result.outcome == "SUCCEEDED" and job.result.exit_code == 0
    with pytest.raises(DpipesError, match="exit code 3") as failure:
        for _ in RayJob(program("fail"), ray.address).run():
            pass
    assert failure.value.status == "EREMOTE"


def test_a_job_that_is_left_is_stopped(ray):
    from dagster_dpipes import RayJob

    job = RayJob(program("wait"), ray.address, submission_id="left")
    for event in job.run():
        if event.kind == "opened":
            break
    wait_until(lambda: status_of(ray, "left") == "STOPPED", 10, lambda: "the job is stopped")


def test_waiting_gives_the_gil_away_and_takes_an_interrupt(ray):
    """A signal's handler runs while a run is waited for, and so does another thread."""
    from dagster_dpipes import Client
    from dagster_dpipes._native import Session

    ticks, seen = [], []
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append(time.monotonic()))
    try:
        with Client(ray.address) as client:
            run = client.start(Session(), entrypoint=program("wait"))
            signal.setitimer(signal.ITIMER_REAL, 1.0)
            timer = threading.Thread(target=lambda: ticks.extend(time.sleep(0.1) or n for n in range(5)))
            timer.start()
            while not seen:
                client.step(0.1)
            run.cancel()
            while not run.ended:
                client.step(0.1)
            timer.join()
            assert run.result().outcome == "CANCELED" and len(ticks) == 5
    finally:
        signal.signal(signal.SIGALRM, before)


def test_importing_it_takes_no_ray_and_no_dagster():
    code = "import sys, dagster_dpipes; print([m for m in ('ray', 'dagster', 'pydantic') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stderr


def test_the_c_program_of_the_readme_runs_too(ray, instance):
    asset = one_asset(client_of(ray), {"entrypoint": str(built("examples/hello"))}, {"rows": 4})
    assert metadata_of(dg.materialize([asset], instance=instance))["rows"] == 4
