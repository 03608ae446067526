"""A chat server of the OpenAI protocol on the loopback that refuses what the protocol does not have."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KNOWN = {"model", "messages", "temperature", "max_tokens", "metadata"}
Say = Callable[[list[dict[str, str]]], str | tuple[str, str]]
"""The messages -> the reply, or the reply and why it ended."""


@dataclass(kw_only=True)
class StrictChatServer:
    """raw: (status, headers, body) of every answer instead; bodies are those that were asked."""

    say: Say = lambda _messages: "no"
    models: tuple[str, ...] = ("served-model",)
    raw: tuple[int, dict[str, str], bytes] | None = None
    silent_seconds: float = 0.0
    port: int = 0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, method: str, path: str, body: bytes, content_type: str) -> tuple[int, bytes]:
        if (method, path) == ("GET", "/v1/models"):
            return 200, _json({"object": "list", "data": [{"id": n, "object": "model"} for n in self.models]})
        if (method, path) != ("POST", "/v1/chat/completions"):
            return 404, _json({"error": {"message": f"no {path}"}})
        assert content_type == "application/json"
        asked = json.loads(body)
        fault = self._fault(asked)
        if fault:
            return 400, _json({"error": {"message": fault}})
        self.bodies.append(asked)
        said = self.say(asked["messages"])
        text, ended = (said, "stop") if isinstance(said, str) else said
        message = {"role": "assistant", "content": text}
        return 200, _json({"choices": [{"index": 0, "message": message, "finish_reason": ended}]})

    def _fault(self, asked: dict[str, Any]) -> str | None:
        if unknown := set(asked) - KNOWN:
            return f"unknown keys {unknown}"
        if asked["model"] not in self.models:
            return f"model {asked['model']} not found"
        if not all(set(turn) == {"role", "content"} and turn["content"] for turn in asked["messages"]):
            return "a turn has a role and a content"
        return None


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


@contextmanager
def serving(server: StrictChatServer) -> Iterator[StrictChatServer]:
    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            server.stopping.wait(server.silent_seconds)
            if server.raw is not None:
                status, headers, content = server.raw
            else:
                status, content = server.answer(
                    self.command, self.path, body, self.headers.get("Content-Type", "")
                )
                headers = {"Content-Type": "application/json"}
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _any  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.port = http.server_port
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.stopping.set()
            http.shutdown()
            thread.join()
