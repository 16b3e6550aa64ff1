"""python_bench.py MODE [N]: what context_bench.c does, with Python's dagster_pipes."""

import sys

from dagster_pipes import open_dagster_pipes


def startup(context, n):
    context.get_extra("n")


def logs(context, n):
    for i in range(n):
        context.log.info(f'epoch {i} loss 0.123 "quoted" \t and some more text to fill the line')


def mats(context, n):
    for i in range(n):
        context.report_asset_materialization(
            asset_key=f"a{i}",
            data_version="v1",
            metadata={
                "int": {"raw_value": i, "type": "int"},
                "float": {"raw_value": 0.5, "type": "float"},
                "text": {"raw_value": "hello", "type": "text"},
                "url": {"raw_value": "https://x.test/a", "type": "url"},
                "md": {"raw_value": "# head", "type": "md"},
                "json": {"raw_value": {"a": [1, 2, {"b": None}]}, "type": "json"},
                "bool": {"raw_value": True, "type": "bool"},
                "timestamp": {"raw_value": 1700000000.0, "type": "timestamp"},
            },
        )


def extras(context, n):
    context.get_extra("last")


def main():
    mode = {"startup": startup, "logs": logs, "mats": mats, "extras": extras}[sys.argv[1]]
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with open_dagster_pipes() as context:
        mode(context, n)


if __name__ == "__main__":
    main()
