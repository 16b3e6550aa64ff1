"""The processes, sockets and directories that a command has started or made, itself or by others."""

import contextlib
import os
import shutil
import signal
import socket
import tempfile
import time
import uuid
from pathlib import Path


class Trace:
    """An environment in which everything that is started is found again: by a variable of its own, or, since Ray's
    workers overwrite their environment, by an open file or a working directory in a TMPDIR of its own."""

    def __init__(self, environment):
        self.mark = f"DPIPES_TEST_MARK={uuid.uuid4()}"
        # Short: Ray makes sockets in it, whose paths have little room.
        self.directory = tempfile.mkdtemp(prefix="dpt-")
        name, value = self.mark.split("=")
        self.environment = {**environment, name: value, "TMPDIR": self.directory}

    def close(self):
        """Ends what is left, after a test that has failed."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.directory, ignore_errors=True)

    def pids(self):
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and self.is_ours(entry)]

    def is_ours(self, process):
        inside = self.directory.encode()
        if self.mark.encode() in contents(process / "environ") or inside in contents(process / "cmdline"):
            return True
        return any(link.startswith(self.directory) for link in links(process))

    def command_lines(self):
        return [contents(Path(f"/proc/{pid}/cmdline")).replace(b"\0", b" ").decode() for pid in self.pids()]

    def left(self):
        """What is there still, in words; nothing when it is empty."""
        return self.command_lines() + os.listdir(self.directory)

    def wait_until_nothing_is_left(self, seconds=20):
        wait_until(lambda: not self.left(), seconds, lambda: f"left: {self.left()}")

    def listeners(self):
        """The (address, port) that our processes listen on by TCP."""
        inodes = {link for pid in self.pids() for link in links(Path(f"/proc/{pid}")) if link.startswith("socket:")}
        return [address for inode, address in tcp_listeners() if f"socket:[{inode}]" in inodes]


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what()
        time.sleep(0.05)


def free_port():
    """One that nobody listens on, a moment ago."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def contents(path):
    """A file of a process, which may end at any moment."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def links(process):
    """Where its descriptors and its working directory lead."""
    try:
        names = [process / "cwd", *(process / "fd").iterdir()]
    except OSError:
        return []
    return [link for link in map(read_link, names) if link]


def read_link(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


def tcp_listeners():
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                host, port = fields[1].split(":")
                yield fields[9], (host_of(host), int(port, 16))


def host_of(words):
    """The kernel writes an address as 32-bit words of the machine's byte order."""
    raw = b"".join(int(words[i : i + 8], 16).to_bytes(4, "little") for i in range(0, len(words), 8))
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)
