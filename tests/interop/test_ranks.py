"""Several processes in one session: the example's four ranks, by a file and by stdout."""

import json

import pytest
from harness import BUILD, asset_context, clean_environment, dpipes_run, interop_program, pipes_variables, run

dg = pytest.importorskip("dagster")
from dagster._core.pipes.utils import (
    PipesCompositeMessageReader,
    PipesEnvContextInjector,
)
from dagster_side import Materialization, TempFileReader, materialize

RANKS = 4
LAUNCH = [str(BUILD / "examples/launch"), str(RANKS), str(BUILD / "examples/rank")]
LOGS = {("INFO", f"rank {rank} of {RANKS}: epoch {epoch}") for rank in range(RANKS) for epoch in (1, 2, 3)}


def in_order_of_each_rank(messages):
    return all(
        [m for m in messages if m.startswith(f"rank {rank} ")]
        == [f"rank {rank} of {RANKS}: epoch {epoch}" for epoch in (1, 2, 3)]
        for rank in range(RANKS)
    )


def test_all_logs_arrive_and_the_session_closes_once():
    done = dpipes_run("--local", "--asset", "model", "--", *LAUNCH)
    assert (done.code, done.of("warning")) == (0, [])
    assert (len(done.of("opened")), len(done.of("closed"))) == (1, 1)
    assert set(done.logs) == LOGS and len(done.logs) == len(LOGS)
    assert in_order_of_each_rank([message for _, message in done.logs])
    [materialized] = done.of("materialization")
    assert materialized["metadata"]["world_size"]["raw_value"] == RANKS


def test_dagster_has_one_session_of_all_ranks():
    client = dg.PipesSubprocessClient(env=clean_environment())
    outcome = materialize(lambda context: client.run(context=context, command=LAUNCH), [dg.AssetSpec("model")])
    assert outcome.success
    assert {log for log in outcome.logs if not log[1].startswith("[pipes]")} == LOGS
    assert outcome.results == {"model": Materialization({"world_size": dg.IntMetadataValue(RANKS)}, None)}


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_ranks_share_a_stream(stream):
    variables = pipes_variables({"data": asset_context("model")}, {"stdio": stream})
    done = run(LAUNCH, env=clean_environment(**variables))
    messages = [json.loads(line) for line in getattr(done, stream).splitlines() if line]
    assert done.returncode == 0
    assert messages[0]["method"] == "opened" and messages[-1]["method"] == "closed"
    logs = [message["params"] for message in messages if message["method"] == "log"]
    assert len(messages) == len(LOGS) + 3 and len(logs) == len(LOGS)
    assert in_order_of_each_rank([log["message"] for log in logs])


def test_large_messages_of_ranks_stay_whole_in_a_pipe():
    variables = pipes_variables({"data": asset_context("model")}, {"stdio": "stdout"})
    launch = [BUILD / "examples/launch", str(RANKS), interop_program("large_rank")]
    done = run(launch, env=clean_environment(**variables))
    assert done.returncode == 0
    sent = [json.loads(line)["params"]["message"] for line in done.stdout.splitlines() if line]
    # Each rank and its forked child.
    assert sorted(sent) == sorted(str(rank) * 100_000 for rank in range(RANKS) for _ in range(2 * 20))


def test_a_rank_that_fails_says_so_and_fails_the_program():
    done = dpipes_run("--local", "--asset", "model", "--", *LAUNCH, "2")
    assert done.code == 1
    [(level, message)] = [log for log in done.logs if log not in LOGS]
    assert level == "ERROR"
    assert message.endswith("failed: TrainingError: the loss is NaN")
    assert len(done.of("closed")) == 1


def test_ranks_with_params_of_their_own_are_counted_by_dagster():
    def launch(context):
        readers = [TempFileReader() for _ in range(RANKS)]
        with dg.open_pipes_session(
            context=context,
            context_injector=PipesEnvContextInjector(),
            message_reader=PipesCompositeMessageReader(readers),
        ) as session:
            for variables in session.get_per_writer_bootstrap_env_vars():
                command = [interop_program("pipes_tests"), "--test-name", "test_components"]
                assert run(command, env=clean_environment(**variables)).returncode == 0
        return session

    outcome = materialize(launch, [dg.AssetSpec("model")])
    assert outcome.success
    assert outcome.custom == ["Hello from external process!"] * RANKS
