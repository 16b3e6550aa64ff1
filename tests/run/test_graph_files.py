"""Graph files: `dpipes check`, and schema/graph.schema.json beside it."""

import json
import re
import xml.etree.ElementTree as ElementTree

import jsonschema
import pytest
import yaml
from harness import ROOT, built, clean_environment, run

SCHEMA = jsonschema.Draft202012Validator(json.loads((ROOT / "schema/graph.schema.json").read_text()))
STEP = "name: g\nsteps:\n- name: a\n  entrypoint: x\n"
TAIL = "\nsteps: [{name: a, entrypoint: x}]"


def dpipes(*words, **variables):
    return run([built("cli/dpipes"), *words], env=clean_environment(**variables))


def graph_file(where, text, name="g.yaml"):
    path = where / name
    path.write_text(text)
    return path


GOOD = [
    STEP,
    f"name: g\nlauncher: ray{TAIL}",
    f"name: g\ntags: {{a: b, c: {{env: HERE}}, dagster-ray/config: {{num_cpus: 0, memory: null}}}}{TAIL}",
    f"name: g\ntags: {{dagster-ray/config: '{{\"num_gpus\": 1}}'}}{TAIL}",
    f"name: g\nlauncher: {{timeout: 1800, ray: {{num_cpus: null, metadata: {{a: {{b: 1}}}}}}}}{TAIL}",
    f"name: g\nexecutor: in_process{TAIL}",
    f"name: g\nexecutor: {{in_process: {{max_concurrent: 2, retries: {{deferred: {{}}}}}}}}{TAIL}",
    f"name: g\nexecutor: {{ray: {{address: {{env: HERE}}, memory: {{env: NUMBER}}, verify: false, env_vars: [A=1, B]}}}}{TAIL}",
    "name: g\nexecutor:\n  ray:\n    tag_concurrency_limits: [{key: k, value: {applyLimitPerUniqueValue: true}, limit: 1}]"
    + TAIL,
    f"name: g\npartitions: [a, b]{TAIL}",
    f"name: g\npartitions: {{daily: {{start: '2024-01-01', timezone: Europe/Berlin, hour_offset: 3}}}}{TAIL}",
    f"name: g\npartitions: {{multi: {{a: [x], b: {{hourly: {{start: '2024-01-01-00:00', end_offset: -1}}}}}}}}{TAIL}",
    STEP + "  extras: {id: '${run_id}', kept: '$${HOME}'}\n",
    STEP + "  needs: []\n  assets: [t]\n  checks: [c, {name: d, blocking: true}]\n",
    STEP + "  retries: {max: 3, delay: 0.5, backoff: linear, jitter: full}\n  timeout: {env: NUMBER}\n",
    STEP + "  tags: {dagster/priority: 3, dagster-ray/config: {num_cpus: 0, resources: {x: 1}}, k: v}\n",
    STEP + "  tags: {dagster/priority: '-3', dagster-ray/config: '{\"num_cpus\": 1}'}\n",
    STEP + "  extras: {env: x, a: [1, {env: HERE}]}\n  env: {A: {env: HERE}}\n  when: one_failed\n  code_version: '1'\n",
]
# A schema can tell that these are wrong.
BAD = {
    "name: g\n": "1:1: `steps` is missing",
    "steps: []\n": "1:1: `name` is missing",
    "name: g\nsteps: []\n": "2:8: steps: wants 1 to 100000 steps",
    "name: g\nsteps:\n- name: a\n": "3:3: steps[0]: `entrypoint` is missing",
    STEP + "  timeot: 3\n": "5:3: steps[0].timeot: is no key; is it `timeout`?",
    STEP + "  timeout: soon\n": "5:12: steps[0].timeout: wants seconds",
    STEP + "  timeout: 0\n": "5:12: steps[0].timeout: wants seconds",
    STEP + "  needs: a\n": "5:10: steps[0].needs: wants a list",
    STEP + "  when: never\n": "5:9: steps[0].when: `never` is none of its words",
    STEP + "  code_version: 1\n": "5:17: steps[0].code_version: wants a text",
    STEP + "  retries: {max: -1}\n": "5:18: steps[0].retries.max: wants a whole number from 0",
    STEP + "  retries: {jitter: full}\n": "5:12: steps[0].retries: backoff and jitter want a `delay`",
    STEP + "  checks: [{blocking: true}]\n": "5:12: steps[0].checks[0]: `name` is missing",
    STEP + "  assets: [t, t]\n": "5:15: steps[0].assets[1]: the asset `t` is made by step `a` already",
    STEP + "  env: {A=B: x}\n": "5:14: steps[0].env.A=B: no environment variable can have this name",
    STEP + "  tags: {dagster-ray/config: {address: x}}\n": "5:31: steps[0].tags.dagster-ray/config.address: is no key",
    STEP + "  tags: {dagster/priority: high}\n": "5:28: steps[0].tags.dagster/priority: wants a whole number",
    "name: ''" + TAIL: "1:7: name: a name has 1 to 200 bytes",
    'name: "a\\eb"' + TAIL: "1:7: name: the name has a control character, U+001B",
    "name: g\nlauncher: kube" + TAIL: "2:11: launcher: `kube` is none of its words, `ray`",
    "name: g\nlauncher: {ray: {max_concurrent: 1}}" + TAIL: "2:18: launcher.ray.max_concurrent: is no key",
    "name: g\nexecutor: {ray: {}, in_process: {}}" + TAIL: "2:11: executor: wants one of in_process and ray",
    "name: g\nexecutor: {ray: {num_cpus: -1}}" + TAIL: "2:28: executor.ray.num_cpus: wants a number from 0 on",
    "name: g\nexecutor: {ray: {headers: {A: 1}}}" + TAIL: "2:27: executor.ray.headers: wants an object of texts",
    "name: g\nexecutor: {ray: {env_vars: [=1]}}" + TAIL: "2:28: executor.ray.env_vars: wants a list of KEY=VALUE",
    "name: g\nexecutor: {ray: {tag_concurrency_limits: [{key: k}]}}" + TAIL: "`limit` is missing",
    "name: g\npartitions: []" + TAIL: "2:13: partitions: keys: there must be one at least",
    "name: g\npartitions: [a, a]" + TAIL: "2:13: partitions: keys: `a` is there twice",
    "name: g\npartitions: {daily: {}}" + TAIL: "2:21: partitions.daily: `start` is missing",
    "name: g\npartitions: {hourly: {start: x, hour_offset: 1}}" + TAIL: "hour_offset: is no key",
    "name: g\npartitions: {multi: {a: [x]}}" + TAIL: "2:13: partitions: dimensions: there are 1, and must be 2",
    "name: g\npartitions: {multi: {a: [x], b: {multi: {}}}}" + TAIL: "partitions.multi.b.multi: is no key",
}
# Here it cannot.
BAD_IN_MEANING = {
    STEP + "- {name: a, entrypoint: x}\n": "5:10: steps[1].name: there is a step `a` already, steps[0]",
    STEP + "  needs: [b]\n- {name: b, entrypoint: x, needs: [a]}\n": "5:10: steps[0].needs: cycle: a → b → a",
    STEP + "  needs: [trian]\n- {name: train, entrypoint: x}\n": "there is no step `trian`; is it `train`?",
    STEP + "  assets: [t]\n- {name: b, entrypoint: x, assets: [t]}\n": "the asset `t` is made by step `a` already",
    STEP + "  checks: [c]\n": "5:12: steps[0].checks[0]: `asset` is missing",
    STEP + "  assets: [t]\n  checks: [{name: c, asset: u}]\n": "the step has no asset `u`",
    "name: g\npartitions: {daily: {start: '2024-13-01'}}" + TAIL: "2:13: partitions: start: `2024-13-01` is no date",
    STEP + "  extras: {a: ['${run}']}\n": "5:16: steps[0].extras.a[0]: `${run}`: is no name",
    STEP + "  env: {A: 'x ${partition_kye}'}\n": "5:12: steps[0].env.A: `${partition_kye}`: is no name; is it `partition_key`?",
    STEP + "  env: {A: '${partition_key}'}\n": "5:12: steps[0].env.A: `${partition_key}`: the graph has no partitions",
    STEP + "- {name: b, entrypoint: '${upstream.a.k}'}\n": "`${upstream.a.k}`: the step `a` is not among this one's `needs`",
    STEP + "- {name: b, needs: [a], entrypoint: '${upstream.aa.k}'}\n": "there is no step `aa`; is it `a`?",
    STEP + "  extras: {a: [{env: DPI_UNSET}]}\n": "steps[0].extras.a[0]: the environment variable `DPI_UNSET` is not set",
}


@pytest.mark.parametrize("text", GOOD)
def test_a_good_graph_is_good_for_both(tmp_path, text):
    SCHEMA.validate(yaml.safe_load(text))
    done = dpipes("check", graph_file(tmp_path, text), HERE="here", NUMBER="5")
    assert done.returncode == 0 and ": g: 1 step, " in done.stdout, done.stderr


@pytest.mark.parametrize("text", BAD)
def test_a_bad_graph_is_bad_for_both(tmp_path, text):
    assert not SCHEMA.is_valid(yaml.safe_load(text))
    path = graph_file(tmp_path, text)
    done = dpipes("check", path)
    assert done.returncode == 2 and done.stderr.startswith(f"dpipes: {path}:") and BAD[text] in done.stderr, done.stderr


@pytest.mark.parametrize("text", BAD_IN_MEANING)
def test_what_only_a_reader_can_tell(tmp_path, text):
    assert SCHEMA.is_valid(yaml.safe_load(text))
    done = dpipes("check", graph_file(tmp_path, text))
    assert done.returncode == 2 and BAD_IN_MEANING[text] in done.stderr, done.stderr


def test_the_schema_is_one_and_the_same_file_may_be_json(tmp_path):
    jsonschema.Draft202012Validator.check_schema(SCHEMA.schema)
    for text in GOOD:
        path = graph_file(tmp_path, json.dumps(yaml.safe_load(text)), "g.json")
        assert dpipes("check", path, HERE="here", NUMBER="5").returncode == 0
    wrong = graph_file(tmp_path, '{"name": "g",\n "steps": [\n  {"name": "a", "entrypoin": "x"}]}', "g.json")
    assert f"{wrong}:3:17: steps[0].entrypoin: is no key; is it `entrypoint`?" in dpipes("check", wrong).stderr


def test_check_looks_at_all_files(tmp_path):
    good = graph_file(tmp_path, STEP + "  assets: [t, u]\n", "good.yaml")
    bad = graph_file(tmp_path, "name: g\n", "bad.yaml")
    done = dpipes("check", bad, good, tmp_path / "none.yaml")
    assert done.returncode == 2
    assert done.stdout == f"{good}: g: 1 step, 2 assets, 0 checks\n"
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == [f"{bad}:1:1", str(tmp_path / "none.yaml")]
    assert dpipes("check", tmp_path / "none.yaml").returncode == 1
    assert dpipes("check").returncode == 2


# ---- Drawings -------------------------------------------------------------------------------------------------------

HOSTILE = [
    "plain",
    '"];x->y[label="',
    "back\\",
    "a&b<script>alert(1)</script>",
    "'\"]]>--><!--",
    "ü → 日本",
    "\\N\\n",
    "$(x)`y`;",
]


def hostile_graph(where):
    steps = [{"name": name, "entrypoint": "x", "needs": HOSTILE[:i]} for i, name in enumerate(HOSTILE)]
    return graph_file(where, json.dumps({"name": HOSTILE[1], "steps": steps}), "g.json")


def test_no_name_breaks_out_of_an_svg(tmp_path):
    root = ElementTree.fromstring(dpipes("graph", "--svg", hostile_graph(tmp_path)).stdout)
    space = "{http://www.w3.org/2000/svg}"
    assert {element.tag for element in root.iter()} == {
        space + tag for tag in ("svg", "style", "defs", "marker", "path", "title", "g", "rect", "text")
    }
    titles = [group.find(f"{space}title").text for group in root.findall(f"{space}g")]
    assert titles == HOSTILE
    edges = len(HOSTILE) * (len(HOSTILE) - 1) // 2
    assert len(root.findall(f"{space}path")) == edges


def test_no_name_breaks_out_of_dot(tmp_path):
    text = dpipes("graph", "--dot", hostile_graph(tmp_path)).stdout
    lines = [line for line in text.splitlines() if re.fullmatch(r"  s\d+ \[label=.*\];", line)]
    labels = [re.fullmatch(r'  s\d+ \[label="((?:[^"\\]|\\["\\])*)"\];', line) for line in lines]
    names = [re.sub(r"\\(.)", r"\1", label[1]).replace("&amp;", "&") for label in labels]
    assert names == HOSTILE
    rest = [line for line in text.splitlines() if line not in lines]
    assert sum(bool(re.fullmatch(r"  s\d+ -> s\d+;", line)) for line in rest) == len(rest) - 5


def test_the_tree_has_each_need_once(tmp_path):
    done = dpipes("graph", graph_file(tmp_path, STEP.replace("a\n", "top\n", 1) + "  assets: [t]\n"
        "- {name: left, entrypoint: x, needs: [top]}\n- {name: right, entrypoint: x, needs: [top]}\n"
        "- {name: end, entrypoint: x, needs: [left, right], assets: [u], checks: [{name: c, blocking: true}]}\n"))  # fmt: skip
    assert done.stdout == ("top  → t\n├─ left\n│  └─ end ↓\n└─ right\n   └─ end  → u  checks c (blocking)\n")


def test_a_long_chain_goes_on_at_the_left(tmp_path):
    steps = [{"name": f"s{i}", "entrypoint": "x", "needs": [f"s{i - 1}"] if i else []} for i in range(100)]
    text = dpipes("graph", graph_file(tmp_path, json.dumps({"name": "g", "steps": steps}), "g.json")).stdout
    assert [line for line in text.splitlines() if line.startswith("s")] == ["s0", "s32", "s64", "s96"]
    assert all(f"─ s{i}" in text for i in range(1, 100))


def test_the_json_has_no_value_of_a_variable(tmp_path):
    path = graph_file(tmp_path, STEP + "  env: {A: {env: SECRET}}\n")
    done = dpipes("graph", "--json", path, SECRET="hunter2")
    assert json.loads(done.stdout) == yaml.safe_load(path.read_text())
    assert dpipes("graph", "--json", "--dot", path, SECRET="x").returncode == 2
