"""A Ray dashboard that misbehaves on request: what the client asks for, and faults that a real one cannot be made to show.

    python tests/fakes/dashboard.py [--port N] [--log FILE] [--ends-after S] [--cut BYTES]

serves one job, `job`, whose log is that of FILE, until Ctrl-C. A test makes a Dashboard of its own and sets its faults.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import select
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

NODE = "f" * 56
HANG_UP = object()  # instead of an answer's code: the connection is closed without one
SILENCE = object()  # … stays open without one


@dataclass
class Job:
    """A log that is there whole, or grows: pieces of (seconds from the first look at the job, bytes)."""

    pieces: list
    ends_after: float = 0.2  # seconds from the first look
    status: str = "SUCCEEDED"
    message: str = "Job finished successfully."
    exit_code: int = 0
    cuts: list = field(default_factory=list)  # of the n-th stream: after so many bytes of the log; None: never
    stalls_at: int | None = None  # so many bytes are all that a stream brings, and it stays open
    forgotten_after: float = float("inf")
    listed: bool = True  # it is in the list of all jobs
    agent: bool | str = False  # the node's agent, which is here or at that address, can be asked for the log
    began: float | None = None
    streams: int = 0

    @property
    def age(self):
        self.began = self.began or time.monotonic()
        return time.monotonic() - self.began

    @property
    def ended(self):
        return self.age >= self.ends_after

    def log(self):
        return b"".join(text for at, text in self.pieces if self.ended or at <= self.age)

    def details(self, name, address):
        return {
            "type": "SUBMISSION",
            "job_id": None,
            "submission_id": name,
            "status": self.status if self.ended else "RUNNING",
            "entrypoint": "x",
            "message": self.message if self.ended else "Job is currently running.",
            "error_type": None,
            "start_time": 1,
            "end_time": 2 if self.ended else None,
            "metadata": {},
            "runtime_env": {},
            "driver_agent_http_address": address if self.agent is True else self.agent or None,
            "driver_node_id": NODE,
            "driver_exit_code": self.exit_code if self.ended else None,
        }


@dataclass
class Answer:
    """Instead of the right answer, to the next `times` requests that begin so; a space at its end: that are no longer."""

    request: str  # "GET /api/jobs/", "GET /api/v0/logs/file lines=-1 "
    code: object = 200
    body: bytes = b""
    times: int = 1
    headers: dict = field(default_factory=dict)
    length: int = 0  # added to the true Content-Length
    after: bool = False  # what the request asks for is done before
    when: object = None  # a function of the request, which says whether it is meant


@dataclass
class Request:
    method: str
    path: str
    query: dict
    headers: dict
    body: bytes

    @property
    def line(self):
        return f"{self.method} {self.path}"

    @property
    def log(self):
        """The name of the job whose log is asked for; empty: none is."""
        words = self.path.split("/")
        by_text = words[3] if words[1:3] == ["api", "jobs"] and words[4:] == ["logs"] else ""
        return self.query.get("filename", "").removesuffix(".log").partition("job-driver-")[2] or by_text


class Dashboard:
    """`with Dashboard(jobs) as fake:` serves in a thread. `jobs` is a mapping, or a function from a name to a Job."""

    def __init__(
        self,
        jobs=None,
        answers=(),
        port=0,
        token=None,
        chunk=None,
        pause=0.0,
        version="2.60.0",
        max_streams=float("inf"),
        logs_requests=False,
        others=0,
    ):
        self.jobs = {} if jobs is None else jobs
        self.answers = list(answers)
        self.port = port
        self.token = token
        self.chunk = chunk  # bytes of a chunk of the log, and of a write of any other body; None: as they come
        self.pause = pause  # seconds after each
        self.version = version
        self.max_streams = max_streams  # with so many open there is no log but as text: 429
        self.agents_own_log = [] if logs_requests else None  # None: warnings alone, so logs are streamed
        self.others = others  # requests of others, after each that is in the agent's log
        self.requests = []
        self.streams = set()  # their sockets
        self.most_streams = 0
        self.refused = 0  # by 429
        self.packages = {}

    # ---- The thread ----

    def __enter__(self):
        ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.serve(ready)))
        self.thread.start()
        ready.wait()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join()

    async def serve(self, ready):
        self.loop, self.stop = asyncio.get_running_loop(), asyncio.Event()
        self.tasks = set()
        server = await asyncio.start_server(self.connected, "127.0.0.1", self.port, backlog=1000)
        self.address = "http://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
        ready.set()
        await self.stop.wait()
        server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def connected(self, reader, writer):
        task = asyncio.current_task()
        self.tasks.add(task)
        try:
            while (request := await self.read(reader)) and await self.answer(request, reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.tasks.discard(task)
            writer.close()

    async def read(self, reader):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        url = urlsplit(target)
        request = Request(method, url.path, {k: v[0] for k, v in parse_qs(url.query).items()}, headers, body)
        self.requests.append(request)
        return request

    def count(self, begin):
        return sum(request.line.startswith(begin) for request in self.requests)

    # ---- Answers ----

    def fault_for(self, request):
        for answer in self.answers:
            line = f"{request.line} lines={request.query.get('lines')} "
            meant = line.startswith(answer.request) and (not answer.when or answer.when(request))
            if answer.times > 0 and meant:
                answer.times -= 1
                return answer
        return None

    async def answer(self, request, reader, writer):
        """Whether the connection goes on."""
        fault = self.fault_for(request)
        if fault and not fault.after:
            return await self.misbehave(fault, writer)
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            return await self.send(writer, 401, b"Unauthorized: Missing authentication token")
        if request.path.startswith("/api/v0/logs/") and self.open_streams() >= self.max_streams:
            self.refused += 1
            return await self.send(writer, 429, b"{}")
        if request.path == "/api/v0/logs/stream" and not fault:
            return await self.stream(request, reader, writer)
        code, body, headers = self.respond(request)
        if fault:
            return await self.misbehave(fault, writer)
        return await self.send(writer, code, body, headers)

    async def misbehave(self, fault, writer):
        if fault.code is SILENCE:
            await self.stop.wait()
        if fault.code in (HANG_UP, SILENCE):
            return False
        await self.send(writer, fault.code, fault.body, fault.headers, fault.length)
        return fault.length == 0

    async def send(self, writer, code, body, headers=None, length=0):
        lines = [f"HTTP/1.1 {code} X", f"Content-Length: {len(body) + length}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        for piece in self.pieces(body):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(self.pause)
        return True

    def pieces(self, body):
        size = self.chunk or max(len(body), 1)
        return [body[i : i + size] for i in range(0, len(body), size)]

    def find(self, name):
        return self.jobs(name) if callable(self.jobs) else self.jobs.get(name)

    def respond(self, request):
        """Code, body and headers of the right answer."""
        parts = request.path.strip("/").split("/")
        if request.path == "/api/version":
            return self.as_json({"version": "4", "ray_version": self.version, "ray_commit": "x", "session_name": "s"})
        if request.path == "/nodes":
            return self.as_json({"data": {"summary": [{"raylet": {"nodeId": NODE, "state": "ALIVE"}}]}})
        if parts[:2] == ["api", "packages"]:
            return self.package(request, parts[-1])
        if request.line == "POST /api/jobs/":
            return self.submit(json.loads(request.body))
        if request.line == "GET /api/jobs/":
            return self.as_json(self.list())
        if parts[:2] == ["api", "jobs"] and len(parts) > 2:
            return self.job(request, *parts[2:])
        if request.path == "/api/v0/logs/file":
            return self.log_file(request)
        if parts[0] == "logs":
            return self.agents_log(request, parts[1])
        return 404, b"404: Not Found", {}

    def as_json(self, value):
        return 200, json.dumps(value).encode(), {"Content-Type": "application/json; charset=utf-8"}

    def submit(self, job):
        name = job["submission_id"]
        if self.find(name):
            return 500, f"Job with submission_id {name} already exists.".encode(), {}
        self.jobs[name] = submitted = self.new_job(job)
        submitted.runtime_env = job["runtime_env"]
        return self.as_json({"job_id": name, "submission_id": name})

    def new_job(self, job):
        """What becomes of a submission."""
        return Job([(0, b"")])

    def list(self):
        jobs = {} if callable(self.jobs) else self.jobs
        return [job.details(name, self.address) for name, job in jobs.items() if job.listed and job.age <= job.forgotten_after]

    def job(self, request, name, action=""):
        job = self.find(name)
        if not job or job.age > job.forgotten_after:
            return 404, f"Job {name} does not exist".encode(), {}
        if action == "stop":
            job.ends_after, job.status = 0, "STOPPED"
            return self.as_json({"stopped": True})
        if action == "logs":
            return self.as_json({"logs": job.log().decode(errors="replace")})
        details = job.details(name, self.address)
        details["runtime_env"] = getattr(job, "runtime_env", {})
        return self.as_json(details)

    def package(self, request, name):
        if request.method == "PUT":
            self.packages[name] = request.body
        return (200, b"", {}) if name in self.packages else (404, b"Package does not exist", {})

    # ---- Logs ----

    def job_of_log(self, filename):
        return self.find(filename.removeprefix("job-driver-").removesuffix(".log"))

    def log_file(self, request):
        lines = int(request.query["lines"])
        if request.query["filename"] == "dashboard_agent.log":
            return 200, "".join((self.agents_own_log or [])[-lines:]).encode(), {}
        log = self.job_of_log(request.query["filename"]).log()
        last = log if lines == -1 else b"".join(log.splitlines(keepends=True)[-lines:]) if lines > 0 else b""
        if self.agents_own_log is not None:
            places = [f"from {len(log) - len(last)} to {len(log)} for lines={lines}", *["from 0 to 9 for lines=3"] * self.others]
            self.agents_own_log += [f"INFO log_agent.py:401 -- Tailing logs {place}, with keep_alive=-1\n" for place in places]
        return 200, last, {}

    def agents_log(self, request, filename):
        log = self.job_of_log(filename).log()
        if "range" not in request.headers:
            return 200, log, {}
        begin = int(request.headers["range"].removeprefix("bytes=").removesuffix("-"))
        return (206, log[begin:], {}) if begin < len(log) else (416, b"", {})

    async def stream(self, request, reader, writer):
        job = self.job_of_log(request.query["filename"])
        cut = job.cuts[job.streams] if job.streams < len(job.cuts) else None
        job.streams += 1
        socket = writer.get_extra_info("socket")
        self.streams.add(socket)
        self.most_streams = max(self.most_streams, self.open_streams())
        try:
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            return await self.send_stream(job, cut, reader, writer)
        finally:
            self.streams.discard(socket)

    def open_streams(self):
        """Those that the client has not closed: the kernel knows at once, the loop only when its turn comes."""
        hung_up = select.poll()
        left = [socket for socket in self.streams if socket.fileno() >= 0]
        for socket in left:
            hung_up.register(socket, select.POLLRDHUP)
        return len(left) - len(hung_up.poll(0))

    async def send_stream(self, job, cut, reader, writer):
        sent = 0
        while sent != cut and not reader.at_eof():
            text = job.log()[sent:cut][: None if job.stalls_at is None else max(job.stalls_at - sent, 0)]
            for piece in self.pieces(text):
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                await writer.drain()
                await asyncio.sleep(self.pause)
            sent += len(text)
            if not text:
                await asyncio.sleep(0.02)
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=argparse.FileType("rb"))
    parser.add_argument("--ends-after", type=float, default=5.0)
    parser.add_argument("--cut", type=int, action="append", default=[], help="of the first stream, the second, …")
    options = parser.parse_args()
    job = Job([(0, options.log.read() if options.log else b"")], options.ends_after, cuts=options.cut)
    with Dashboard({"job": job}, port=options.port) as fake, contextlib.suppress(KeyboardInterrupt):
        print(f"{fake.address} has the job `job`", flush=True)
        for seen in itertools.count():
            while len(fake.requests) <= seen:
                time.sleep(0.05)
            print(fake.requests[seen].line, flush=True)


if __name__ == "__main__":
    main()
