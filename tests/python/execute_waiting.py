"""Executes the job `waiting` with the configuration in argv[1], in DAGSTER_HOME, and prints why its step has failed."""

import json
import sys

import dagster as dg
import step_definitions

with dg.DagsterInstance.get() as instance:
    job = dg.reconstructable(step_definitions.waiting)
    with dg.execute_job(job, instance=instance, raise_on_error=False, run_config=json.loads(sys.argv[1])) as result:
        for event in result.all_node_events:
            if event.is_step_failure:
                print(event.event_specific_data.error.to_string())
