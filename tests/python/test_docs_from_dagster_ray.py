"""docs/from-dagster-ray.md: the job in Python and the graph file beside it have the same steps."""

import json
import subprocess

import dagster as dg
from docs_harness import blocks_of
from harness import ROOT, built

BLOCKS = blocks_of(ROOT / "docs/from-dagster-ray.md")


def test_the_job_and_the_graph_have_the_same_steps(tmp_path):
    [python] = [block.text for block in BLOCKS if block.language == "python"]
    [graph] = [block.text for block in BLOCKS if block.language == "yaml"]
    names = {}
    exec(compile(python, "training.py", "exec"), names)  # noqa: S102
    (tmp_path / "training.yaml").write_text(graph)
    command = [built("cli/dpipes"), "graph", "--json", tmp_path / "training.yaml"]
    steps = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)["steps"]
    job = names["training"]
    assert isinstance(job, dg.JobDefinition)
    needs = {
        invocation.name: sorted(dependency.node for dependency in inputs.values())
        for invocation, inputs in job.dependencies.items()
    }
    assert {step["name"]: step.get("needs", []) for step in steps} == needs
