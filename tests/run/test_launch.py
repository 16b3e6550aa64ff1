"""`dpipes launch`: a whole run as one job of a real Ray, and what is asked of it afterwards."""

import json
import os
import signal
import subprocess
import time
import uuid
from pathlib import Path

import jsonschema
import pytest
import yaml
from harness import ROOT, built, clean_environment, run

SCHEMA = json.loads((ROOT / "schema/runs.schema.json").read_text())


class Home:
    """A store, and the command on it."""

    def __init__(self, directory, address):
        self.directory = directory
        self.variables = {"DPIPES_HOME": str(directory / "home"), "DPIPES_ADDRESS": address}

    def command(self, *words):
        return [str(word) for word in (built("cli/dpipes"), *words)]

    def dpipes(self, *words, code=0, **variables):
        done = run(self.command(*words), timeout=120, env=clean_environment(**{**self.variables, **variables}))
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def graph(self, steps, **keys):
        path = self.directory / "demo.yaml"
        path.write_text(yaml.safe_dump({"name": "demo", **keys, "steps": steps}))
        return path

    def launch(self, graph, *words, code=0, **variables):
        run_id = f"t-{uuid.uuid4().hex[:12]}"
        self.dpipes("launch", graph, "--run-id", run_id, *words, code=code, **variables)
        return run_id

    def show(self, run_id):
        shown = json.loads(self.dpipes("runs", "show", run_id, "--events", "--json").stdout)
        jsonschema.validate(shown, SCHEMA, jsonschema.Draft202012Validator)
        return shown

    def statuses(self, run_id):
        return {step["step"]: step["status"] for step in self.show(run_id)["steps"]}

    def events(self, run_id, *types):
        return [event for event in self.show(run_id)["events"] if event["type"] in types]

    def output(self, run_id, step):
        return [event["text"] for event in self.events(run_id, "OUTPUT") if event.get("step") == step]

    def job(self, run_id):
        return json.loads(self.dpipes("runs", "debug", run_id, "--json").stdout)

    def attach(self, run_id):
        """A follower at work."""
        return subprocess.Popen(
            self.command("runs", "attach", run_id), env=clean_environment(**self.variables), stdout=subprocess.DEVNULL
        )

    def health(self, run_id, code=0):
        return json.loads(self.dpipes("runs", "health", run_id, "--json", code=code).stdout)

    def wait_for_health(self, run_id, health, code=0, seconds=60):
        """Ray learns of a job's end a moment after the run has said its own."""
        deadline = time.monotonic() + seconds
        while self.job(run_id)["job"]["status"] in ("RUNNING", "PENDING"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert self.health(run_id, code)["health"] == health

    def wait_for(self, run_id, condition, seconds=60):
        """A follower that is elsewhere, or none: looks at the store."""
        deadline = time.monotonic() + seconds
        while not (self.is_there(run_id) and condition(self.show(run_id))):
            assert time.monotonic() < deadline, self.show(run_id)
            time.sleep(0.1)

    def is_there(self, run_id):
        runs = json.loads(self.dpipes("runs", "--json").stdout)
        return any(one["run_id"] == run_id for one in runs)


def step(name, entrypoint, *needs, **keys):
    return {"name": name, "entrypoint": entrypoint, "needs": list(needs), **keys}


@pytest.fixture
def home(tmp_path, ray):
    return Home(tmp_path, ray.address)


def started(run):
    return any(event["type"] == "OUTPUT" and event["text"] == "begun" for event in run["events"])


# ---- launching ------------------------------------------------------------------------------------------------------


def test_a_launched_run_is_in_the_store_as_an_executed_one(home):
    steps = [
        step("a", "echo out of a", assets=["x/a"], code_version="v1"),
        step("b", "echo b", "a"),
        step("c", "exit 3", "a"),
        step("d", "true", "c"),
    ]
    graph = home.graph(steps)
    run_id = home.launch(graph, code=1)
    local = "local-" + run_id
    home.dpipes("execute", graph, "--run-id", local, code=1)
    assert home.statuses(run_id) == home.statuses(local)
    assert home.statuses(run_id) == {"a": "SUCCESS", "b": "SUCCESS", "c": "FAILURE", "d": "SKIPPED"}
    shown = home.show(run_id)
    assert (shown["status"], shown["launch"]["submission_id"]) == ("FAILURE", f"dagster-run-{run_id}")
    assert home.output(run_id, "a") == ["out of a"]
    types = [event["type"] for event in shown["events"] if event["type"] not in ("OUTPUT", "ENGINE_EVENT")]
    assert (types[0], types[-1], len(types)) == ("RUN_START", "RUN_FAILURE", 10)
    assets = json.loads(home.dpipes("assets", "show", "x/a", "--json").stdout)
    assert [event["run_id"] for event in assets["history"]] == [local, run_id]
    assert assets["history"][1]["code_version"] == "v1"


def test_steps_may_be_jobs_of_their_own(home):
    steps = [step("one step", "echo $DAGSTER_RUN_JOB_NAME $DAGSTER_RUN_STEP_KEY"), step("b", "exit 1", "one step")]
    run_id = home.launch(home.graph(steps, executor="ray"), code=1)
    assert "demo one step" in home.output(run_id, "one step")
    jobs = {job["submission_id"] for job in json.loads(home.dpipes("jobs", "--json").stdout)}
    attempt = home.show(run_id)["steps"][0]["attempts"][0]
    assert {attempt["submission_id"], f"dagster-run-{run_id}"} <= jobs


def test_the_programs_travel_in_the_directory_of_the_graph(home):
    (home.directory / "hello.sh").write_text("echo hello from a file\n")
    run_id = home.launch(home.graph([step("a", "sh ./hello.sh", working_dir=".")]))
    assert home.output(run_id, "a") == ["hello from a file"]


def test_or_in_the_launchers_working_dir(home):
    (home.directory / "programs").mkdir()
    (home.directory / "programs/hello.sh").write_text("echo hello from there\n")
    launcher = {"ray": {"runtime_env": {"working_dir": "programs"}}}
    run_id = home.launch(home.graph([step("a", "sh hello.sh")], launcher=launcher))
    assert home.output(run_id, "a") == ["hello from there"]


def test_what_a_step_has_said_arrives_byte_for_byte(home):
    line = 'a\\0b \\303\\244 \\033[31m "quoted"'
    run_id = home.launch(home.graph([step("a", f"printf '{line}\\n'"), step("b", "head -c 3000000 /dev/zero | tr '\\0' x")]))
    assert home.output(run_id, "a") == ['a\0b \u00e4 \x1b[31m "quoted"']
    assert home.output(run_id, "b") == ["x" * 3000000]


HOSTILE = ["a'b", 'a"b', "$(exit 9)", "a;exit 9", "-x", "\u00e4 `exit 9`", "a\\", "a b"]


def test_no_name_breaks_out_of_the_command(home):
    name = " ".join(HOSTILE)
    directory = home.directory / name.replace("\\", "")
    directory.mkdir()
    (directory / "said").write_text("here")
    path = directory / f"{directory.name}.yaml"
    steps = [step(word, 'cat said; echo " $DAGSTER_RUN_STEP_KEY"', working_dir=".") for word in HOSTILE]
    path.write_text(yaml.safe_dump({"name": name, "steps": steps}))
    run_id = home.launch(path)
    metadata = home.job(run_id)["job"]["metadata"]
    assert (metadata["dagster/job"], metadata["dagster/code-location"]) == (name, path.name)
    assert [home.output(run_id, word) for word in HOSTILE] == [[f"here {word}"] for word in HOSTILE]


@pytest.mark.parametrize("run_id", ["a b", "$(x)", "a;b", "", "a'b", "x" * 101])
def test_a_run_id_is_checked_before_anything_is_sent(run_id, home):
    done = home.dpipes("launch", home.graph([step("a", "true")]), "--run-id", run_id, code=2)
    assert "run id" in done.stderr
    assert json.loads(home.dpipes("runs", "--json").stdout) == []


def test_what_cannot_be_sent_is_a_run_that_has_failed_with_its_reason(home):
    launcher = {"ray": {"runtime_env": {"working_dir": "nowhere"}}}
    graph = home.graph([step("a", "true")], launcher=launcher)
    done = home.dpipes("launch", graph, "--run-id", "lost", code=2)
    assert "nowhere" in done.stderr
    shown = home.show("lost")
    assert shown["status"] == "FAILURE" and "nowhere" in shown["error"]


def test_a_variable_that_only_the_cluster_lacks_is_named(home):
    graph = home.graph([step("a", "true", env={"HERE": {"env": "ONLY_AT_HOME"}})])
    run_id = home.launch(graph, code=1, ONLY_AT_HOME="x")
    shown = home.show(run_id)
    assert shown["status"] == "FAILURE" and "ONLY_AT_HOME" in shown["error"]
    launcher = {"ray": {"env_vars": ["ONLY_AT_HOME"]}}
    graph = home.graph([step("a", "echo $HERE", env={"HERE": {"env": "ONLY_AT_HOME"}})], launcher=launcher)
    run_id = home.launch(graph, ONLY_AT_HOME="x y")
    assert home.output(run_id, "a") == ["x y"]


def test_values_and_choices_arrive(home):
    steps = [step("a", "echo ${partition_key}"), step("b", "echo no")]
    graph = home.graph(steps, partitions=["p 1", "p 2"])
    run_id = home.launch(graph, "--partition", "p 1", "--select", "a", "--set", "extras.k=[1]")
    assert home.output(run_id, "a") == ["p 1"]
    assert home.statuses(run_id) == {"a": "SUCCESS"}
    assert home.show(run_id)["partition_key"] == "p 1"
    home.dpipes("launch", graph, code=2)


@pytest.mark.parametrize("executor", ["in_process", "ray"])
def test_exit_codes_come_home(executor, home):
    steps = [step("good", "true"), step("bad", "exit 3"), step("left", "true", "bad")]
    shown = home.show(home.launch(home.graph(steps, executor=executor), code=1))
    codes = {one["step"]: [attempt["exit_code"] for attempt in one["attempts"]] for one in shown["steps"]}
    assert codes == {"good": [0], "bad": [3], "left": []}
    assert {e["step"]: e["exit_code"] for e in shown["events"] if "exit_code" in e} == {"good": 0, "bad": 3}


def test_only_what_is_stale_is_launched(home):
    steps = [step("a", "true", assets=["stale/a"]), step("b", "true", "a", assets=["stale/b"], code_version="1")]
    home.launch(home.graph(steps), "--stale-only")
    steps[1]["code_version"] = "2"
    run_id = home.launch(home.graph(steps), "--stale-only")
    assert home.statuses(run_id) == {"b": "SUCCESS"}
    [why] = [event["text"] for event in home.events(run_id, "ENGINE_EVENT") if event.get("step") == "b"][:1]
    assert why == "stale: its code version is 2, and was 1"
    run_id = home.launch(home.graph(steps), "--stale-only")
    assert home.statuses(run_id) == {} and home.show(run_id)["status"] == "SUCCESS"
    assert home.job(run_id)["job"] is None


def test_a_range_is_a_job_for_each_partition(home):
    graph = home.graph([step("a", "echo ${partition_key}")], partitions=["p1", "p2", "p3"])
    done = home.dpipes("launch", graph, "--range", "p1..p2")
    assert ": 2 of 2 runs succeeded\n" in done.stdout
    runs = json.loads(home.dpipes("runs", "--json").stdout)
    assert {one["partition_key"]: home.output(one["run_id"], "a") for one in runs} == {"p1": ["p1"], "p2": ["p2"]}
    jobs = {job["submission_id"]: job["status"] for job in json.loads(home.dpipes("jobs", "--json").stdout)}
    assert all(f"dagster-run-{one['run_id']}" in jobs for one in runs)


# ---- the configuration ----------------------------------------------------------------------------------------------

JOB_ENV = "echo A=$A B=$B C=[$C] D=$D name=$DAGSTER_RUN_JOB_NAME"


def test_each_key_of_the_launcher_counts(home):
    launcher = {
        "ray": {
            "address": {"env": "THE_RAY"},
            "timeout": 100,
            "headers": {"X-A": "b"},
            "cookies": {"c": "d"},
            "metadata": {"team": "x", "depth": {"a": 1}},
            "runtime_env": {"env_vars": {"D": "4"}},
            "env_vars": ["A=1=1", "B", "C"],
            "num_cpus": 0.5,
            "num_gpus": 0,
            "memory": 1000000,
            "resources": {},
        }
    }
    graph = home.graph([step("a", JOB_ENV)], launcher=launcher, tags={"owner": "me", "dagster-ray/config": '{"num_cpus": 0}'})
    address = home.variables.pop("DPIPES_ADDRESS")
    words = ("--tag", "of=run", "--tag", 'dagster-ray/config={"env_vars": ["A=2"], "memory": null}')
    run_id = home.launch(graph, *words, THE_RAY=address, B="from here")
    assert home.output(run_id, "a") == ["A=2 B=from here C=[] D=4 name=demo"]
    metadata = json.loads(home.dpipes("runs", "debug", run_id, "--json", THE_RAY=address).stdout)["job"]["metadata"]
    assert {key: metadata[key] for key in ("team", "owner", "of", "dagster/job", "dagster/run-id")} == {
        "team": "x",
        "owner": "me",
        "of": "run",
        "dagster/job": "demo",
        "dagster/run-id": run_id,
    }
    assert metadata["dagster/code-location"] == "demo.yaml"
    assert json.loads(metadata["depth"]) == {"a": 1}


@pytest.mark.parametrize(
    ("tag", "word"),
    [("x", "JSON object"), ('{"num_cpu": 1}', "num_cpu"), ('{"address": "x"}', "address"), ('{"num_gpus": -1}', "from 0")],
)
def test_a_wrong_tag_is_refused_by_its_key(tag, word, home):
    done = home.dpipes("launch", home.graph([step("a", "true")]), "--tag", f"dagster-ray/config={tag}", code=2)
    assert word in done.stderr and "dagster-ray/config" in done.stderr


def test_an_amount_that_no_node_has_keeps_the_run_starting(home):
    launcher = {"ray": {"num_gpus": 64}}
    run_id = home.launch(home.graph([step("a", "true")], launcher=launcher), "--detach")
    assert home.show(run_id)["status"] == "STARTING"
    assert home.health(run_id)["health"] == "RUNNING"
    assert home.dpipes("runs", "terminate", run_id).stdout == "CANCELED\n"
    assert home.statuses(run_id) == {"a": "CANCELED"}


def test_an_executor_may_have_an_address_of_its_own_instead_of_the_launchers(home):
    executor = {
        "address": {"env": "ITS_RAY"},
        "inherit_job_submission_client_from_ray_run_launcher": False,
    }
    launcher = {"ray": {"env_vars": ["ITS_RAY"]}}
    graph = home.graph([step("a", "true")], executor={"ray": executor}, launcher=launcher)
    assert home.statuses(home.launch(graph, ITS_RAY=home.variables["DPIPES_ADDRESS"])) == {"a": "SUCCESS"}
    # Nothing but Ray's own RAY_ADDRESS is there then, which is no dashboard's.
    del executor["address"]
    run_id = home.launch(home.graph([step("a", "true")], executor={"ray": executor}), code=1)
    assert home.statuses(run_id) == {"a": "FAILURE"}


# ---- detached, attached, killed -------------------------------------------------------------------------------------


def test_a_detached_run_is_attached_to(home):
    graph = home.graph([step("a", "echo begun; sleep 1; echo over")])
    run_id = home.launch(graph, "--detach")
    assert home.show(run_id)["status"] == "STARTING"
    home.dpipes("runs", "attach", run_id)
    assert home.output(run_id, "a") == ["begun", "over"]
    home.wait_for_health(run_id, "SUCCESS")
    home.dpipes("runs", "attach", run_id)  # it has ended: nothing is said twice
    assert home.output(run_id, "a") == ["begun", "over"]


def test_waiting_follows_what_nobody_follows(home):
    run_id = home.launch(home.graph([step("a", "exit 1")]), "--detach")
    assert home.dpipes("runs", "wait", run_id, code=1).stdout == "FAILURE\n"
    assert home.statuses(run_id) == {"a": "FAILURE"}


def test_a_follower_may_be_killed_at_any_moment(home):
    steps = [step("a", "i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo line $i; sleep 0.01; done", assets=["k"])]
    run_id = home.launch(home.graph(steps), "--detach")
    for pause in (0.3, 0.9, 0.5, 1.1, 0.7):
        follower = home.attach(run_id)
        time.sleep(pause)
        follower.send_signal(signal.SIGKILL)
        follower.wait()
    home.dpipes("runs", "attach", run_id)
    assert home.output(run_id, "a") == [f"line {i}" for i in range(1, 401)]
    types = [event["type"] for event in home.show(run_id)["events"] if event["type"] not in ("OUTPUT", "ENGINE_EVENT")]
    assert types == ["RUN_START", "STEP_START", "ASSET_MATERIALIZATION", "STEP_SUCCESS", "RUN_SUCCESS"]


def test_one_follower_at_a_time(home):
    run_id = home.launch(home.graph([step("a", "echo begun; sleep 3")]), "--detach")
    with home.attach(run_id) as follower:
        home.wait_for(run_id, started)
        done = home.dpipes("runs", "attach", run_id, code=3)
        assert str(follower.pid) in done.stderr
        assert home.dpipes("runs", "wait", run_id).stdout == "SUCCESS\n"
    assert follower.returncode == 0


# ---- terminate, health, debug ---------------------------------------------------------------------------------------


def wait_for_file(path, seconds=60):
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("followed", [True, False])
def test_terminating_cancels_the_steps_in_the_job(followed, home):
    begun, stopped = home.directory / "begun", home.directory / "stopped"
    program = f"trap 'touch {stopped}; exit 1' TERM; echo begun; touch {begun}; sleep 60 & wait"
    run_id = home.launch(home.graph([step("a", program), step("b", "true", "a")]), "--detach")
    follower = home.attach(run_id) if followed else None
    wait_for_file(begun)
    assert home.dpipes("runs", "terminate", run_id).stdout == "CANCELED\n"
    assert not follower or follower.wait(timeout=60) == 130
    assert home.statuses(run_id) == {"a": "CANCELED", "b": "CANCELED"}
    assert stopped.exists() and home.output(run_id, "a") == ["begun"]
    [canceled] = home.events(run_id, "RUN_CANCELED")
    assert "text" not in canceled  # the orchestrator in the job has said so itself
    home.wait_for_health(run_id, "FAILED", code=1)
    done = home.dpipes("runs", "terminate", run_id, code=3)
    assert "has ended: CANCELED" in done.stderr


def test_terminating_stops_the_jobs_of_its_steps(home):
    run_id = home.launch(home.graph([step("a", "echo begun; sleep 60")], executor="ray"), "--detach")
    with home.attach(run_id):
        home.wait_for(run_id, started)
        home.dpipes("runs", "terminate", run_id)
    job = home.show(run_id)["steps"][0]["attempts"][0]["submission_id"]
    jobs = json.loads(home.dpipes("jobs", "--json").stdout)
    assert [one["status"] for one in jobs if one["submission_id"] == job] == ["STOPPED"]


def test_terminating_an_executed_run_asks_its_process(home):
    graph = home.graph([step("a", "echo begun; sleep 60")])
    with subprocess.Popen(
        home.command("execute", graph, "--run-id", "here"),
        env=clean_environment(**home.variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as owner:
        home.wait_for("here", started)
        health = home.health("here")
        assert health["health"] == "RUNNING" and str(owner.pid) in health["message"]
        assert home.dpipes("runs", "terminate", "here").stdout == "CANCELED\n"
    assert owner.returncode == 130
    assert home.statuses("here") == {"a": "CANCELED"}
    assert "was not launched" in home.dpipes("runs", "debug", "here", code=3).stderr
    assert "was not launched" in home.dpipes("runs", "attach", "here", code=3).stderr


def test_a_run_that_no_process_executes_is_not_found(home):
    graph = home.graph([step("a", "echo begun; sleep 5")])
    owner = subprocess.Popen(
        home.command("execute", graph, "--run-id", "here"), env=clean_environment(**home.variables), stdout=subprocess.DEVNULL
    )
    home.wait_for("here", started)
    owner.kill()
    owner.wait()
    assert home.health("here", code=1)["health"] == "NOT_FOUND"
    assert "no process" in home.dpipes("runs", "wait", "here", code=3).stderr
    assert "no process" in home.dpipes("runs", "terminate", "here", code=3).stderr
    home.dpipes("runs", "resume", "here")


def test_a_job_that_was_killed_has_failed(home):
    name = uuid.uuid4().hex
    steps = [step("a", "echo begun; exec sleep 20"), step("b", "true", "a")]
    run_id = home.launch(home.graph(steps, name=name), "--detach")
    with home.attach(run_id) as follower:
        home.wait_for(run_id, started)
        pids = [int(path.name) for path in Path("/proc").glob("[0-9]*") if is_program_of(path, name)]
        os.kill(min(pids), signal.SIGKILL)  # those that it has forked look alike
    assert follower.returncode == 1
    assert home.statuses(run_id) == {"a": "FAILURE", "b": "SKIPPED"}
    assert f"dagster-run-{run_id} has ended" in home.show(run_id)["error"]
    home.wait_for_health(run_id, "FAILED", code=1)


def is_program_of(process, job_name):
    try:
        variables = (process / "environ").read_bytes().split(b"\0")
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"--launched" in words and f"DAGSTER_RUN_JOB_NAME={job_name}".encode() in variables


def test_a_job_that_ray_has_forgotten_is_not_found(home):
    run_id = home.launch(home.graph([step("a", "true")]))
    home.wait_for_health(run_id, "SUCCESS")
    time.sleep(2)  # Ray looks at a job each second, and writes FAILED for one that was deleted before it saw its end
    home.dpipes("delete", f"dagster-run-{run_id}")
    assert home.health(run_id, code=1)["health"] == "NOT_FOUND"
    assert home.job(run_id)["job"] is None


def test_a_ray_that_does_not_answer_leaves_the_health_unknown(home):
    run_id = home.launch(home.graph([step("a", "true")]))
    done = home.dpipes("runs", "health", run_id, "--json", "--address", "http://127.0.0.1:9", code=3)
    assert json.loads(done.stdout)["health"] == "UNKNOWN"


# ---- resuming from failure ------------------------------------------------------------------------------------------


def test_the_next_attempt_runs_what_has_not_succeeded(home):
    ready = home.directory / "ready"
    steps = [
        step("a", "echo first", assets=["r/a"]),
        step("b", f"echo needs $DAGSTER_RUN_STEP_KEY; test -e {ready}", "a", assets=["r/b"]),
        step("c", "echo last", "b"),
    ]
    graph = home.graph(steps)
    run_id = home.launch(graph, code=1)
    assert home.statuses(run_id) == {"a": "SUCCESS", "b": "FAILURE", "c": "SKIPPED"}
    assert "has ended: FAILURE" in home.dpipes("runs", "terminate", run_id, code=3).stderr
    ready.touch()
    home.dpipes("runs", "resume", run_id, "--from-failure")
    shown = home.show(run_id)
    assert shown["status"] == "SUCCESS" and shown["launch"]["submission_id"] == f"dagster-run-{run_id}-1"
    assert set(home.statuses(run_id).values()) == {"SUCCESS"}
    assert home.output(run_id, "a") == ["first"]
    versions = {event["asset_key"]: event for event in home.events(run_id, "ASSET_MATERIALIZATION")}
    assert versions["r/b"]["input_versions"] == {"r/a": versions["r/a"]["data_version"]}
    assert "has ended: SUCCESS" in home.dpipes("runs", "resume", run_id, "--from-failure", code=3).stderr


def test_steps_that_are_left_out_give_what_they_have_left(home):
    graph = home.graph([step("a", "true", assets=["s/a"]), step("b", "true", "a", assets=["s/b"])])
    first = home.launch(graph, "--select", "a")
    second = home.launch(graph, "--select", "b")
    [made] = home.events(first, "ASSET_MATERIALIZATION")
    [used] = home.events(second, "ASSET_MATERIALIZATION")
    assert used["input_versions"] == {"s/a": made["data_version"]}
