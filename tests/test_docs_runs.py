"""docs/runs.md: its graphs are written, its commands are run in their order, its program is compiled."""

import os
import re

import pytest
from docs_harness import blocks_of, commands_of
from harness import ROOT, built, clean_environment, run
from test_docs import INCLUDES, STRICT

PAGE = ROOT / "docs/runs.md"
BLOCKS = blocks_of(PAGE)


@pytest.fixture
def place(tmp_path):
    """A directory with the page's files, the build, and `dpipes` in PATH."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "dpipes").symlink_to(built("cli/dpipes"))
    (tmp_path / "build" / "examples").mkdir(parents=True)
    os.link(built("examples/hello"), tmp_path / "build" / "examples" / "hello")
    for block in BLOCKS:
        if block.language == "yaml":
            name = re.match(r"# (\S+)\n", block.text)[1]
            (tmp_path / name).write_text(block.text)
    return tmp_path


def run_script(place, script, **variables):
    environment = clean_environment(DPIPES_HOME=str(place / "home"), **variables)
    environment["PATH"] = f"{place / 'bin'}:{environment['PATH']}"
    done = run(["bash", "-uc", script], 180, cwd=place, env=environment)
    return done.returncode, done.stdout + done.stderr


def test_every_command_does_what_the_page_says(place, ray):
    for block in BLOCKS:
        for command in commands_of(block):
            code, said = run_script(place, command, DPIPES_ADDRESS=ray.address, **ray.variables)
            assert code == 0, f"{command}\n{said}"


def test_what_the_page_shows_is_what_is_printed(place):
    [block] = [block for block in BLOCKS if "$ dpipes check two.yaml" in block.text]
    code, said = run_script(place, "\n".join(commands_of(block)))
    assert code == 0
    shown = [line for line in block.text.splitlines() if not line.startswith("$")]
    printed = iter(said.splitlines())
    assert all(line in printed for line in shown), said  # in this order


def test_a_mistake_is_told_with_its_place_and_the_nearest_key(place):
    code, said = run_script(place, "dpipes check wrong.yaml")
    assert code == 2
    assert "wrong.yaml:5:3: " in said and "entrypont" in said and "entrypoint" in said


def test_a_run_that_was_killed_has_each_line_once(place):
    [block] = [block for block in BLOCKS if "dpipes runs resume slow" in block.text]
    code, said = run_script(place, "\n".join(commands_of(block)))
    assert code == 0, said
    _, events = run_script(place, "dpipes runs show slow --events")
    for number in range(1, 9):
        assert len(re.findall(rf"\s{number}$", events, re.MULTILINE)) == 1, events


@pytest.mark.parametrize("page", ["README.md", "docs/from-dagster-ray.md"])
def test_graphs_of_other_pages_are_good(page, tmp_path):
    graphs = [block for block in blocks_of(ROOT / page) if block.language == "yaml"]
    assert graphs
    for block in graphs:
        (tmp_path / "graph.yaml").write_text(block.text)
        done = run([built("cli/dpipes"), "check", tmp_path / "graph.yaml"], env=clean_environment(RAY_ADDRESS="http://ray:8265"))
        assert done.returncode == 0, done.stderr


def test_the_program_compiles(tmp_path):
    [block] = [block for block in BLOCKS if block.language == "c"]
    source = tmp_path / "program.c"
    source.write_text(
        "#include <stdio.h>\n#include <dagster_pipes/run.h>\nint main(void)\n{\n    dpipes_error err = DPIPES_ERROR_INIT;\n"
        + block.text
        + "    dpipes_store_close(store);\n    dpipes_graph_free(graph);\n    return 0;\n}\n"
    )
    done = run(["cc", *STRICT, *INCLUDES, "-c", source, "-o", tmp_path / "program.o"])
    assert done.returncode == 0, done.stderr
