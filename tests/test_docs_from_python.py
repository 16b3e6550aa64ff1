"""docs/from-python.md: it has every name that the installed reference exports, and names of ours that exist."""

import inspect
import re

import dagster_pipes
from harness import ROOT

PAGE = (ROOT / "docs/from-python.md").read_text()
HEADERS = "".join(path.read_text() for path in sorted((ROOT / "include/dagster_pipes").glob("*.h*")))


def exported():
    """What the module defines itself: classes, functions, constants, type aliases."""
    source = inspect.getsource(dagster_pipes)
    defined = re.findall(r"^(?:class|def) (\w+)|^(\w+)(?:: \w+)? = ", source, re.MULTILINE)
    names = {name for pair in defined for name in pair if name and not name.startswith("_")}
    return sorted(name for name in names if hasattr(dagster_pipes, name))


def public_members(cls):
    return [name for name in vars(cls) if not name.startswith("_")]


def test_the_list_is_the_modules():
    names = set(exported())
    assert {"PipesContext", "open_dagster_pipes", "PIPES_PROTOCOL_VERSION", "PipesExtras", "encode_env_var"} <= names
    assert not {"Any", "TypedDict", "Queue", "json"} & names


def test_every_exported_name_stands_on_the_page():
    assert [name for name in exported() if not is_named(name)] == []


def is_named(name):
    return re.search(rf"(?<![\w]){re.escape(name)}(?![\w])", PAGE) is not None


def test_every_member_of_the_context_stands_on_the_page():
    assert [name for name in public_members(dagster_pipes.PipesContext) if not is_named(name)] == []


def test_our_names_exist():
    ours = set(re.findall(r"\bdpipes_\w+\b", PAGE))
    assert len(ours) > 50
    assert [name for name in ours if name != "dpipes_metadata_" and name not in HEADERS] == []
