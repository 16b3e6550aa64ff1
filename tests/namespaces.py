"""Network namespaces, joined by cables: machines of a test that nothing else can reach. As root, or in a user namespace."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

HOLD = ["sh", "-c", "echo; exec sleep 3600"]


class Machine:
    """A network namespace, kept by a process that sleeps."""

    def __init__(self, inside=None):
        command = [*inside.enter, "unshare", "-n"] if inside else ["unshare", "-rn"]
        self.process = subprocess.Popen([*command, *HOLD], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"\n", "no network namespace could be made"
        self.enter = ["nsenter", "-t", str(self.holder), "-U", "-n", "--preserve-credentials"]
        self.run("ip", "link", "set", "lo", "up")

    @property
    def holder(self):
        """nsenter forks, and becomes its child only for a namespace of processes."""
        return self.process.pid

    @property
    def network(self):
        return network_of(self.holder)

    def run(self, *words, **options):
        return subprocess.run([*self.enter, *map(str, words)], check=True, capture_output=True, text=True, **options)

    def pids(self):
        found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [pid for pid in found if pid != self.holder and network_of(pid) == self.network]

    def kill_all(self):
        """Everything in it but the process that keeps it."""
        deadline = time.monotonic() + 20
        while pids := self.pids():
            assert time.monotonic() < deadline, pids
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)

    def close(self):
        self.kill_all()
        self.process.kill()
        self.process.wait()


def network_of(pid):
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/ns/net")
    return None


class Cable:
    """A link between two machines, with an address at each end."""

    def __init__(self, name, one, other, subnet):
        self.ends = [(one, f"{name}0", f"{subnet}.1"), (other, f"{name}1", f"{subnet}.2")]
        one.run("ip", "link", "add", f"{name}0", "type", "veth", "peer", "name", f"{name}1", "netns", other.holder)
        for machine, device, address in self.ends:
            machine.run("ip", "address", "add", f"{address}/24", "dev", device)
            machine.run("ip", "link", "set", device, "up")

    def pull(self):
        machine, device, _ = self.ends[0]
        machine.run("ip", "link", "set", device, "down")

    def plug(self):
        machine, device, _ = self.ends[0]
        machine.run("ip", "link", "set", device, "up")
