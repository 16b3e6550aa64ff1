"""`dpipes runs` and `dpipes assets` on a store that a program has filled."""

import json

import jsonschema
import pytest
from graph_runs import Home
from harness import ROOT, built, clean_environment, run

SCHEMA = json.loads((ROOT / "schema/runs.schema.json").read_text())


@pytest.fixture
def home(tmp_path):
    done = run([built("tests/run/make_store"), tmp_path / "home"])
    assert (done.returncode, done.stderr) == (0, "")
    return tmp_path / "home"


def dpipes(home, *words, **environment):
    environment = {"LC_ALL": "C.UTF-8", "TZ": "UTC", **environment}
    return run([built("cli/dpipes"), *words, "--home", home], env=clean_environment(**environment))


def text_of(home, *words, **environment):
    done = dpipes(home, *words, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def rows(text):
    return [line.split() for line in text.splitlines()]


def json_of(home, form, *words):
    """Of that form, and of one of those that the schema has."""
    value = json.loads(text_of(home, *words, "--json"))
    for schema in (SCHEMA, {**SCHEMA, "anyOf": [{"$ref": f"#/$defs/{form}"}]}):
        jsonschema.validate(value, schema, jsonschema.Draft202012Validator)
    return value


# ---- runs -----------------------------------------------------------------------------------------------------------


def test_runs_are_listed_with_the_newest_first(home):
    titles, *lines = rows(text_of(home, "runs"))
    assert titles == ["RUN", "ID", "JOB", "STATUS", "PARTITION", "STARTED", "TIME", "STEPS"]
    assert [line[0] for line in lines] == ["abc-3", "aab-2", "aaa-1"]
    assert lines[2] == ["aaa-1", "train", "SUCCESS", "2026-01-01", "2026-09-21", "14:13:20", "12.5", "s", "2/2"]
    assert lines[0][-1] == "0/2"


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["--status", "FAILURE"], ["aab-2"]),
        (["--limit", "2"], ["abc-3", "aab-2"]),
        (["--limit", "0"], ["abc-3", "aab-2", "aaa-1"]),
        (["--job", "train", "--limit=1"], ["abc-3"]),
        (["--job", "other"], []),
    ],
)
def test_runs_are_chosen(words, ids, home):
    assert [one["run_id"] for one in json_of(home, "runs", "runs", *words)] == ids


def test_the_environment_says_where_the_store_is(home):
    done = run([built("cli/dpipes"), "runs", "--json"], env=clean_environment(DPIPES_HOME=str(home)))
    assert len(json.loads(done.stdout)) == 3


def test_a_new_store_is_empty(tmp_path):
    assert json_of(tmp_path / "new", "runs", "runs") == []
    assert json_of(tmp_path / "new", "events", "assets") == []


def test_a_run_is_shown_with_its_steps_and_attempts(home):
    shown = text_of(home, "runs", "show", "aab")
    assert "status     FAILURE\n" in shown and "step `train` failed" in shown
    _, *steps = rows(shown.split("\n\n")[1])
    assert [step[:3] for step in steps] == [
        ["train", "FAILURE", "3"],
        ["exit", "3", "1"],
        ["exit", "3", "2"],
        ["exit", "3", "3"],
        ["publish", "SKIPPED", "0"],
    ]


def test_the_events_of_a_run_are_lines(home):
    shown = text_of(home, "runs", "show", "aaa-1", "--events").split("\n\n")[2].splitlines()
    assert len(shown) == 8
    assert shown[1].split() == ["2026-09-21", "14:13:20", "LOG", "train", "INFO:", "training"]
    assert shown[2].endswith("a\ufffdb\ufffd\ufffd[31m")  # nothing that a terminal obeys
    assert "models/cancer [2026-01-01] data version v1" in shown[3]
    assert "accuracy passed: false" in shown[7]


def test_more_events_than_a_page_come_once_and_in_order(tmp_path):
    run([built("tests/run/make_store"), tmp_path, "fill", "250"])
    lines = text_of(tmp_path, "runs", "show", "fill", "--events").split("\n\n")[2].splitlines()
    assert len(lines) == 2500
    ids = [event["id"] for event in json_of(tmp_path, "run", "runs", "show", "fill", "--events")["events"]]
    assert ids == list(range(1, 2501))


def test_a_run_as_json_has_what_the_store_has_and_no_secret(home):
    shown = json_of(home, "run", "runs", "show", "aaa", "--events")
    assert [step["step"] for step in shown["steps"]] == ["prepare", "train"]
    assert shown["steps"][0]["attempts"][0]["submission_id"] == "dagster-step-x"
    assert [event["type"] for event in shown["events"]][:3] == ["RUN_START", "LOG", "OUTPUT"]
    assert shown["events"][2]["text"] == "a\0b\ufffd\x1b[31m"
    assert "events" not in json_of(home, "run", "runs", "show", "aaa")
    assert "a-secret" not in json.dumps(shown)


# ---- Pruning --------------------------------------------------------------------------------------------------------


def test_pruning_keeps_the_newest(home):
    assert text_of(home, "runs", "prune", "--keep", "1") == "1 run was removed\n"
    assert [one["run_id"] for one in json_of(home, "runs", "runs")] == ["abc-3", "aab-2"]
    assert json_of(home, "pruned", "runs", "prune", "--keep", "0") == {"removed": 1}
    partitions = json_of(home, "asset", "assets", "show", "models/cancer")["partitions"]
    assert [(one["partition_key"], one["run_id"]) for one in partitions] == [
        ("2026-01-01", "aaa-1"),
        ("2026-01-02", "abc-3"),
    ]


def test_pruning_by_age(home):
    assert text_of(home, "runs", "prune", "--older-than", "1000w") == "0 runs were removed\n"
    assert text_of(home, "runs", "prune", "--older-than", "1s") == "2 runs were removed\n"


# ---- assets ---------------------------------------------------------------------------------------------------------


def test_assets_are_listed_with_their_latest(home):
    [_, asset] = rows(text_of(home, "assets"))
    assert asset == ["models/cancer", "2026-01-02", "v5", "2026-09-21", "14:13:20", "abc-3"]
    [latest] = json_of(home, "events", "assets")
    assert latest["metadata"]["rows"] == {"raw_value": 500, "type": "int"}
    assert latest["input_versions"] == {"table": "t1"}


def test_an_asset_is_shown_with_its_numbers_over_time(home):
    shown = text_of(home, "assets", "show", "models/cancer")
    assert "data version  v5\n" in shown
    assert "  rows  100 to 500  ▁▃▅▆█\n" in shown
    assert "  loss  0.2 to 1    █▄▂▁▁\n" in shown
    assert "check accuracy: failed, WARN" in shown
    assert "  rows  100 to 500  _-=+#\n" in text_of(home, "assets", "show", "models/cancer", LC_ALL="C")


def test_the_history_is_limited(home):
    history = json_of(home, "asset", "assets", "show", "models/cancer")["history"]
    assert [event.get("data_version") for event in history] == ["v5", None, "v4", "v3", "v2", "v1"]
    assert len(json_of(home, "asset", "assets", "show", "models/cancer", "--limit", "2")["history"]) == 2
    assert len(text_of(home, "assets", "show", "models/cancer", "--limit", "2").split("\n\n")[-1].splitlines()) == 3


def test_of_many_partitions_the_first_are_shown_and_the_rest_counted(tmp_path):
    keys = [f"p{n:02}" for n in range(53)]
    home = Home(tmp_path).write({"s": {"entrypoint": "true", "assets": ["a"]}}, partitions=keys)
    home.dpipes("backfill", home.graph)
    [_, partitions, history] = home.dpipes("assets", "show", "a").stdout.split("\n\n")
    lines = partitions.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["PARTITION", *keys[:50]]
    assert lines[-1] == "3 more; --json has them all"
    assert len(history.splitlines()) == 21
    assert [one["partition_key"] for one in home.stored("assets", "show", "a")["partitions"]] == keys


# ---- What is wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ("runs show zzz", 1, "has no run `zzz`"),
        ("runs show aa", 2, "more than one run begins with `aa`"),
        ("runs show", 2, "the ID of a run is wanted"),
        ("runs show aaa more", 2, "`more` is too much"),
        ("runs shwo", 2, "`shwo` is too much; is it `show`?"),
        ("runs --status DONE", 2, "`DONE` is no status of a run"),
        ("runs --limit -1", 2, "--limit wants a number, 0 or more, not `-1`"),
        ("runs prune", 2, "--keep N or --older-than AGE is wanted"),
        ("runs prune --older-than 30", 2, "an age, such as"),
        ("assets show none", 1, "has no asset `none`"),
        ("assets show", 2, "the KEY of an asset is wanted"),
    ],
)
def test_what_is_wrong_is_named(words, code, sentence, home):
    done = dpipes(home, *words.split())
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr


@pytest.mark.parametrize(
    "change",
    [{"removed": -1}, {"more": 1}, [{"id": 1, "run_id": "r", "time_ms": 1, "type": "LOG"}], [{"id": 1}], "text"],
)
def test_other_forms_are_refused_by_the_schema(change):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(change, SCHEMA, jsonschema.Draft202012Validator)


# ---- A store that cannot be used ------------------------------------------------------------------------------------


def in_a_namespace(script, *words):
    """Needs a kernel that gives namespaces to everybody, or root."""
    return run(["unshare", "-Urm", "sh", "-ec", script, *words])


def test_a_full_disk_loses_nothing_that_was_committed(tmp_path):
    fill = f'mount -t tmpfs -o size=2m none {tmp_path}; "$0" {tmp_path}/home fill 1000000'
    show = f'exec "$1" runs show fill --json --events --home {tmp_path}/home'
    done = in_a_namespace(f"{fill}; {show}", built("tests/run/make_store"), built("cli/dpipes"))
    assert done.returncode == 0, done.stderr
    committed, failure, shown = done.stdout.splitlines()
    assert failure.startswith(f"DPIPES_EIO: {tmp_path}/home/dpipes.db: ")
    assert "full" in failure or "No space left on device" in failure
    assert int(committed) > 0
    assert len(json.loads(shown)["events"]) == int(committed)


@pytest.mark.parametrize("name", ["home", "new"])
def test_a_read_only_disk(name, tmp_path):
    fill = f'mount -t tmpfs none {tmp_path}; "$0" {tmp_path}/home; mount -o remount,ro {tmp_path}'
    script = f'{fill}; exec "$1" runs --home {tmp_path}/{name}'
    done = in_a_namespace(script, built("tests/run/make_store"), built("cli/dpipes"))
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"dpipes: {tmp_path}/{name}: Read-only file system\n"


def test_a_directory_that_takes_no_file(home):
    """SQLite needs files beside its own."""
    script = 'chmod 555 "$1"; setpriv --bounding-set=-all "$0" runs --home "$1"'
    done = in_a_namespace(script, built("cli/dpipes"), home)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"dpipes: {home}: Permission denied\n"


def test_a_closed_pipe_is_no_hang(home):
    done = run(["sh", "-c", f'"$0" runs show aaa --events --home {home} >&-', built("cli/dpipes")])
    assert done.returncode == 3
    assert "stdout" in done.stderr
