"""The examples of loaders, writers and stores of one's own, each with what it needs."""

import json
import os
import socket
import threading

from harness import (
    asset_context,
    built,
    clean_environment,
    context_data,
    encode,
    messages_of,
    pipes_variables,
    run,
)


def example(name, *words, params=None, context=None):
    variables = pipes_variables(context or {"data": context_data()}, params) if params else {}
    done = run([built(f"examples/{name}"), *words], env=clean_environment(**variables))
    return done.returncode, done.stderr


def logs_in(messages):
    assert [message["method"] for message in messages] == ["opened", "log", "closed"]
    return messages[1]["params"]["message"]


def test_params_come_from_a_file(tmp_path):
    messages = tmp_path / "messages"
    params = pipes_variables({"data": asset_context("a")}, {"path": str(messages)})
    (tmp_path / "params").write_text("".join(f"{key}={value}\n" for key, value in params.items()))
    assert example("params_loader", tmp_path / "params") == (0, "")
    assert logs_in(messages_of(messages)) == "params from a file"


def test_a_file_without_params_is_no_pipes_process(tmp_path):
    code, stderr = example("params_loader", tmp_path / "nothing")
    assert code == 0
    assert "not started by Dagster Pipes" in stderr and "INFO: params from a file" in stderr


def test_a_file_without_the_messages_is_named(tmp_path):
    (tmp_path / "params").write_text(f"DAGSTER_PIPES_CONTEXT={encode({'data': context_data()})}\n")
    code, stderr = example("params_loader", tmp_path / "params")
    assert (code, stderr) == (
        1,
        f"params_loader: load_messages_params: {tmp_path}/params: DAGSTER_PIPES_MESSAGES is not there\n",
    )


def test_the_context_comes_from_a_directory(tmp_path):
    (tmp_path / "run-17.json").write_text(json.dumps(context_data(run_id="seventeen")))
    params = {"path": str(tmp_path / "messages")}
    assert example("context_loader", tmp_path, params=params, context={"key": "run-17"}) == (0, "")
    assert logs_in(messages_of(tmp_path / "messages")) == "this is seventeen"
    code, stderr = example("context_loader", tmp_path, params=params, context={"key": "run-18"})
    assert (code, stderr) == (
        1,
        f"context_loader: load_context: {tmp_path}/run-18.json: No such file or directory\n",
    )


def test_messages_go_through_a_socket(tmp_path):
    received = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(tmp_path / "s"))
        server.listen()
        thread = threading.Thread(target=lambda: received.append(read_all(server)))
        thread.start()
        assert example("message_writer", params={"socket": str(tmp_path / "s")}) == (0, "")
        thread.join()
    messages = [json.loads(line) for line in received[0].splitlines()]
    assert logs_in(messages) == "through a socket"
    assert messages[0]["params"] == {"extras": {"transport": "unix socket"}}


def read_all(server):
    connection, _ = server.accept()
    with connection, connection.makefile("rb") as stream:
        return stream.read()


def test_a_socket_that_is_not_there_is_named(tmp_path):
    code, stderr = example("message_writer", params={"socket": str(tmp_path / "s")})
    assert (code, stderr) == (1, f"message_writer: open: {tmp_path}/s: No such file or directory\n")


def test_messages_go_into_a_store(tmp_path):
    assert example("blob_store", tmp_path, params={"bucket": "b", "key_prefix": "run-17"}) == (0, "")
    assert logs_in(messages_of(tmp_path / "b-run-17-1.json")) == "in a chunk"
    assert [path.name for path in tmp_path.iterdir()] == ["b-run-17-1.json"]


def test_a_trainer_is_tested_without_dagster():
    done = run([built("examples/unit_test")])
    assert (done.returncode, done.stdout) == (0, "reports_its_learning_rate: passed\n")
