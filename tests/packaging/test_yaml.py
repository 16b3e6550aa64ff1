"""Our reading of YAML beside PyYAML's, with which Ray and Dagster read such files."""

import datetime
import json
import math

import pytest
from harness import built, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

yaml = pytest.importorskip("yaml")


def read(where, text):
    path = where / "x.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return run([built("tests/packaging/yaml"), path])


def value_of(where, text):
    done = read(where, text)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


SCALARS = """0 1 -1 +12 007 0o7 017 0x1F 0b101 1_000 1.5 -1.5 1. .5 1e3 1.0e3 1.0e+3 6.02E-23 1_0.5 00.5 -0 -0.0 +.5 -.nan
    true True yes No ON off y n ~ null Null nULL "" '1' "yes" plain text-with-dash a:b 1.2.3 0x 08 1__0 _1 12e03
    18446744073709551615 -9223372036854775808""".split()


@pytest.mark.parametrize("scalar", SCALARS)
def test_a_scalar_means_what_it_means_to_pyyaml(tmp_path, scalar):
    wanted = yaml.safe_load(f"k: {scalar}")
    got = value_of(tmp_path, f"k: {scalar}")
    assert got == wanted and type(got["k"]) is type(wanted["k"])


@pytest.mark.parametrize("scalar", ["2026-11-25", "1:30", "190:20:30", ".inf", "-.INF", ".nan", "99999999999999999999"])
def test_what_json_has_not_is_an_error_with_its_place(tmp_path, scalar):
    wanted = yaml.safe_load(f"[{scalar}]")[0]
    assert not isinstance(wanted, str)
    assert isinstance(wanted, datetime.date | int) or not math.isfinite(wanted)
    done = read(tmp_path, f"a: 1\nb: {scalar}\n")
    assert done.returncode == 1 and f"line 2, column 4: `{scalar}` is " in done.stderr


TREES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.text(), st.sampled_from(SCALARS)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(tree=TREES, flow=st.sampled_from([None, True, False]))
def test_a_document_is_what_pyyaml_has_written(tmp_path, tree, flow):
    text = yaml.safe_dump(tree, allow_unicode=True, default_flow_style=flow)
    if "<<" in text or "\0" in str(tree) or "\\0" in text:
        return
    assert value_of(tmp_path, text) == tree


def test_anchors_are_copied(tmp_path):
    text = "base: &b {x: [1, &n two]}\ncopy: *b\nname: *n\n"
    assert value_of(tmp_path, text) == yaml.safe_load(text)


REFUSED = {
    "a: 1\na: 2\n": "line 2, column 1: `a` is there twice",
    "x: {<<: {a: 1}}\n": "`<<` is not taken",
    "x: !!python/object:os.system a\n": "`tag:yaml.org,2002:python/object:os.system` is a tag that is not taken",
    "x: *no\n": "`no` is an anchor that is not there",
    "x: &a [*a]\n": "`a` is an anchor that is not there",
    "[1]: 2\n": "a key must be a scalar",
    "a: 1\n---\nb: 2\n": "line 2, column 1: one document is wanted",
    "a: [1\n": "line 2",
    "a: 'x\n": "line 2",
    "- " * 70 + "1\n": "deeper than is taken",
    b"a: \xff\n": "line 1",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused_is_named_with_its_place(tmp_path, text):
    done = read(tmp_path, text)
    assert done.returncode == 1 and REFUSED[text] in done.stderr, done.stderr


def test_aliases_cannot_make_a_file_large(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    done = read(tmp_path, "\n".join(lines))
    assert done.returncode == 1 and "makes the document larger than is taken" in done.stderr


def test_an_empty_document_is_null_and_a_json_file_is_left_as_it_is(tmp_path):
    assert value_of(tmp_path, "# nothing\n") is None
    path = tmp_path / "x.json"
    path.write_text('{"a": 1.50}')
    assert run([built("tests/packaging/yaml"), path]).stdout == '{"a": 1.50}\n'
