"""Graphs that a test executes by the command, and what its store has of them then."""

import json
import subprocess

from harness import built, clean_environment, run


class Home:
    """A directory with a graph and a store."""

    def __init__(self, directory):
        self.directory = directory
        self.graph = directory / "graph.json"
        self.environment = clean_environment(DPIPES_HOME=str(directory / "store"), REPORTER=str(built("tests/run/reporter")))

    def write(self, steps, **options):
        """The steps by name, each its entrypoint or all of its keys."""
        steps = {name: {"entrypoint": step} if isinstance(step, str) else step for name, step in steps.items()}
        graph = {"name": "g", "executor": "in_process", **options, "steps": [{"name": name, **steps[name]} for name in steps]}
        self.graph.write_text(json.dumps(graph))
        return self

    def command(self, *words):
        return [str(word) for word in (built("cli/dpipes"), *words)]

    def dpipes(self, *words, code=0):
        done = run(self.command(*words), timeout=120, env=self.environment)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def execute(self, *words, code=0):
        """The events."""
        done = self.dpipes("execute", self.graph, "--json", *words, code=code)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def start(self, *words):
        return subprocess.Popen(
            self.command(*words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment
        )

    def stored(self, *words):
        return json.loads(self.dpipes(*words, "--json").stdout)

    def runs(self):
        """The oldest first."""
        return self.stored("runs", "--limit", "0")[::-1]

    def events(self):
        """Of all runs, in the order in which they came."""
        shown = [self.stored("runs", "show", one["run_id"], "--events")["events"] for one in self.runs()]
        return sorted((event for events in shown for event in events), key=lambda event: event["id"])

    def lines(self, name):
        path = self.directory / name
        return path.read_text().splitlines() if path.exists() else []


def statuses(runs):
    return {one["partition_key"]: one["status"] for one in runs}


def of(events, kind, value="step"):
    return [event[value] for event in events if event["type"] == kind]
