"""A model that another program of this machine serves by the OpenAI protocol: llama.cpp, ollama, vLLM.

Only the loopback is spoken to, over plain HTTP, without proxies, and no redirection is followed.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from opro_local.errors import OproError, SettingsError
from opro_local.offline import close_network, opened_to
from opro_local.wording import listed, quoted

CHAT, MODELS = "/chat/completions", "/models"
SECONDS = 300.0
"""Until a server has to have begun its answer."""
MOST_BYTES = 8_000_000
"""Of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReply:
    """cut: the reply was ended by its limit."""

    text: str
    cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatServer:
    """base is the path before /chat/completions; host is an address of the loopback."""

    host: str
    port: int
    base: str
    seconds: float = SECONDS

    @classmethod
    def at(cls, url: str) -> "ChatServer":
        """Raises SettingsError for what is no plain HTTP address of this machine."""
        try:
            parts = urlsplit(url)
            host, port = _loopback(parts.hostname), parts.port or 80
        except ValueError:
            host = None
        if host is None or parts.scheme != "http" or parts.username or parts.query or parts.fragment:
            raise SettingsError(
                f"{quoted(url)} is no server on this machine: --check speaks to http://127.0.0.1:PORT "
                "(localhost, [::1]) and to nothing else."
            )
        return cls(host=host, port=port, base=parts.path.removesuffix("/").removesuffix(CHAT) or "/v1")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{self.base}"

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Inside, the network is shut but for this one address."""
        close_network()
        with opened_to(self.host, self.port):
            yield

    def model(self, name: str | None) -> str:
        """The served model of this name; without one the only one that there is. Raises OproError."""
        if name is not None:
            return name
        try:
            names = [str(each["id"]) for each in self._asked("GET", MODELS)["data"]]
        except (KeyError, TypeError):
            raise self._failed("its list of models is not of the OpenAI protocol") from None
        if len(names) != 1:
            served = f"it serves {len(names)} models ({listed(names, most=5)})"
            raise self._failed(f"{served}: pass --served-as NAME")
        return names[0]

    def reply(self, body: Mapping[str, Any]) -> ChatReply:
        """Raises OproError."""
        answer = self._asked("POST", CHAT, body)
        try:
            choice = answer["choices"][0]
            text, ended = choice["message"]["content"], choice.get("finish_reason")
        except (KeyError, IndexError, TypeError):
            raise self._failed("its answer holds no message") from None
        if not isinstance(text, str | None):
            raise self._failed("its answer holds no text")
        return ChatReply(text=text or "", cut=ended == "length")

    def _asked(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        connection = HTTPConnection(self.host, self.port, timeout=self.seconds)
        sent = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        try:
            connection.request(method, self.base + path, body=sent, headers=headers)
            answer = connection.getresponse()
            status, content = answer.status, answer.read(MOST_BYTES + 1)
        except TimeoutError:
            raise self._failed(f"no answer within {self.seconds:g} s") from None
        except (OSError, HTTPException) as error:
            raise self._failed(f"it cannot be spoken to ({_reason(error)})") from None
        finally:
            connection.close()
        return self._parsed(status, content)

    def _parsed(self, status: int, content: bytes) -> Any:
        if status != 200:
            raise self._failed(f"it answered with status {status}{_told(status, content)}")
        if len(content) > MOST_BYTES:
            raise self._failed(f"its answer has more than {MOST_BYTES:,} bytes")
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise self._failed("its answer is no JSON") from None

    def _failed(self, why: str) -> OproError:
        return OproError(f"server {self}: {why}. Is it a chat server of the OpenAI protocol?")


def _loopback(host: str | None) -> str | None:
    """The address that is meant, without asking a resolver; None for any other machine's."""
    if host == "localhost":
        return "127.0.0.1"
    address = ip_address(host or "")
    return str(address) if address.is_loopback else None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def _told(status: int, content: bytes) -> str:
    """What a server says of its refusal."""
    if 300 <= status < 400:
        return ", which leads elsewhere: redirections are not followed"
    try:
        told = json.loads(content)["error"]
        told = told["message"] if isinstance(told, dict) else told
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return f": {' '.join(str(told).split())[:200]}"
