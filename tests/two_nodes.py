"""A Ray of two nodes: a head and a worker in network namespaces of their own, and a client in a third."""

import shutil
import tempfile
from pathlib import Path

from harness import clean_environment
from namespaces import Cable, Machine

ADDRESS = "http://10.9.1.2:8265"  # as the client's machine sees it


class Cluster:
    """The client's machine reaches the head, the head the worker."""

    def __init__(self, ray):
        self.ray = ray
        self.directory = Path(tempfile.mkdtemp(prefix="dpn-"))
        self.client = Machine()
        self.head = Machine(inside=self.client)
        self.worker = Machine(inside=self.client)
        self.cable = Cable("c", self.client, self.head, "10.9.1")
        Cable("w", self.head, self.worker, "10.9.2")
        (self.directory / "token").write_text("0" * 64)
        self.environment = clean_environment(
            RAY_AUTH_MODE="token",
            RAY_AUTH_TOKEN_PATH=str(self.directory / "token"),
            RAY_USAGE_STATS_ENABLED="0",
            RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="1",
            PATH=f"{Path(ray).parent}:/usr/bin:/bin:/usr/sbin:/sbin",
        )
        self.start(self.head, "--head", "--node-ip-address=10.9.2.1", "--port=6379", "--dashboard-host=0.0.0.0",
                   "--dashboard-port=8265", "--include-dashboard=true", "--num-cpus=1", f"--temp-dir={self.directory}",
                   '--resources={"head": 1}')  # fmt: skip
        self.start_worker()

    def start(self, machine, *words):
        machine.run(self.ray, "start", "--disable-usage-stats", *words, env=self.environment, timeout=120)

    def start_worker(self):
        self.start(self.worker, "--address=10.9.2.1:6379", "--node-ip-address=10.9.2.2", "--num-cpus=1",
                   '--resources={"worker": 1}')  # fmt: skip

    def close(self):
        for machine in (self.worker, self.head, self.client):
            machine.close()
        shutil.rmtree(self.directory, ignore_errors=True)
