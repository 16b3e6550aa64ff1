"""everything.c with the Python reference."""

import math
import sys

from dagster_pipes import open_dagster_pipes

COLUMNS = [
    {"name": "name", "type": "string", "description": "who", "tags": {"pii": "yes"}},
    {"name": "age", "type": "int", "constraints": {"nullable": False, "unique": True, "other": ["> 0"]}},
]
RECORDS = [{"name": "é", "age": 9007199254740993}, {"name": None, "age": 0.5}]
LINEAGE = {"name": [{"asset_key": "quiet", "column_name": "first_name"}]}
TREE = {"a": [1, 2.5, {"b": None}], "s": 'x\u0000"é😀'}


def log_what_it_was_told(context):
    context.log.info(f"partition {context.partition_key}, attempt {context.retry_number}")
    for key in context.asset_keys:
        context.log.info(f"asset {key}")
    values = {key: context.get_extra(key) for key in ("int", "double", "flag", "text")}
    context.log.info("int {int}, double {double}, flag {flag}, text {text}, absent 4".format(**values))
    context.report_custom_message(context.extras)


def log_at_every_level(context):
    context.log.debug("a debug message")
    context.log.info('an info message: "quotes", \\, tab\t, line\nbreak, é 漢 😀')
    context.log.warning("a warning message")
    context.log.error("an error message")
    context.log.critical("a critical message")


def materialize_with_every_type(context):
    values = {
        "text": ("text", "hello 😀"),
        "url": ("url", "https://x.test/a?b=c"),
        "path": ("path", "/data/model 1.json"),
        "notebook": ("notebook", "/data/n.ipynb"),
        "json": ("json", TREE),
        "md": ("md", "# head\n\ntext\n"),
        "float": ("float", 1.0),
        "float exact": ("float", 0.1),
        "float nan": ("float", math.nan),
        "float inf": ("float", math.inf),
        "float -inf": ("float", -math.inf),
        "int": ("int", 9007199254740993),
        "int min": ("int", -(2**63)),
        "bool": ("bool", True),
        "dagster_run": ("dagster_run", "2c9a0a6e-0000-4000-8000-000000000000"),
        "asset": ("asset", "quiet"),
        "null": ("null", None),
        "table": ("table", {"records": RECORDS, "schema": COLUMNS}),
        "table_schema": ("table_schema", {"columns": COLUMNS}),
        "table_column_lineage": ("table_column_lineage", {"deps_by_column": LINEAGE}),
        "timestamp": ("timestamp", 1700000000.25),
    }
    inferred = {
        "infer text": "hello",
        "infer int": -7,
        "infer float": 0.25,
        "infer bool": False,
        "infer null": None,
        "infer json": [TREE],
    }
    typed = {key: {"raw_value": value, "type": type_} for key, (type_, value) in values.items()}
    context.report_asset_materialization({**typed, **inferred}, "alpha é", "first")


def report_checks(context):
    accuracy = {"raw_value": 0.97, "type": "float"}
    context.report_asset_check("fine", True, metadata={"accuracy": accuracy}, asset_key="first")
    context.report_asset_check("doubtful", False, "WARN", asset_key="deep/second")


with open_dagster_pipes() as context:
    print("a line on stdout", flush=True)
    print("a line on stderr", file=sys.stderr, flush=True)
    log_what_it_was_told(context)
    log_at_every_level(context)
    materialize_with_every_type(context)
    context.report_asset_materialization(asset_key="deep/second")
    report_checks(context)
    context.report_custom_message(None)
    context.report_custom_message(TREE)
    print("half a line", end="", flush=True)
