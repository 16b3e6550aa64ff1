"""What an orchestrator must have got from everything.c and everything.py: all of it, and nothing else."""

import json
import math

import dagster as dg

ASSETS = ["deep/second", "first", "quiet"]
PARTITION = "p1"
EXTRAS = {
    "int": 9007199254740993,
    "double": 0.1,
    "flag": True,
    "text": 'é "q" 😀',
    "tree": {"a": [1, 2.5, None], "b": {"": "\u0000"}},
}
TREE = {"a": [1, 2.5, {"b": None}], "s": 'x\u0000"é😀'}

LOGS = [
    ("INFO", "partition p1, attempt 0"),
    ("INFO", "asset deep/second"),
    ("INFO", "asset first"),
    ("INFO", "asset quiet"),
    ("INFO", 'int 9007199254740993, double 0.1, flag True, text é "q" 😀, absent 4'),
    ("DEBUG", "a debug message"),
    ("INFO", 'an info message: "quotes", \\, tab\t, line\nbreak, é 漢 😀'),
    ("WARNING", "a warning message"),
    ("ERROR", "an error message"),
    ("CRITICAL", "a critical message"),
]
STDOUT = ["a line on stdout", "half a line"]
STDERR = ["a line on stderr"]
CUSTOM = [EXTRAS, None, TREE]
DATA_VERSION = "alpha é"

COLUMNS = [
    {"name": "name", "type": "string", "description": "who", "tags": {"pii": "yes"}},
    {"name": "age", "type": "int", "constraints": {"nullable": False, "unique": True, "other": ["> 0"]}},
]
RECORDS = [{"name": "é", "age": 9007199254740993}, {"name": None, "age": 0.5}]
SCHEMA = dg.TableSchema(
    [
        dg.TableColumn("name", "string", description="who", tags={"pii": "yes"}),
        dg.TableColumn("age", "int", constraints=dg.TableColumnConstraints(False, True, ["> 0"])),
    ]
)
LINEAGE = {"name": [{"asset_key": "quiet", "column_name": "first_name"}]}
RUN_ID = "2c9a0a6e-0000-4000-8000-000000000000"

# Key: the type and the value in the message, and what Dagster has of it.
METADATA = {
    "text": ("text", "hello 😀", dg.MetadataValue.text("hello 😀")),
    "url": ("url", "https://x.test/a?b=c", dg.MetadataValue.url("https://x.test/a?b=c")),
    "path": ("path", "/data/model 1.json", dg.MetadataValue.path("/data/model 1.json")),
    "notebook": ("notebook", "/data/n.ipynb", dg.MetadataValue.notebook("/data/n.ipynb")),
    "json": ("json", TREE, dg.MetadataValue.json(TREE)),
    "md": ("md", "# head\n\ntext\n", dg.MetadataValue.md("# head\n\ntext\n")),
    "float": ("float", 1.0, dg.MetadataValue.float(1.0)),
    "float exact": ("float", 0.1, dg.MetadataValue.float(0.1)),
    "float nan": ("float", math.nan, dg.MetadataValue.float(math.nan)),
    "float inf": ("float", math.inf, dg.MetadataValue.float(math.inf)),
    "float -inf": ("float", -math.inf, dg.MetadataValue.float(-math.inf)),
    "int": ("int", 9007199254740993, dg.MetadataValue.int(9007199254740993)),
    "int min": ("int", -(2**63), dg.MetadataValue.int(-(2**63))),
    "bool": ("bool", True, dg.MetadataValue.bool(True)),
    "dagster_run": ("dagster_run", RUN_ID, dg.MetadataValue.dagster_run(RUN_ID)),
    "asset": ("asset", "quiet", dg.MetadataValue.asset(dg.AssetKey("quiet"))),
    "null": ("null", None, dg.MetadataValue.null()),
    "table": (
        "table",
        {"records": RECORDS, "schema": COLUMNS},
        dg.MetadataValue.table([dg.TableRecord(record) for record in RECORDS], SCHEMA),
    ),
    "table_schema": ("table_schema", {"columns": COLUMNS}, dg.MetadataValue.table_schema(SCHEMA)),
    "table_column_lineage": (
        "table_column_lineage",
        {"deps_by_column": LINEAGE},
        dg.MetadataValue.column_lineage(
            dg.TableColumnLineage({"name": [dg.TableColumnDep(dg.AssetKey("quiet"), "first_name")]})
        ),
    ),
    "timestamp": ("timestamp", 1700000000.25, dg.MetadataValue.timestamp(1700000000.25)),
    "infer text": ("__infer__", "hello", dg.MetadataValue.text("hello")),
    "infer int": ("__infer__", -7, dg.MetadataValue.int(-7)),
    "infer float": ("__infer__", 0.25, dg.MetadataValue.float(0.25)),
    "infer bool": ("__infer__", False, dg.MetadataValue.bool(False)),
    "infer null": ("__infer__", None, dg.MetadataValue.null()),
    "infer json": ("__infer__", [TREE], dg.MetadataValue.json([TREE])),
}
ACCURACY = {"accuracy": ("float", 0.97, dg.MetadataValue.float(0.97))}


def in_messages(metadata):
    return {key: {"raw_value": raw, "type": type_} for key, (type_, raw, _) in metadata.items()}


def in_dagster(metadata):
    return {key: value for key, (_, _, value) in metadata.items()}


def canonical(json_value):
    """A text in which equal values are equal, NaN included, and 1 is not 1.0 or True."""
    return json.dumps(json_value, sort_keys=True)
