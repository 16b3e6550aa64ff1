"""The wheel for other machines, as scripts/wheel builds it and pip installs it."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from harness import ROOT, built, clean_environment, run


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    directory = tmp_path_factory.mktemp("wheel")
    done = run([sys.executable, ROOT / "scripts/portable_wheel.py", directory], timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = directory.glob("dagster_dpipes-*.whl")
    return path


def test_it_has_the_package_its_library_and_what_that_needs(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if "dist-info" not in name and not name.endswith("/")}
    sources = {f"dagster_dpipes/{path.name}" for path in (ROOT / "python/dagster_dpipes").glob("*.py")}
    others = {name for name in names if name.startswith("dagster_dpipes.libs/lib")}
    assert names - others == sources | {"dagster_dpipes/py.typed", "dagster_dpipes/libdagster_dpipes.so"}
    assert {re.split(r"[-.]", Path(name).name)[0] for name in others} >= {
        "libcurl",
        "libcrypto",
        "libzip",
        "libcjson",
        "libyaml",
    }


def test_it_is_for_every_python_3_and_needs_of_a_system_what_all_have(wheel):
    assert re.fullmatch(r"dagster_dpipes-[\d.]+-py3-none-manylinux_2_\d+_\w+\.whl", wheel.name)
    shown = run([sys.executable, "-m", "auditwheel", "show", wheel])
    [tag] = re.findall(r'following platform tag:\s+"(.*?)"', " ".join(shown.stdout.split()))
    assert wheel.name.endswith(f"-{tag}.whl")


def test_it_is_used_in_an_environment_of_its_own(wheel, ray, tmp_path):
    """Without Dagster and without Ray. The libraries are its own."""
    venv = tmp_path / "venv"
    assert run([sys.executable, "-m", "venv", venv]).returncode == 0
    installed = run([venv / "bin/python", "-m", "pip", "install", "--quiet", wheel], timeout=180)
    assert installed.returncode == 0, installed.stderr
    code = f"import dagster_dpipes as d; job = d.RayJob({str(built('examples/hello'))!r}, {ray.address!r},"
    code += " asset_keys=('table',), extras={'rows': 7}); print([event.kind for event in job.run() if event.line]);"
    code += " print({line.split()[-1] for line in open('/proc/self/maps') if 'libcurl' in line})"
    done = subprocess.run(
        [venv / "bin/python", "-c", code],
        env={k: v for k, v in clean_environment().items() if k != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    events, _, curl = done.stdout.partition("\n")
    assert events == "['opened', 'log', 'materialization', 'closed']", done.stderr
    assert re.fullmatch(rf"{{'{re.escape(str(venv))}/.*/dagster_dpipes\.libs/libcurl-[^']*'}}", curl.strip()), curl


def test_away_from_debian_pythons_certificates_are_taken(monkeypatch, tmp_path):
    from dagster_dpipes import _native

    (tmp_path / "bundle.pem").touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "bundle.pem"))
    assert _native._ca_file(True) is None and _native._ca_file("mine.pem") == "mine.pem"
    monkeypatch.setattr(_native, "_CURLS_CA_FILE", tmp_path / "not there")
    assert _native._ca_file(True) == str(tmp_path / "bundle.pem")
    assert _native._ca_file(False) is None and _native._ca_file("mine.pem") == "mine.pem"
