"""docs/ray.md and docs/parity.md: their commands are run, their program is compiled, what they name exists."""

import json
import re

import pytest
from docs_harness import blocks_of, commands_of
from harness import ROOT, built, clean_environment, run
from processes import Trace
from test_docs import INCLUDES, STRICT

PAGE = ROOT / "docs/ray.md"
PARITY = ROOT / "docs/parity.md"
BLOCKS = blocks_of(PAGE)
COMMANDS = ("run", "jobs", "local", "config", "doctor", "execute", "backfill", "launch", "runs")


def script_with(word):
    """The commands of the block that has this word."""
    [block] = [block for block in BLOCKS if block.language == "console" and word in block.text]
    return "\n".join(commands_of(block))


def run_script(script, tmp_path, environment):
    """With `dpipes` in PATH and the examples where the page has them."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "dpipes").symlink_to(built("cli/dpipes"))
    (tmp_path / "build").symlink_to(built("."))
    environment = {**environment, "PATH": f"{tmp_path / 'bin'}:{environment['PATH']}"}
    done = run(["bash", "-euc", script], 180, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_ray_on_this_machine(ray_program, runtime_directory, tmp_path):
    trace = Trace(clean_environment(DPIPES_RAY=ray_program))
    script = script_with('eval "$(dpipes local up)"').replace("local down", 'local down --address "$RAY_API_SERVER_ADDRESS"')
    said = run_script(script, tmp_path, trace.environment)
    assert "table materialized" in said
    assert trace.left() == []
    trace.close()


def test_jobs_that_run_already(ray, tmp_path):
    script = script_with("id=$(dpipes run --detach").replace("dpipes attach", "sleep 2\ndpipes attach", 1)
    said = run_script(script, tmp_path, clean_environment(DPIPES_ADDRESS=ray.address))
    assert "table materialized" in said and "SUCCEEDED" in said


def test_what_doctor_prints(ray):
    [block] = [block for block in BLOCKS if "$ dpipes doctor" in block.text]
    wanted = [line.split()[0] for line in block.text.splitlines()[1:]]
    done = run([built("cli/dpipes"), "doctor"], env=clean_environment())
    printed = [line.split()[0] for line in done.stdout.splitlines()]
    assert done.returncode == 0 and printed[: len(wanted)] == wanted


def test_the_configuration_is_one(tmp_path):
    [block] = [block for block in BLOCKS if block.language == "yaml"]
    (tmp_path / "dpipes.yaml").write_text(block.text)
    done = run([built("cli/dpipes"), "config", "--json"], cwd=tmp_path, env=clean_environment(HOME="/nonexistent"))
    assert done.returncode == 0, done.stderr
    assert {value["key"] for value in json.loads(done.stdout)} == {"address", "token_file", "ca_file", "header", "env"}


def test_the_program_compiles(tmp_path):
    [block] = [block for block in BLOCKS if block.language == "c"]
    source = tmp_path / "program.c"
    source.write_text(
        "#include <stdio.h>\n#include <dagster_pipes/ray.h>\n"
        "void follow(dpipes_session *session, dpipes_ray_job job);\n"
        "void follow(dpipes_session *session, dpipes_ray_job job)\n{\n    dpipes_error err = DPIPES_ERROR_INIT;\n"
        + block.text
        + "    dpipes_ray_run_free(run);\n    dpipes_ray_client_free(client);\n}\n"
    )
    done = run(["cc", *STRICT, *INCLUDES, "-c", source, "-o", tmp_path / "program.o"])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", [PAGE, PARITY], ids=["ray.md", "parity.md"])
def test_every_option_exists(page):
    helps = [run([built("cli/dpipes"), command, "--help"]).stdout for command in COMMANDS]
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page.read_text()))
    missing = {option for option in named if not any(option in text for text in helps)}
    assert missing == set()


def test_every_command_of_the_page_is_one():
    for block in BLOCKS:
        for command in commands_of(block):
            words = command.split("$(")[-1].rstrip(')"').split()
            assert words[0] == "dpipes" and words[1] in run([built("cli/dpipes"), "--help"]).stdout, command


def test_every_test_that_parity_names_exists():
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.[pc]*") if path.suffix in (".py", ".c"))
    text = PARITY.read_text()
    for name in re.findall(r"(test_\w+)…?", text):
        assert f"def {name}" in tests or list((ROOT / "tests").rglob(f"{name}.*")), name
    for rest in re.findall(r"`…(\w+?)…?`", text):
        assert re.search(rf"def test_\w*{rest}", tests), rest
