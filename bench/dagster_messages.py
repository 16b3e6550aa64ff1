"""Runs a Ray job with a PipesRayJobClient, and prints as JSON when each log message reached Dagster's handler, the CPU time of the run
and the most memory: PACKAGE ADDRESS ENTRYPOINT."""

import importlib
import json
import resource
import sys
import time

import dagster as dg
from dagster._core.pipes.context import PipesMessageHandler

package, address, entrypoint = sys.argv[1:]
arrivals = []
handle_message = PipesMessageHandler.handle_message


def note(self, message):
    if message["method"] == "log":
        arrivals.append((message["params"]["message"], time.time_ns()))
    handle_message(self, message)


PipesMessageHandler.handle_message = note


@dg.asset
def table(context: dg.AssetExecutionContext):
    client = importlib.import_module(package).PipesRayJobClient(address=address)
    return client.run(context=context, submit_job_params={"entrypoint": entrypoint}).get_materialize_result()


began = time.process_time()
success = dg.materialize([table], raise_on_error=False).success
cpu = time.process_time() - began
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"success": success, "arrivals": arrivals, "cpu": cpu, "memory": memory}), file=sys.__stdout__)
