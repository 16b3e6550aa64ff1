"""Graphs whose steps print what a file has, piece by piece, and what a store has of their runs."""

import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness import RAYS_OWN_LINE, built, clean_environment, run

# A step's name stands in `starts` once for each start. What it prints is in pieces, with a pause behind each.
STEP = """
echo "$1" >> "$0.starts"
sleep "${WAIT_FIRST:-0}"
for piece in "$0.$1".*; do cat "$piece"; sleep 0.02; done
if [ -e "$0.$1-fails" ] && [ "$(grep -cx "$1" "$0.starts")" = 1 ]; then exit 3; fi
"""


STEPS = "SELECT step, status, attempt, error FROM steps ORDER BY place"
ATTEMPTS = "SELECT step, attempt, ended, exit_code, error FROM attempts ORDER BY step, attempt"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def message(method, **params):
    line = {"__dagster_pipes_version": "0.1", "method": method, "params": params or None}
    return json.dumps(line).encode() + b"\n"


def materialization(asset, rows):
    metadata = {"rows": {"raw_value": rows, "type": "int"}}
    return message("report_asset_materialization", asset_key=asset, metadata=metadata, data_version=f"v{rows}")


def check(asset, passed=True):
    params = {"check_name": "some", "passed": passed, "severity": "ERROR", "metadata": {}}
    return message("report_asset_check", asset_key=asset, **params)


def log_line(text):
    return message("log", level="INFO", message=text)


def program_output(asset, lines=20):
    """Messages, lines, bytes that are no UTF-8, and at the end a line without an end."""
    body = b"".join(log_line(f"log {n}") + b"line %d\n" % n for n in range(lines))
    bad = b"\xff\xfe caf\xe9\n\xc3"
    reports = materialization(asset, 7) + check(asset) + message("report_custom_message", payload={"n": 1})
    return message("opened", extras={}) + body + bad + b"\n" + reports + message("closed") + b"no newline"


class Project:
    """A directory with a graph and its steps' output."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.program = self.directory / "step.sh"
        self.program.write_text(STEP)
        self.graph = self.directory / "graph.json"
        self.steps = []

    def add(self, name, output=b"", pieces=1, fails_once=False, **more):
        size = max(1, -(-len(output) // pieces))
        for n in range(pieces):
            (self.directory / f"step.sh.{name}.{n:03}").write_bytes(output[n * size : (n + 1) * size])
        if fails_once:
            (self.directory / f"step.sh.{name}-fails").touch()
        entrypoint = f"sh {self.program} {name}"
        self.steps.append({"name": name, "entrypoint": entrypoint, "code_version": "1", **more})

    def write(self, executor="in_process", **more):
        self.graph.write_text(json.dumps({"name": "job", "executor": executor, "steps": self.steps, **more}))

    def pieces(self, name):
        return [path.read_bytes() for path in sorted(self.directory.glob(f"step.sh.{name}.*"))]

    def fails_once(self, name):
        return (self.directory / f"step.sh.{name}-fails").exists()

    def take_starts(self):
        """The names of the steps that were started since the last call."""
        path = self.directory / "step.sh.starts"
        starts = sorted(path.read_text().split()) if path.exists() else []
        path.unlink(missing_ok=True)
        return starts


# ---- dpipes ---------------------------------------------------------------------------------------------------------


def command(*words):
    return [str(word) for word in (built("cli/dpipes"), *words)]


def dpipes(*words, timeout=120, **environment):
    return run(command(*words), timeout, env=clean_environment(**environment))


def begin(*words, **environment):
    """In a process group of its own."""
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    environment = clean_environment(**environment)
    return subprocess.Popen(command(*words), text=True, start_new_session=True, env=environment, **quiet)


def kill(process, group=False):
    """Whether it was still there to be killed."""
    (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


# ---- The store ------------------------------------------------------------------------------------------------------


@dataclass
class Stored:
    """A run, with nothing that differs between two that went alike."""

    status: str
    steps: list
    attempts: list
    events: dict  # by step and attempt
    assets: list


def query(home, sql):
    database = Path(home) / "dpipes.db"
    if not database.exists():
        return []
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return connection.execute(sql).fetchall()
    except sqlite3.OperationalError:  # no table yet
        return []
    finally:
        connection.close()


def status_of_run(home):
    rows = query(home, "SELECT status FROM runs")
    return rows[0][0] if rows else None


def run_of(home):
    rows = query(home, "SELECT run_id FROM runs")
    return rows[0][0] if rows else None


def is_rays_own(kind, text):
    return kind == "OUTPUT" and RAYS_OWN_LINE.fullmatch(text.decode(errors="replace")) is not None


def without_ids(text):
    """Without the last lines of the log either: who comes after its end has not read them."""
    return text and UUID.sub("ID", text.split("\n")[0].removesuffix("; the last lines of its log:"))


def shorten(text):
    """What a failed comparison can show."""
    if text is None or len(text) < 1000:
        return text
    return f"{text[:20]}… {len(text)} bytes, {hashlib.sha256(text).hexdigest()[:8]}"


def stored(home):
    """What a step itself has said is compared byte by byte."""
    events = {}
    columns = "step, attempt, type, level, text, asset_key, passed, data_version, input_versions_json, json"
    for step, attempt, kind, *rest in query(home, f"SELECT {columns} FROM events ORDER BY id"):
        if kind.startswith("STEP") and rest[1]:
            rest[1] = without_ids(rest[1].decode())
        if step is not None and not is_rays_own(kind, rest[1] or b""):
            rest[1] = shorten(rest[1])
            events.setdefault((step, attempt), []).append((kind, *rest))
    return Stored(
        status_of_run(home),
        [(*row, without_ids(error)) for *row, error in query(home, STEPS)],
        [(*row, without_ids(error)) for *row, error in query(home, ATTEMPTS)],
        events,
        query(home, "SELECT assets.asset_key, data_version FROM assets JOIN events ON id = event ORDER BY 1"),
    )


def offsets(home):
    """How far each log was read, and its size."""
    rows = query(home, "SELECT submission_id, log_offset FROM attempts")
    return [(offset, (Path(directory) / "log").stat().st_size) for directory, offset in rows]
