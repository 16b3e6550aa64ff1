#!/usr/bin/env python3
"""Writes what the Python reference writes: one file of messages for each scenario.

    tests/golden/make_golden.py [FOLDER]      by default the folder of this script

golden_writer.c makes the same calls in C; its lines must have the same bytes.
"""

import math
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from dagster_pipes import (
    PipesContext,
    PipesDefaultContextLoader,
    PipesDefaultMessageWriter,
    PipesMappingParamsLoader,
)

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from harness import asset_context, context_data, pipes_variables

ASSETS = ["first", "second", "a\\/b/c d", "é"]


def typed(type_, value):
    return {"raw_value": value, "type": type_}


# ---- Scenarios: each has its twin in golden_writer.c ----------------------------------------------------------------

TEXTS = {
    "empty": "",
    "quotes": "a \"b\" \\ / 'c'",
    "ascii": "".join(map(chr, range(1, 128))),
    "two bytes": "\x80\xa0é߿",
    "three bytes": "ࠀ€漢字\u2028\ud7ff\ue000\ufeff\ufffd\uffff",
    "four bytes": "\U00010000😀𝄞\U0010ffff",
    "long": "0123456789" * 1000,
}

# What is no UTF-8 becomes U+FFFD, as many of them as Python's decoder makes.
INVALID = [
    b"\xff",
    b"caf\xc3",
    b"\xe2\x82|",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x98",
    b"\xc0\x80\xc1\xbf",
    b"\xe0\x80\x80\xf0\x80\x80\x80",
    b"\xf4\x90\x80\x80\xf5\x80",
    b"\x80\xbf a \xc3\x28",
]


def log(context):
    context.log.debug("debug")
    context.log.info("epoch %d: loss %.3f, %s", 3, 0.125, "100 %")
    context.log.warning("warning")
    context.log.error("error")
    context.log.critical("critical")
    for text in TEXTS.values():
        context.log.info("%s", text)
    for text in INVALID:
        context.log.info("%s", text.decode("utf-8", "replace"))


def texts(context):
    metadata = {}
    for name, text in TEXTS.items():
        metadata[name] = typed("text", text)
        metadata[f"key {text}"] = typed("md", name)
    context.report_asset_materialization(metadata, data_version=TEXTS["four bytes"], asset_key="first")


INTS = [0, 1, -1, 2**31, 2**53 + 1, -(2**53) - 1, 10**18, 2**63 - 1, -(2**63)]
FLOATS = [
    *(0.0, -0.0, 1.0, -1.5, 0.1, 0.2 + 0.1, 1 / 3, 2.5e-05, 0.0001, 123456789.125, 1e15, 1e16, 1e17, 1e22, 1e23),
    *(1e-4, 1e-5, 1e-7, 9007199254740993.0, 123456789012345680.0, 5e-324, 2.2250738585072014e-308),
    *(1.7976931348623157e308, -1e-300, math.nan, math.inf, -math.inf),
]


def numbers(context):
    metadata = {f"int {i}": typed("int", value) for i, value in enumerate(INTS)}
    metadata |= {f"float {i}": typed("float", value) for i, value in enumerate(FLOATS)}
    context.report_asset_materialization(metadata, asset_key="first")


def bits(count):
    """The doubles of the 64 bits that splitmix64 gives."""
    state = 0
    while count > 0:
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
        value = struct.unpack("<d", struct.pack("<Q", z ^ (z >> 31)))[0]
        if math.isfinite(value):
            yield value
            count -= 1


def doubles(context):
    values = [*bits(500), *(float(f"1e{e}") for e in range(-30, 31)), *(i / 1000 for i in range(1, 200, 7))]
    context.report_asset_materialization(
        {f"d{i}": typed("float", value) for i, value in enumerate(values)}, asset_key="first"
    )


COLUMNS = [
    {"name": "name", "type": "string", "description": "who", "tags": {"pii": "yes"}},
    {"name": "age", "type": "int", "constraints": {"nullable": False, "unique": True, "other": ["> 0"]}},
]
RECORDS = [{"name": "é", "age": 9007199254740993, "w": 0.5, "ok": True, "none": None}, {}]
LINEAGE = {"name": [{"asset_key": "second", "column_name": "first_name"}], "age": []}
JSON_VALUE = {"a": [1, 2, {"b": None}], "t": True, "f": False, "e": {}, "l": [], "s": 'x"\\\n\u0000é😀'}


def types(context):
    metadata = {
        "text": typed("text", "hello"),
        "url": typed("url", "https://x.test/a?b=c&d=é"),
        "path": typed("path", "/data/model 1.json"),
        "notebook": typed("notebook", "/data/n.ipynb"),
        "json": typed("json", JSON_VALUE),
        "json list": typed("json", [1, [2.5, "x"]]),
        "md": typed("md", "# head\n\n| a |\n|---|\n"),
        "float": typed("float", 1.0),
        "int": typed("int", 42),
        "bool": typed("bool", True),
        "bool false": typed("bool", False),
        "dagster_run": typed("dagster_run", "2c9a0a6e-0000-4000-8000-000000000000"),
        "asset": typed("asset", "second"),
        "null": typed("null", None),
        "table": typed("table", {"records": RECORDS, "schema": COLUMNS}),
        "table_schema": typed("table_schema", {"columns": COLUMNS}),
        "table_column_lineage": typed("table_column_lineage", {"deps_by_column": LINEAGE}),
        "timestamp": typed("timestamp", 1700000000.0),
        "timestamp ms": typed("timestamp", 1700000000.123),
        "infer text": "hello",
        "infer int": -7,
        "infer big": 123456789012345678901234567890,
        "infer float": 0.25,
        "infer bool": False,
        "infer null": None,
        "infer list": [JSON_VALUE, []],
        "infer object": typed("__infer__", JSON_VALUE),
    }
    context.report_asset_materialization(metadata, data_version="alpha", asset_key="first")
    context.report_asset_check("all_types", True, metadata=metadata, asset_key="second")


CUSTOM = [
    None,
    True,
    0,
    -1.5e-07,
    123456789012345678901234567890,
    "",
    'quotes " and \\, \u0000 and \x1f, é, \u2028, 😀',
    [],
    {},
    JSON_VALUE,
    {"": {"deep": [[[[[{"x": 1e22}]]]]]}},
]


def custom(context):
    for payload in CUSTOM:
        context.report_custom_message(payload)


def external_stream(context):
    context.log_external_stream("stdout", 'line\nhalf "é😀\u0000')
    context.log_external_stream("stderr", "", {"pid": 7, "tree": {"a": [1, None]}})


def one_asset(context):
    context.report_asset_materialization()
    context.report_asset_check("plain", False)


def reports(context):
    context.report_asset_materialization(asset_key="first")
    context.report_asset_materialization({}, "v1", "second")
    context.report_asset_materialization({"k": typed("int", 1)}, asset_key="a\\/b/c d")
    context.report_asset_materialization(data_version="", asset_key="é")
    context.report_asset_check("failed", False, asset_key="first")
    context.report_asset_check("warned", False, "WARN", asset_key="a\\/b/c d")
    context.report_asset_check("passed", True, "ERROR", {"k": typed("float", 0.97)}, "é")


def exception(context):
    cause = {"message": "disk full", "stack": [], "name": None, "cause": None, "context": None}
    handled = {"message": "é\n", "stack": ["a.c:1\n"], "name": "IoError", "cause": cause, "context": None}
    context.close(
        {
            "message": 'ValueError: no "data"\n',
            "stack": ["main.c:3 main\n", "train.c:12 train\n"],
            "name": "ValueError",
            "cause": cause,
            "context": handled,
        }
    )


@dataclass(frozen=True)
class Scenario:
    calls: Callable[[PipesContext], None]
    assets: list[str] | None = None


SCENARIOS = {
    "log": Scenario(log),
    "texts": Scenario(texts, ASSETS),
    "numbers": Scenario(numbers, ASSETS),
    "doubles": Scenario(doubles, ASSETS),
    "types": Scenario(types, ASSETS),
    "custom": Scenario(custom),
    "external_stream": Scenario(external_stream),
    "one_asset": Scenario(one_asset, ["é"]),
    "reports": Scenario(reports, ASSETS),
    "exception": Scenario(exception),
}


# ---- Writing --------------------------------------------------------------------------------------------------------


def variables(name, path):
    """The environment of a program that writes the messages of a scenario to a file."""
    assets = SCENARIOS[name].assets
    context = asset_context(*assets) if assets else context_data()
    return pipes_variables({"data": context}, {"path": str(path)})


def write(name, folder):
    path = Path(folder) / f"{name}.jsonl"
    path.unlink(missing_ok=True)
    loader = PipesMappingParamsLoader(variables(name, path))
    context = PipesContext(loader, PipesDefaultContextLoader(), PipesDefaultMessageWriter())
    SCENARIOS[name].calls(context)
    context.close()
    return path


if __name__ == "__main__":
    for each in SCENARIOS:
        print(write(each, sys.argv[1] if len(sys.argv) > 1 else HERE))
