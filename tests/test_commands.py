"""The commands beside `run`: config, decode, doctor."""

import json
import os
import re
import subprocess

import pytest
from harness import ROOT, asset_context, built, clean_environment, encode, pipes_variables, run


def dpipes(*words, cwd=None, stdin=None, **environment):
    return run([built("cli/dpipes"), *words], cwd=cwd, env=clean_environment(**environment))


# ---- config ---------------------------------------------------------------------------------------------------------

YAML = """
profile: lab
timeout: 3600
profiles:
  lab:
    address: https://ray.lab/dash
    token_file: lab.token
    header: {X-Secret: hush}
    env: {PASSWORD: hush}
    runtime_env: {pip: [numpy], env_vars: {A: hush}}
    insecure: true
  near: {address: "127.0.0.1:8265", timeout: 5}
"""
TOML = """
profile = "lab"
timeout = 3600
[profiles.lab]
address = "https://ray.lab/dash"
token_file = "lab.token"
header = {X-Secret = "hush"}
env = {PASSWORD = "hush"}
runtime_env = {pip = ["numpy"], env_vars = {A = "hush"}}
insecure = true
[profiles.near]
address = "127.0.0.1:8265"
timeout = 5
"""
FORMATS = {"dpipes.yaml": YAML, "dpipes.toml": TOML}


def settings(*words, cwd, **environment):
    done = dpipes("config", "--json", *words, cwd=cwd, HOME="/nonexistent", **environment)
    assert done.returncode == 0, done.stderr
    assert "hush" not in done.stdout
    return {value["key"]: (value["value"], value["source"]) for value in json.loads(done.stdout)}


@pytest.fixture(params=FORMATS)
def file(request, tmp_path):
    path = tmp_path / request.param
    path.write_text(FORMATS[request.param])
    return path


def test_each_value_is_shown_with_its_source_and_without_secrets(file):
    lab = f"{file}, profile lab"
    found = settings(cwd=file.parent)
    runtime_env, source = found.pop("runtime_env")
    assert "numpy" in runtime_env and '"env_vars": ***' in runtime_env and source == lab
    assert found == {
        "address": ("https://ray.lab/dash", lab),
        "token_file": ("lab.token", lab),
        "header": ("X-Secret=***", lab),
        "env": ("PASSWORD=***", lab),
        "insecure": ("true", lab),
        "timeout": ("3600", str(file)),
    }


def test_options_and_variables_override_the_file(file, tmp_path):
    assert settings("--profile", "near", cwd=file.parent)["timeout"] == ("5", f"{file}, profile near")
    assert settings(cwd=file.parent, DPIPES_PROFILE="near")["timeout"][0] == "5"
    found = settings(cwd=file.parent, DPIPES_TIMEOUT="7", RAY_ADDRESS="http://other:1", RAY_AUTH_TOKEN="x")
    assert found["timeout"] == ("7", "DPIPES_TIMEOUT")
    assert found["address"] == ("http://other:1", "RAY_ADDRESS")
    assert "token_file" not in found


def test_the_file_is_found_above_at_home_or_by_its_name(file, tmp_path_factory):
    below = file.parent / "a" / "b"
    below.mkdir(parents=True)
    assert settings(cwd=below)["timeout"] == ("3600", str(file))
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert settings(cwd=elsewhere) == {}
    assert settings(cwd=elsewhere, DPIPES_CONFIG=str(file))["timeout"] == ("3600", str(file))
    home = elsewhere / "config" / "dpipes"
    home.mkdir(parents=True)
    (home / file.name).write_text(file.read_text())
    assert settings(cwd=elsewhere, XDG_CONFIG_HOME=str(elsewhere / "config"))["timeout"] == ("3600", str(home / file.name))


WRONG = {
    "tiemout: 5": "`tiemout` is no key; is it `timeout`?",
    "profiles: {lab: {numcpus: 1}}": "profiles.lab: `numcpus` is no key; is it `num_cpus`?",
    "insecure: 1": "insecure is int, not true or false",
    "profiles: {lab: {header: x}}": "profiles.lab: header is string, not an object of texts",
    "profiles: [1]": "profiles is array, not an object",
    "profile: gone": "there is no profile `gone`",
    "- 1": "is array, not an object",
    "a: [": "line 2, column 1: ",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_file_is_named_with_the_place(tmp_path, text):
    path = tmp_path / "dpipes.yaml"
    path.write_text(text + "\n")
    for command in (["config"], ["jobs"], ["run", "--", "true"]):
        done = dpipes(*command, cwd=tmp_path)
        assert done.returncode == 2 and str(path) in done.stderr and WRONG[text] in done.stderr, done.stderr


def test_a_wrong_toml_file_is_named_with_the_place(tmp_path):
    (tmp_path / "dpipes.toml").write_text("a = 1\nb = \n")
    done = dpipes("config", cwd=tmp_path)
    assert done.returncode == 2 and f"{tmp_path}/dpipes.toml: line 2, column " in done.stderr


def test_a_value_that_the_option_would_not_take_is_refused_with_the_file(tmp_path):
    (tmp_path / "dpipes.yaml").write_text("timeout: soon\n")
    done = dpipes("run", "--", "true", cwd=tmp_path)
    assert done.returncode == 2 and f"{tmp_path}/dpipes.yaml: --timeout wants seconds" in done.stderr
    done = dpipes("run", "--timeout", "1", "--local", "--", "true", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_run_uses_the_profile(ray, tmp_path):
    (tmp_path / "dpipes.yaml").write_text(
        f"profiles:\n  here: {{address: '{ray.address}', token_file: token, env: {{A: file, B: file}}}}\n"
    )
    (tmp_path / "token").symlink_to(ray.token_file)
    words = ("run", "--profile", "here", "--env", "B=option", "--", "sh", "-c", "echo $A $B")
    done = dpipes(*words, cwd=tmp_path, XDG_RUNTIME_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "file option\n" in done.stdout


# ---- decode ---------------------------------------------------------------------------------------------------------


def test_the_bootstrap_variables_are_readable(tmp_path):
    context = asset_context("a", extras={"n": 12345678901234567890})
    done = dpipes("decode", **pipes_variables(context, {"stdio": "stdout"}))
    names, _, messages = done.stdout.removeprefix("DAGSTER_PIPES_CONTEXT:\n").partition("DAGSTER_PIPES_MESSAGES:\n")
    assert json.loads(names) == context and json.loads(messages) == {"stdio": "stdout"}
    assert '  "extras": {\n    "n": 12345678901234567890\n' in done.stdout
    done = dpipes("decode")
    assert done.returncode == 2 and "neither DAGSTER_PIPES_CONTEXT nor" in done.stderr


def test_a_value_in_a_file_or_on_stdin_is_readable(tmp_path):
    context = asset_context("a", extras={"large": os.urandom(100_000).hex()})
    (tmp_path / "value").write_text(encode(context) + "\n")
    assert json.loads(dpipes("decode", tmp_path / "value").stdout) == context
    with open(tmp_path / "value") as value:
        done = run_with_stdin(value)
    assert json.loads(done) == context


def run_with_stdin(stream):
    words = [built("cli/dpipes"), "decode", "-"]
    return subprocess.run(words, stdin=stream, capture_output=True, text=True, timeout=60, check=True).stdout


def test_the_messages_of_a_log_are_printed_as_events(tmp_path):
    log = tmp_path / "log"
    messages = {"DAGSTER_PIPES_MESSAGES": encode({"path": str(log)}), "DAGSTER_PIPES_CONTEXT": encode({"data": asset_context("t")})}
    assert run([built("examples/hello")], env=clean_environment(**messages)).returncode == 0
    log.write_text("some output\n" + log.read_text() + "more\n")
    events = [json.loads(line) for line in dpipes("decode", log).stdout.splitlines()]
    assert [event["event"] for event in events] == ["opened", "log", "materialization", "closed"]


def test_what_cannot_be_decoded_is_named(tmp_path):
    assert "/nonexistent: No such file" in dpipes("decode", "/nonexistent").stderr
    (tmp_path / "x").write_text("eJ!\n")
    assert "no message came" in dpipes("decode", tmp_path / "x").stdout
    (tmp_path / "x").write_text("eJwA\n")
    done = dpipes("decode", tmp_path / "x")
    assert done.returncode == 1 and f"{tmp_path}/x: " in done.stderr


# ---- doctor ---------------------------------------------------------------------------------------------------------


def examine(*words, **environment):
    done = dpipes("doctor", "--json", *words, **environment)
    return done.returncode, {row["what"]: row for row in json.loads(done.stdout)}


def test_a_ray_that_can_be_used_is_described(ray):
    code, found = examine()
    assert code == 0
    assert found["address"]["text"] == f"{ray.address} (the Ray that runs on this machine)"
    assert found["dashboard"]["text"].startswith("Ray 2.")
    assert found["token"]["text"] == f"that of LocalRay's token file: {ray.token_file}"
    assert found["nodes"]["text"] == "1 alive of 1 that were seen"
    assert found["log"]["state"] == "ok"
    assert found["limits"]["text"].startswith("130721 bytes of environment as JSON")
    code, found = examine(RAY_ADDRESS=ray.address)
    assert code == 0 and found["address"]["text"] == f"{ray.address} (RAY_ADDRESS)"


def test_what_cannot_be_used_is_an_error_with_its_reason(ray, tmp_path):
    code, found = examine("--address", "http://127.0.0.1:1")
    assert code == 3 and found["dashboard"]["state"] == "error" and "127.0.0.1" in found["dashboard"]["text"]
    code, found = examine("--address", "ray://127.0.0.1:10001")
    assert code == 3 and "Ray Client's address" in found["address"]["text"]
    wrong = tmp_path / "token"
    wrong.write_text("wrong")
    code, found = examine("--address", ray.address, "--token-file", str(wrong))
    assert code == 3 and "refuses the token" in found["dashboard"]["text"] and str(wrong) in found["dashboard"]["text"]


def test_the_help_of_config_names_every_key():
    source = (ROOT / "cli/config.c").read_text()
    keys = re.findall(r'^    \{"(\w+)", DPI_CONFIG_', source, re.MULTILINE)
    text = run([built("cli/dpipes"), "config", "--help"]).stdout
    named = re.search(r"^Keys: (.*?)\.$", text, re.MULTILINE | re.DOTALL).group(1)
    assert re.split(r",\s+", named) == keys
