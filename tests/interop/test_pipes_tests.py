"""The conformance program under Dagster's own client: one test for each flag and each scene."""

import contextlib
import itertools
import json

import pytest
from harness import clean_environment, context_data, encode, interop_program, pipes_variables, run

dg = pytest.importorskip("dagster")
from dagster._core.pipes.client import PipesContextInjector
from dagster._core.pipes.utils import (
    PipesBlobStoreMessageReader,
    PipesEnvContextInjector,
    PipesTempFileContextInjector,
)
from dagster_side import Check, FileReader, Materialization, TempFileReader, materialize

ASSET = ["my", "asset"]
KEY = "my/asset"
EXTRAS = {"foo": "bar", "baz": 1, "big": 2**70, "tree": {"a": [1, 2.5, None, "é"]}}
METADATA = {
    "float": dg.FloatMetadataValue(0.1),
    "int": dg.IntMetadataValue(1),
    "text": dg.TextMetadataValue("hello"),
    "notebook": dg.NotebookMetadataValue("notebook.ipynb"),
    "path": dg.PathMetadataValue("/dev/null"),
    "md": dg.MarkdownMetadataValue("**markdown**"),
    "bool_true": dg.BoolMetadataValue(True),
    "bool_false": dg.BoolMetadataValue(False),
    "json": dg.JsonMetadataValue({"quux": {"a": 1, "b": 2}, "corge": None, "qux": [1, 2, 3], "foo": "bar", "baz": 1}),
    "url": dg.UrlMetadataValue("https://dagster.io"),
    "dagster_run": dg.DagsterRunMetadataValue("db892d7f-0031-4747-973d-22e8b9095d9d"),
    "asset": dg.DagsterAssetMetadataValue(dg.AssetKey(["foo", "bar"])),
    "null": dg.NullMetadataValue(),
}


@pytest.fixture(params=["env", "temp file"])
def injector(request) -> PipesContextInjector:
    return PipesEnvContextInjector() if request.param == "env" else PipesTempFileContextInjector()


def in_dagster(injector, *flags, reader=None, checks=(), extras=None):
    client = dg.PipesSubprocessClient(
        context_injector=injector, message_reader=reader or TempFileReader(), env=clean_environment()
    )
    command = [str(interop_program("pipes_tests")), *flags]
    specs = [dg.AssetCheckSpec(name, asset=ASSET) for name in checks]
    return materialize(
        lambda context: client.run(context=context, command=command, extras=extras), [dg.AssetSpec(ASSET)], specs
    )


def json_file(tmp_path, name, value):
    path = tmp_path / name
    path.write_text(json.dumps(value))
    return str(path)


def logs_of(outcome):
    return [log for log in outcome.logs if not log[1].startswith("[pipes]")]


# ---- Scenes ---------------------------------------------------------------------------------------------------------


def test_components(injector):
    outcome = in_dagster(injector, "--test-name", "test_components")
    assert outcome.success
    assert outcome.custom == ["Hello from external process!"]


def test_message_log(injector):
    outcome = in_dagster(injector, "--test-name=test_message_log")
    assert outcome.success
    levels = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    assert logs_of(outcome) == [(level, f"{level.capitalize()} message") for level in levels]


def test_error_reporting(injector):
    outcome = in_dagster(injector, "--test-name", "test_error_reporting")
    assert not outcome.success
    [reported] = [e for e in outcome.errors if "Very bad error" in e.message]
    assert (reported.cls_name, reported.message) == ("Error", "Very bad error has happened!")
    assert reported.stack == ["main (pipes_tests.c)", "test_error_reporting (pipes_tests.c)"]


@pytest.mark.parametrize("asked", [False, True], ids=["by the program", "by the reader too"])
def test_message_log_external_stream(injector, asked, capfd):
    reader = TempFileReader(include_stdio_in_messages=asked)
    outcome = in_dagster(injector, "--test-name", "test_message_log_external_stream", reader=reader)
    output = capfd.readouterr()
    assert outcome.success
    # Once by the stream as it was, once by Dagster's handler of the message.
    assert output.out.count("This is stdout") == 2
    assert output.err.count("This is stderr") == 2


def test_output_goes_into_a_folder_of_logs(tmp_path):
    params = {"path": str(tmp_path / "messages"), "log_writer": {"logs_dir": str(tmp_path / "a/logs")}}
    variables = pipes_variables({"data": context_data()}, params)
    scene = ["--test-name", "test_message_log_external_stream"]
    done = run([interop_program("pipes_tests"), *scene], env=clean_environment(**variables))
    assert (done.returncode, done.stdout, done.stderr) == (0, "This is stdout\n", "This is stderr\n")
    assert (tmp_path / "a/logs/stdout").read_text() == "This is stdout\n"
    assert (tmp_path / "a/logs/stderr").read_text() == "This is stderr\n"
    assert [json.loads(line)["method"] for line in (tmp_path / "messages").read_text().splitlines()] == [
        "opened",
        "closed",
    ]


def test_another_name_does_only_what_the_flags_ask(injector):
    outcome = in_dagster(injector, "--test-name", "something_else")
    assert outcome.success
    assert (logs_of(outcome), outcome.custom) == ([], [])


# ---- Flags ----------------------------------------------------------------------------------------------------------


def test_the_job_name(injector):
    assert not in_dagster(injector, "--job-name", "another").success
    assert in_dagster(injector, "--job-name", "__ephemeral_asset_job__").success


def test_extras(injector, tmp_path):
    turned = dict(reversed(EXTRAS.items()))
    assert in_dagster(injector, "--extras", json_file(tmp_path, "same", turned), extras=EXTRAS).success
    other = {**EXTRAS, "tree": {"a": [1, 2.5, False, "é"]}}
    assert not in_dagster(injector, "--extras", json_file(tmp_path, "other", other), extras=EXTRAS).success


@pytest.mark.parametrize("payload", [None, True, 2**80, 1.5, "é\u0000😀", [], {"a": [{"b": None}]}])
def test_a_custom_payload(injector, payload, tmp_path):
    outcome = in_dagster(injector, "--custom-payload", json_file(tmp_path, "payload", {"payload": payload}))
    assert outcome.success
    assert outcome.custom == [payload]


@pytest.mark.parametrize("key", [{}, {"assetKey": None}, {"assetKey": KEY}], ids=["absent", "null", "given"])
@pytest.mark.parametrize("version", [{}, {"dataVersion": None}, {"dataVersion": "alpha"}], ids=["absent", "null", "given"])
def test_a_materialization(injector, key, version, tmp_path):
    path = json_file(tmp_path, "materialization", {**key, **version})
    outcome = in_dagster(injector, "--report-asset-materialization", path)
    assert outcome.success
    assert outcome.results == {KEY: Materialization(METADATA, version.get("dataVersion"))}


@pytest.mark.parametrize("passed", [True, False])
@pytest.mark.parametrize("severity", ["WARN", "ERROR"])
@pytest.mark.parametrize("key", [{}, {"assetKey": KEY}], ids=["absent", "given"])
def test_a_check(injector, passed, severity, key, tmp_path):
    check = {"checkName": "fine", "passed": passed, "severity": severity, **key}
    outcome = in_dagster(injector, "--report-asset-check", json_file(tmp_path, "check", check), checks=["fine"])
    assert outcome.checks == {(KEY, "fine"): Check(passed, severity, METADATA)}


def test_params_as_flags(tmp_path):
    messages = tmp_path / "messages"
    flags = [
        "--context",
        encode({"data": context_data(job_name="train")}),
        f"--messages={encode({'path': str(messages)})}",
    ]
    done = run([interop_program("pipes_tests"), *flags, "--job-name", "train", "--test-name", "test_components"])
    assert (done.returncode, done.stderr) == (0, "")
    assert "Hello from external process!" in messages.read_text()


def test_a_file_reader(injector, tmp_path):
    reader = FileReader(str(tmp_path / "messages"))
    outcome = in_dagster(injector, "--test-name", "test_components", reader=reader)
    assert outcome.custom == ["Hello from external process!"]


class FolderReader(PipesBlobStoreMessageReader):
    """Reads the chunks that a mounted store holds."""

    def __init__(self, folder):
        super().__init__(interval=0.1)
        self.folder = folder

    @contextlib.contextmanager
    def get_params(self):
        yield {"path": str(self.folder)}

    def messages_are_readable(self, params):
        return True

    def download_messages_chunk(self, index, params):
        path = self.folder / f"{index}.json"
        return path.read_text() if path.exists() else None

    def no_messages_debug_text(self):
        return f"the folder {self.folder}"


def test_a_store_of_unity_catalog_volumes(injector, tmp_path):
    loader = ["--context-loader", "unity"] if isinstance(injector, PipesTempFileContextInjector) else []
    outcome = in_dagster(
        injector, *loader, "--message-writer", "unity", "--test-name", "test_message_log", reader=FolderReader(tmp_path)
    )
    assert outcome.success
    assert len(logs_of(outcome)) == 5


# ---- Wrong flags ----------------------------------------------------------------------------------------------------

WRONG = {
    "unknown": (["--colour"], "unknown flag --colour"),
    "no value": (["--job-name"], "--job-name: a value is expected"),
    **{
        f"{flag} {kind}": ([flag, kind], f"{flag}: the kind {kind} is not built")
        for flag, kind in itertools.product(["--context-loader", "--message-writer"], ["s3", "gcs", "azure"])
    },
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_flags_are_named(case):
    flags, reason = WRONG[case]
    variables = pipes_variables({"data": context_data()}, {"path": "/dev/null"})
    done = run([interop_program("pipes_tests"), *flags], env=clean_environment(**variables))
    assert (done.returncode, done.stderr) == (2, f"pipes_tests: {reason}\n")


def test_the_first_difference_of_extras_is_printed(tmp_path):
    variables = pipes_variables({"data": context_data(extras={"a": {"b": [1, 2]}})}, {"path": "/dev/null"})
    wanted = json_file(tmp_path, "wanted", {"a": {"b": [1, 3]}})
    done = run([interop_program("pipes_tests"), "--extras", wanted], env=clean_environment(**variables))
    assert (done.returncode, done.stderr) == (1, "extras.a.b[1]: 3 is expected, not 2\n")
