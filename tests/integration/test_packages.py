"""What travels to a real Ray before a job does."""

import json
import os

import pytest
from harness import built, clean_environment, dpipes_run, run

CONTEXT_LIMIT = 131071


def test_a_working_dir_is_sent_once_and_the_program_starts_in_it(ray, tmp_path):
    (tmp_path / "greeting.txt").write_text(os.urandom(8).hex() + "\n")
    (tmp_path / "show").write_text("#!/bin/sh\ncat greeting.txt\n")
    (tmp_path / "show").chmod(0o755)
    words = ("--address", ray.address, "--working-dir", tmp_path, "--", "./show")
    first = dpipes_run(*words)
    assert first.code == 0, first.stderr
    assert first.output == (tmp_path / "greeting.txt").read_text().splitlines()
    assert " was sent: " in first.stderr
    again = dpipes_run(*words)
    assert again.output == first.output
    assert " is on the cluster" in again.stderr and " was sent: " not in again.stderr


def test_a_shipped_program_runs_where_no_file_of_ours_is_seen(ray):
    shipped = dpipes_run("--address", ray.address, "--ship", built("examples/hello"), "--asset", "table", "--", "./hello")
    assert shipped.code == 0, shipped.stderr
    assert [result["data_version"] for result in shipped.results("materialization")] == ["v1"]


def test_a_context_too_large_for_the_environment_travels_in_the_package(ray):
    large = os.urandom(300_000).hex()
    words = ("--address", ray.address, "--asset", "table", "--extra", "rows=5", "--env", "A=b")
    # an argument of the command line has the same limit as a variable, so the extra comes in pieces
    pieces = [word for i in range(0, len(large), 60_000) for word in ("--extra", f"p{i}={json.dumps(large[i : i + 60_000])}")]
    assert len(large) > CONTEXT_LIMIT
    refused = dpipes_run(*words, *pieces, "--", built("examples/hello"))
    assert refused.code == 2 and f"Ray can start a job with at most {CONTEXT_LIMIT}" in refused.result["error"]["message"]
    carried = dpipes_run(*words, *pieces, "--ship", built("examples/hello"), "--", "./hello")
    assert carried.code == 0, carried.stderr
    assert ("INFO", "counting 5 rows") in carried.logs


def test_a_runtime_env_in_yaml_brings_variables_and_a_module(ray, tmp_path):
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "__init__.py").write_text("word = 'from a module'\n")
    (tmp_path / "env.yaml").write_text(f"env_vars: {{COLOUR: blue}}\npy_modules: ['{tmp_path}/ours']\n")
    code = "import os, ours; print(os.environ['COLOUR'], ours.word)"
    done = dpipes_run("--address", ray.address, "--runtime-env", f"@{tmp_path}/env.yaml", "--", "python3", "-c", code)
    assert done.code == 0, done.stderr
    assert done.output == ["blue from a module"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("env_vars: {A: yes}\n", "runtime_env: env_vars.A is bool, not a string"),
        ("env_vars: {A: [}\n", "env.yaml: line 1, column"),
        ("- 1\n", "runtime_env: is array, not an object"),
    ],
)
def test_a_wrong_runtime_env_is_named_before_anything_is_sent(tmp_path, text, said):
    (tmp_path / "env.yaml").write_text(text)
    done = dpipes_run("--address", "http://127.0.0.1:1", "--runtime-env", f"@{tmp_path}/env.yaml", "--", "true")
    assert done.code == 2 and said in done.result["error"]["message"]


def test_a_package_on_the_cluster_can_be_named(ray, tmp_path):
    (tmp_path / "a.txt").write_text(os.urandom(8).hex() + "\n")
    ours = dpipes_run("--address", ray.address, "--working-dir", tmp_path, "--", "cat", "a.txt")
    package = next(word for word in ours.stderr.split() if word.startswith("_ray_pkg_"))
    words = [built("cli/dpipes"), "run", "--address", ray.address, "--working-dir", f"gcs://{package}", "--", "cat", "a.txt"]
    done = run(words, env=clean_environment())
    assert done.returncode == 0 and (tmp_path / "a.txt").read_text() in done.stdout


def test_a_child_gets_a_large_context_by_a_file():
    large = os.urandom(300_000).hex()
    pieces = [word for i in range(0, len(large), 60_000) for word in ("--extra", f"p{i}={json.dumps(large[i : i + 60_000])}")]
    done = dpipes_run("--local", "--asset", "table", "--extra", "rows=5", *pieces, "--", built("examples/hello"))
    assert done.code == 0, done.stderr
    assert ("INFO", "counting 5 rows") in done.logs
