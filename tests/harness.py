"""What the tests in Python share: where the build is, and how a program is started as a Pipes process."""

import base64
import json
import os
import re
import subprocess
import tempfile
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("DPIPES_BUILD_DIR", ROOT / "build")).resolve()
IN_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")


def built(name):
    """A program of the build; a test that needs it and does not find it fails."""
    path = BUILD / name
    assert path.exists(), f"{path} is not built; DPIPES_BUILD_DIR names the build"
    return path


def interop_program(name):
    return built(f"tests/interop/{name}")


# ---- A Pipes process ------------------------------------------------------------------------------------------------


def encode(value):
    return base64.b64encode(zlib.compress(json.dumps(value).encode())).decode()


def context_data(**changes):
    data = {
        "asset_keys": None,
        "code_version_by_asset_key": None,
        "provenance_by_asset_key": None,
        "partition_key": None,
        "partition_key_range": None,
        "partition_time_window": None,
        "run_id": "run",
        "job_name": None,
        "retry_number": 0,
        "extras": {},
    }
    return {**data, **changes}


def asset_context(*keys, **changes):
    none = dict.fromkeys(keys)
    return context_data(asset_keys=list(keys), code_version_by_asset_key=none, provenance_by_asset_key=none, **changes)


def pipes_variables(context, messages):
    """The two variables, of the values that they hold."""
    return {"DAGSTER_PIPES_CONTEXT": encode(context), "DAGSTER_PIPES_MESSAGES": encode(messages)}


def clean_environment(**more):
    """Ours without what tells a program of an orchestrator or of a Ray."""
    prefixes = ("DAGSTER_", "DPIPES_", "RAY_")
    return {**{k: v for k, v in os.environ.items() if not k.startswith(prefixes)}, **more}


def run(command, timeout=60, **options):
    """Runs a program with text output to its end."""
    options.setdefault("env", clean_environment())
    words = [str(word) for word in command]
    text = {"encoding": "utf-8", "errors": "surrogateescape"}
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, **text, **options)


def messages_of(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


# ---- dpipes run -----------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """What `dpipes run --json` said."""

    code: int
    events: list
    result: dict
    stderr: str

    def of(self, kind):
        """The events of a kind, without the member that says so and their place in the stream."""
        return [without(without(event, "event"), "offset") for event in self.events if event["event"] == kind]

    @property
    def logs(self):
        return [(log["level"], log["message"]) for log in self.of("log")]

    @property
    def output(self):
        """The program's own lines; a Ray job's log has some of Ray's, too."""
        return program_lines(line["text"] for line in self.of("output"))

    def results(self, kind):
        return [without(result, "kind") for result in self.result["results"] if result["kind"] == kind]


def without(mapping, key):
    return {k: v for k, v in mapping.items() if k != key}


RAYS_OWN_LINE = re.compile(
    r"[\d:, -]+\tINFO job_manager\.py:\d+ -- Runtime env is setting up\.|Running entrypoint for job .*"
)


def program_lines(lines):
    return [line for line in lines if not RAYS_OWN_LINE.fullmatch(line)]


def dpipes_run(*words, timeout=120, **environment):
    """Runs `dpipes run --json` with these words; keyword arguments are added to the environment."""
    command = [built("cli/dpipes"), "run", "--json", *words]
    done = run(command, timeout, env=clean_environment(**environment))
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events and events[-1]["event"] == "result", f"exit code {done.returncode}, stderr: {done.stderr}"
    return Run(done.returncode, events[:-1], events[-1], done.stderr)


class Following:
    """A `dpipes run --json` at work: what happens meanwhile is up to the test."""

    def __init__(self, command, env):
        self.errors = tempfile.TemporaryFile("w+")
        words = [str(word) for word in command]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=self.errors, text=True, env=env)
        self.events = []

    def read_logs(self, count):
        """Reads up to so many log messages."""
        while sum(event["event"] == "log" for event in self.events) < count:
            line = self.process.stdout.readline()
            assert line, self.finish()
            self.events.append(json.loads(line))

    def finish(self, timeout=90):
        """Reads on to the end; the result and what stands on stderr."""
        watchdog = threading.Timer(timeout, self.process.kill)
        watchdog.start()
        self.events += [json.loads(line) for line in self.process.stdout]
        self.process.wait()
        watchdog.cancel()
        self.errors.seek(0)
        return self.events[-1] if self.events else None, self.errors.read()

    def logs(self):
        return [event["message"] for event in self.events if event["event"] == "log"]


def extra_options(extras):
    return [word for key, value in extras.items() for word in ("--extra", f"{key}={json.dumps(value)}")]


def asset_options(*keys):
    return [word for key in keys for word in ("--asset", key)]
