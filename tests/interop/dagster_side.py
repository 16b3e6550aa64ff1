"""Runs a step in Dagster, and what Dagster has then: its log, what it stored, and the custom messages."""

import contextlib
import logging
import time
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.pipes.utils import PipesFileMessageReader, PipesTempFileMessageReader


class ReadsToTheEnd:
    """Dagster's file readers stop when they found nothing and the session is closed, in this order: a program that
    writes all it has in between is not read. So the session stays open until the program's last message was read."""

    @contextlib.contextmanager
    def read_messages(self, handler):
        with super().read_messages(handler) as params:
            yield params
            until = time.monotonic() + 10
            while not handler.received_closed_message and time.monotonic() < until:
                time.sleep(0.005)


class FileReader(ReadsToTheEnd, PipesFileMessageReader):
    pass


class TempFileReader(ReadsToTheEnd, PipesTempFileMessageReader):
    pass


@dataclass
class Outcome:
    success: bool
    logs: list = field(default_factory=list)
    results: dict = field(default_factory=dict)
    checks: dict = field(default_factory=dict)
    custom: list = field(default_factory=list)
    errors: list = field(default_factory=list)


@dataclass(frozen=True)
class Materialization:
    metadata: dict
    data_version: str


@dataclass(frozen=True)
class Check:
    passed: bool
    severity: str
    metadata: dict


def materialize(launch, specs, check_specs=(), partition=None):
    """Materializes assets by one step, for which `launch(context)` runs a program with a Pipes client."""
    custom = []

    @dg.multi_asset(
        name="step",
        specs=specs,
        check_specs=check_specs,
        partitions_def=dg.StaticPartitionsDefinition([partition]) if partition else None,
    )
    def step(context: dg.AssetExecutionContext):
        invocation = launch(context)
        custom.extend(invocation.get_custom_messages())
        yield from invocation.get_results()

    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize([step], instance=instance, partition_key=partition, raise_on_error=False)
        return outcome_of(run, instance, custom)


def outcome_of(run, instance, custom):
    entries = list(instance.all_logs(run.run_id))
    outcome = Outcome(run.success, custom=custom)
    outcome.logs = [(logging.getLevelName(e.level), e.user_message) for e in entries if e.dagster_event is None]
    for event in (entry.dagster_event for entry in entries if entry.dagster_event):
        take(event, outcome)
    return outcome


def take(event, outcome):
    if event.is_step_materialization:
        asset = event.step_materialization_data.materialization
        key = asset.asset_key.to_escaped_user_string()
        assert key not in outcome.results, f"{key} was materialized twice"
        outcome.results[key] = Materialization(dict(asset.metadata), data_version_of(asset))
    elif event.event_type_value == "ASSET_CHECK_EVALUATION":
        check = event.asset_check_evaluation_data
        key = (check.asset_key.to_escaped_user_string(), check.check_name)
        assert key not in outcome.checks, f"{key} was reported twice"
        outcome.checks[key] = Check(check.passed, check.severity.value, dict(check.metadata))
    elif event.event_type_value in ("ENGINE_EVENT", "STEP_FAILURE") and getattr(event.event_specific_data, "error", None):
        outcome.errors.append(event.event_specific_data.error)


def data_version_of(asset):
    """The version that the program gave; Dagster makes one up where there is none."""
    given = asset.tags.get("dagster/data_version_is_user_provided") == "true"
    return asset.tags["dagster/data_version"] if given else None
