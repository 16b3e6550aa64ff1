"""What Python writes our side reads, and the other way round, for whatever values hypothesis thinks of."""

import json
import math
import subprocess

import dagster_pipes
import pytest
from harness import IN_CI, clean_environment, interop_program
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

dg = pytest.importorskip("dagster")
from dagster._core.definitions.metadata.external_metadata import metadata_value_from_external

# Seven properties; in CI fourteen thousand cases in all.
CASES = settings(
    max_examples=2000 if IN_CI else 200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class Echo:
    """One process for all cases: a line in, a line out."""

    def __init__(self):
        self.process = subprocess.Popen(
            [interop_program("echo")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=clean_environment()
        )

    def ask(self, what, **request):
        self.process.stdin.write(json.dumps({"do": what, **request}).encode() + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"echo ended with {self.process.wait()}"
        return json.loads(answer)


@pytest.fixture(scope="module")
def echo():
    echo = Echo()
    yield echo
    echo.process.stdin.close()
    assert echo.process.wait(60) == 0
    echo.process.stdout.close()


# ---- Values ---------------------------------------------------------------------------------------------------------

# A lone surrogate is what Python can send and no text of ours can hold: it becomes U+FFFD.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
c_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
numbers = st.integers() | st.integers(-(2**63), 2**63 - 1) | st.floats()
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)
# JSON that a user gives has no infinity.
strict_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
strict_values = st.recursive(
    strict_scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def exactly(value):
    """Python takes 1, 1.0 and True for equal; the wire does not."""
    return json.dumps(value, sort_keys=True)


# ---- The context ----------------------------------------------------------------------------------------------------

provenances = st.none() | st.fixed_dictionaries(
    {
        "code_version": c_texts,
        "input_data_versions": st.dictionaries(c_texts, c_texts, max_size=3),
        "is_user_provided": st.booleans(),
    }
)
ranges = st.none() | st.fixed_dictionaries({"start": c_texts, "end": c_texts})


@st.composite
def contexts(draw):
    keys = draw(st.none() | st.lists(c_texts, min_size=1, max_size=4, unique=True))
    shuffled = draw(st.permutations(keys)) if keys else None
    return {
        "asset_keys": keys,
        "code_version_by_asset_key": keys and {key: draw(st.none() | c_texts) for key in shuffled},
        "provenance_by_asset_key": keys and {key: draw(provenances) for key in shuffled},
        "partition_key": draw(st.none() | c_texts),
        "partition_key_range": draw(ranges),
        "partition_time_window": draw(ranges),
        "run_id": draw(c_texts),
        "job_name": draw(st.none() | c_texts),
        "retry_number": draw(st.integers(-(2**63), 2**63 - 1)),
        "extras": draw(st.dictionaries(texts, values, max_size=6)),
    }


def as_ours_says_it(context):
    keys = context["asset_keys"] or []
    partitioned = context["partition_key_range"] is not None
    return {
        **context,
        "is_asset_step": context["asset_keys"] is not None,
        "asset_keys": keys,
        "code_version_by_asset_key": context["code_version_by_asset_key"] or {},
        "provenance_by_asset_key": context["provenance_by_asset_key"] or {},
        "is_partition_step": partitioned or context["partition_key"] is not None,
        # As in the reference, only a partition step has a window.
        "partition_time_window": context["partition_time_window"] if partitioned else None,
        "one by one": {key: value for key, value in context["extras"].items() if "\0" not in key},
    }


@CASES
@given(contexts())
def test_a_context_says_what_python_put_into_it(echo, context):
    assert exactly(echo.ask("context", context=context)) == exactly(rounded(as_ours_says_it(context)))


def rounded(said):
    """An extra beyond 64 bits has no int; by the getter for doubles it is the nearest one."""
    one_by_one = {
        key: float_of(value) if type(value) is int and not -(2**63) <= value < 2**63 else value
        for key, value in said["one by one"].items()
    }
    return {**said, "one by one": one_by_one}


def float_of(value):
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


@CASES
@given(st.sampled_from(["run_id", "job_name", "partition_key"]), c_texts, c_texts)
def test_a_nul_in_what_must_be_a_c_string_is_refused_by_its_key(echo, key, before, after):
    answer = echo.ask("context", context={key: f"{before}\0{after}"})
    assert answer == {"error": f"context: `{key}`: holds U+0000, which a C string cannot"}


# ---- Reports --------------------------------------------------------------------------------------------------------

LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
json_metadata = strict_values.filter(lambda v: v is None or isinstance(v, (str, list, dict)))
entries = st.one_of(
    *(
        st.tuples(st.just(kind), c_texts, value)
        for kind, value in {
            **dict.fromkeys(["text", "url", "path", "notebook", "md", "dagster_run", "asset"], c_texts),
            "json": json_metadata,
            "__infer__": strict_values,
            "int": st.integers(-(2**63), 2**63 - 1),
            "float": st.floats(),
            "timestamp": st.floats(allow_nan=False, allow_infinity=False),
            "bool": st.booleans(),
            "null": st.none(),
        }.items()
    )
)


@CASES
@given(
    st.integers(0, 4),
    texts,
    st.lists(entries, max_size=6, unique_by=lambda entry: entry[1]),
    strict_values,
    st.none() | c_texts,
)
@example(1, 'a"\\\n\r\u2028\x7f😀\0', [("float", "nan", math.nan), ("float", "-inf", -math.inf)], 2**200, "é")
def test_what_a_program_reports_python_reads(echo, level, text, metadata, payload, data_version):
    answer = echo.ask(
        "report", log=level, text=text, metadata=metadata, payload=payload, data_version=data_version
    )
    assert answer["lines"].isascii()
    opened, log, stream, materialization, custom, closed = map(json.loads, answer["lines"].splitlines())
    assert (opened["method"], closed["method"]) == ("opened", "closed")
    assert log["params"] == {"message": text, "level": LEVELS[level]}
    assert stream["params"] == {"stream": "stdout", "text": text, "extras": {}}
    assert exactly(custom["params"]["payload"]) == exactly(payload)
    assert materialization["params"]["data_version"] == data_version
    raw = {key: {"raw_value": value, "type": kind} for kind, key, value in metadata}
    assert exactly(materialization["params"]["metadata"]) == exactly(raw or None)
    for value in (materialization["params"]["metadata"] or {}).values():
        if value["type"] != "asset" or value["raw_value"].strip("/"):
            metadata_value_from_external(value["raw_value"], value["type"])


# ---- The orchestrator's side ----------------------------------------------------------------------------------------

OPENED, LOG, MATERIALIZATION, CHECK, CUSTOM, EXTERNAL_STREAM, CLOSED = range(1, 8)


class Lines(dagster_pipes.PipesMessageWriter):
    """Python's writer, into memory."""

    def __init__(self):
        self.lines = []

    def open(self, params):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        return None

    def write_message(self, message):
        self.lines.append(json.dumps(message) + "\n")


class Params(dagster_pipes.PipesParamsLoader):
    def is_dagster_pipes_process(self):
        return True

    def load_context_params(self):
        return {"data": {**dict.fromkeys(dagster_pipes.PipesContextData.__annotations__), "asset_keys": ["a"]}}

    def load_messages_params(self):
        return {}


@CASES
@given(st.integers(0, 4), texts, strict_values, st.none() | texts, texts, st.booleans())
def test_what_python_reports_our_session_reads(echo, level, text, payload, data_version, check_name, passed):
    lines = Lines()
    context = dagster_pipes.PipesContext(Params(), dagster_pipes.PipesDefaultContextLoader(), lines)
    context.log.log(10 * level + 10, "%s", text)
    context.report_custom_message(payload)
    context.report_asset_materialization({"m": {"type": "__infer__", "raw_value": payload}}, data_version)
    context.report_asset_check(check_name, passed, "WARN")
    context.log_external_stream("stderr", text)
    context.close()
    events = echo.ask("session", lines="".join(lines.lines))["events"]
    kinds = [OPENED, LOG, CUSTOM, MATERIALIZATION, CHECK, EXTERNAL_STREAM, CLOSED]
    assert [event["kind"] for event in events] == kinds
    _, log, custom, materialization, check, stream, _ = events
    assert (log["level"], log["text"]) == (level, text)
    assert exactly(custom["json"]) == exactly(payload)
    assert (materialization["asset_key"], materialization["data_version"]) == ("a", data_version)
    assert exactly(materialization["json"]["m"]["raw_value"]) == exactly(payload)
    assert (check["check_name"], check["passed"], check["severity"]) == (check_name, passed, 1)
    assert (stream["name"], stream["text"]) == ("stderr", text)


# ---- Params and asset keys ------------------------------------------------------------------------------------------


@CASES
@given(st.dictionaries(texts, values, max_size=5))
def test_params_go_both_ways(echo, params):
    ours = echo.ask("encode", json=json.dumps(params))["value"]
    assert exactly(dagster_pipes.decode_param(ours)) == exactly(params)
    assert echo.ask("decode", value=dagster_pipes.encode_param(params)) == {"json": json.dumps(params)}


parts = st.lists(st.text(st.sampled_from("ab/\\é😀 "), max_size=6), min_size=1, max_size=5)


@CASES
@given(parts)
@example([""])
@example(["a", ""])
@example(["\\/"])
def test_asset_keys_are_escaped_as_dagster_does(echo, parts):
    key = dg.AssetKey(parts).to_escaped_user_string()
    assert echo.ask("join", parts=parts) == {"key": key}
    assert echo.ask("parts", key=key)["parts"] == dagster_pipes.to_asset_key_path(key)


@CASES
@given(st.text(st.sampled_from("ab/\\é"), max_size=12))
def test_any_text_is_split_as_the_reference_splits_it(echo, key):
    assert echo.ask("parts", key=key)["parts"] == dagster_pipes.to_asset_key_path(key)
