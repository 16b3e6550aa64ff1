"""docs/context.md: every block of it is compiled and run, and sends what the page says."""

import json
import re

import pytest
from docs_harness import blocks_of
from harness import BUILD, ROOT, clean_environment, context_data, messages_of, pipes_variables, run

PAGE = ROOT / "docs/context.md"
BLOCKS = blocks_of(PAGE)
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror", "-Wno-unused-variable"]
INCLUDES = ["-D_GNU_SOURCE", "-I", ROOT / "include", "-I", BUILD / "include", "-I", "/usr/include/cjson"]
LIBRARIES = ["-L", BUILD / "lib", f"-Wl,-rpath,{BUILD / 'lib'}", "-ldagster_pipes", "-lcjson"]
COMPILERS = {"c": ["cc", "-std=c11"], "cpp": ["c++", "-std=c++17"]}

CONTEXT = context_data(
    asset_keys=["ml/model"],
    code_version_by_asset_key={"ml/model": "v2"},
    provenance_by_asset_key={
        "ml/model": {"code_version": "v1", "input_data_versions": {"rows": "7"}, "is_user_provided": True}
    },
    partition_key="2026-11-25",
    partition_key_range={"start": "2026-11-25", "end": "2026-11-25"},
    partition_time_window={"start": "2026-11-25T00:00:00+00:00", "end": "2026-11-26T00:00:00+00:00"},
    run_id="test",
    extras={"lr": 0.5, "epochs": 3, "model": "resnet", "layers": [64, 32]},
)

WRAPPERS = {
    "c": """
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <dagster_pipes/context.h>
{includes}
static void block(dpipes_context *ctx)
{{
{body}
}}
int main(void)
{{
    dpipes_context *ctx = dpipes_open(NULL, NULL);
    block(ctx);
    return dpipes_close(ctx, NULL, NULL) == DPIPES_OK ? 0 : 1;
}}
""",
    "cpp": """
#include <dagster_pipes/dagster_pipes.hpp>
{includes}
int main()
{{
    return dagster_pipes::run([](dagster_pipes::Context &ctx) {{
{body}
    }});
}}
""",
}


def source_of(block):
    if block.is_program:
        return block.text
    includes = re.findall(r"^#include .*$", block.text, re.MULTILINE)
    body = re.sub(r"^#include .*$", "", block.text, flags=re.MULTILINE)
    return WRAPPERS[block.language].format(includes="\n".join(includes), body=body)


def snippets():
    """Each block of code, with what it sends as the page says, if the page says it."""
    for block, following in zip(BLOCKS, [*BLOCKS[1:], None]):
        if block.language in COMPILERS:
            sent = following.text.splitlines() if following and following.language == "json" else None
            yield pytest.param(block, sent, id=f"line {block.line}")


def sent_by(messages, sent):
    said = [f"{message['method']} {json.dumps(message['params'])}" for message in messages[1:]]
    return said if sent and sent[-1].startswith("closed ") else said[:-1]


@pytest.mark.parametrize(("block", "sent"), snippets())
def test_a_block_runs_and_sends_what_the_page_says(block, sent, tmp_path):
    source, program, messages = (tmp_path / name for name in (f"block.{block.language}", "block", "messages"))
    source.write_text(source_of(block))
    built = run([*COMPILERS[block.language], *STRICT, *INCLUDES, source, "-o", program, *LIBRARIES])
    assert built.returncode == 0, built.stderr
    done = run([program], env=clean_environment(**pipes_variables({"data": CONTEXT}, {"path": str(messages)})))
    assert (done.returncode, done.stderr) == (0, "")
    if sent is not None:
        assert sent_by(messages_of(messages), sent) == [canonical(line) for line in sent]
    if block.is_program:
        by_hand = run([program])
        assert by_hand.returncode == 0


def canonical(line):
    method, _, params = line.partition(" ")
    return f"{method} {json.dumps(json.loads(params))}"


def test_every_block_is_one_of_these():
    assert {block.language for block in BLOCKS} == {"c", "cpp", "json", "console"}
    assert all(BLOCKS[i - 1].language in COMPILERS for i, b in enumerate(BLOCKS) if b.language == "json")


def test_the_commands_build_the_example(tmp_path):
    installed = run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", tmp_path], timeout=120)
    assert installed.returncode == 0, installed.stderr
    [pkgconfig] = tmp_path.rglob("pkgconfig")
    (tmp_path / "hello.c").write_text((ROOT / "examples/hello.c").read_text())
    environment = clean_environment(PKG_CONFIG_PATH=str(pkgconfig), PKG_CONFIG_SYSROOT_DIR=str(tmp_path))
    [commands] = [block.text for block in BLOCKS if block.language == "console"]
    for command in commands.splitlines():
        done = run(["sh", "-c", command.removeprefix("$ ")], cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "hello").exists()
