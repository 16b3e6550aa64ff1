"""The package as the build has it, or as it is installed, for this process and for all that it starts."""

import os
import sys
from pathlib import Path

import pytest
from harness import BUILD

HERE = Path(__file__).parent
INSTALLED = "DPIPES_TEST_INSTALLED" in os.environ  # by scripts/test-matrix
PYTHONPATH = os.pathsep.join([str(HERE)] if INSTALLED else [str(BUILD / "python"), str(HERE)])
sys.path[:0] = PYTHONPATH.split(os.pathsep)


@pytest.fixture(autouse=True)
def python_path(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "DPIPES_ADDRESS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def instance(tmp_path):
    """A real instance, on SQLite."""
    import dagster as dg

    with dg.instance_for_test(temp_dir=str(tmp_path)) as one:
        yield one
