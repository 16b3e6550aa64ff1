"""The library as a guest: what it is, what it leaves alone, and under which conditions it works."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from harness import BUILD, ROOT, asset_context, built, clean_environment, messages_of, pipes_variables, run

LIBRARY = BUILD / "lib/libdagster_pipes.so"
INCLUDES = ["-I", ROOT / "include", "-I", BUILD / "include"]
SIZE_MAX = 150 * 1024


@pytest.fixture
def channel(tmp_path):
    return tmp_path / "messages"


def variables(channel, **params):
    context = asset_context("a", extras={"lr": 0.5})
    return pipes_variables({"data": context}, params or {"path": str(channel)})


def guest(channel, condition, *prefix, params=None, program=None, **options):
    environment = clean_environment(**variables(channel, **(params or {})), **options.pop("environment", {}))
    return run([*prefix, program or built("tests/guest/guest"), condition], env=environment, **options)


def methods_in(path):
    return [message["method"] for message in messages_of(path)]


LOGGED = ["opened", "log", "closed"]


# ---- What it is -----------------------------------------------------------------------------------------------------


def test_the_library_is_small(tmp_path):
    stripped = tmp_path / "stripped.so"
    assert run(["strip", "-o", stripped, LIBRARY]).returncode == 0
    assert stripped.stat().st_size < SIZE_MAX


def test_it_needs_libc_and_zlib():
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", run(["readelf", "-d", LIBRARY]).stdout)
    assert sorted(needed) == ["libc.so.6", "libz.so.1"]


@pytest.mark.parametrize("function", ["exit", "_exit", "abort", "setlocale", "setenv", "putenv", "setvbuf", "signal"])
def test_it_does_not_even_know(function):
    undefined = re.findall(r" U (\w+)", run(["nm", "-D", LIBRARY]).stdout)
    assert "write" in undefined and function not in undefined


# ---- What it leaves alone -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pipes", [True, False], ids=["in a session", "by hand"])
def test_it_changes_nothing_of_the_process(pipes, channel):
    done = guest(channel, "state") if pipes else run([built("tests/guest/guest"), "state"])
    assert done.returncode == 0, done.stderr
    if pipes:
        assert methods_in(channel) == LOGGED


# ---- Where it works -------------------------------------------------------------------------------------------------


def test_it_is_loaded_and_unloaded(channel):
    done = run([built("tests/guest/loader"), LIBRARY], env=clean_environment(**variables(channel)))
    assert (done.returncode, done.stderr) == (0, "")
    assert methods_in(channel) == LOGGED * 50


def test_a_static_program(channel, tmp_path):
    program = tmp_path / "hello"
    libraries = [BUILD / "lib/libdagster_pipes.a", "-lz", "-lpthread"]
    done = run(["cc", "-static", *INCLUDES, ROOT / "examples/hello.c", "-o", program, *libraries])
    assert done.returncode == 0, done.stderr
    assert runs_as_a_pipes_process(program, channel)


def runs_as_a_pipes_process(program, channel):
    assert "statically linked" in run(["file", program]).stdout or not run(["readelf", "-d", program]).stdout.count("NEEDED")
    done = run([program], env=clean_environment(**variables(channel)))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return methods_in(channel) == ["opened", "log", "report_asset_materialization", "closed"]


def test_a_static_program_with_musl(channel, tmp_path):
    """Debian has no zlib for musl; the archive of its own needs nothing that musl lacks."""
    compiler = shutil.which("musl-gcc") or pytest.skip("musl-gcc is not installed")
    program, headers = tmp_path / "hello", tmp_path / "include"
    headers.mkdir()
    for name in ("zlib.h", "zconf.h"):
        [header, *_] = Path("/usr/include").rglob(name)
        shutil.copy(header, headers)
    [archive, *_] = Path("/usr/lib").rglob("libz.a")
    sources = [path for folder in ("base", "wire", "context") for path in sorted((ROOT / "lib" / folder).glob("*.c"))]
    options = ["-std=c11", "-O1", "-D_GNU_SOURCE", "-Wall", "-Werror", "-I", ROOT / "lib", "-I", headers]
    done = run(
        [compiler, "-static", *options, *INCLUDES, ROOT / "examples/hello.c", *sources, archive, "-o", program],
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    assert runs_as_a_pipes_process(program, channel)


@pytest.fixture(scope="session")
def german(tmp_path_factory):
    """A locale with a decimal comma."""
    folder = tmp_path_factory.mktemp("locales")
    done = run(["localedef", "-i", "de_DE", "-f", "UTF-8", folder / "de_DE.UTF-8"])
    assert (folder / "de_DE.UTF-8").is_dir(), done.stderr
    return {"LOCPATH": str(folder), "LC_ALL": "de_DE.UTF-8"}


def test_a_decimal_comma(channel, german):
    done = guest(channel, "locale", environment=german)
    assert done.returncode == 0, done.stderr
    metadata = messages_of(channel)[1]["params"]["metadata"]
    assert metadata["by printf"]["raw_value"] == "0,5"
    assert metadata["double"] == {"raw_value": 0.5, "type": "float"}


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(closed, channel):
    shell = ["sh", "-c", f'exec "$0" "$@" {closed}']
    done = guest(channel, "print", *shell)
    assert done.returncode == 0
    assert methods_in(channel) == LOGGED


def in_a_namespace(script):
    """Needs a kernel that gives namespaces to everybody, or root."""
    return ["unshare", "-Urm", "sh", "-ec", script]


def test_a_full_disk(tmp_path):
    disk, copy = tmp_path / "disk", tmp_path / "copy"
    disk.mkdir()
    script = f'mount -t tmpfs -o size=64k none {disk}; "$0" "$@" || code=$?; cp {disk}/messages {copy}; exit $code'
    done = guest(disk / "messages", "large", *in_a_namespace(script))
    assert done.returncode == 1
    assert done.stderr == f"close: {disk}/messages: No space left on device\n"
    [opened, half] = copy.read_text().split("\n")
    assert json.loads(opened)["method"] == "opened"
    assert half.startswith('{"__dagster_pipes_version": "0.1", "method": "log"')


def test_a_full_device():
    done = guest("/dev/full", "print")
    assert done.returncode == 1
    assert done.stderr == "open: /dev/full: No space left on device\n"


def test_a_read_only_disk(tmp_path):
    script = f'mount -t tmpfs -o ro none {tmp_path}; exec "$0" "$@"'
    done = guest(tmp_path / "messages", "print", *in_a_namespace(script))
    assert done.returncode == 1
    assert done.stderr == f"open: DAGSTER_PIPES_MESSAGES: the message channel {tmp_path}/messages: Read-only file system\n"


def test_pid_1(channel):
    done = guest(channel, "print", "unshare", "-Urpf", "--kill-child")
    assert done.returncode == 0, done.stderr
    assert methods_in(channel) == LOGGED


def test_a_chroot(channel, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    prefix = [] if os.geteuid() == 0 else ["unshare", "-Ur"]
    done = guest(channel, "chroot", *prefix, cwd=empty)
    assert done.returncode == 0, done.stderr
    assert methods_in(channel) == LOGGED


def test_behind_seccomp(channel):
    done = guest(channel, "seccomp")
    assert done.returncode == 0, done.stderr
    assert methods_in(channel) == ["opened", "log", "report_asset_materialization", "closed"]


# ---- What the params ask for ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("wish", [{"include_stdio_in_messages": True}, {"log_writer": {}}], ids=["include", "log_writer"])
def test_output_is_captured_when_the_params_ask_for_it(wish, channel):
    done = guest(channel, "bytes", params={"path": str(channel), **wish})
    assert (done.returncode, done.stdout.encode(errors="surrogateescape")) == (0, b"a child\n\xff half")
    streams = [m["params"] for m in messages_of(channel) if m["method"] == "log_external_stream"]
    assert {stream["stream"] for stream in streams} == {"stdout"}
    assert "".join(stream["text"] for stream in streams) == "a child\n\ufffd half"
    assert messages_of(channel)[-1]["method"] == "closed"


# ---- 100 MB through every channel -----------------------------------------------------------------------------------

LARGE = 100_000_000


def assert_large(lines):
    messages = [json.loads(line) for line in lines if line.strip()]
    assert [message["method"] for message in messages] == LOGGED
    assert messages[1]["params"]["message"] == "x" * LARGE


def test_a_large_message_by_a_file(channel):
    assert guest(channel, "large").returncode == 0
    with channel.open() as lines:
        assert_large(lines)


@pytest.mark.parametrize("kind", ["stdio", "buffered_stdio"])
def test_a_large_message_by_a_stream(kind, channel):
    done = guest(channel, "large", params={kind: "stdout"})
    assert done.returncode == 0
    assert_large(done.stdout.split("\n"))
