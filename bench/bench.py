"""Measures the program's side beside Python's dagster_pipes and beside the floor (floor.c), all in one go, and checks
that every run wrote what it should. Called by scripts/bench.

A message costs (the run with N messages - the run with none) / N; the other rows are whole processes, from the spawn to
the exit. Every cell is the minimum and the median of its runs.
"""

import argparse
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from dagster_pipes import encode_param

ROUNDS = 12
PYTHON_EVERY = 4  # Python takes part in every fourth round: it takes most of the time
STARTUPS = 20  # a process a millisecond needs more runs than one a round
LOGS = 100_000
MATS = 20_000
CONTEXT_BYTES = 20_000_000


class Run(NamedTuple):
    who: str  # "ours", "floor", "python"
    mode: str
    n: int


def context_data(asset_keys=None, extras=None):
    return {
        "asset_keys": asset_keys,
        "code_version_by_asset_key": asset_keys and {key: None for key in asset_keys},
        "provenance_by_asset_key": asset_keys and {key: None for key in asset_keys},
        "partition_key": None,
        "partition_key_range": None,
        "partition_time_window": None,
        "run_id": "00000000-0000-4000-8000-000000000000",
        "job_name": "bench",
        "retry_number": 0,
        "extras": extras or {},
    }


def large_extras():
    """Extras of all types, about CONTEXT_BYTES as JSON, and `last` behind them."""
    record = {"id": 0, "name": "Zürich \"quoted\"\n", "score": 0.12345678901234, "tags": ["a", None, True]}
    count = CONTEXT_BYTES // (len(json.dumps(record)) + len('"row1234567": , '))
    return {**{f"row{i:07}": {**record, "id": i} for i in range(count)}, "last": 42}


class Bench:
    def __init__(self, build, work):
        self.build, self.work = build, work
        self.out = work / "messages"
        self.times = {}
        self.outputs = {}
        self.variables = {
            "startup": {"data": context_data(extras={"n": 5})},
            "logs": {"data": context_data()},
            "mats": self.context_file("mats", context_data(asset_keys=[f"a{i}" for i in range(MATS)])),
            "extras": self.context_file("extras", context_data(extras=large_extras())),
        }

    def context_file(self, name, data):
        path = self.work / f"{name}.json"
        path.write_text(json.dumps(data))
        return {"path": str(path)}

    def argv(self, run):
        if run.who == "ours":
            return [str(self.build / "bench/context_bench"), run.mode, str(run.n)]
        if run.who == "python":
            return [sys.executable, str(Path(__file__).parent / "python_bench.py"), run.mode, str(run.n)]
        return [str(self.build / "bench/floor"), run.mode] + ([str(run.n), str(self.out)] if run.mode == "logs" else [])

    def env(self, run):
        return {
            "DAGSTER_PIPES_CONTEXT": encode_param(self.variables[run.mode]),
            "DAGSTER_PIPES_MESSAGES": encode_param({"path": str(self.out)}),
        }

    def measure(self, run):
        argv, env = self.argv(run), self.env(run)
        self.out.unlink(missing_ok=True)
        start = time.perf_counter()
        _, status, _ = os.wait4(os.posix_spawn(argv[0], argv, env), 0)
        seconds = time.perf_counter() - start
        if status != 0:
            sys.exit(f"bench: {' '.join(argv)} ended with {os.waitstatus_to_exitcode(status)}")
        self.times.setdefault(run, []).append(seconds)
        self.keep_output(run)

    def keep_output(self, run):
        """The runs of one program all write the same bytes, so one of them is kept for check_outputs."""
        output = self.out.read_bytes() if self.out.exists() else b""
        if self.outputs.setdefault(run, output) != output:
            sys.exit(f"bench: two runs of {run} wrote different messages")

    def check_outputs(self):
        for run, output in self.outputs.items():
            if run.who == "ours":
                same_messages(run, output.splitlines(), self.outputs[run._replace(who="python")].splitlines())
            if run.who == "floor" and run.mode == "logs":
                messages = self.outputs[run._replace(who="ours")].splitlines(keepends=True)
                if output != b"".join(messages[1:-1]):
                    sys.exit(f"bench: {run} does not write the bytes of the log messages")

    def seconds(self, run):
        return [min(self.times[run]), statistics.median(self.times[run])]

    def seconds_per_message(self, run):
        pairs = zip(self.seconds(run), self.seconds(run._replace(n=0)))
        return [(full - empty) / run.n for full, empty in pairs]


def same_messages(run, ours, python):
    if len(ours) != len(python):
        sys.exit(f"bench: {run} wrote {len(ours)} lines, Python wrote {len(python)}")
    for number, (line, reference) in enumerate(zip(ours, python), 1):
        if line != reference and json.loads(line) != json.loads(reference):
            sys.exit(f"bench: {run}, line {number} is not Python's:\n  {line!r}\n  {reference!r}")


def round_of_runs(with_python):
    """One round: the contestants take turns, so that a busy moment of the machine hits all of them."""
    everyone = ["floor", "ours"] + ["python"] * with_python
    yield from (Run(who, "startup", 0) for _ in range(STARTUPS) for who in ("floor", "ours"))
    yield from (Run("python", "startup", 0) for _ in range(with_python))
    yield from (Run(who, "logs", n) for n, who in itertools.product((LOGS, 0), everyone))
    yield from (Run(who, "mats", n) for n, who in itertools.product((MATS, 0), everyone[1:]))
    yield from (Run(who, "extras", 0) for who in everyone[1:])


def measure_all(bench):
    for number in range(ROUNDS):
        print(f"bench: round {number + 1} of {ROUNDS}", file=sys.stderr)
        for run in round_of_runs(with_python=number % PYTHON_EVERY == 0):
            bench.measure(run)


class Row(NamedTuple):
    title: str
    mode: str
    n: int
    unit: str
    scale: float
    target: float
    relative: bool  # the target is a multiple of the floor, not a time


ROWS = [
    Row("log message to a file", "logs", LOGS, "µs", 1e6, 1.25, True),
    Row("materialization, 8 metadata", "mats", MATS, "µs", 1e6, 3, False),
    Row("open, get, close: whole process", "startup", 0, "ms", 1e3, 1.25, True),
    Row("20 MB context, one extra", "extras", 0, "ms", 1e3, 60, False),
]


def pair(values, suffix=""):
    return " / ".join(f"{value:.3g}{suffix}" for value in values) if values else "–"


def ratios(values, others):
    return [a / b for a, b in zip(values, others)] if values and others else []


def cells(bench, row):
    cost = bench.seconds_per_message if row.n else bench.seconds
    ours, floor, python = (
        [row.scale * value for value in cost(run)] if run in bench.times else []
        for run in (Run(who, row.mode, row.n) for who in ("ours", "floor", "python"))
    )
    to_floor = ratios(ours, floor)
    reached = (to_floor if row.relative else ours)[1] <= row.target
    target = f"≤ {row.target:g} " + ("× floor" if row.relative else row.unit)
    return [
        row.title, pair(ours, " " + row.unit), pair(floor, " " + row.unit), pair(python, " " + row.unit),
        pair(to_floor, " ×"), pair(ratios(python, ours), " ×"), target, "reached" if reached else "missed",
    ]  # fmt: skip


def print_table(bench):
    head = ["minimum / median", "ours", "floor", "Python", "ours : floor", "Python : ours", "target", "by the median"]
    lines = [head] + [cells(bench, row) for row in ROWS]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    lines.insert(1, ["-" * width for width in widths])
    for line in lines:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path, help="the build directory")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dpipes-bench-") as work:
        bench = Bench(options.build.resolve(), Path(work))
        measure_all(bench)
        bench.check_outputs()
        print_table(bench)


if __name__ == "__main__":
    main()
