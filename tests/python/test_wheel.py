"""The wheel, as `pip` builds and installs it."""

import subprocess
import sys
import zipfile

import pytest
from harness import ROOT, built, clean_environment, run


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    directory = tmp_path_factory.mktemp("wheel")
    done = run([sys.executable, "-m", "pip", "wheel", ROOT, "--no-deps", "-w", directory], timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = directory.glob("dagster_dpipes-*.whl")
    return path


def test_it_has_the_package_and_its_library_alone(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if "dist-info" not in name}
    sources = {f"dagster_dpipes/{path.name}" for path in (ROOT / "python/dagster_dpipes").glob("*.py")}
    assert names == sources | {"dagster_dpipes/py.typed", "dagster_dpipes/libdagster_dpipes.so"}


def test_it_is_used_in_an_environment_of_its_own(wheel, ray, tmp_path):
    """Without Dagster and without Ray."""
    venv = tmp_path / "venv"
    assert run([sys.executable, "-m", "venv", venv]).returncode == 0
    installed = run([venv / "bin/python", "-m", "pip", "install", "--quiet", wheel], timeout=180)
    assert installed.returncode == 0, installed.stderr
    code = f"import dagster_dpipes as d; job = d.RayJob({str(built('examples/hello'))!r}, {ray.address!r},"
    code += " asset_keys=('table',), extras={'rows': 7}); print([event.kind for event in job.run() if event.line])"
    done = subprocess.run(
        [venv / "bin/python", "-c", code],
        env={k: v for k, v in clean_environment().items() if k != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "['opened', 'log', 'materialization', 'closed']\n", done.stderr
