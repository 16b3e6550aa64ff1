"""What dagster-ray's client makes of a program, as JSON: ADDRESS CASE. Each case is one in which messages are lost there and arrive
here. DAGSTER_RAY_PACKAGE=dagster_dpipes runs the same with ours.

    large   a materialization of 5 MB
    split   messages that a buffered stdout cuts
    twice   one client for two assets
"""

import importlib
import json
import os
import sys
from pathlib import Path

import dagster as dg

PipesRayJobClient = importlib.import_module(os.environ.get("DAGSTER_RAY_PACKAGE", "dagster_ray")).PipesRayJobClient

PROGRAMS = {"large": "large", "split": "split", "twice": "small"}


def command(case):
    program = Path(__file__).with_name("losing_program.py")
    return f"exec {sys.executable} {program} {PROGRAMS[case]}"


def main():
    address, case = sys.argv[1:]
    client = PipesRayJobClient(address=address)
    metadata = []

    def asset(name):
        @dg.asset(name=name)
        def step(context: dg.AssetExecutionContext):
            invocation = client.run(context=context, submit_job_params={"entrypoint": command(case)})
            result = invocation.get_materialize_result()
            metadata.append(sorted(result.metadata or {}))
            return result

        return step

    assets = [asset("one"), asset("two")] if case == "twice" else [asset("one")]
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize(assets, instance=instance, raise_on_error=False)
        logs = [entry.user_message for entry in instance.all_logs(run.run_id) if entry.dagster_event is None]
    ticks = [text for text in logs if text.startswith("tick ")]
    print(json.dumps({"success": run.success, "metadata": metadata, "ticks": len(ticks)}), file=sys.__stdout__)


if __name__ == "__main__":
    main()
