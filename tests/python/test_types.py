"""The package is clean by ruff and by pyright's strict rules."""

import sys
from pathlib import Path

from harness import ROOT, clean_environment, run

TOOLS = Path(sys.executable).parent


def test_ruff_has_nothing_to_say():
    for command in (["check"], ["format", "--check"]):
        done = run([TOOLS / "ruff", *command, "--no-cache", ROOT / "python", ROOT / "tests/python"])
        assert done.returncode == 0, done.stdout + done.stderr


def test_pyright_has_nothing_to_say():
    environment = clean_environment(PYRIGHT_PYTHON_IGNORE_WARNINGS="1")
    done = run([TOOLS / "pyright", "--pythonpath", sys.executable, "-p", ROOT], timeout=300, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
