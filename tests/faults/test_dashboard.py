"""The client against a dashboard with faults: no message lost, none twice, and what cannot be followed ends with a sentence."""

import json
import socket
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness import asset_context, built, clean_environment, dpipes_run, pipes_variables, run

sys.path.insert(0, str(Path(__file__).parent.parent / "fakes"))

from dashboard import HANG_UP, SILENCE, Answer, Dashboard, Job  # noqa: E402


@pytest.fixture(scope="module")
def log():
    """The log of a real program, between two lines of output, the last without a newline."""
    variables = pipes_variables({"data": asset_context("table", extras={"rows": 3})}, {"stdio": "stdout"})
    done = run([built("examples/hello")], env=clean_environment(**variables))
    assert done.returncode == 0
    return "grüße\n".encode() + done.stdout.encode() + b"the end"


@pytest.fixture(scope="module")
def events(log):
    """What one that is told the log at once makes of it."""
    with Dashboard({"job": Job([(0, log)])}) as fake:
        return follow(fake, "job")["job"][:-1]


def follow(fake, *jobs, max_streams=64, timeout=60):
    """For each job its events, and the outcome at the end."""
    program = [built("tests/faults/many_jobs"), fake.address, max_streams, *jobs]
    done = run(program, timeout=timeout)
    assert done.returncode == 0, done.stderr
    told = defaultdict(list)
    for line in done.stdout.splitlines():
        name, _, rest = line.partition(" ")
        told[name].append(json.loads(rest) if rest.startswith("{") else tuple(rest.split(" ", 2)[1:]))
    told["memory"] = int(done.stderr)
    return told


def attach(fake, *words, timeout=60, **environment):
    command = [built("cli/dpipes"), "attach", "--json", "--address", fake.address, *words, "job"]
    done = run(command, timeout, env=clean_environment(**environment))
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, told[:-1], told[-1]


def whole(events):
    return [*events, ("SUCCEEDED", "")]


def test_the_events_are_those_of_the_log(log, events):
    assert [event["event"] for event in events] == ["output", "opened", "log", "materialization", "closed", "output"]
    assert events[-1]["offset"] == len(log)


# ---- The stream is cut ----------------------------------------------------------------------------------------------


def test_cut_at_every_byte_nothing_is_lost_and_nothing_comes_twice(log, events):
    jobs = {f"cut-{at}": Job([(0, log)], ends_after=6, cuts=[at]) for at in range(len(log) + 1)}
    with Dashboard(jobs) as fake:
        told = follow(fake, *jobs, max_streams=len(jobs))
    assert all(job.streams >= 1 for job in jobs.values())
    assert {name: told[name] for name in jobs} == {name: whole(events) for name in jobs}


def test_cut_again_and_again_it_comes_to_its_end(log, events):
    cuts = list(range(0, len(log), 97))
    jobs = {f"job-{n}": Job([(0, log)], ends_after=3, cuts=cuts[n:]) for n in range(4)}
    with Dashboard(jobs) as fake:
        told = follow(fake, *jobs)
    assert {name: told[name] for name in jobs} == {name: whole(events) for name in jobs}
    assert max(job.streams for job in jobs.values()) > 3


def test_cut_at_every_byte_a_growing_log_is_read_on(log, events):
    pieces = [(n * 0.05, log[n * 100 : n * 100 + 100]) for n in range(len(log) // 100 + 1)]
    jobs = {f"cut-{at}": Job(pieces, ends_after=1.5, cuts=[at, at + 1]) for at in range(0, len(log), 11)}
    with Dashboard(jobs) as fake:
        told = follow(fake, *jobs, max_streams=len(jobs))
    assert {name: told[name] for name in jobs} == {name: whole(events) for name in jobs}


@pytest.mark.parametrize("agent", [True, False], ids=["agent", "dashboard"])
def test_what_was_written_in_the_last_moment_is_read_after_the_end(log, events, agent):
    job = Job([(0, log[:500]), (99, log[500:])], ends_after=0.5, agent=agent)  # all is there once it has ended
    with Dashboard({"job": job}) as fake:
        assert follow(fake, "job")["job"] == whole(events)
        assert (fake.count("GET /logs/") > 0) == agent


@pytest.mark.parametrize("chunk", [1, 2, 3, 7])
def test_chunk_borders_may_be_anywhere(log, events, chunk):
    with Dashboard({"job": Job([(0, log)])}, chunk=chunk) as fake:
        assert follow(fake, "job")["job"] == whole(events)


def test_a_server_that_gives_a_byte_at_a_time_is_waited_for(log, events):
    with Dashboard({"job": Job([(0, log[:60]), (9, log[60:])], ends_after=1)}, chunk=1, pause=0.005) as fake:
        assert follow(fake, "job")["job"] == whole(events)


# ---- Answers that are none ------------------------------------------------------------------------------------------

DETAILS = "GET /api/jobs/job"
STREAM = "GET /api/v0/logs/stream"
FILE = "GET /api/v0/logs/file"
WHOLE = f"{FILE} lines=-1 "
AGENT = "GET /logs/"
VERSION = "GET /api/version"
CONNECTION_ENDS = [HANG_UP, 500, 502, 503, 504]


@pytest.mark.parametrize("code", CONNECTION_ENDS, ids=str)
@pytest.mark.parametrize("request_", [DETAILS, STREAM, FILE, WHOLE, AGENT])
def test_an_answer_that_fails_is_asked_for_again(log, events, request_, code):
    job = Job([(0, log)], ends_after=0.5, agent=request_ == AGENT)
    with Dashboard({"job": job}, [Answer(request_, code, b"Server got itself in trouble", times=3)]) as fake:
        assert follow(fake, "job")["job"] == whole(events)
        assert fake.answers[0].times < 3


@pytest.mark.parametrize("request_", [STREAM, FILE, WHOLE])
def test_429_means_later(log, events, request_):
    job = Job([(0, log)], ends_after=0.5, agent=False)
    with Dashboard({"job": job}, [Answer(request_, 429, b"{}", times=2)]) as fake:
        told = follow(fake, "job")["job"]
        assert without_offsets(told) == without_offsets(whole(events))


def without_offsets(told):
    return [{**event, "offset": 0} if isinstance(event, dict) else event for event in told]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"status": 5}', b"\xff\xfe", b'{"status": "HAPPY"}'])
def test_details_that_are_none_are_asked_for_again(log, events, body):
    with Dashboard({"job": Job([(0, log)])}, [Answer(DETAILS, 200, body, times=4)]) as fake:
        assert follow(fake, "job")["job"] == whole(events)


@pytest.mark.parametrize("length", [5, 100_000])
@pytest.mark.parametrize("request_", [DETAILS, FILE, WHOLE])
def test_an_answer_shorter_than_it_says_is_asked_for_again(log, events, request_, length):
    job = Job([(0, log)], ends_after=0.3, agent=False)
    with Dashboard({"job": job}, [Answer(request_, 200, log[:100], length=length, times=2)]) as fake:
        assert follow(fake, "job")["job"] == whole(events)


def test_a_rest_that_is_cut_is_read_on_from_the_dashboard(log, events):
    job = Job([(0, log[:200]), (99, log[200:])], ends_after=0.3, agent=True)
    with Dashboard({"job": job}, [Answer(AGENT, 206, log[200:250], length=5)]) as fake:
        assert follow(fake, "job")["job"] == whole(events)
        assert whole_logs(fake) == 1


@pytest.mark.parametrize("request_", [DETAILS, "GET /nodes"])
def test_a_reply_of_100_mb_where_a_small_one_is_wanted_is_not_kept(log, events, request_):
    answers = [Answer(request_, 200, b" " * 100_000_000), Answer(STREAM, 500, b"", times=2)]
    with Dashboard({"job": Job([(0, log)], ends_after=2)}, answers) as fake:
        told = follow(fake, "job")
        assert told["job"] == whole(events)
        assert fake.count(request_) >= 1
    assert told["memory"] < 100_000


def test_a_file_that_became_shorter_is_not_taken_for_the_log(log, events):
    job = Job([(0, log)], ends_after=0.5, agent=False)
    with Dashboard({"job": job}, [Answer(WHOLE, 200, log[:40], times=2)]) as fake:
        assert follow(fake, "job")["job"] == whole(events)


def test_without_room_for_streams_the_logs_are_polled(log, events):
    jobs = {f"job-{n}": Job([(0, log[:300]), (0.5, log[300:])], ends_after=1) for n in range(20)}
    with Dashboard(jobs) as fake:
        told = follow(fake, *jobs, max_streams=3)
        assert fake.most_streams == 3
    assert {name: told[name] for name in jobs} == {name: whole(events) for name in jobs}


# ---- The log by its last lines, where no agent can be asked ----------------------------------------------------------


def by_lines(job, **dashboard):
    """What is told of it; no stream was opened, and nothing fetched from the first byte on."""
    with Dashboard({"job": job}, **{"logs_requests": True, **dashboard}) as fake:
        told = follow(fake, "job")["job"]
    assert (job.streams, fake.count("GET /api/jobs/job/logs")) == (0, 0)
    assert [request.query["lines"] for request in fake.requests if request.log == "job"].count("-1") <= 1  # at the end
    return told


def test_a_log_that_grows_comes_by_its_last_lines(log, events):
    pieces = [(n * 0.03, log[n * 7 : n * 7 + 7]) for n in range(len(log) // 7 + 1)]
    assert by_lines(Job(pieces, ends_after=3)) == whole(events)


def test_lines_that_are_all_the_same_are_told_apart(log):
    pieces = [(n * 0.02, b"tick\n" * 3) for n in range(100)]
    told = by_lines(Job(pieces, ends_after=3))
    assert [event["offset"] for event in told[:-2]] == list(range(5, 1505, 5))
    assert {event["text"] for event in told[:-2]} == {"tick"}


def test_more_lines_than_were_asked_for_come_by_a_second_request(log, events):
    burst = b"".join(b"%d\n" % n for n in range(20_000))
    told = by_lines(Job([(0, log), (1, b"\n" + burst)], ends_after=3))
    assert [event["text"] for event in told[len(events) :] if isinstance(event, dict)] == burst.decode().split()


@pytest.mark.parametrize("code", [429, HANG_UP, 500, 502], ids=str)
def test_lines_that_are_not_given_are_asked_for_again(log, events, code):
    pieces = [(n * 0.1, log[n * 50 : n * 50 + 50]) for n in range(len(log) // 50 + 1)]
    faults = [Answer(FILE, code, b"{}", times=2)]
    assert without_offsets(by_lines(Job(pieces, ends_after=3), answers=faults)) == without_offsets(whole(events))


def test_two_clients_of_one_job_do_not_mistake_their_lines(log, events):
    pieces = [(n * 0.02, log[n * 5 : n * 5 + 5]) for n in range(len(log) // 5 + 1)]
    job = Job(pieces, ends_after=4)
    with Dashboard({"job": job}, logs_requests=True) as fake, ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: follow(fake, "job")["job"], range(8)))
    assert told == [whole(events)] * 8 and job.streams == 0


def test_a_node_that_others_ask_a_lot_is_asked_for_more_of_its_log(log, events):
    pieces = [(n * 0.1, log[n * 50 : n * 50 + 50]) for n in range(len(log) // 50 + 1)]
    assert by_lines(Job(pieces, ends_after=3), others=300) == whole(events)


def test_where_the_agents_log_tells_nothing_a_stream_is_opened(log, events):
    job = Job([(0, log[:300]), (0.5, log[300:])], ends_after=1)
    with Dashboard({"job": job, "next": Job([(0, log)], ends_after=2)}) as fake:
        told = follow(fake, "job", "next")
        assert told["job"] == whole(events) and told["next"] == whole(events)
        assert job.streams == 1 and fake.count(FILE) < 20


def test_a_line_too_long_to_be_asked_for_again_and_again_comes_by_a_stream():
    line = b"x" * 5_000_000 + b"\n"
    job = Job([(0, b"first\n"), (0.5, line)], ends_after=2)
    with Dashboard({"job": job}, logs_requests=True) as fake:
        told = follow(fake, "job")["job"]
    assert [len(event["text"]) for event in told[:-2]] == [5, 5_000_000] and job.streams == 1


# ---- The end of a long log, where no agent can be asked ---------------------------------------------------------------

TICKS = b"%s\n" % (b"tick" * 24) * 15_000  # every part of it looks like every other


def whole_logs(fake):
    return sum(request.path == "/api/v0/logs/file" and request.query["lines"] == "-1" for request in fake.requests)


def assert_ticks(told):
    """No byte is lost and none comes twice."""
    lines = [event["text"] for event in told if event["event"] == "output"]
    assert "\n".join([*lines, ""]).encode() == TICKS and told[-1]["offset"] == len(TICKS)


def whole_logs_of_ticks(job, **dashboard):
    with Dashboard({"job": job}, **{"logs_requests": True, **dashboard}) as fake:
        *told, end = follow(fake, "job")["job"]
    assert end == ("SUCCEEDED", "")
    assert_ticks(told)
    return whole_logs(fake)


def test_a_long_log_that_the_stream_has_brought_is_not_fetched_again():
    assert whole_logs_of_ticks(Job([(0, TICKS)], ends_after=1)) == 0


def test_what_the_stream_has_not_brought_yet_is_waited_for():
    job = Job([(0, TICKS[:1_200_000]), (99, TICKS[1_200_000:])], ends_after=1)
    assert whole_logs_of_ticks(job, chunk=10_000, pause=0.002) == 0


@pytest.mark.parametrize(
    ("faults", "dashboard"),
    [
        ({"cuts": [1_400_000]}, {}),
        ({"stalls_at": 1_400_000}, {}),
        ({}, {"logs_requests": False}),
    ],
    ids=["cut", "stalled", "no line in the agent's log"],
)
def test_what_cannot_be_known_of_a_long_log_is_fetched(faults, dashboard):
    job = Job([(0, TICKS[:1_300_000]), (99, TICKS[1_300_000:])], ends_after=1, **faults)
    assert whole_logs_of_ticks(job, **dashboard) == 1


@pytest.mark.parametrize("code", [200, 500, HANG_UP], ids=["200", "500", "hang up"])
def test_a_long_log_that_cannot_be_measured_is_fetched(code):
    job = Job([(0, TICKS[:1_300_000]), (99, TICKS[1_300_000:])], ends_after=1)
    fault = Answer(FILE, code, b"", times=2, when=lambda _: job.ended)
    assert whole_logs_of_ticks(job, answers=[fault]) == 1


@pytest.mark.parametrize("version", ["2.60.0", "2.40.0"], ids=["bytes", "text"])
def test_a_long_log_that_is_polled_is_not_fetched_once_more_when_it_is_whole(version):
    jobs = {"first": Job([(0, b"")], ends_after=4), "job": Job([(0, TICKS)], ends_after=3)}
    with Dashboard(jobs, version=version, logs_requests=True) as fake:
        told = follow(fake, "first", "job", max_streams=1)
        last_look = max(n for n, request in enumerate(fake.requests) if request.line == DETAILS)
        lines = [request.query.get("lines", "text") for request in fake.requests[last_look:] if request.log == "job"]
    assert_ticks(told["job"][:-1])
    assert len(lines) == 1 and int(lines[0]) < -1


# ---- Many jobs ------------------------------------------------------------------------------------------------------


def test_500_jobs_at_once_on_one_thread(log, events):
    jobs = {f"job-{n}": Job([(0, log[:200]), (0.5, log[200:700]), (1, log[700:])], ends_after=2) for n in range(500)}
    with Dashboard(jobs) as fake:
        told = follow(fake, *jobs, timeout=120)
        assert fake.most_streams <= 64
    assert {name: told[name] for name in jobs} == {name: whole(events) for name in jobs}
    print(f"{told['memory']} KiB with 500 jobs")


@pytest.mark.parametrize("code", [404, 500, HANG_UP], ids=["404", "500", "hang up"])
def test_an_agent_is_asked_for_what_is_new_and_no_stream_is_opened(log, events, code):
    """Not at first, where it has no log yet; and where it fails, the stream goes on."""
    job = Job([(0.1 * n, log[n * 100 : n * 100 + 100]) for n in range(len(log) // 100 + 1)], ends_after=1.2, agent=True)
    with Dashboard({"job": job}, [Answer(AGENT, code, times=2)]) as fake:
        assert follow(fake, "job")["job"] == whole(events)
        assert (job.streams == 0) == (code == 404)


ELSEWHERE = "http://0.0.0.0:%s"  # connects like 127.0.0.1, and is not known to


@pytest.mark.parametrize("words", [[], ["--header", "X-Secret=of the dashboard's"]], ids=["no secret", "a secret"])
def test_an_agent_elsewhere_is_asked_where_nothing_is_told_that_is_not_for_it(log, events, words):
    """What comes from its caller goes to the dashboard's own machine only."""
    job = Job([(0, log[:500]), (0.5, log[500:])], ends_after=1, agent=True)
    with Dashboard({"job": job}) as fake:
        fake.address = ELSEWHERE % fake.address.rpartition(":")[2]
        code, told, result = attach(fake, *words)
        assert (code, told, result["status"]) == (0, events, "SUCCEEDED")
        assert (fake.count(AGENT) > 0, job.streams > 0) == ((False, True) if words else (True, False))


def test_an_agent_elsewhere_that_does_not_answer_is_asked_once(log, events):
    jobs = {f"job-{n}": Job([(0, log)], ends_after=1 + n, agent=ELSEWHERE % 1) for n in range(3)}
    with Dashboard(jobs) as fake:
        fake.address = ELSEWHERE % fake.address.rpartition(":")[2]
        told = follow(fake, *jobs)
        assert {name: told[name] for name in jobs} == {name: whole(events) for name in jobs}
        assert all(job.streams == 1 for job in jobs.values())


def test_a_server_that_says_later_for_ever_is_asked_for_the_text(log, events):
    """Where 100 streams hang in Ray's state API nothing of it answers any more."""
    job = Job([(0, log)], ends_after=9)
    later = [Answer(begin, 429, times=1000) for begin in (STREAM, FILE)]
    with Dashboard({"job": job}, later) as fake:
        told = follow(fake, "job")["job"]
        assert without_offsets(told[:-1]) == without_offsets(events) and told[-1] == ("SUCCEEDED", "")
        assert fake.count("GET /api/jobs/job/logs") > 1, "it came only at the end"


LIST = "GET /api/jobs/"


def count_lists(fake):
    return sum(request.line == LIST for request in fake.requests)


def test_the_status_of_many_comes_by_one_request(log, events):
    jobs = {f"job-{n}": Job([(0, log)], ends_after=3) for n in range(50)}
    with Dashboard(jobs) as fake:
        told = follow(fake, *jobs)
        assert count_lists(fake) > 0
        assert fake.count("GET /api/jobs/job-") < 50 * 2
    assert {name: told[name] for name in jobs} == {name: whole(events) for name in jobs}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(LIST, 500, b"", times=1),
        Answer(LIST, 200, b"[{", times=1),
        Answer(LIST, 200, b'{"a": 1}', times=1),
        Answer(LIST, 200, b'[null, 3, {"submission_id": "job-1"}, {"submission_id": "job-2", "status": "?"}]', times=1),
        Answer(LIST, 200, b" " * 2_000_000, times=1),
        Answer(LIST, HANG_UP, times=1),
        Answer(LIST, SILENCE, times=1),
    ],
    ids=["500", "garbage", "no array", "no jobs", "too large", "hang up", "silence"],
)
def test_without_a_list_each_is_asked_for(log, events, answer):
    jobs = {f"job-{n}": Job([(0, log)], ends_after=2) for n in range(8)}
    answer.request = f"{LIST} "  # not the details of one
    with Dashboard(jobs, [answer]) as fake:
        told = follow(fake, *jobs)
        assert count_lists(fake) > 0 and answer.times == 0
    assert {name: told[name] for name in jobs} == {name: whole(events) for name in jobs}


def test_one_that_the_list_does_not_name_is_asked_for(log, events):
    jobs = {f"job-{n}": Job([(0, log)], ends_after=2, listed=n > 0) for n in range(8)}
    gone = Job([(0, log)], ends_after=60, forgotten_after=1)
    with Dashboard({**jobs, "gone": gone}) as fake:
        told = follow(fake, *jobs, "gone")
        assert count_lists(fake) > 0
    assert {name: told[name] for name in jobs} == {name: whole(events) for name in jobs}
    assert told["gone"][-1][0] == "DELETED"


# ---- What cannot be followed ----------------------------------------------------------------------------------------


def test_a_job_that_is_forgotten_is_deleted(log):
    with Dashboard({"job": Job([(0, log)], ends_after=60, forgotten_after=0.5)}) as fake:
        code, told, result = attach(fake)
    assert code == 3 and result["ray"]["outcome"] == "DELETED"
    assert "is not known" in result["error"]["message"]
    assert [event["event"] for event in told][:2] == ["output", "opened"]


def test_a_job_that_is_not_there_is_named():
    with Dashboard() as fake:
        code, _, result = attach(fake)
    assert code == 3 and "job job is not known to http" in result["error"]["message"]


def test_a_job_that_failed_has_its_exit_code_and_all_of_its_log(log, events):
    job = Job([(0, log)], status="FAILED", message="Job entrypoint command failed with exit code 3", exit_code=3)
    with Dashboard({"job": job}) as fake:
        code, told, result = attach(fake, "--asset", "table")
    assert (code, result["exit_code"], told) == (1, 3, events)


# ---- The submission -------------------------------------------------------------------------------------------------


def submit(fake, *words, **environment):
    return dpipes_run("--address", fake.address, *words, "--", "true", **environment)


@pytest.mark.parametrize("after", [True, False], ids=["arrived", "lost"])
@pytest.mark.parametrize("code", [HANG_UP, 502, 504], ids=str)
def test_a_lost_answer_to_a_submission_makes_one_job(after, code):
    with Dashboard(answers=[Answer("POST /api/jobs/", code, after=after)]) as fake:
        done = submit(fake)
        assert done.code == 0, done.stderr
        assert len(fake.jobs) == 1
        assert fake.count("POST /api/jobs/") == (1 if after else 2)


def test_a_submission_that_is_refused_has_rays_reason():
    reason = b"Traceback\nValueError: no such thing\n"
    with Dashboard(answers=[Answer("POST /api/jobs/", 500, reason)]) as fake:
        done = submit(fake)
    assert done.code == 3 and "ValueError: no such thing" in done.result["error"]["message"]


def test_a_package_that_is_lost_on_its_way_is_sent_again(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    answers = [Answer("PUT /api/packages/", HANG_UP), Answer("PUT /api/packages/", 502)]
    with Dashboard(answers=answers) as fake:
        done = submit(fake, "--working-dir", tmp_path)
        assert done.code == 0, done.stderr
        assert fake.count("PUT /api/packages/") == 3 and len(fake.packages) == 1 and len(fake.jobs) == 1


def test_a_package_that_is_refused_ends_the_run_before_the_job(tmp_path):
    with Dashboard(answers=[Answer("PUT /api/packages/", 413, b"too large", times=9)]) as fake:
        done = submit(fake, "--working-dir", tmp_path)
        assert done.code == 3 and "HTTP 413: too large" in done.result["error"]["message"]
        assert fake.count("PUT /api/packages/") == 1 and not fake.jobs


# ---- Credentials ----------------------------------------------------------------------------------------------------


def test_a_redirect_takes_no_credentials_to_another_host():
    with Dashboard() as other:
        answers = [Answer(VERSION, 302, headers={"Location": f"{other.address}/api/version"}, times=9)]
        with Dashboard(answers=answers) as fake:
            words = ("--header", "X-Key=secret", "--cookie", "c=secret")
            done = submit(fake, *words, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="secret")
        assert done.code == 3 and "HTTP 302" in done.result["error"]["message"]
        assert not other.requests
    assert "secret" not in done.stderr + json.dumps(done.result)


def test_a_token_is_looked_for_after_a_401(log, events):
    with Dashboard({"job": Job([(0, log)])}, token="t0k3n") as fake:
        code, told, _ = attach(fake, RAY_AUTH_TOKEN="t0k3n")
        assert (code, told) == (0, events)
        code, _, result = attach(fake, RAY_AUTH_TOKEN="wr0ng")
    assert code == 3 and "RAY_AUTH_TOKEN" in result["error"]["message"] and "wr0ng" not in json.dumps(result)


# ---- By hand --------------------------------------------------------------------------------------------------------


def test_the_fake_can_be_used_by_hand(tmp_path, log, events):
    (tmp_path / "log").write_bytes(log)
    program = Path(__file__).parent.parent / "fakes" / "dashboard.py"
    words = [sys.executable, program, "--log", tmp_path / "log", "--ends-after", "0.5", "--cut", "100"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as fake:
        address = fake.stdout.readline().split()[0]
        done = run([built("cli/dpipes"), "attach", "--json", "--address", address, "job"])
        fake.terminate()
    assert [json.loads(line) for line in done.stdout.splitlines()][:-1] == events


def test_a_server_that_says_nothing_ends_with_the_timeout():
    with Dashboard(answers=[Answer(VERSION, SILENCE)]) as fake:
        done = submit(fake, "--timeout", "1")
    assert (done.code, done.result["status"]) == (4, "TIMED_OUT")


def test_nobody_at_the_address_is_told_at_once():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = dpipes_run("--address", f"127.0.0.1:{port}", "--", "true")
    assert done.code == 3 and f"no Ray dashboard answers at http://127.0.0.1:{port}" in done.result["error"]["message"]
