"""`dpipes runs show ID --html FILE`: the page of a run, in a real browser.

The screenshots of docs/images are made by

    DPIPES_TEST_SCREENSHOTS=docs/images .venv/bin/python -m pytest tests/run/test_report.py
"""

import base64
import hashlib
import json
import os
import re
import sys
from pathlib import Path

import pytest
from harness import ROOT, built, clean_environment, run

pytest.importorskip("dagster_pipes")
pytest.importorskip("selenium")
from browser import browser  # noqa: E402  (it needs selenium)

PROGRAM = Path(__file__).parent / "report_step.py"
DAYS = [f"2024-01-0{day}" for day in range(1, 7)]
HOSTILE_NAMES = ["</script><script>hit()</script>", '"><img src=x onerror=hit()>', "'; hit(); //"]


def step(name, kind, **more):
    return {"name": name, "entrypoint": f"{sys.executable} {PROGRAM} {kind}", **more}


def pipeline():
    folds = [f"train_{fold}" for fold in range(4)]
    train = {"needs": ["prepare"], "retries": {"max": 1, "delay": 0.3}}
    return {
        "name": "breast_cancer",
        "partitions": DAYS,
        "executor": {"in_process": {"max_concurrent": 3}},
        "steps": [
            step("prepare", "prepare", assets=["cancer/table"]),
            *(step(name, "train", assets=[f"cancer/fold_{fold}"], extras={"fold": fold}, **train)
              for fold, name in enumerate(folds)),
            step("compare", "compare", needs=folds, assets=["cancer/model"],
                 checks=[{"name": "accurate", "blocking": True}, "small"]),
            step("publish", "publish", needs=["compare"]),
            step("announce", "publish", needs=["publish"]),
            step("tell_somebody", "publish", needs=["publish"], when="one_failed"),
        ],
    }  # fmt: skip


def hostile_graph():
    bad, *others = HOSTILE_NAMES
    return {
        "name": HOSTILE_NAMES[0],
        "executor": "in_process",
        "steps": [step(bad, "hostile", assets=["bad"]), *(step(name, "publish", needs=[bad]) for name in others)],
    }


def execute(where, graph, *words, code=0, **variables):
    file = where / "graph.json"
    file.write_text(json.dumps(graph))
    command = [built("cli/dpipes"), "execute", file, "--home", where / "home", "--set", "extras.pace=0", *words]
    done = run(command, env=clean_environment(**variables), cwd=where)
    assert done.returncode == code, done.stdout + done.stderr


def write_page(where, run_id):
    """The page's file, and its text."""
    page = where / f"{run_id}.html"
    done = run([built("cli/dpipes"), "runs", "show", run_id, "--html", page, "--home", where / "home"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return page, page.read_text()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    where = tmp_path_factory.mktemp("report")
    for day in DAYS[:-1]:
        execute(where, pipeline(), "--partition", day, "--run-id", f"run-{day}")
    execute(where, pipeline(), "--partition", DAYS[-1], "--run-id", "run-failed", "--set", "extras.pace=1", code=1, fail="1")
    execute(where, hostile_graph(), "--run-id", "run-hostile", code=1)
    return where


@pytest.fixture(scope="module")
def shared_page(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("browser")) as one:
        # The page's policy does not hold for this: what is hostile would find its function.
        source = "window.hits = 0; window.hit = () => { window.hits += 1; };"
        one.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": source})
        yield one


@pytest.fixture
def page(shared_page):
    """Nothing that a page does may come to the console."""
    shared_page.resize(900, width=1240, scale=1)
    shared_page.emulate(prefers_color_scheme="light")
    yield shared_page
    assert shared_page.complaints == []


def open_run(page, store, run_id, fragment=""):
    page.open("about:blank")  # else a fragment alone would not load it again
    page.open(f"{write_page(store, run_id)[0].as_uri()}{fragment}")


def texts(page, selector):
    return page.evaluate(f"[...document.querySelectorAll({json.dumps(selector)})].map((one) => one.textContent)")


def shown_lines(page):
    return page.evaluate("[...document.querySelectorAll('#log li:not([hidden])')].map((one) => one.textContent)")


def wait_for_lines(page, count):
    page.wait(f"{count} lines", lambda: len(shown_lines(page)) == count, 10)
    return shown_lines(page)


def press(page, keys, selector="body"):
    page.driver.find_element("css selector", selector).send_keys(keys)


# ---- What it shows --------------------------------------------------------------------------------------------------


def test_the_top_says_how_it_stands(page, store):
    open_run(page, store, "run-failed")
    facts = dict(zip(texts(page, ".facts dt"), texts(page, ".facts dd"), strict=True))
    assert facts["Steps"] == "6 succeeded, 2 failed, 1 skipped"
    assert facts["Checks"] == "1 passed, 1 failed"
    assert facts["Partition"] == DAYS[-1]
    assert texts(page, "h1, .status, .run code") == ["breast_cancer", "FAILURE", "run-failed"]
    assert page.driver.title == "breast_cancer: FAILURE"


def test_the_graph_is_drawn_and_leads_to_its_steps(page, store):
    open_run(page, store, "run-failed")
    names = [step["name"] for step in pipeline()["steps"]]
    assert texts(page, ".graph a title") == names
    classes = page.evaluate("[...document.querySelectorAll('.graph a')].map((one) => one.getAttribute('class'))")
    assert classes == ["success"] * 6 + ["failure", "idle", "failure"]
    assert len(page.evaluate("[...document.querySelectorAll('.graph > path')]")) == 4 + 4 + 3
    press(page, "\ue007", ".graph a[href='#step-6']")
    page.wait("the step", lambda: page.evaluate("document.querySelector(':target').id") == "step-6", 10)
    assert texts(page, ":target summary") == ["publish"]


def bars(page, step):
    """Where each begins and ends on the screen, and its class."""
    return page.evaluate(
        f"[...document.querySelectorAll('#step-{step} .bar')].map((one) => {{ const box = one.getBoundingClientRect();"
        "return [box.left, box.right, one.getAttribute('class')]; })"
    )


def test_the_bars_stand_where_the_time_was(page, store):
    open_run(page, store, "run-failed")
    [[_, prepared, of_prepare]] = bars(page, 0)
    [failed, again] = bars(page, 3)
    [[compared, _, _]] = bars(page, 5)
    assert (of_prepare, failed[2], again[2]) == ("bar success", "bar failure", "bar success")
    assert prepared <= failed[0] + 1 < failed[1] < again[0] < again[1] <= compared + 1
    assert bars(page, 7) == []
    assert texts(page, "#step-7 .track") == ["what it needs has not succeeded"]
    assert texts(page, "#step-3 .bar title")[0].endswith(", exit code 7")


def test_the_slowest_path_leads_through_the_last_need(page, store):
    open_run(page, store, "run-failed")
    assert texts(page, ".path a") == ["prepare", "train_2", "compare", "publish", "tell_somebody"]


def test_attempts_are_opened_by_the_keyboard(page, store):
    open_run(page, store, "run-failed")
    assert not page.elements("//*[@id='step-3']//tr[@class='more']")
    press(page, "\ue007", "#step-3 summary")
    [row] = page.elements("//*[@id='step-3']//tr[@class='more']")
    assert "exit code 7" in row.text and "exit code 0" in row.text
    page.click("What it has said")
    assert len(shown_lines(page)) == texts(page, "#log b").count("train_2") > 0
    assert all("train_2" in line for line in shown_lines(page))


def test_metadata_is_shown_by_its_type(page, store):
    open_run(page, store, "run-failed")
    rows = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('#assets .metadata > tbody > tr')].map((row) =>"
        "[row.children[0].firstChild.data.trim(), row.children[1].innerText.trim()]))"
    )
    assert rows["trees"] == "125"
    assert rows["trained"] == "2024-01-06 00:00:00 UTC"
    assert rows["parameters"] == '{"eta": 0.3, "max_depth": 6}'
    assert rows["note"].startswith("**Better** than the day before\n- more trees")
    assert rows["published"] == "true"
    link = page.driver.find_element("link text", rows["source"])
    assert link.get_attribute("href") == "https://example.com/uci/wdbc?a=1&b=2"
    assert texts(page, ".records th") == ["fold", "accuracy", "rounds", "best"]
    assert texts(page, ".records tr:nth-child(2) td")[::3] == ["1", "true"]
    assert texts(page, "#checks tbody > tr > td:first-child") == ["FAILED", "PASSED"]


def test_numbers_are_charts_by_partition(page, store):
    open_run(page, store, "run-failed")
    [caption] = page.elements("//figcaption[span='trees']")
    points = caption.find_elements("xpath", "../*[name()='svg']/*[name()='circle']")
    titles = [point.get_attribute("textContent") for point in points]
    assert titles == [f"{day}: {80 + 9 * number}" for number, day in enumerate(DAYS)]
    assert [point.get_attribute("class") for point in points] == [None] * 5 + ["own"]
    heights = [float(point.get_attribute("cy")) for point in points]
    assert heights == sorted(heights, reverse=True)
    assert not page.elements("//figcaption[span='rows']")  # the same in all of them


# ---- The log --------------------------------------------------------------------------------------------------------


def test_the_log_is_searched_and_filtered(page, store):
    open_run(page, store, "run-failed")
    everything = shown_lines(page)
    assert texts(page, "#count") == [f"{len(everything)} lines"]
    press(page, "/")
    press(page, "MEMORY cuda", "#words:focus")
    [line] = wait_for_lines(page, 1)
    assert line.endswith("train_2ERRORCUDA error: out of memory at round 75")
    assert page.evaluate("CSS.highlights.get('found').size") == 2
    press(page, "\ue00c", "#words")
    wait_for_lines(page, len(everything))
    press(page, "publish", "#of-step")
    assert all("publish" in line for line in wait_for_lines(page, texts(page, "#log b").count("publish")))
    press(page, " ", "input[value=output]")
    assert not any(line.endswith("OUTPUTpublished") for line in shown_lines(page))
    assert any("WARNINGmodels/latest is replaced" in line for line in shown_lines(page))


def test_colours_of_a_terminal_are_left_out(page, store):
    open_run(page, store, "run-2024-01-01")
    assert any(line.endswith("OUTPUTpublished") for line in shown_lines(page))


# ---- Windows, schemes, paper ----------------------------------------------------------------------------------------


def screenshot(page, tmp_path, name, height):
    folder = os.environ.get("DPIPES_TEST_SCREENSHOTS")
    page.resize(height, width=1240, scale=1)
    path = (ROOT / folder if folder else tmp_path) / f"run-{name}.png"
    assert page.driver.save_screenshot(str(path)), f"{path} was not written"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_light_and_dark(page, store, scheme, tmp_path):
    page.emulate(prefers_color_scheme=scheme)
    open_run(page, store, "run-failed")
    [paper, ink] = page.evaluate("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]")
    paper, ink = (sum(map(int, re.findall(r"\d+", colour)[:3])) / 3 for colour in (paper, ink))
    assert (paper > 240 and ink < 60) if scheme == "light" else (paper < 40 and ink > 200)
    screenshot(page, tmp_path, scheme, 1180)


@pytest.mark.parametrize("run_id", ["run-failed", "run-hostile"])
@pytest.mark.parametrize("width", [360, 700, 1240, 2400])
def test_nothing_is_wider_than_the_window(page, store, run_id, width):
    page.resize(900, width=width, scale=1)
    open_run(page, store, run_id)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    widths = "[...document.querySelectorAll('.track svg')].map((one) => one.getBoundingClientRect().width)"
    axis, *tracks = page.evaluate(widths)
    assert set(tracks) == {axis}  # else the ticks would not stand where the bars are


def test_on_paper_there_is_nothing_to_press(page, store):
    page.emulate("print", prefers_color_scheme="dark")
    open_run(page, store, "run-failed")
    assert not page.elements("//nav | //form")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert len(page.elements("//tr[@class='more']")) == 8


# ---- What is hostile ------------------------------------------------------------------------------------------------


def test_what_programs_say_is_text(page, store):
    open_run(page, store, "run-hostile")
    assert texts(page, "h1") == HOSTILE_NAMES[:1]
    assert texts(page, ".graph title")[1:] == HOSTILE_NAMES
    assert texts(page, ".step > tr > th") == HOSTILE_NAMES
    said = [line.split("WARNING")[1] for line in shown_lines(page) if "WARNING" in line]
    assert said[:3] == ["</script><script>hit()</script>", "<img src=x onerror=hit()>", "\"><svg onload='hit()'>"]
    assert said[5] == "\ufffdred\u202eback"
    tags = set(page.evaluate("[...document.body.querySelectorAll('*')].map((one) => one.localName)"))
    assert not tags & {"img", "iframe", "object", "embed", "base", "link", "meta", "style", "textarea"}
    attributes = page.evaluate("[...document.querySelectorAll('*')].flatMap((one) => [...one.attributes].map((a) => a.name))")
    assert not [name for name in attributes if name.startswith("on") or name in ("src", "style", "srcdoc")]
    links = page.evaluate("[...document.querySelectorAll('a')].map((one) => one.getAttribute('href'))")
    assert [link for link in links if not link.startswith("#")] == ['https://x/" onmouseover="hit()']
    press(page, "<svg onload", "#words")
    wait_for_lines(page, 3)
    page.evaluate("document.querySelectorAll('*').forEach((one) => one.dispatchEvent(new Event('mouseover')))")
    assert (page.evaluate("window.hits"), len(page.evaluate("[...document.scripts]"))) == (0, 1)


def test_the_policy_allows_its_own_script_and_nothing_else(page, store):
    _, text = write_page(store, "run-hostile")
    [policy] = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)
    hashes = [
        base64.b64encode(hashlib.sha256(re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)[1].encode()).digest()).decode()
        for tag in ("style", "script")
    ]
    sources = f"style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'"
    assert policy == f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'"
    open_run(page, store, "run-hostile")
    page.driver.execute_script("const s = document.createElement('script'); s.text = 'hit()'; document.body.append(s)")
    assert page.evaluate("window.hits") == 0
    [complaint] = page.complaints
    assert "Content Security Policy" in complaint


# ---- Limits, and what is wrong --------------------------------------------------------------------------------------


def filled(where, *words):
    done = run([built("tests/run/make_store"), where / "home", *words])
    assert (done.returncode, done.stderr) == (0, "")
    return where


def test_of_too_many_events_the_last_are_shown(tmp_path):
    _, text = write_page(filled(tmp_path, "fill", "1003"), "fill")
    assert text.count("<li ") == 10_000
    assert "30 earlier events are left out: `dpipes runs show fill --events` has all." in text


def test_a_graph_that_is_not_there_is_said_and_no_secret_is_shown(tmp_path):
    _, text = write_page(filled(tmp_path), "aaa-1")
    assert "The graph cannot be drawn: graph:1:" in text
    assert "models/cancer" in text and "a-secret" not in text


def test_the_page_may_go_to_stdout_and_is_its_owners_alone(store):
    page, text = write_page(store, "run-failed")
    assert page.stat().st_mode & 0o777 == 0o600
    done = run([built("cli/dpipes"), "runs", "show", "run-f", "--html", "-", "--home", store / "home"])
    assert re.sub(r"had it at [\d :-]*", "", done.stdout) == re.sub(r"had it at [\d :-]*", "", text)


@pytest.mark.parametrize(
    ("run_id", "file", "code", "sentence"),
    [
        ("none", "x.html", 1, "has no run `none`"),
        ("run", "x.html", 2, "more than one run"),
        ("run-failed", "no/x.html", 3, "no/x.html"),
    ],
)
def test_what_is_wrong_with_a_page_is_named(store, tmp_path, run_id, file, code, sentence):
    done = run([built("cli/dpipes"), "runs", "show", run_id, "--html", tmp_path / file, "--home", store / "home"])
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr
    assert not list(tmp_path.iterdir())
