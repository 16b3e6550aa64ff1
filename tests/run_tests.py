#!/usr/bin/env python3
"""Runs every test of the checkout, stage by stage, and ends with one line: 'N passed, N failed'.

    scripts/test [STAGE…]       all stages, or those named

A stage that only builds, checks the format or repeats the unit tests under a tool counts as one test; the unit tests
and pytest count each of theirs. Each stage shows its output as it comes, but for those that run beside pytest, which waits
most of its time: theirs follows.
"""

import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV_PYTHON = ROOT / ".venv/bin/python"
GCC_BUILD = ROOT / "build-gcc"

CLANG = {"CC": "clang", "CXX": "clang++"}
GCC = {"CC": "gcc", "CXX": "g++"}
SANITIZER_OPTIONS = {
    "CK_TIMEOUT_MULTIPLIER": "10",
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}
VALGRIND = "valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,indirect,possible"
# The line that a check program ends with.
CHECKS = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", re.MULTILINE)


class StageError(Exception):
    """A stage could not do what it is for; the text says why."""


@dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)


# ---- Programs -------------------------------------------------------------------------------------------------------


def run(command, env=None):
    """Runs a program to its end and returns its exit code. It has a process group of its own, so that Ctrl-C reaches it
    once, from here, and it can take down what it has started before we end."""
    print("$", " ".join(map(str, command)), flush=True)
    child = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, process_group=0
    )
    try:
        return child.wait()
    except KeyboardInterrupt:
        end(child)
        raise


def end(child):
    """Each further Ctrl-C is passed on as well: Dagster, in a test, may take the first one for its own."""
    print("\nstopping: waiting for the stage at work to end", flush=True)
    while child.poll() is None:
        child.send_signal(signal.SIGINT)
        try:
            child.wait()
        except KeyboardInterrupt:
            pass


def must_run(command, env=None):
    code = run(command, env)
    if code != 0:
        raise StageError(f"exit code {code}: {' '.join(map(str, command))}")


def configure(build, compilers, *options):
    if not (build / "build.ninja").exists():
        must_run(["meson", "setup", build, "-Dwerror=true", *options], compilers)


# ---- What the programs say ------------------------------------------------------------------------------------------


def unit_counts(log):
    """The cases of all check programs, from meson's log; another program of meson's is one test."""
    if not log.exists():
        raise StageError(f"meson wrote no {log}")
    counts = Counts()
    for line in log.read_text().splitlines():
        test = json.loads(line)
        found = CHECKS.search(test.get("stdout", ""))
        checks, failures, errors = map(int, found.groups()) if found else (1, 0, 0)
        failed = failures + errors
        if test["result"] != "OK":
            failed = max(failed, 1)
        counts += Counts(checks - failed, failed)
    return counts


def pytest_counts(junit):
    """A test that fails as it is expected to has passed."""
    counts = Counts()
    for case in ElementTree.parse(junit).iter("testcase"):
        tags = {child.tag for child in case if child.get("type") != "pytest.xfail"}
        if tags & {"failure", "error"}:
            counts.failed += 1
        elif "skipped" in tags:
            counts.skipped += 1
        else:
            counts.passed += 1
    return counts


# ---- Stages: each returns its counts, or raises StageError ----------------------------------------------------------


def stage_format():
    must_run(["scripts/format", "--check"])
    return Counts(passed=1)


def stage_gcc():
    configure(GCC_BUILD, GCC)
    must_run(["ninja", "-C", GCC_BUILD])
    log = GCC_BUILD / "meson-logs/testlog.json"
    log.unlink(missing_ok=True)
    run(["meson", "test", "-C", GCC_BUILD, "--no-rebuild", "--print-errorlogs"])
    return unit_counts(log)


def stage_clang():
    build = ROOT / "build-clang"
    configure(build, CLANG)
    must_run(["ninja", "-C", build])
    return Counts(passed=1)


def sanitized(name, sanitizers):
    build = ROOT / f"build-{name}"
    configure(build, CLANG, f"-Db_sanitize={sanitizers}", "-Db_lundef=false")
    must_run(["meson", "test", "-C", build, "--suite", "unit", "--print-errorlogs"], SANITIZER_OPTIONS)
    return Counts(passed=1)


def stage_asan():
    return sanitized("asan", "address,undefined")


def stage_tsan():
    return sanitized("tsan", "thread")


def stage_valgrind():
    need_gcc_build()
    must_run(
        ["meson", "test", "-C", GCC_BUILD, "--no-rebuild", "--suite", "unit", "--no-suite", "without_valgrind"]
        + ["--print-errorlogs", "--logbase", "valgrind", "--timeout-multiplier", "10", "--wrapper", VALGRIND],
        {"CK_FORK": "no"},
    )
    return Counts(passed=1)


def stage_pytest():
    need_gcc_build()
    junit = GCC_BUILD / "pytest.xml"
    junit.unlink(missing_ok=True)
    code = run(
        [VENV_PYTHON, "-m", "pytest", "tests", "-v", "-ra", "--durations=5", f"--junitxml={junit}"],
        {"DPIPES_BUILD_DIR": str(GCC_BUILD), "PYTHONUNBUFFERED": "1"},
    )
    if not junit.exists():
        raise StageError(f"pytest wrote no report; exit code {code}")
    counts = pytest_counts(junit)
    if code != 0 and counts.failed == 0:
        raise StageError(f"pytest: exit code {code} without a failed test")
    return counts


def need_gcc_build():
    configure(GCC_BUILD, GCC)
    if run(["ninja", "-C", GCC_BUILD]) != 0:
        raise StageError("the gcc build fails, so there is nothing to test")


BESIDE_PYTEST = ("clang", "asan", "tsan")
STAGES = {
    "format": stage_format,
    "gcc": stage_gcc,
    "clang": stage_clang,
    "asan": stage_asan,
    "tsan": stage_tsan,
    "valgrind": stage_valgrind,
    "pytest": stage_pytest,
}


# ---- All of it ------------------------------------------------------------------------------------------------------


def run_stage(title, stage):
    print(f"\n==== {title} ".ljust(100, "="), flush=True)
    started = time.monotonic()
    try:
        counts = stage()
    except StageError as error:
        print(f"{title}: {error}")
        counts = Counts(failed=1)
    return counts, time.monotonic() - started


def run_stages(names, chosen):
    return [(name, *run_stage(f"[{chosen.index(name) + 1}/{len(chosen)}] {name}", STAGES[name])) for name in names]


class Beside:
    """Stages in a process of their own, which takes what CPU time others leave."""

    def __init__(self, names, chosen):
        self.names, self.output = names, tempfile.TemporaryFile("w+")
        fork = multiprocessing.get_context("fork")
        self.receiver, sender = fork.Pipe(duplex=False)
        self.process = fork.Process(target=self.work, args=(chosen, sender))
        self.process.start()
        sender.close()

    def work(self, chosen, sender):
        os.nice(19)
        for stream in (1, 2):
            os.dup2(self.output.fileno(), stream)
        try:
            sender.send(run_stages(self.names, chosen))
        except KeyboardInterrupt:
            sys.exit(130)

    def finish(self):
        """Their rows; of all, when the process has died."""
        try:
            rows = self.receiver.recv()
        except EOFError:
            rows = [(name, Counts(failed=1), 0.0) for name in self.names]
        self.process.join()
        self.output.seek(0)
        print(self.output.read(), flush=True)
        return rows

    def stop(self):
        self.process.terminate()
        self.process.join()


def run_chosen(chosen):
    names = [name for name in chosen if name in BESIDE_PYTEST and "pytest" in chosen]
    others = [name for name in chosen if name not in names and name != "pytest"]
    rows = run_stages(others, chosen)
    if "pytest" in chosen:
        beside = Beside(names, chosen)
        try:
            rows += run_stages(["pytest"], chosen)
            rows += beside.finish()
        except KeyboardInterrupt:
            beside.stop()
            raise
    return sorted(rows, key=lambda row: chosen.index(row[0]))


def print_table(rows):
    print(f"\n{'stage':<12}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for name, counts, seconds in rows:
        print(f"{name:<12}{counts.passed:>8}{counts.failed:>8}{counts.skipped:>9}{seconds:>9.1f}")


def main(names):
    unknown = [name for name in names if name not in STAGES]
    if unknown:
        print(f"scripts/test: no stage {unknown[0]!r}; there are: {', '.join(STAGES)}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    chosen = names or list(STAGES)
    rows = run_chosen(chosen)
    total = sum((counts for _, counts, _ in rows), Counts())
    print_table(rows)
    skipped = f", {total.skipped} skipped" if total.skipped else ""
    print(f"\n{total.passed} passed, {total.failed} failed{skipped}")
    return 0 if total.passed > 0 and total.failed == 0 else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("stopped; no result", file=sys.stderr)
        sys.exit(130)
