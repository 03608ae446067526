"""Who may see the live page: the person who was shown its address, from a page of its own.

Other programs and pages of this machine, and sites that point their name at it (DNS rebinding), can reach a
loopback port as well. So a one-time token in the printed address buys a cookie, requests must name this very
host, and what comes from other sites is refused. All answers carry the headers, refusals too.
"""

from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from secrets import compare_digest, token_urlsafe

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ONCE_ONLY = ("host", "origin", "cookie", "content-length", "content-type", "sec-fetch-site")
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass(kw_only=True)
class Guard:
    """An ASGI app around app. Only where editable may anything be sent but GET."""

    app: ASGIApp
    port: int
    editable: bool
    token: str = field(default_factory=token_urlsafe)
    _session: str = field(default_factory=token_urlsafe)

    @property
    def address(self) -> str:
        """What the person opens, once."""
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    @property
    def hosts(self) -> tuple[str, ...]:
        return (f"127.0.0.1:{self.port}", f"localhost:{self.port}")

    @property
    def cookie(self) -> str:
        """By port: browsers share cookies between ports."""
        return f"opro-local-{self.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        answer = self._refusal(Request(scope)) or self.app
        await answer(scope, receive, send_with_headers)

    def _refusal(self, request: Request) -> Response | None:
        """An answer in place of the page; None if the page may answer."""
        wrong = self._what_is_wrong(request.method, request.headers)
        if wrong is not None:
            return wrong
        token = request.query_params.get("token")
        known = compare_digest(request.cookies.get(self.cookie, "").encode(), self._session.encode())
        if token is not None:
            return RedirectResponse("/", HTTPStatus.SEE_OTHER) if known else self._let_in(token)
        if known:
            return None
        return _refused(HTTPStatus.FORBIDDEN, "Open the address that opro-local serve has printed.")

    def _what_is_wrong(self, method: str, headers: Headers) -> Response | None:
        counts = Counter(headers.keys())
        if any(counts[name] > 1 for name in ONCE_ONLY):
            return _refused(HTTPStatus.BAD_REQUEST, "A header stands twice.")
        if headers.get("host") not in self.hosts:
            return _refused(HTTPStatus.FORBIDDEN, "This is another host.")
        if method not in (("GET", "HEAD", "POST") if self.editable else ("GET", "HEAD")):
            return _refused(HTTPStatus.METHOD_NOT_ALLOWED, "Only reading is allowed here.")
        origin = headers.get("origin")
        if origin not in (None, *(f"http://{host}" for host in self.hosts)):
            return _refused(HTTPStatus.FORBIDDEN, "The request comes from another site.")
        if method == "POST" and origin is None:
            return _refused(HTTPStatus.FORBIDDEN, "The request does not say where it comes from.")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return _refused(HTTPStatus.FORBIDDEN, "The request comes from another site.")
        return None

    def _let_in(self, token: str) -> Response:
        """The cookie for the token, which is then worth nothing any more."""
        if not self.token or not compare_digest(token.encode(), self.token.encode()):
            return _refused(
                HTTPStatus.FORBIDDEN, "This address was used before or is wrong. Start serve again."
            )
        self.token = ""
        answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        answer.set_cookie(self.cookie, self._session, httponly=True, samesite="strict")
        return answer


def _refused(status: HTTPStatus, why: str) -> Response:
    return PlainTextResponse(why + "\n", status)
