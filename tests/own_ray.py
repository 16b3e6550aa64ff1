"""A Ray of a test's own, whose parts it stops, kills and starts again."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

from harness import built, clean_environment, run
from processes import Trace, contents

DASHBOARD = "dashboard/dashboard.py"


class Ray:
    def __init__(self, ray_program):
        self.trace = Trace(clean_environment(DPIPES_RAY=ray_program))
        up = run([built("cli/dpipes"), "local", "up", "--num-cpus", "2", "--json"], 180, env=self.trace.environment)
        assert up.returncode == 0, up.stderr
        info = json.loads(up.stdout)
        self.address, self.token_file = info["address"], info["token_file"]
        self.started = []  # by us, so not Ray's to end
        self.dashboard = None  # how it is started

    def process(self, name):
        """The newest process of this Ray with the name in its command line."""
        return max(pid for pid in self.trace.pids() if name in command_of(pid))

    def restart_dashboard(self):
        """It is killed, and after some seconds without one started again as it was."""
        self.kill_dashboard()
        time.sleep(4)
        self.start_dashboard()

    def kill_dashboard(self):
        pid = self.process(DASHBOARD)
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
        entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        self.dashboard = words, dict(entry.split(b"=", 1) for entry in entries if entry)
        os.kill(pid, signal.SIGKILL)

    def start_dashboard(self):
        """As it was before it was killed."""
        words, variables = self.dashboard
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.started.append(subprocess.Popen(words, env=variables, start_new_session=True, **quiet))

    def close(self):
        for process in self.started:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        down = run([built("cli/dpipes"), "local", "down", "--address", self.address], env=self.trace.environment)
        left = self.trace.left() if down.returncode == 0 else []
        self.trace.close()
        assert left == []


def command_of(pid):
    return contents(Path(f"/proc/{pid}/cmdline")).replace(b"\0", b" ").decode()
