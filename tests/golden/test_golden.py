"""Our lines have the bytes of the Python reference's."""

from pathlib import Path

import pytest
from harness import clean_environment, interop_program, run

pytest.importorskip("dagster_pipes")
import make_golden

HERE = Path(__file__).resolve().parent


@pytest.mark.parametrize("name", make_golden.SCENARIOS)
def test_the_lines_are_those_of_the_reference(name, tmp_path):
    path = tmp_path / "messages"
    done = run([interop_program("golden_writer"), name], env=clean_environment(**make_golden.variables(name, path)))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    ours, golden = path.read_bytes().splitlines(True), (HERE / f"{name}.jsonl").read_bytes().splitlines(True)
    assert ours == golden


@pytest.mark.parametrize("name", make_golden.SCENARIOS)
def test_the_golden_lines_are_what_the_reference_writes_today(name, tmp_path):
    assert make_golden.write(name, tmp_path).read_bytes() == (HERE / f"{name}.jsonl").read_bytes()


def test_there_is_no_golden_file_without_a_scenario():
    assert {path.stem for path in HERE.glob("*.jsonl")} == set(make_golden.SCENARIOS)
