"""`dpipes completion` in the shells that it is for, and `dpipes man` as a reader of manual pages takes it."""

import re

import pytest
from harness import BUILD, built, run

COMMANDS = "run attach jobs status logs stop delete local runs assets doctor config decode check graph completion man".split()


def dpipes(*words):
    done = run([built("cli/dpipes"), *words])
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(params=["bash", "zsh", "fish"])
def script(request, tmp_path):
    path = tmp_path / f"dpipes.{request.param}"
    path.write_text(dpipes("completion", request.param))
    return request.param, path


def completed(tmp_path, *words):
    """What bash offers for the last word."""
    (tmp_path / "dpipes.bash").write_text(dpipes("completion", "bash"))
    quoted = " ".join(f"'{word}'" for word in words)
    lines = f"source {tmp_path}/dpipes.bash; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _dpipes"
    done = run(["bash", "-c", lines + '; printf "%s\\n" "${COMPREPLY[@]}"'])
    assert done.returncode == 0 and not done.stderr, done.stderr
    return [word.strip() for word in done.stdout.splitlines()]


def test_bash_completes_commands_and_options(tmp_path):
    assert set(COMMANDS) <= set(completed(tmp_path, "dpipes", ""))
    assert completed(tmp_path, "dpipes", "att") == ["attach"]
    assert set(completed(tmp_path, "dpipes", "run", "--num")) == {"--num-cpus", "--num-gpus"}
    assert "--reuse" in completed(tmp_path, "dpipes", "local", "up", "--")
    assert completed(tmp_path, "dpipes", "local", "do") == ["down"]


def test_a_shell_takes_its_completion(script):
    shell, path = script
    done = run([shell, "-n", path])
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_every_option_of_the_help_is_completed(script):
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", dpipes("run", "--help")))
    text = script[1].read_text()
    missing = {option for option in options if option not in text and option[2:] not in text}
    assert missing == set()


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_a_manual_page_is_one(command, tmp_path):
    page = tmp_path / "page.1"
    page.write_text(dpipes("man", *([command] if command else [])))
    lint = run(["mandoc", "-T", "lint", "-W", "error", page])
    assert lint.returncode == 0, lint.stdout
    text = re.sub(".\x08", "", run(["mandoc", "-T", "ascii", page]).stdout)
    assert "NAME" in text and "SYNOPSIS" in text


def test_the_build_has_the_pages_and_the_completions():
    for name in ("dpipes.1", "dpipes-run.1", "dpipes.bash", "_dpipes", "dpipes.fish"):
        assert (BUILD / "cli" / name).stat().st_size > 0
