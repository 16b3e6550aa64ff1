"""Our writer takes the metadata that Dagster's reader takes, and refuses what it throws on: there the whole message
would be lost."""

import json

import pytest
from harness import interop_program, run

external = pytest.importorskip("dagster._core.definitions.metadata.external_metadata")

GOOD = [{"name": "a", "type": "int"}]
DEP = {"asset_key": "x", "column_name": "y"}


def column(**more):
    return [{"name": "a", "type": "b", **more}]


VALUES = {
    "json": [{}, [], {"a": [1]}, "text", None, 1, 1.5, True],
    "__infer__": [{}, [], "text", None, 1, 2**70, 1.5, True, [{"a": None}]],
    "table records": [
        [],
        [{}],
        [{"a": 1, "b": 0.5, "c": "x", "d": None, "e": True}],
        {},
        None,
        [1],
        [{"a": [1]}],
        [{"a": {}}],
    ],
    "table columns": [
        [],
        GOOD,
        GOOD + column(),
        {},
        [{}],
        [1],
        [{"name": "a"}],
        [{"type": "a"}],
        [{"name": "a", "type": 1}],
    ],
    "table_schema": [
        [],
        GOOD,
        column(description=None),
        column(description="d", tags={"x": "y"}, constraints={"nullable": False, "unique": True, "other": ["> 0"]}),
        column(tags={}),
        column(tags=None),
        column(constraints=None),
        column(constraints={}),
        column(odd=1),
        {},
        [{"name": 1, "type": "int"}],
        column(description=1),
        column(tags={"x": 1}),
        column(tags=1),
        column(constraints=1),
        column(constraints={"odd": True}),
        column(constraints={"unique": 1}),
        column(constraints={"other": [1]}),
        column(constraints={"other": "x"}),
    ],
    "table_column_lineage": [
        {},
        {"c": []},
        {"c": [DEP], "d": [DEP, DEP]},
        {"c": [{**DEP, "asset_key": ["x", "y"]}]},
        [],
        {"c": [1]},
        {"c": [{"asset_key": "x"}]},
        {"c": [{**DEP, "column_name": 1}]},
        {"c": [{**DEP, "asset_key": 1}]},
        {"c": [{**DEP, "odd": 1}]},
    ],
}
# Dagster's reader iterates over what it is given without asking for its type; our header promises arrays and strings.
STRICTER = [
    ("table records", {}),
    ("table columns", {}),
    ("table_schema", {}),
    ("table_column_lineage", {"c": [{**DEP, "column_name": 1}]}),
]
CASES = [(type_, value) for type_, values in VALUES.items() for value in values]


def as_the_message_has_it(type_, value):
    shapes = {
        "table records": ("table", {"records": value, "schema": GOOD}),
        "table columns": ("table", {"records": [], "schema": value}),
        "table_schema": ("table_schema", {"columns": value}),
        "table_column_lineage": ("table_column_lineage", {"deps_by_column": value}),
    }
    return shapes.get(type_, (type_, value))


def reader_takes(type_, value):
    external_type, raw_value = as_the_message_has_it(type_, value)
    try:
        external.metadata_value_from_external(raw_value, external_type)
    except Exception:
        return False
    return True


def writer_takes(type_, value):
    done = run([interop_program("golden_writer"), "metadata", type_, json.dumps(value)])
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


@pytest.mark.parametrize("type_, value", CASES, ids=[f"{type_}-{json.dumps(value)}" for type_, value in CASES])
def test_the_writer_takes_what_the_reader_takes(type_, value):
    assert writer_takes(type_, value) == (reader_takes(type_, value) and (type_, value) not in STRICTER)
