"""export --check: the test rows asked of a server of this machine, and nothing else of the network."""

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from mail_searches import finished
from mail_task import LABELS
from pytest_socket import enable_socket
from scripted_models import play_roles
from strict_chat_server import StrictChatServer, serving

from opro_local.cli import main
from opro_local.errors import OproError, SettingsError
from opro_local.exports.chat_server import ChatServer
from opro_local.results.document import run_document
from opro_local.testing import ScriptedEngine

Messages = list[dict[str, str]]


@pytest.fixture(autouse=True)
def open_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard cannot be taken back: what it refuses is seen in a process of its own."""
    enable_socket()
    monkeypatch.setattr("opro_local.exports.chat_server.close_network", lambda: None)


def number_of(messages: Messages) -> int:
    found = re.search(r"Mail (\d+)\.", messages[-1]["content"])
    assert found is not None
    return int(found[1])


def right_below(limit: int) -> Callable[[Messages], str]:
    """Right on the rows whose number is below; test holds 3, 6, 7, 8, 9, 16, 17 and 18."""

    def say(messages: Messages) -> str:
        number = number_of(messages)
        return f"It is {LABELS[number % 2 if number < limit else 1 - number % 2]}."

    return say


def check(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--home", str(home), "export", "--check", *arguments])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = finished(tmp_path, monkeypatch, "Read twice.", liking=3.0)
    play_roles(monkeypatch, ScriptedEngine(reply=lambda text: right_below(10)([{"content": text}])))
    return path


def rows_of(output: str) -> dict[str, list[str]]:
    """The table by the names of its rows: score, n, without an answer, differing."""
    form = r"^  (\S+) \[.*?\] +(\d+) +(\d+) *(\d*) +((?:here|there), .*)$"
    return {name: figures for *figures, name in re.findall(form, output, re.MULTILINE)}


def test_scores_here_and_there_and_the_rows_that_differ(run: Path, tmp_path: Path) -> None:
    """Worked out by hand: the run is right on all 8 rows; written here 5 are, there those below 8: 3."""
    with serving(StrictChatServer(say=right_below(8))) as server:
        result = check(tmp_path, server.url)
    assert result.exit_code == 0, result.output
    assert rows_of(result.stdout) == {
        "here, by likelihood, calibrated": ["1.000", "8", "0", "5"],
        "here, by likelihood, not calibrated": ["0.500", "8", "0", "5"],
        "here, written by scripted": ["0.625", "8", "0", "2"],
        "there, written by served-model": ["0.375", "8", "0", ""],
    }
    assert "2 of 8 rows differ from: here, written by scripted" in result.stdout
    assert re.search(r"r8 +fintech +fintech +seed", result.stdout)
    assert re.search(r"r9 +seed +seed +fintech", result.stdout)
    assert "note: Calibration: the fitted biases cannot be applied here" in result.stderr
    texts = [body["messages"][-1]["content"] for body in server.bodies]
    assert sorted(texts) == sorted(f"Read twice.\nMail {n}." for n in (3, 6, 7, 8, 9, 16, 17, 18))
    assert {(b["temperature"], b["max_tokens"], b["model"]) for b in server.bodies} == {
        (0, 256, "served-model")
    }


def test_the_same_is_printed_as_json(run: Path, tmp_path: Path) -> None:
    """Every row that differs is in it, and what is told beside stays out of standard output."""
    with serving(StrictChatServer(say=right_below(8))) as server:
        found = json.loads(check(tmp_path, server.url, "--json").stdout)
    assert [(side["name"], side["score"]["value"], side.get("differing")) for side in found["sides"]] == [
        ("here, by likelihood, calibrated", 1.0, 5),
        ("here, by likelihood, not calibrated", 0.5, 5),
        ("here, written by scripted", 0.625, 2),
        ("there, written by served-model", 0.375, None),
    ]
    assert sorted(found["rows"], key=lambda each: each["row"]) == [
        {"row": f"r{number}", "target": right, "here": said(right), "there": said(wrong)}
        for number, right, wrong in ((8, *LABELS), (9, *LABELS[::-1]))
    ]
    assert (found["schema_version"], found["run"], found["metric"]) == (1, run.stem, "accuracy")
    assert (found["server"], found["model"]) == (f"{server.url}/v1", "served-model")
    assert [sentence.partition(":")[0] for sentence in found["lost"]] == ["Likelihood scoring", "Calibration"]
    refused = CliRunner().invoke(main, ["--home", str(tmp_path), "export", "--json"])
    assert refused.exit_code == 2 and "--json goes with --check" in refused.stderr


def said(label: str) -> dict[str, str | None]:
    return {"prediction": label, "reason": None}


def test_each_row_is_told_when_it_is_answered(run: Path, tmp_path: Path) -> None:
    with serving(StrictChatServer(say=right_below(8))) as server:
        told = check(tmp_path, server.url).stderr.splitlines()
    assert [line for line in told if "answered" in line] == [f"{n} of 8 rows answered" for n in range(1, 9)]


def test_that_no_second_round_is_asked_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = finished(tmp_path, monkeypatch, "Read twice.", written=right_below(17))
    with sqlite3.connect(path) as file:
        file.execute("UPDATE run SET settings = json_set(settings, '$.scoring.second_round', json('true'))")
    with serving(StrictChatServer(say=lambda _messages: "no idea")) as server:
        result = check(tmp_path, server.url)
    assert "note: Second round: a reply without an answer was asked once more for it; here " in result.stderr
    assert len(server.bodies) == 8 and all(len(body["messages"]) == 1 for body in server.bodies)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("fintech or seed", "several answers"),
        ("<think>It is seed", "the thought did not end"),
        (("It is see", "length"), "cut off"),
        ("", "no answer"),
    ],
)
def test_replies_are_read_as_the_task_reads(run: Path, tmp_path: Path, reply: Any, reason: str) -> None:
    with serving(StrictChatServer(say=lambda _messages: reply)) as server:
        result = check(tmp_path, server.url)
    assert rows_of(result.stdout)["there, written by served-model"] == ["0.000", "8", "8", ""]
    assert f"({reason}" in result.stdout


def test_a_run_that_wrote_is_compared_row_by_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = finished(tmp_path, monkeypatch, "Read twice.", written=right_below(17))
    assert run_document(path)["answering"]["mode"] == "generation"
    with serving(StrictChatServer(say=right_below(17))) as server:
        result = check(tmp_path, server.url)
    assert rows_of(result.stdout) == {
        "here, written": ["0.750", "8", "0", "0"],
        "there, written by served-model": ["0.750", "8", "0", ""],
    }
    assert "0 of 8 rows differ" in result.stdout and "Rows that differ" not in result.stdout


def test_without_the_weights_it_says_what_is_missing(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    enable_socket()
    monkeypatch.setattr("opro_local.exports.chat_server.close_network", lambda: None)
    with serving(StrictChatServer(say=right_below(8))) as server:
        result = check(tmp_path, server.url)
    assert result.exit_code == 0, result.output
    assert "note: what the scorer writes here is not known: " in result.stderr
    assert not any(name.startswith("here, written") for name in rows_of(result.stdout))


def test_of_several_models_one_is_named(run: Path, tmp_path: Path) -> None:
    with serving(StrictChatServer(models=("a", "b"), say=right_below(20))) as server:
        refused = check(tmp_path, server.url)
        assert refused.exit_code == 1 and "serves 2 models (a, b): pass --served-as NAME" in refused.stderr
        assert "there, written by b" in check(tmp_path, server.url, "--served-as", "b").stdout
        unknown = check(tmp_path, server.url, "--served-as", "c")
        assert unknown.exit_code == 1 and "status 404" not in unknown.stderr
        assert "answered with status 400: model c not found" in unknown.stderr


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://example.com/v1",
            "http://192.168.0.1:8080",
            "http://0.0.0.0:8080",
            "http://[2001:db8::1]/v1",
        ),
        *("https://127.0.0.1:8080", "ftp://127.0.0.1", "file:///etc/passwd", "127.0.0.1:8080", "", "http://"),
        *(
            "http://127.0.0.1@example.com/",
            "http://u:p@127.0.0.1/",
            "http://127.0.0.1:99999",
            "http://2130706433/",
        ),
        *("http://localhost.example.com/", "http://127.0.0.1:80/v1?x=1", "http://[::ffff:8.8.8.8]/"),
    ],
)
def test_what_is_not_this_machine_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="no server on this machine"):
        ChatServer.at(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://localhost:8080", "http://127.0.0.1:8080/v1"),
        ("http://127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1"),
        ("http://127.1.2.3:1/v1/", "http://127.1.2.3:1/v1"),
        ("http://[::1]:8000/v1/chat/completions", "http://[::1]:8000/v1"),
        ("http://localhost/served/here", "http://127.0.0.1:80/served/here"),
    ],
)
def test_an_address_may_name_the_server_or_its_paths(url: str, shown: str) -> None:
    assert str(ChatServer.at(url)) == shown


def _reply(content: object) -> bytes:
    return json.dumps({"choices": [{"message": {"content": content}}]}).encode()


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ((200, {}, b"<html>"), "its answer is no JSON"),
        ((200, {}, b"\xff\xfe"), "its answer is no JSON"),
        ((200, {}, b"[" * 100_000), "its answer is no JSON"),
        ((200, {}, b"{}"), "its answer holds no message"),
        ((200, {}, b'{"choices": []}'), "its answer holds no message"),
        ((200, {}, _reply([{"type": "text"}])), "its answer holds no text"),
        ((500, {}, b'{"error": "out of memory"}'), "answered with status 500: out of memory"),
        ((404, {}, b"nothing"), "answered with status 404. Is it a chat server"),
        ((302, {"Location": "http://192.0.2.1/"}, b""), "status 302, which leads elsewhere"),
        ((200, {}, b"x" * 8_000_001), "more than 8,000,000 bytes"),
    ],
)
def test_a_server_that_answers_otherwise_is_an_error_of_one_line(raw: Any, message: str) -> None:
    with serving(StrictChatServer(raw=raw)) as server:
        asked = ChatServer.at(server.url)
        with asked.opened(), pytest.raises(OproError) as caught:
            asked.reply({})
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_silence_and_a_closed_port_are_errors_too() -> None:
    with serving(StrictChatServer(silent_seconds=5)) as server:
        asked = ChatServer(host="127.0.0.1", port=server.port, base="/v1", seconds=0.1)
        with asked.opened(), pytest.raises(OproError, match=r"no answer within 0.1 s"):
            asked.reply({})
    with asked.opened(), pytest.raises(OproError, match="cannot be spoken to \\(Connection refused\\)"):
        asked.reply({})


def test_a_run_that_was_not_tested_has_nothing_to_compare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = finished(tmp_path, monkeypatch, "Read twice.", liking=0.0)
    with sqlite3.connect(path) as file:
        file.execute("DELETE FROM evaluation")
    refused = check(tmp_path, "http://127.0.0.1:9")
    assert refused.exit_code == 2 and "no prompt that was measured on test" in refused.stderr


def test_the_network_is_open_to_that_one_address_and_no_longer_than_it_takes() -> None:
    """In a process of its own, with the guard installed; the other server must see no connection."""
    with serving(StrictChatServer()) as server, socket.create_server(("127.0.0.1", 0)) as other:
        program = f"""
import socket, threading
from opro_local.exports.chat_server import ChatServer
server = ChatServer.at("{server.url}")
def refused(port):
    try: socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except PermissionError: return True
    return False
with server.opened():
    assert server.model(None) == "served-model"
    assert refused({other.getsockname()[1]})
    elsewhere = []
    thread = threading.Thread(target=lambda: elsewhere.append(refused({server.port})))
    thread.start(); thread.join()
    assert elsewhere == [True], "another thread"
    for call in (lambda: socket.create_connection(("192.0.2.1", 443), timeout=5),
                 lambda: socket.getaddrinfo("example.com", 80),
                 lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", {server.port}))):
        try: call()
        except PermissionError: continue
        raise AssertionError(call)
assert refused({server.port})
"""
        environment = {**os.environ, "http_proxy": "http://127.0.0.1:9"}
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, env=environment
        )
    assert done.returncode == 0, done.stderr
