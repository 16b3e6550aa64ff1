"""What the tests' Ray jobs run: NAME."""

import os
import sys
import time

from dagster_pipes import open_dagster_pipes

with open_dagster_pipes() as context:
    name = sys.argv[1]
    if name == "everything":
        print("a line of its own", flush=True)
        context.log.info(f"counting {context.get_extra('rows')} rows")
        mark = os.environ.get("MARK", "")
        context.report_asset_materialization(metadata={"rows": context.get_extra("rows"), "mark": mark})
        context.report_asset_check("full", passed=False, severity="WARN", metadata={"rows": 1})
    if name == "small":
        context.report_asset_materialization(metadata={"text": context.extras.get("text", "small")})
    if name == "custom":
        context.report_custom_message({"progress": 0.5})
        context.report_custom_message("text")
    if name == "fail":
        print("the last words", flush=True)
        sys.exit(3)
    if name == "tick":
        for n in range(300):
            context.log.info(f"tick {n}")
            time.sleep(0.05)
        context.report_asset_materialization(metadata={"ticks": 300})
    if name == "wait":
        time.sleep(600)
