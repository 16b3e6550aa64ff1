"""Selections beside Dagster's own parser, on random graphs and random expressions."""

import json
import warnings

import pytest
from harness import IN_CI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

dg = pytest.importorskip("dagster")

CASES = settings(
    max_examples=150 if IN_CI else 40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)

NAMES = ["a", "b", "c", "d", "e", "train_de", "train_fr", "sums"]


@st.composite
def graphs(draw):
    """The needs and the tags of each step."""
    count = draw(st.integers(1, len(NAMES)))
    names = NAMES[:count]
    needs = {name: draw(st.lists(st.sampled_from(names[:i]), unique=True)) if i else [] for i, name in enumerate(names)}
    tags = {name: draw(st.dictionaries(st.sampled_from(["k", "l"]), st.sampled_from(["v", "w"]))) for name in names}
    return needs, tags


LAYERS = st.sampled_from(["", "0", "1", "2", "12345678901"])
SPACES = st.sampled_from(["", " "])


def draw_term(draw, names, depth):
    form = draw(st.sampled_from(["key:{}", 'key:"{}"', "tag", "wild"] + ["({})", "roots({})", "sinks( {} )"] * (depth > 0)))
    if form == "tag":
        return draw(st.sampled_from(["tag:k=v", 'tag:"k"="w"', "tag:l=w"]))
    if form == "wild":
        return draw(st.sampled_from(["key:train*", "key:t*_*", "key:*_fr"] if len(names) > 6 else ["key:a*"]))
    inner = draw(st.sampled_from(names)) if "key" in form else draw_expression(draw, names, depth - 1)
    return form.format(inner)


def draw_expression(draw, names, depth):
    form = draw(
        st.sampled_from(["{t}", "{l}+{s}{t}", "{t}{s}+{m}", "{l}+{t}+{m}", "*"] + ["{a} {j} {b}", "{n} {a}"] * (depth > 0))
    )
    parts = {"t": draw_term(draw, names, depth), "l": draw(LAYERS), "m": draw(LAYERS), "s": draw(SPACES)}
    if depth > 0:
        parts |= {name: draw_expression(draw, names, depth - 1) for name in "ab"}
        parts |= {"j": draw(st.sampled_from(["and", "or", "AND", "OR"])), "n": draw(st.sampled_from(["not", "NOT"]))}
    return form.format(**parts)


@st.composite
def cases(draw):
    needs, tags = draw(graphs())
    return needs, tags, draw_expression(draw, list(needs), 2)


def dagsters(needs, tags, expression):
    specs = [dg.AssetSpec(name, deps=needs[name], tags=tags[name]) for name in needs]
    assets = dg.multi_asset(specs=specs, name="steps", can_subset=True)(lambda: None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        selection = dg.AssetSelection.from_string(expression)
        return {key.to_user_string() for key in selection.resolve([assets])}


def graph_of(needs, tags):
    steps = [{"name": name, "entrypoint": "true", "needs": needs[name], "assets": [name], "tags": tags[name]} for name in needs]
    return json.dumps({"name": "graph", "steps": steps})


@CASES
@given(case=cases())
def test_an_expression_means_what_it_means_to_dagster(parts, case):
    needs, tags, expression = case
    wanted = dagsters(needs, tags, expression)
    answer = parts.ask("select", graph=graph_of(needs, tags), words=[expression])
    if wanted:
        assert set(answer["selected"]) == wanted
    else:
        assert "error" in answer and ("no step is meant" in answer["error"] or "there is no asset" in answer["error"])


@pytest.mark.parametrize("ends", ["{}", "+{}", "{}+", "1+{}+1", '"{}"+', '2+"{}"'])
def test_a_name_alone_is_a_step(parts, ends):
    needs = {"a": [], "b": ["a"], "c": ["b"], "d": ["b", "c"], "e": ["d"]}
    tags = dict.fromkeys(needs, {})
    wanted = dagsters(needs, tags, ends.replace("{}", "key:{}").replace('"', "").format("c"))
    assert set(parts.ask("select", graph=graph_of(needs, tags), words=[ends.format("c")])["selected"]) == wanted
