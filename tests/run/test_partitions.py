"""Keys and windows of partitions beside those of Dagster's definitions, over zones, clock changes and ends."""

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest
from harness import IN_CI
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

dg = pytest.importorskip("dagster")
schedules = pytest.importorskip("dagster._utils.schedules")

CASES = settings(
    max_examples=300 if IN_CI else 100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)

KINDS = {"daily": dg.DailyPartitionsDefinition, "hourly": dg.HourlyPartitionsDefinition}
FORMATS = {"daily": "%Y-%m-%d", "hourly": "%Y-%m-%d-%H:%M"}

# Changes of an hour on both halves of the globe, of half an hour, of two; at midnight; offsets of half hours and
# quarters; a negative summer time; offsets that have changed for good; days that there never were.
ZONES = [
    "UTC", "Europe/Berlin", "Europe/Dublin", "Europe/London", "America/New_York", "America/Los_Angeles",
    "America/Sao_Paulo", "America/Havana", "America/Santiago", "America/St_Johns", "Asia/Kolkata", "Asia/Kathmandu",
    "Asia/Tokyo", "Asia/Beirut", "Asia/Tehran", "Asia/Singapore", "Australia/Adelaide", "Australia/Lord_Howe",
    "Australia/Sydney", "Pacific/Chatham", "Pacific/Apia", "Africa/Cairo", "Africa/Casablanca", "Antarctica/Troll",
    "Etc/GMT+5", "EST5EDT", "America/Caracas", "Asia/Pyongyang", "Europe/Moscow",
]  # fmt: skip

CHANGED_BY_A_PART_OF_AN_HOUR = ["Asia/Singapore", "Australia/Lord_Howe", "America/Caracas", "Asia/Pyongyang"]


@pytest.fixture(autouse=True)
def one_season(monkeypatch):
    """Dagster asks for the zone's offset of the day on which it runs; we take a day in July."""

    def has_nonzero_minute_offset(name):
        return datetime(2030, 7, 1, tzinfo=ZoneInfo(name)).utcoffset().total_seconds() % 3600 != 0

    monkeypatch.setattr(schedules, "has_nonzero_minute_offset", has_nonzero_minute_offset)


def dagsters(definition):
    options = dict(definition)
    kind = options.pop("kind", "multi")
    if kind == "multi":
        return dg.MultiPartitionsDefinition({name: dagsters(of) for name, of in options["dimensions"].items()})
    if kind == "static":
        return dg.StaticPartitionsDefinition(options["keys"])
    names = {"start": "start_date", "end": "end_date", "format": "fmt"}
    return KINDS[kind](**{names.get(name, name): value for name, value in options.items()})


def ask(parts, definition, now, **more):
    return parts.ask("partitions", definition=definition, now_ms=round(now.timestamp() * 1000), **more)


def assert_same(parts, definition, now):
    theirs = dagsters(definition)
    keys = list(theirs.get_partition_keys(current_time=now))
    assert ask(parts, definition, now) == {"keys": keys}
    return theirs, keys


def assert_same_window(parts, theirs, definition, now, key):
    window = theirs.time_window_for_partition_key(key)
    wanted = {"is_key": True, "start": window.start.isoformat(), "end": window.end.isoformat()}
    assert ask(parts, definition, now, key=key) == wanted


# ---- Whatever definition -------------------------------------------------------------------------------------------

# By which clocks change, and the ends of years and of February.
CHANGES = [
    datetime(*day)
    for day in [
        (2024, 3, 31), (2024, 10, 27), (2024, 3, 10), (2024, 11, 3), (2024, 4, 7), (2024, 10, 6), (2018, 11, 4),
        (2018, 2, 18), (2011, 12, 30), (2024, 2, 29), (2023, 12, 31), (2016, 5, 1), (2007, 12, 9), (1982, 1, 1),
        (2015, 8, 15), (2018, 5, 5), (2022, 3, 27), (2024, 4, 26), (2024, 10, 31), (2023, 4, 23), (2040, 3, 25),
        (2040, 10, 28), (2014, 10, 26), (2024, 9, 8), (2024, 4, 6),
    ]
]  # fmt: skip


@st.composite
def definitions(draw):
    kind = draw(st.sampled_from(["daily", "hourly"]))
    formats = {
        "daily": ["%Y-%m-%d", "%Y%m%d", "%d/%m/%y", "%Y.%j", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M", "%%%Y-%m-%d"],
        "hourly": ["%Y-%m-%d-%H:%M", "%Y-%m-%d-%H:%M%z", "%Y%m%d%H%M", "%d.%m.%Y %H:%M:%S", "%Y-%m-%dT%H"],
    }
    made = {
        "kind": kind,
        "timezone": draw(st.sampled_from(ZONES)),
        "format": draw(st.sampled_from([FORMATS[kind], *formats[kind]])),
        "minute_offset": draw(st.sampled_from([0, 0, 1, 15, 30, 45, 59])),
        "end_offset": draw(st.sampled_from([0, 0, 0, 1, 2, 30, -1, -3])),
    }
    if kind == "daily":
        made["hour_offset"] = draw(st.sampled_from([0, 0, 1, 2, 3, 4, 12, 23]))
    zone = ZoneInfo(made["timezone"])
    day = draw(st.sampled_from(CHANGES) | st.datetimes(datetime(1975, 1, 1), datetime(2090, 1, 1)))
    day = day.replace(second=0, microsecond=0).timestamp()
    span = {"daily": 86400, "hourly": 3600}[kind]

    def near(low, high):
        moment = day + draw(st.integers(low, high)) * span
        return moment if draw(st.booleans()) else moment + draw(st.integers(0, 86400))

    def text(moment):
        return datetime.fromtimestamp(moment, zone).strftime(made["format"])

    made["start"] = text(near(-40, 1))
    if draw(st.booleans()):
        made["end"] = text(near(-10, 20))
    return made, datetime.fromtimestamp(near(0, 40) + draw(st.sampled_from([0, 0.5])), timezone.utc)


def test_keys_where_a_clock_changed_by_half_an_hour_are_taken_all_the_same(parts):
    definition = {"kind": "hourly", "timezone": "Asia/Singapore", "minute_offset": 30, "start": "1981-12-31-22:30"}
    now = datetime(1982, 1, 1, tzinfo=timezone.utc)
    theirs, keys = assert_same(parts, definition, now)
    assert "1982-01-01-00:00" in keys
    for key in keys:
        assert_same_window(parts, theirs, definition, now, key)


@CASES
@given(case=definitions(), data=st.data())
def test_keys_and_windows_are_dagsters(parts, case, data):
    definition, now = case
    try:
        theirs = dagsters(definition)
        theirs.get_partition_keys(current_time=now)
    except dg.DagsterError:
        assume(False)
    theirs, keys = assert_same(parts, definition, now)
    if keys:
        assert_same_window(parts, theirs, definition, now, data.draw(st.sampled_from(keys)))


@CASES
@given(case=definitions(), keys=st.lists(st.sampled_from(["a", "b b", "c.c", "ü"]), min_size=1, unique=True), data=st.data())
def test_keys_of_two_dimensions_are_dagsters(parts, case, keys, data):
    time, now = case
    # By an end within a partition, or a change by a part of an hour, Dagster has keys that it takes in no range.
    time.pop("end", None)
    assume(time["timezone"] not in CHANGED_BY_A_PART_OF_AN_HOUR)
    names = data.draw(st.permutations(["day", "place"]))
    by_name = dict(zip(names, [time, {"kind": "static", "keys": keys}], strict=True))
    definition = {"dimensions": dict(sorted(by_name.items()))}
    try:
        dagsters(definition).get_partition_keys(current_time=now)
    except dg.DagsterError:
        assume(False)
    theirs, keys = assert_same(parts, definition, now)
    assume(keys and len(keys) < 500)
    one, other = data.draw(st.sampled_from(keys)), data.draw(st.sampled_from(keys))
    assert_same_window(parts, theirs, definition, now, one)
    wanted = list(theirs.get_partition_keys_in_range(dg.PartitionKeyRange(one, other)))
    answer = ask(parts, definition, now, range=f"{one}..{other}")
    assert answer.get("keys", []) == wanted
    assert wanted or "comes after" in answer["error"]
