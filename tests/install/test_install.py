"""What `ninja install` gives: programs outside of the tree build against it by pkg-config, and run."""

import json
import re
import shutil
from pathlib import Path

import pytest
from harness import (
    BUILD,
    ROOT,
    asset_context,
    built,
    clean_environment,
    interop_program,
    messages_of,
    pipes_variables,
    run,
)

HERE = Path(__file__).resolve().parent
EXPORTS = ROOT / "tests/exports"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]
COMPILERS = {"gcc": ("gcc", "g++"), "clang": ("clang", "clang++")}
LANGUAGES = {"C11": ["-x", "c", "-std=c11"], "C++17": ["-x", "c++", "-std=c++17"]}
HEADERS = sorted(path.name for path in (ROOT / "include/dagster_pipes").glob("*.h*") if path.suffix != ".in")
HEADERS.append("version.h")
LIBRARIES = ["libdagster_pipes", "libdagster_pipes_ray", "libdagster_pipes_run"]


def compiler(family, language):
    name = COMPILERS[family][language == "C++17"]
    return shutil.which(name) or pytest.skip(f"{name} is not installed")


class Installation:
    def __init__(self, destination):
        self.destination = destination
        [self.include] = destination.rglob("include")
        [self.pkgconfig] = destination.rglob("pkgconfig")
        self.libraries = self.pkgconfig.parent
        [self.dpipes] = destination.rglob("bin/dpipes")

    def flags(self, package, *options):
        variables = {"PKG_CONFIG_PATH": str(self.pkgconfig), "PKG_CONFIG_SYSROOT_DIR": str(self.destination)}
        done = run(["pkg-config", "--cflags", "--libs", *options, package], env=clean_environment(**variables))
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    def environment(self, **more):
        return clean_environment(LD_LIBRARY_PATH=str(self.libraries), **more)


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    destination = tmp_path_factory.mktemp("destination")
    done = run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", destination], timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return Installation(destination)


def build(source, language, flags, output, family="gcc"):
    command = [compiler(family, language), *LANGUAGES[language], *WARNINGS, source, "-x", "none", "-o", output, *flags]
    done = run(command)
    assert done.returncode == 0, done.stderr
    return output


def messages_of_program(program, tmp_path, environment):
    path = tmp_path / "messages"
    variables = pipes_variables({"data": asset_context("table", extras={"rows": 7})}, {"path": str(path)})
    done = run([program], env={**environment, **variables})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return [(message["method"], message["params"]) for message in messages_of(path)]


def version():
    return re.search(r"version: '([\d.]+)'", (ROOT / "meson.build").read_text())[1]


def program_messages():
    rows = {"rows": {"raw_value": 7, "type": "int"}}
    return [
        ("opened", {"extras": {}}),
        ("log", {"message": f"version {version()}", "level": "INFO"}),
        ("report_asset_materialization", {"asset_key": "table", "data_version": "v1", "metadata": rows}),
        ("closed", {}),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_program_outside_of_the_tree_builds_and_runs(language, installed, tmp_path):
    program = build(HERE / "program.c", language, installed.flags("dagster-pipes"), tmp_path / "program")
    assert messages_of_program(program, tmp_path, installed.environment()) == program_messages()


def test_a_program_with_the_shared_library_stays_under_4_mib(installed, tmp_path):
    program = build(HERE / "program.c", "C11", installed.flags("dagster-pipes"), tmp_path / "program")
    variables = pipes_variables({"data": asset_context("table")}, {"path": str(tmp_path / "messages")})
    done = run([interop_program("rss_of"), program], env=installed.environment(**variables))
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 4096


def test_a_program_with_the_static_library_needs_nothing_of_ours(installed, tmp_path):
    flags = [str(installed.libraries / "libdagster_pipes.a"), *installed.flags("dagster-pipes", "--static")]
    flags = [flag for flag in flags if flag != "-ldagster_pipes"]
    program = build(HERE / "program.c", "C11", flags, tmp_path / "program")
    assert messages_of_program(program, tmp_path, clean_environment()) == program_messages()


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_orchestrator_outside_of_the_tree_builds_and_runs(language, installed, tmp_path):
    program = build(HERE / "program.c", "C11", installed.flags("dagster-pipes"), tmp_path / "program")
    flags = installed.flags("dagster-pipes-ray")
    orchestrator = build(HERE / "orchestrator.c", language, flags, tmp_path / "orchestrator")
    done = run([orchestrator, program], env=installed.environment())
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"INFO: version {version()}",
        'table v1 {"rows": {"raw_value": 7, "type": "int"}}',
        "http://127.0.0.1:1",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_program_outside_of_the_tree_reads_the_store(language, installed, tmp_path):
    program = build(HERE / "runs.c", language, installed.flags("dagster-pipes-run"), tmp_path / "runs")
    assert run([built("tests/run/make_store"), tmp_path / "home"]).returncode == 0
    done = run([program, tmp_path / "home"], env=installed.environment())
    assert (done.returncode, done.stderr) == (0, "")
    runs, assets, removed = map(json.loads, done.stdout.splitlines())
    assert [one["run_id"] for one in runs] == ["aab-2"]
    assert [one["asset_key"] for one in assets] == ["models/cancer"]
    assert removed == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_example_of_a_graph_in_code_builds_and_runs_outside_of_the_tree(language, installed, tmp_path):
    flags = [*installed.flags("dagster-pipes-run"), *run(["pkg-config", "--cflags", "--libs", "libcjson"]).stdout.split()]
    program = build(ROOT / "examples/orchestrator.c", language, flags, tmp_path / "orchestrator")
    shutil.copy(built("examples/hello"), tmp_path)
    done = run([program, tmp_path / "home"], cwd=tmp_path, env=installed.environment())
    assert (done.returncode, done.stderr) == (0, "")
    assert ": SUCCESS\n" in done.stdout


def test_the_command_is_installed(installed):
    done = run([installed.dpipes, "--version"], env=installed.environment())
    assert (done.returncode, done.stdout) == (0, f"dpipes {version()}\n")


@pytest.mark.parametrize("family", COMPILERS)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("header", HEADERS)
def test_a_header_compiles_alone_and_twice(header, language, family, installed, tmp_path):
    if header.endswith(".hpp") and language == "C11":
        language = "C++17"
    source = tmp_path / "source"
    source.write_text(f"#include <dagster_pipes/{header}>\n" * 2 + "typedef int a_declaration;\n")
    command = [
        compiler(family, language),
        *LANGUAGES[language],
        *WARNINGS,
        "-fsyntax-only",
        "-I",
        installed.include,
        source,
    ]
    done = run(command)
    assert done.returncode == 0, done.stderr


def test_all_headers_are_installed(installed):
    assert sorted(path.name for path in installed.include.rglob("*.h*")) == sorted(HEADERS)


# ---- Libraries -------------------------------------------------------------------------------------------------


def exported(library):
    done = run(["nm", "-D", "--defined-only", "--format=posix", built(f"lib/{library}.so")])
    assert done.returncode == 0, done.stderr
    return sorted(line.split()[0] for line in done.stdout.splitlines())


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_exported_names_are_those_of_the_list(library):
    assert exported(library) == (EXPORTS / f"{library}.txt").read_text().split()


def test_what_the_headers_declare_is_exported_by_one_library():
    text = "".join(path.read_text() for path in (ROOT / "include/dagster_pipes").glob("*.h"))
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    declared = re.findall(r"DPIPES_API[^;]*?\b(dpipes_\w+)\s*\(", code)
    assert sorted(declared) == sorted(name for library in LIBRARIES for name in exported(library))


def test_the_programs_side_needs_zlib_and_nothing_else():
    done = run(["readelf", "--dynamic", "--wide", built("lib/libdagster_pipes.so")])
    assert set(re.findall(r"\(NEEDED\).*\[(.*)\]", done.stdout)) == {"libz.so.1", "libc.so.6"}
