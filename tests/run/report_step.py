"""A step of the runs that test_report.py looks at: `report_step.py KIND`."""

import math
import os
import sys
import time
from pathlib import Path

from dagster_pipes import open_dagster_pipes

DAYS = ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-06"]


def take(pipes, seconds):
    """Time that is seen in the picture; none in the runs before it."""
    time.sleep(seconds * pipes.get_extra("pace"))


def prepare(pipes):
    pipes.log.info("reading breast_cancer.csv")
    take(pipes, 0.5)
    print("569 rows, 30 features", flush=True)
    pipes.report_asset_materialization(
        asset_key="cancer/table",
        metadata={"rows": 569, "features": 30, "source": {"raw_value": "https://example.com/uci/wdbc?a=1&b=2", "type": "url"}},
    )


def train(pipes):
    fold = pipes.get_extra("fold")
    attempt = len(list(Path.cwd().glob(f"begun-{fold}-{pipes.partition_key}-*")))
    Path(f"begun-{fold}-{pipes.partition_key}-{attempt}").touch()
    for part in range(1, 5):
        take(pipes, 0.15 + 0.1 * fold)
        pipes.report_custom_message({"progress": part / 4, "label": f"round {part * 25} of 100"})
    if fold == 2 and attempt == 0:
        pipes.log.error("CUDA error: out of memory at round 75")
        sys.exit(7)
    pipes.log.debug(f"fold {fold} has 114 rows for validation")
    quality = 0.93 + 0.008 * math.sin(fold + DAYS.index(pipes.partition_key))
    pipes.report_asset_materialization(
        asset_key=f"cancer/fold_{fold}", data_version=f"v{fold}",
        metadata={"accuracy": round(quality, 5), "log_loss": round(1 - quality, 5)},
    )  # fmt: skip


def compare(pipes):
    take(pipes, 0.3)
    day = DAYS.index(pipes.partition_key)
    records = [
        {"fold": n, "accuracy": round(0.93 + 0.008 * math.sin(n + day), 4), "rounds": 100, "best": n == 1} for n in range(4)
    ]
    schema = [{"name": "fold", "type": "int"}, {"name": "accuracy", "type": "float"}, {"name": "rounds", "type": "int"},
              {"name": "best", "type": "bool"}]  # fmt: skip
    pipes.report_asset_materialization(
        asset_key="cancer/model",
        metadata={
            "mean_accuracy": round(0.931 + 0.006 * math.sin(day * 1.3), 5),
            "mean_log_loss": round(0.214 - 0.012 * math.sin(day * 1.3), 5),
            "trees": 80 + 9 * day,
            "size_kb": 412.5 + 17.25 * day * (day % 2),
            "folds": {"raw_value": {"records": records, "schema": schema}, "type": "table"},
            "model": {"raw_value": "models/2024/cancer.ubj", "type": "path"},
            "trained": {"raw_value": 1704067200.0 + 86400 * day, "type": "timestamp"},
            "parameters": {"raw_value": {"eta": 0.3, "max_depth": 6}, "type": "json"},
            "note": {"raw_value": "**Better** than the day before\n- more trees\n- same depth", "type": "md"},
            "published": {"raw_value": True, "type": "bool"},
        },
    )  # fmt: skip
    pipes.report_asset_check("accurate", True, asset_key="cancer/model", metadata={"least_accuracy": 0.9})
    pipes.report_asset_check("small", False, "WARN", asset_key="cancer/model", metadata={"most_kb": 400})


def publish(pipes):
    take(pipes, 0.25)
    pipes.log.warning("models/latest is replaced")
    print("\033[32mpublished\033[0m", flush=True)
    if "fail" in os.environ:
        sys.exit(3)


HOSTILE = [
    "</script><script>hit()</script>",
    "<img src=x onerror=hit()>",
    "\"><svg onload='hit()'>",
    "</style></title></textarea><b onclick=hit()>&lt;&amp;",
    "javascript:hit()",
    "\0\x1b[31mred\x1b]0;title\x07\u202eback",
]


def hostile(pipes):
    for words in HOSTILE:
        pipes.log.warning(words)
        print(words.replace("\0", ""), flush=True)
    pipes.report_custom_message({words: words for words in HOSTILE})
    pipes.report_asset_materialization(
        asset_key="bad", data_version=HOSTILE[0],
        metadata={
            **{words: words for words in HOSTILE},
            "url": {"raw_value": "javascript:hit()", "type": "url"},
            "quoted": {"raw_value": "https://x/\" onmouseover=\"hit()", "type": "url"},
            "md": {"raw_value": "<img src=x onerror=hit()> [x](javascript:hit())", "type": "md"},
            "json": {"raw_value": {words: [words] for words in HOSTILE}, "type": "json"},
            "table": {"raw_value": {"records": [{words: words for words in HOSTILE}],
                                    "schema": [{"name": words, "type": "string"} for words in HOSTILE]}, "type": "table"},
        },
    )  # fmt: skip
    pipes.report_asset_check(HOSTILE[1], False, asset_key="bad", metadata={HOSTILE[2]: HOSTILE[0]})
    sys.exit(1)


with open_dagster_pipes() as opened:
    globals()[sys.argv[1]](opened)
