"""The scheduler on random graphs, beside a model that looks at all steps each time."""

from dataclasses import dataclass, field

import pytest
from harness import IN_CI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

policy = pytest.importorskip("dagster._core.definitions.policy")

CASES = settings(
    max_examples=200 if IN_CI else 100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)

ENDED = ("SUCCESS", "FAILURE", "SKIPPED", "CANCELED")
STEPS_MAX = 9


# ---- Cases ----------------------------------------------------------------------------------------------------------


@st.composite
def policies(draw):
    return {
        "max": draw(st.integers(0, 2)),
        "delay": draw(st.sampled_from([0, 0.1, 0.7])),
        **draw(st.sampled_from([{}, {"backoff": "linear"}, {"backoff": "exponential"}])),
    }


@st.composite
def steps(draw, i):
    tags = draw(st.dictionaries(st.sampled_from(["gpu", "db"]), st.sampled_from(["x", "y", "z"])))
    priority = draw(st.integers(-1, 1))
    return {
        "name": f"s{i}",
        "entrypoint": "true",
        "needs": sorted(draw(st.sets(st.sampled_from([f"s{k}" for k in range(i)])))) if i else [],
        "when": draw(st.sampled_from(["all_success"] * 3 + ["all_done", "one_failed"])),
        "retries": draw(policies()),
        "tags": {**tags, "dagster/priority": str(priority)},
    }


limits = st.fixed_dictionaries(
    {"key": st.sampled_from(["gpu", "db"]), "limit": st.integers(1, 3)},
    optional={"value": st.sampled_from(["x", "y", {"applyLimitPerUniqueValue": True}])},
)


@st.composite
def cases(draw):
    count = draw(st.integers(1, STEPS_MAX))
    executor = {"tag_concurrency_limits": draw(st.lists(limits, max_size=3))}
    if draw(st.booleans()):
        executor["max_concurrent"] = draw(st.integers(1, 3))
    outcome = st.sampled_from(["success"] * 4 + ["failure"] * 2 + ["final"])
    attempt = st.tuples(st.sampled_from([0, 100, 200, 500]), outcome)
    return {
        "graph": {
            "name": "g",
            "executor": {"ray": {**executor, "retries": draw(st.sampled_from(["enabled", "enabled", "disabled", "deferred"]))}},
            "steps": [draw(steps(i)) for i in range(count)],
        },
        "attempts": [draw(st.lists(attempt, min_size=1, max_size=4)) for _ in range(count)],
    }


# ---- The model ------------------------------------------------------------------------------------------------------


@dataclass
class Model:
    """What is known of a run at a moment. Every question is answered from the steps' states alone."""

    case: dict
    statuses: list = field(default_factory=list)
    attempts: list = field(default_factory=list)
    retry_at: dict = field(default_factory=dict)
    canceled: bool = False

    def __post_init__(self):
        self.steps = self.case["graph"]["steps"]
        self.executor = self.case["graph"]["executor"]["ray"]
        self.statuses = self.statuses or ["WAITING"] * len(self.steps)
        self.attempts = self.attempts or [0] * len(self.steps)
        self.before = list(self.attempts)

    def needs(self, i):
        return [self.statuses[int(name[1:])] for name in self.steps[i]["needs"]]

    def is_over(self, status):
        return status in ENDED or (status == "UP_FOR_RETRY" and self.executor["retries"] == "deferred")

    def is_hopeless(self, i):
        """It will not run, whatever comes."""
        needs, when = self.needs(i), self.steps[i]["when"]
        over = [need for need in needs if self.is_over(need)]
        if when == "all_success":
            return any(need != "SUCCESS" for need in over)
        return when == "one_failed" and 0 < len(over) == len(needs) and "FAILURE" not in needs

    def is_ready(self, i, now):
        if self.statuses[i] == "UP_FOR_RETRY":
            return self.executor["retries"] == "enabled" and self.retry_at[i] <= now
        return self.statuses[i] == "WAITING" and all(map(self.is_over, self.needs(i))) and not self.is_hopeless(i)

    def running(self):
        return [i for i, status in enumerate(self.statuses) if status == "RUNNING"]

    def fits(self, i):
        running = self.running()
        if len(running) >= self.executor.get("max_concurrent", 1000):
            return False
        return all(self.has_room(limit, i, running) for limit in self.executor["tag_concurrency_limits"])

    def has_room(self, limit, i, running):
        wanted = limit.get("value")
        own = self.steps[i]["tags"].get(limit["key"])
        if own is None or (isinstance(wanted, str) and wanted != own):
            return True
        values = [self.steps[k]["tags"].get(limit["key"]) for k in running]
        if wanted is not None:  # one value, or the own one
            values = [value for value in values if value == own]
        return sum(value is not None for value in values) < limit["limit"]

    def could_start(self, now):
        """The steps that are ready and fit, with the first one first."""
        able = [i for i in range(len(self.steps)) if not self.canceled and self.is_ready(i, now) and self.fits(i)]
        return sorted(able, key=lambda i: (-int(self.steps[i]["tags"]["dagster/priority"]), i))

    def outcome(self, i):
        """What the attempt that ends comes to, and when the next one may begin."""
        given = self.case["attempts"][i]
        outcome = given[min(self.attempts[i], len(given)) - 1][1]
        retries, tried = self.steps[i]["retries"], self.attempts[i] - self.before[i]
        if self.canceled:
            return "CANCELED", 0
        if outcome == "success":
            return "SUCCESS", 0
        if outcome == "final" or tried > retries["max"] or self.executor["retries"] == "disabled":
            return "FAILURE", 0
        backoff = policy.Backoff[retries["backoff"].upper()] if "backoff" in retries else None
        return "UP_FOR_RETRY", policy.calculate_delay(tried, backoff, None, round(1000 * retries["delay"]))

    def take(self, what, i, now):
        if what == "RUNNING":
            able = self.could_start(now)
            assert able[:1] == [i], f"{i} starts, and {able} could"
            self.attempts[i] += 1
        elif self.statuses[i] == "RUNNING":
            expected, delay = self.outcome(i)
            assert what == expected
            self.retry_at[i] = now + delay
        elif what == "CANCELED":
            assert self.canceled
            assert self.statuses[i] in ("WAITING", "UP_FOR_RETRY")
        else:
            assert (what, self.statuses[i]) == ("SKIPPED", "WAITING")
            assert self.is_hopeless(i)
        self.statuses[i] = what

    def assert_nothing_could_start(self, now):
        assert self.could_start(now) == []
        left = [i for i, s in enumerate(self.statuses) if s == "WAITING" and self.is_hopeless(i) and not self.canceled]
        assert left == [], "to be skipped at once"

    def result(self):
        if self.canceled:
            return "CANCELED"
        return "FAILURE" if {"FAILURE", "UP_FOR_RETRY"} & set(self.statuses) else "SUCCESS"


def replay(model, events, cancel_at=float("inf")):
    """Takes the events, and asks at the end of each moment whether anything was left undone."""
    for i, (what, step, now) in enumerate(events):
        is_dropped = what == "CANCELED" and model.statuses[step] != "RUNNING"
        model.canceled = model.canceled or now > cancel_at or (now == cancel_at and is_dropped)
        model.take(what, step, now)
        if i + 1 == len(events) or events[i + 1][2] > now:
            model.canceled = model.canceled or now >= cancel_at
            model.assert_nothing_could_start(now)
    assert not model.running()


def assert_ended_as(model, answer):
    ended = (answer["statuses"], answer["attempts"], answer["result"])
    assert ended == (model.statuses, model.attempts, model.result())


def drive(parts, case, **more):
    answer = parts.ask("plan", **case, **more)
    assert "error" not in answer, answer["error"]
    return answer


# ---- Claims ---------------------------------------------------------------------------------------------------------


@CASES
@given(case=cases())
def test_steps_start_in_order_within_limits_and_as_soon_as_they_can(parts, case):
    answer = drive(parts, case)
    model = Model(case)
    replay(model, answer["events"])
    assert_ended_as(model, answer)


@CASES
@given(case=cases(), cut=st.integers(1, 4 * STEPS_MAX))
def test_a_run_that_is_cut_and_goes_on_ends_in_the_same_way(parts, case, cut):
    answer = drive(parts, case, cut=cut)
    model = Model(case)
    replay(model, answer["events"])
    assert_ended_as(model, answer)
    whole = drive(parts, case)
    assert (answer["statuses"], answer["attempts"]) == (whole["statuses"], whole["attempts"])


@CASES
@given(case=cases(), cancel_at=st.sampled_from([1, 100, 150, 600]), cut=st.integers(0, 2 * STEPS_MAX))
def test_a_run_that_is_canceled_starts_nothing_more(parts, case, cancel_at, cut):
    answer = drive(parts, case, cancel_at_ms=cancel_at, cut=cut)
    model = Model(case)
    replay(model, answer["events"], cancel_at)
    model.canceled = answer["result"] == "CANCELED"  # or it has ended before
    assert_ended_as(model, answer)


@CASES
@given(case=cases(), cut=st.integers(0, 8 * STEPS_MAX))
def test_a_run_from_its_failure_begins_anew_what_has_not_succeeded(parts, case, cut):
    first = drive(parts, case)
    answer = drive(parts, case, from_failure=True, cut=cut)
    goes_on = len(first["events"])
    model = Model(case)
    replay(model, answer["events"][:goes_on])
    again = Model(case, [s if s == "SUCCESS" else "WAITING" for s in model.statuses], list(model.attempts))
    replay(again, answer["events"][goes_on:])
    assert_ended_as(again, answer)
