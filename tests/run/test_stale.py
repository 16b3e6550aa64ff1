"""What a run of some of a graph's steps takes from the store, and what comes into its steps from outside: --stale-only,
--select, --set and `${…}`, on processes of this machine."""

import copy
import json

import pytest
from graph_runs import of

CHAIN = {
    "a": {"entrypoint": '"$REPORTER" "$(cat version)" from=a', "assets": ["a"], "code_version": "1"},
    "b": {"entrypoint": '"$REPORTER" same said=${upstream.a.from}', "assets": ["b"], "needs": ["a"]},
    "c": {"entrypoint": "true", "needs": ["b"]},
    "d": "true",
}
ALWAYS = {"d": "stale: it makes no asset and needs no step"}


@pytest.fixture
def chain(home):
    (home.directory / "version").write_text("v1")
    return home.write(CHAIN)


# ---- --stale-only ---------------------------------------------------------------------------------------------------


def stale(home, *words):
    """The steps that a run of what is stale has executed, each with its reason."""
    events = home.execute("--stale-only", *words)
    why = {event["step"]: event["text"] for event in events if event["type"] == "ENGINE_EVENT"}
    assert sorted(why) == sorted(of(events, "STEP_SUCCESS"))
    return why


def test_at_first_all_is_stale_and_then_what_has_no_asset(chain):
    assert stale(chain) == {
        "a": "stale: a was never materialized",
        "b": "stale: a, which it needs, is stale",
        "c": "stale: b, which it needs, is stale",
        **ALWAYS,
    }
    assert stale(chain) == ALWAYS


def test_another_code_version_is_stale_and_so_is_what_needs_it(chain):
    chain.execute()
    steps = copy.deepcopy(CHAIN)
    steps["a"]["code_version"] = "2"
    assert stale(chain.write(steps)) == {
        "a": "stale: its code version is 2, and was 1",
        "b": "stale: a, which it needs, is stale",
        "c": "stale: b, which it needs, is stale",
        **ALWAYS,
    }
    assert stale(chain) == ALWAYS


def test_another_data_version_of_an_input_is_stale(chain):
    chain.execute()
    (chain.directory / "version").write_text("v2")
    assert stale(chain) == ALWAYS
    chain.execute("--select", "a")
    reason = {"b": "stale: the data version of a is another"}
    assert stale(chain) == {**reason, "c": "stale: b, which it needs, is stale", **ALWAYS}
    assert stale(chain) == ALWAYS


def test_the_same_data_version_made_anew_is_not_stale(chain):
    chain.execute()
    chain.execute("--select", "a")
    assert stale(chain) == ALWAYS


def test_another_need_is_stale(chain):
    chain.execute()
    steps = copy.deepcopy(CHAIN)
    steps["e"] = {"entrypoint": '"$REPORTER" e', "assets": ["e"]}
    chain.write(steps).execute("--select", "e")
    steps["b"]["needs"].append("e")
    assert stale(chain.write(steps))["b"] == "stale: the data version of e is another"
    assert stale(chain.write(CHAIN))["b"] == "stale: what it is made from is other assets"


def test_what_has_failed_was_not_materialized(chain):
    chain.write({**CHAIN, "b": {**CHAIN["b"], "entrypoint": "false"}}).execute(code=1)
    assert stale(chain.write(CHAIN)) == {
        "b": "stale: b was never materialized",
        "c": "stale: b, which it needs, is stale",
        **ALWAYS,
    }


def test_each_partition_is_stale_by_itself(chain):
    chain.write(CHAIN, partitions=["p", "q"]).execute("--partition", "p")
    assert stale(chain, "--partition", "p") == ALWAYS
    assert stale(chain, "--partition", "q")["a"] == "stale: a was never materialized"


def test_of_the_selected_steps_those_that_are_stale(chain):
    assert set(stale(chain, "--select", "+b")) == {"a", "b"}
    assert set(stale(chain, "--select", "+b")) == set()


def test_a_backfill_of_what_is_stale(chain):
    chain.write(CHAIN, partitions=["p", "q"]).execute("--partition", "p")
    chain.dpipes("backfill", chain.graph, "--stale-only")
    done = [(event["partition_key"], event["step"]) for event in chain.events() if event["type"] == "STEP_SUCCESS"]
    assert sorted(done[:4]) == [("p", name) for name in "abcd"]
    assert sorted(done[4:]) == [("p", "d"), *(("q", name) for name in "abcd")]


# ---- --select -------------------------------------------------------------------------------------------------------


def metadata_of(events, asset):
    [made] = [event for event in events if event["type"] == "ASSET_MATERIALIZATION" and event["asset_key"] == asset]
    return {key: value["raw_value"] for key, value in made["metadata"].items()}


def extras_of(events, step):
    [logged] = [event["text"] for event in events if event["type"] == "LOG" and event["step"] == step]
    return json.loads(logged)


def test_a_selected_step_has_the_values_of_earlier_runs(chain):
    chain.execute()
    events = chain.execute("--select", "b")
    assert of(events, "STEP_SUCCESS") == ["b"]
    assert metadata_of(events, "b") == {"said": "a"}
    [made] = [event for event in events if event["type"] == "ASSET_MATERIALIZATION"]
    assert made["input_versions"] == {"a": "v1"}
    upstream = {"a": {"assets": {"a": {"metadata": {"from": "a"}, "data_version": "v1"}}, "custom_messages": []}}
    assert extras_of(events, "b") == {"upstream": upstream}


def test_a_selected_step_without_earlier_values_fails_and_says_which(chain):
    events = chain.execute("--select", "b", code=1)
    [text] = of(events, "STEP_FAILURE", "text")
    assert "upstream.a.from" in text and "step `a` has not reported `from`" in text


@pytest.mark.parametrize(("words", "steps"), [(["b+"], "bc"), (["+b"], "ab"), (["a", "d"], "ad"), (["tag:x=y"], "d")])
def test_selections(words, steps, chain):
    chain.write({**CHAIN, "d": {"entrypoint": "true", "tags": {"x": "y"}}}).execute()
    selected = [option for word in words for option in ("--select", word)]
    assert sorted(of(chain.execute(*selected), "STEP_SUCCESS")) == list(steps)


# ---- Extras and `${…}` ----------------------------------------------------------------------------------------------


def test_what_is_set_wins_over_the_extras_of_each_step(home):
    steps = {
        "a": {"entrypoint": '"$REPORTER" v', "assets": ["a"], "extras": {"k": 1, "kept": [2]}},
        "b": {"entrypoint": '"$REPORTER" v', "assets": ["b"]},
    }
    events = home.write(steps).execute("--set", 'extras.k={"x": [1.50, null]}', "--set", "extras.a.b=true")
    assert extras_of(events, "a") == {"kept": [2], "k": {"x": [1.5, None]}, "a.b": True}
    assert extras_of(events, "b") == {"k": {"x": [1.5, None]}, "a.b": True}


@pytest.mark.parametrize("setting", ["k=1", "extras.k", "extras.=1", "extras.k=text", "extras.k=1 2", "extras.k="])
def test_a_setting_that_is_none_is_named(setting, home):
    done = home.write({"a": "true"}).dpipes("execute", home.graph, "--set", setting, code=2)
    assert setting in done.stderr and home.runs() == []


HOSTILE = [
    "a b", " ", "it's", '"', "'\"'", "\\", "$(touch broken)", "`touch broken`", ";touch broken", "&", "|", ">broken", "*",
    "~", "#", "${run_id}", "$HOME", "$", "-n", "é → 日本", "');touch broken;('", '");touch broken;("',
]  # fmt: skip
LINES = ["\n", "a\nb\n", "\n;touch broken\n", "x\r\ty", *HOSTILE]


def handed_on(home, value):
    """What the second step has got by every way that there is."""
    events = home.execute(*(["--partition", value] if value in HOSTILE else []))
    assert sorted(path.name for path in home.directory.iterdir()) == ["graph.json", "store"]
    extras = extras_of(events, "b")
    return {**metadata_of(events, "b"), "extra": extras["extra"], "within": extras["within"]}


def second_step(name):
    words = f'word=${{{name}}} "quoted=${{{name}}}" \'single=${{{name}}}\' "variable=$V" "inner=$(printf \'%s.\' ${{{name}}})"'
    return {
        "entrypoint": f'"$REPORTER" v {words}',
        "assets": ["b"],
        "needs": ["a"],
        "env": {"V": f"${{{name}}}"},
        "extras": {"extra": f"${{{name}}}", "within": f"<${{{name}}}>"},
    }


def expected(value):
    return {
        **dict.fromkeys(["word", "quoted", "single", "variable", "extra"], value),
        "inner": f"{value}.",
        "within": f"<{value}>",
    }


@pytest.mark.parametrize("key", HOSTILE)
def test_a_partition_key_is_a_word_whatever_is_in_it(key, home):
    home.write({"a": "true", "b": second_step("partition_key")}, partitions=[key, "other"])
    assert handed_on(home, key) == expected(key)


@pytest.mark.parametrize("value", LINES)
def test_a_value_of_another_step_is_a_word_whatever_is_in_it(value, home):
    """It comes from a variable of the machine, in which nothing is interpolated."""
    home.environment["VALUE"] = value
    first = {"entrypoint": '"$REPORTER" v "k=$GIVEN"', "assets": ["a"], "env": {"GIVEN": {"env": "VALUE"}}}
    steps = {"a": first, "b": second_step("upstream.a.k")}
    assert handed_on(home.write(steps), "") == expected(value)
