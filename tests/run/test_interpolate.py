"""Values in command lines, as real shells take them, in JSON and in variables."""

import json
import shutil
import subprocess

import pytest
from harness import IN_CI, clean_environment
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

CASES = settings(
    max_examples=300 if IN_CI else 60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
SHELL, JSON, NONE = 0, 1, 2

# Prints its arguments, each with a NUL behind it.
PRINT = "printf '%s\\0' "

HOSTILE = [
    "", " ", "a b", "'", '"', "\\", "\\'", "'\\''", "$(touch broken)", "`touch broken`", ";touch broken", "\n", "a\nb\n",
    "-n", "--", "~", "~root", "*", "?[a-z]*", "$HOME", "${HOME}", "&", "|", "#", "!", "(", ")", "{a,b}", "\t", "é", "\x7f",
    "\x01", "$", "\\\n", '")";touch broken;"$(', "');touch broken;('",
]  # fmt: skip

# Where a value `X` may stand; what the program gets then.
PLACES = {
    "${x}": "X",
    "--x=${x}": "--x=X",
    '"${x}"': "X",
    "'${x}'": "X",
    "\"a '${x}' b\"": "a 'X' b",
    "'a \"${x}\" b'": 'a "X" b',
    "a\"b${x}c\"d'e${x}f'${x}": "abXcdeXfX",
    '"$(printf "%s." ${x})"': "X.",
    '"$(printf "%s." "${x}")"': "X.",
    "\"$(printf '%s.' \"$(printf '%s.' '${x}')\")\"": "X..",
    '"$( (printf %s. ${x}) )"': "X.",
    '"`printf y`"${x}': "yX",
    '$${NOTHING}${x}"$${NOTHING}${x}"': "XX",
    "\\'${x}": "'X",
    '"\\"${x}"': '"X',
    "a#${x}": "a#X",
    '"#"${x} # it\'s': "#X",
}


def arguments(shell, line):
    done = subprocess.run([shell, "-c", line], capture_output=True, timeout=60, env=clean_environment())
    assert done.returncode == 0, done.stderr
    return done.stdout.split(b"\0")[:-1]


def shells():
    found = [shutil.which(name) for name in ("dash", "bash")]
    assert all(found), "dash and bash are wanted"
    return found


def interpolated(parts, text, quoting, value):
    answer = parts.ask("interpolate", text=text, quoting=quoting, values={"x": json.dumps(value)})
    assert "text" in answer, answer
    return answer["text"]


def assert_safe(parts, place, value):
    wanted = PLACES[place].replace("X", value).encode()
    line = interpolated(parts, f"{PRINT} {place}", SHELL, value)
    for shell in shells():
        assert arguments(shell, line) == [wanted], line


@pytest.mark.parametrize("place", PLACES)
def test_no_value_leaves_its_place_in_a_command_line(parts, place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for value in HOSTILE:
        assert_safe(parts, place, value)
    assert list(tmp_path.iterdir()) == []


TEXTS = st.text(
    st.sampled_from("'\"\\$`(){};&|<>#~*?! \t\n-a=é") | st.characters(codec="utf-8", exclude_characters="\0"), max_size=12
)


@CASES
@given(place=st.sampled_from(list(PLACES)), value=TEXTS)
def test_whatever_the_value_is_it_stays_one_word(parts, place, value):
    assert_safe(parts, place, value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@CASES
@given(value=VALUES)
@example(value={"a": [1, True, None, 'x, y: "z']})
def test_json_keeps_the_type_and_texts_have_the_compact_json(parts, value):
    compact = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    got = interpolated(parts, '{"a": ["${x}"], "${x}": "b ${x} $${x}"}', JSON, value)
    assert json.loads(got) == {"a": [value], "${x}": f"b {compact} ${{x}}"}
    assert interpolated(parts, "b ${x}", NONE, value) == f"b {compact}"
