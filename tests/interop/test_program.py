"""The program's side: what it does with bad input, by hand, and how it writes."""

import base64
import json
import zlib

import pytest
from harness import (
    asset_context,
    built,
    clean_environment,
    context_data,
    encode,
    interop_program,
    messages_of,
    pipes_variables,
    run,
)

LIMIT = 64 * 1024 * 1024


@pytest.fixture
def channel(tmp_path):
    return tmp_path / "messages"


def probe(*words, **variables):
    return run([interop_program("probe"), *words], env=clean_environment(**variables))


def probe_with(channel, data, *words):
    return probe(*words, **pipes_variables({"data": data}, {"path": str(channel)}))


# ---- Variables ------------------------------------------------------------------------------------------------------

GOOD = {"data": context_data()}
NOT_ZLIB = "aGVsbG8="

BAD_CONTEXTS = {
    "not base64": ("no base64!", "not base64 at byte 2"),
    "not zlib": (NOT_ZLIB, "not zlib at byte 2"),
    "cut short": (encode(GOOD)[:40], "not zlib"),
    "empty": ("", "not zlib"),
    "an array": (encode([1]), "a JSON object is expected, not array"),
    "neither": (encode({}), "neither `path` nor `data` is there"),
    "data is no object": (encode({"data": 5}), "a JSON object is expected, not int"),
    "nothing in data": (encode({"data": {}}), "`run_id` is missing"),
    "run_id is no text": (encode({"data": context_data(run_id=5)}), "`run_id`"),
    "asset_keys is no list": (encode({"data": context_data(asset_keys="a")}), "`asset_keys`"),
    "an asset key is no text": (encode({"data": context_data(asset_keys=[1])}), "`asset_keys`"),
    "retry_number is no int": (encode({"data": context_data(retry_number=1.5)}), "`retry_number`"),
    "extras is no object": (encode({"data": context_data(extras=[])}), "`extras`"),
    "path is no text": (encode({"path": 5}), "`path`: a string is expected"),
}


def encode_text(text):
    return base64.b64encode(zlib.compress(text.encode())).decode()


@pytest.mark.parametrize("case", BAD_CONTEXTS)
def test_a_bad_context_is_named_by_its_variable_and_place(case, channel):
    value, reason = BAD_CONTEXTS[case]
    done = probe("log", "1", DAGSTER_PIPES_CONTEXT=value, DAGSTER_PIPES_MESSAGES=encode({"path": str(channel)}))
    assert done.returncode == 2
    assert done.stdout.startswith("DPIPES_EPROTO: DAGSTER_PIPES_CONTEXT: ") and reason in done.stdout
    assert not channel.exists()


@pytest.mark.parametrize("text", ["", "hello", '{"data": ', '{"data": {}} x', "{'data': {}}"])
def test_a_context_that_is_no_json_is_refused(text, channel):
    done = probe(
        "log", "1", DAGSTER_PIPES_CONTEXT=encode_text(text), DAGSTER_PIPES_MESSAGES=encode({"path": str(channel)})
    )
    assert done.returncode == 2
    assert done.stdout.startswith("DPIPES_EPROTO: DAGSTER_PIPES_CONTEXT: not JSON at byte ")


@pytest.mark.parametrize("over, code", [(0, 0), (1, 2)], ids=["at the limit", "one byte over"])
def test_a_context_may_inflate_to_the_limit(over, code, channel):
    text = json.dumps(GOOD)
    done = probe(
        "log",
        "1",
        DAGSTER_PIPES_CONTEXT=encode_text(text + " " * (LIMIT + over - len(text))),
        DAGSTER_PIPES_MESSAGES=encode({"path": str(channel)}),
    )
    assert done.returncode == code, done.stdout
    if code:
        assert (
            done.stdout.startswith("DPIPES_EPROTO: DAGSTER_PIPES_CONTEXT: ")
            and f"inflates past {LIMIT} bytes" in done.stdout
        )


BAD_MESSAGES = {
    "not base64": ("no base64!", "not base64 at byte 2"),
    "not zlib": (NOT_ZLIB, "not zlib at byte 2"),
    "not json": (encode_text("hello"), "not JSON at byte 0"),
    "an array": (encode([1]), "a JSON object is expected, not array"),
    "neither": (encode({}), "none of `path`, `stdio` and `buffered_stdio` is there"),
    "path is no text": (encode({"path": 5}), "`path`"),
    "an unknown stream": (encode({"stdio": "stdin"}), "`stdio`"),
    "too large": (encode_text('"' + "x" * LIMIT), f"inflates past {LIMIT} bytes"),
}


@pytest.mark.parametrize("case", BAD_MESSAGES)
def test_bad_message_parameters_are_named_by_their_variable_and_place(case):
    value, reason = BAD_MESSAGES[case]
    done = probe("log", "1", DAGSTER_PIPES_CONTEXT=encode(GOOD), DAGSTER_PIPES_MESSAGES=value)
    assert done.returncode == 2
    assert done.stdout.startswith("DPIPES_EPROTO: DAGSTER_PIPES_MESSAGES: ") and reason in done.stdout


def test_a_context_without_a_place_for_messages_is_refused():
    done = probe("log", "1", DAGSTER_PIPES_CONTEXT=encode(GOOD))
    assert done.returncode == 2
    assert done.stdout.startswith("DPIPES_EPROTO: ") and "DAGSTER_PIPES_MESSAGES is not" in done.stdout


# ---- Files ----------------------------------------------------------------------------------------------------------


def test_a_missing_context_file_is_named(tmp_path, channel):
    path = tmp_path / "missing"
    done = probe("log", "1", **pipes_variables({"path": str(path)}, {"path": str(channel)}))
    assert done.returncode == 2
    assert done.stdout.startswith("DPIPES_ENOENT: ") and str(path) in done.stdout


def test_a_context_file_that_is_no_json_is_named(tmp_path, channel):
    path = tmp_path / "context"
    path.write_text('{"run_id": ')
    done = probe("log", "1", **pipes_variables({"path": str(path)}, {"path": str(channel)}))
    assert done.returncode == 2
    assert done.stdout.startswith("DPIPES_EPROTO: ") and str(path) in done.stdout and "not JSON" in done.stdout


def test_a_context_file_is_read(tmp_path, channel):
    path = tmp_path / "context"
    path.write_text(json.dumps(context_data(extras={"n": 5})))
    done = probe("extra", "int", "n", **pipes_variables({"path": str(path)}, {"path": str(channel)}))
    assert (done.returncode, done.stdout) == (0, "OK\nOK\n")


@pytest.mark.parametrize("place", ["missing/messages", "."], ids=["no such folder", "a folder"])
def test_a_channel_that_cannot_be_opened_is_named(place, tmp_path):
    path = f"{tmp_path}/{place}"
    done = probe("log", "1", **pipes_variables(GOOD, {"path": path}))
    assert done.returncode == 2
    assert done.stdout.startswith("DPIPES_EIO: ") and path in done.stdout


def test_a_channel_that_takes_no_bytes_is_named():
    done = probe("log", "1", **pipes_variables(GOOD, {"path": "/dev/full"}))
    assert done.returncode == 2
    assert done.stdout == "DPIPES_EIO: /dev/full: No space left on device\n"


# ---- Extras and assets ----------------------------------------------------------------------------------------------

EXTRAS = {"int": 1, "double": 1.5, "bool": True, "string": "x", "object": {}, "null": None, "big": 2**63}
MISFITS = [
    *(("int", key) for key in ("double", "bool", "string", "object", "null", "big")),
    *(("double", key) for key in ("bool", "string", "object", "null")),
    *(("bool", key) for key in ("int", "double", "string", "object", "null")),
    *(("string", key) for key in ("int", "double", "bool", "object", "null")),
]


@pytest.mark.parametrize("type_, key", MISFITS)
@pytest.mark.parametrize("way", ["extra", "default"])
def test_an_extra_of_another_type_is_named(way, type_, key, channel):
    done = probe_with(channel, context_data(extras=EXTRAS), way, type_, key)
    first, last = done.stdout.splitlines()
    assert done.returncode == 1
    assert first.startswith(f"DPIPES_EINVAL: extra `{key}`: ")
    assert last == (first if way == "default" else "OK")
    assert_closed(channel, None if way == "extra" else first)


def assert_closed(channel, failure):
    """The last message is `closed`, with the failure that the probe printed, if any."""
    closed = messages_of(channel)[-1]
    assert closed["method"] == "closed"
    if failure:
        name, _, message = failure.partition(": ")
        exception = {"message": message, "stack": [], "name": name, "cause": None, "context": None}
    assert closed["params"] == ({"exception": exception} if failure else {})


@pytest.mark.parametrize("type_", ["int", "double", "bool", "string", "json"])
def test_an_absent_extra_fails_only_without_a_default(type_, channel):
    required = probe_with(channel, context_data(extras=EXTRAS), "extra", type_, "absent")
    assert required.stdout.splitlines() == ["DPIPES_ENOENT: extra `absent`: the orchestrator did not give it", "OK"]
    optional = probe_with(channel, context_data(extras=EXTRAS), "default", type_, "absent")
    assert (optional.returncode, optional.stdout) == (0, "OK\nOK\n")


@pytest.mark.parametrize("type_, key", [("int", "int"), ("double", "int"), ("double", "big"), ("json", "null")])
def test_an_extra_of_a_type_that_fits_is_given(type_, key, channel):
    done = probe_with(channel, context_data(extras=EXTRAS), "extra", type_, key)
    assert (done.returncode, done.stdout) == (0, "OK\nOK\n")


def test_an_asset_that_is_not_in_scope_is_named_and_not_reported(channel):
    done = probe_with(channel, asset_context("first", "second"), "materialize", "third")
    first, last = done.stdout.splitlines()
    assert done.returncode == 1
    assert first == last and first.startswith("DPIPES_EINVAL: ")
    assert all(f"`{key}`" in first for key in ("first", "second", "third"))
    assert [message["method"] for message in messages_of(channel)] == ["opened", "closed"]
    assert_closed(channel, first)


# ---- By hand --------------------------------------------------------------------------------------------------------


def test_by_hand_a_program_warns_once_and_works():
    done = probe("log", "2")
    assert (done.returncode, done.stdout) == (0, "OK\nOK\n")
    warning, *logs = done.stderr.splitlines()
    assert "WARNING: not started by Dagster Pipes" in warning
    assert logs == ["INFO: message 0", "INFO: message 1"]


def test_by_hand_a_trainer_uses_its_defaults(tmp_path):
    done = run([built("examples/hello")])
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[1:] == ["INFO: counting 42 rows"]


# ---- How it writes --------------------------------------------------------------------------------------------------


def recorded_writes(path):
    """The (descriptor, bytes) of each write(2) that write_recorder.c saw."""
    record, writes = path.read_bytes(), []
    while record:
        head, _, rest = record.partition(b"\n")
        descriptor, size = map(int, head.split())
        writes.append((descriptor, rest[:size]))
        record = rest[size + 1 :]
    return writes


def run_recorded(tmp_path, messages):
    """everything.c's writes of messages, and its stdout."""
    record = tmp_path / "record"
    variables = pipes_variables({"data": asset_context("deep/second", "first", "quiet")}, messages)
    recorder = built("tests/interop/write_recorder.so")
    done = run(
        [interop_program("everything")],
        env=clean_environment(LD_PRELOAD=str(recorder), WRITE_RECORDER=str(record), **variables),
    )
    assert done.returncode == 0, done.stderr
    writes = [data for _, data in recorded_writes(record) if b"__dagster_pipes_version" in data]
    return writes, done.stdout


def test_a_message_to_a_file_is_one_write(tmp_path, channel):
    writes, stdout = run_recorded(tmp_path, {"path": str(channel)})
    assert writes == channel.read_bytes().splitlines(True)
    assert len(writes) > 15
    assert stdout == "a line on stdout\nhalf a line"


def test_a_message_to_stdout_is_one_write_on_a_line_of_its_own(tmp_path):
    writes, stdout = run_recorded(tmp_path, {"stdio": "stdout"})
    for write in writes:
        lines = write.decode().split("\n")
        assert lines[-1] == "" and lines[:-2] in ([], [""])
        assert json.loads(lines[-2])["method"]
    assert len(writes) > 15
    others = [line for line in stdout.split("\n") if line and "__dagster_pipes_version" not in line]
    assert others == ["a line on stdout", "half a line"]


@pytest.mark.parametrize("channel_kind", ["path", "stdio"])
def test_a_program_that_opens_logs_and_closes_stays_under_4_mib(channel_kind, channel):
    messages = {"path": str(channel)} if channel_kind == "path" else {"stdio": "stderr"}
    variables = pipes_variables({"data": asset_context("table")}, messages)
    done = run([interop_program("rss_of"), built("examples/hello")], env=clean_environment(**variables))
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 4096
