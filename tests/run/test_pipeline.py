"""examples/pipeline by `dpipes execute`, as processes of this machine and as jobs of a real Ray, and by `dpipes launch` as
one job: the same in the store."""

import shutil
import uuid

import pytest
from graph_runs import Home, of
from harness import built

STEPS = ["prepare", *(f"train_{i}" for i in range(1, 9)), "compare", "publish"]
ASSETS = ["table", *(f"models/fold_{i}" for i in range(1, 9)), "comparison", "published"]
CHECKS = [
    ("comparison", "accurate"),
    *((f"models/fold_{i}", "better_than_guessing") for i in range(1, 9)),
    ("published", "not_empty"),
    ("table", "both_classes"),
    ("table", "complete"),
]
OF_RAY = {"Ray Job ID"}  # as dagster-ray's client adds it


class Pipeline(Home):
    """The example, in a store of its own. Its files are made in /tmp/dpipes-pipeline/RUN."""

    def __init__(self, directory, run_id):
        super().__init__(directory)
        self.graph = built("examples/pipeline/pipeline.yaml")
        self.run_id = run_id

    def execute(self, *words, **more):
        return super().execute("--partition", "7", "--run-id", self.run_id, *words, **more)

    def kept(self):
        """What the store has of the run but for times and the ids of jobs."""
        run = self.stored("runs", "show", self.run_id, "--events")
        reports = [comparable(event) for event in run["events"] if event["type"].startswith("ASSET_")]
        steps = {step["step"]: (step["status"], len(step["attempts"])) for step in run["steps"]}
        return run["status"], steps, sorted(reports, key=str), [comparable(asset) for asset in self.stored("assets")]


def comparable(event):
    event = {key: value for key, value in event.items() if key not in ("id", "time_ms")}
    event["metadata"] = {key: value for key, value in (event.get("metadata") or {}).items() if key not in OF_RAY}
    return event


@pytest.fixture(scope="module")
def run_id():
    """One for both: it is in paths, and a code version where a step has none."""
    run_id = f"pipeline-{uuid.uuid4().hex}"
    yield run_id
    shutil.rmtree(f"/tmp/dpipes-pipeline/{run_id}")


@pytest.fixture(scope="module")
def in_process(run_id, tmp_path_factory):
    home = Pipeline(tmp_path_factory.mktemp("in-process"), run_id)
    home.execute("--in-process")
    return home.kept()


def test_all_of_it_is_made_and_checked(in_process, run_id):
    status, steps, reports, assets = in_process
    assert status == "SUCCESS" and steps == dict.fromkeys(STEPS, ("SUCCESS", 1))
    made = [event for event in reports if event["type"] == "ASSET_MATERIALIZATION"]
    checked = [event for event in reports if event["type"] == "ASSET_CHECK_EVALUATION"]
    assert sorted(event["asset_key"] for event in made) == [asset["asset_key"] for asset in assets] == sorted(ASSETS)
    assert sorted((event["asset_key"], event["check_name"]) for event in checked) == CHECKS
    assert {event["partition_key"] for event in reports} == {"7"} and all(event["passed"] for event in checked)
    [published] = [asset["metadata"] for asset in assets if asset["asset_key"] == "published"]
    [best] = [asset["metadata"]["best_step"] for asset in assets if asset["asset_key"] == "comparison"]
    assert published["published"]["raw_value"] == f"/tmp/dpipes-pipeline/{run_id}/published.json"
    assert published["trained_by"] == best


def on_ray(directory, run_id, ray):
    home = Pipeline(directory, run_id)
    home.environment.update(RAY_ADDRESS=ray.address, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=ray.token_file)
    return home


def test_on_ray_the_store_has_the_same(in_process, run_id, tmp_path, ray):
    home = on_ray(tmp_path, run_id, ray)
    events = home.execute()
    assert home.kept() == in_process
    attempts = [attempt for step in home.stored("runs", "show", run_id)["steps"] for attempt in step["attempts"]]
    assert len({attempt["submission_id"] for attempt in attempts}) == len(STEPS)
    order = of(events, "STEP_SUCCESS")
    assert order[0] == "prepare" and order[-2:] == ["compare", "publish"]


def test_launched_as_one_job_the_store_has_the_same(in_process, run_id, tmp_path, ray):
    """The graph's directory travels with it; inside, each step is a job of its own again."""
    home = on_ray(tmp_path, run_id, ray)
    home.dpipes("launch", "--partition", "7", "--run-id", run_id, home.graph)
    assert home.kept() == in_process
