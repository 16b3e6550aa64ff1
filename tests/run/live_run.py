"""A `dpipes` at work, whose events a test waits for."""

import json
import subprocess
import threading
import time

from harness import clean_environment
from runs_harness import command


class Live:
    def __init__(self, *words, **environment):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        environment = clean_environment(**environment)
        self.process = subprocess.Popen(command(*words, "--json"), text=True, env=environment, **pipes)
        self.errors = []
        self.rest = ""  # of stdout, what nobody has waited for
        self.reader = threading.Thread(target=lambda: self.errors.extend(self.process.stderr))
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.end()

    def until(self, kind, step):
        """Reads until the step has said something of this kind."""
        for line in self.process.stdout:
            event = json.loads(line)
            if (event["type"], event.get("step")) == (kind, step):
                return
        raise AssertionError(self.end())

    def wait_for_errors(self, text):
        while text not in "".join(self.errors):
            assert self.process.poll() is None, self.errors
            time.sleep(0.05)

    def end(self):
        """The exit code, and what stands on stderr."""
        self.rest = self.rest or self.process.stdout.read()
        self.process.wait()
        self.reader.join()
        return self.process.returncode, "".join(self.errors)
