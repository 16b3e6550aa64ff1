"""For all tests in Python: one real Ray for the session, and what is skipped at home fails in CI."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import own_ray
import pytest
from harness import IN_CI, built, clean_environment, run
from processes import Trace
from terminal import Terminal


def pytest_configure(config):
    for module in ("dagster", "dagster_ray", "ray"):
        config.addinivalue_line("filterwarnings", rf"ignore::Warning:{module}\..*")


def fail_instead_of_skip(report):
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr[2]}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    return fail_instead_of_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    return fail_instead_of_skip((yield))


# ---- Terminals ------------------------------------------------------------------------------------------------------


@pytest.fixture
def terminal():
    """Starts `dpipes` on a terminal."""
    started = []

    def start(*words, columns=100, **environment):
        env = {"TERM": "xterm", "LANG": "C.UTF-8", **environment}
        clean = {k: v for k, v in clean_environment().items() if k not in ("NO_COLOR", "LC_ALL", "LC_CTYPE")}
        started.append(Terminal([built("cli/dpipes"), *words], {**clean, **env}, columns))
        return started[-1]

    yield start
    for one in started:
        one.close()


# ---- Ray ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ray:
    address: str
    gcs_address: str
    token_file: str
    up_output: str
    trace: Trace

    @property
    def variables(self):
        """What Ray's own tools need; our client finds the token by the address."""
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": self.token_file}


@pytest.fixture(scope="session")
def ray_program():
    """The `ray` of the Python that runs the tests, or that of scripts/test-matrix."""
    path = Path(os.environ.get("DPIPES_TEST_RAY") or Path(sys.executable).with_name("ray"))
    if not path.exists():
        pytest.skip(f"{path} is not installed")
    return str(path)


@pytest.fixture(scope="session")
def runtime_directory(tmp_path_factory):
    """Where the command `dpipes` keeps its list of clusters: apart from the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        path = tmp_path_factory.mktemp("runtime")
        path.chmod(0o700)
        patch.setenv("XDG_RUNTIME_DIR", str(path))
        yield path


@pytest.fixture(scope="session")
def ray(ray_program, runtime_directory):
    """The one Ray of all tests that run jobs, in token mode."""
    trace = Trace(clean_environment(DPIPES_RAY=ray_program))
    up = run([built("cli/dpipes"), "local", "up", "--num-cpus", "4", "--json"], timeout=180, env=trace.environment)
    assert up.returncode == 0, up.stderr
    info = json.loads(up.stdout)
    yield Ray(info["address"], info["gcs_address"], info["token_file"], up.stdout + up.stderr, trace)
    down = run([built("cli/dpipes"), "local", "down", "--address", info["address"]], env=trace.environment)
    left = trace.left()
    trace.close()
    assert (down.returncode, left) == (0, []), down.stderr


@pytest.fixture(scope="module")
def lasting(ray_program, runtime_directory):
    """A Ray of the module's own, for what it survives."""
    ray = own_ray.Ray(ray_program)
    yield ray
    ray.close()
