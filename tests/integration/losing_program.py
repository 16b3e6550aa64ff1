"""The programs of dagster_ray_loses.py: large, split or small."""

import json
import sys
import time

from dagster_pipes import open_dagster_pipes




def write_in_blocks(count):
    from dagster_pipes import _make_message

    text = "".join("\n" + json.dumps(_make_message("log", {"message": f"tick {n} " + "x" * 3000, "level": "INFO"})) + "\n" for n in range(count))
    for at in range(0, len(text), 4096):
        sys.stdout.write(text[at : at + 4096])
        sys.stdout.flush()
        time.sleep(1)


with open_dagster_pipes() as context:
    if sys.argv[1] == "split":
        write_in_blocks(6)
    text = "y" * (5_000_000 if sys.argv[1] == "large" else 10)
    context.report_asset_materialization(metadata={"text": {"raw_value": text, "type": "md"}})
