"""The live pages of a folder's runs: a list, a page a run like its report, and word when it changes."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from urllib.parse import parse_qsl, quote

from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from opro_local.errors import OproError, SettingsError
from opro_local.interventions import is_paused
from opro_local.recording import EventKind
from opro_local.report.page import asset, environment
from opro_local.report.section import Section
from opro_local.report.sections import sections
from opro_local.report.table import Table
from opro_local.results.events import AskedEvent, read_asked
from opro_local.results.reading import read_overview
from opro_local.results.result import read_result
from opro_local.results.words import heard_text
from opro_local.store.events import ask
from opro_local.store.run_folder import RunFolder, readable

ASSETS = {"report.css": "text/css", "report.js": "text/javascript", "live.js": "text/javascript"}
LARGEST_FORM = 16_384
"""Bytes."""
LOOK = 1.0
"""Seconds between two looks at a run's file."""
DRAWING = Lock()
"""matplotlib draws one picture at a time; pages are made in threads."""
KINDS: Sequence[EventKind] = ("add", "ban", "ban pattern", "extend", "pause", "continue", "stop")


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePages:
    """Pages of the run files in folder; forms only where editable."""

    folder: Path
    editable: bool

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self.runs),
                Route("/assets/{name}", self.asset),
                Route("/runs/{run}", self.run),
                Route("/runs/{run}/changes", self.changes),
                Route("/runs/{run}/events", self.event, methods=["POST"]),
            ],
            exception_handlers={OproError: _refused},
        )

    def runs(self, request: Request) -> Response:
        """All readable runs, the latest first."""
        unreadable: list[str] = []
        files = reversed(RunFolder(self.folder).files())
        found = readable(files, read_overview, lambda error: unreadable.append(str(error)))
        runs = [(path.stem, run) for path, run in found]
        return _page("runs.html.j2", runs=runs, unreadable=unreadable, folder=str(self.folder))

    def run(self, request: Request) -> Response:
        path = self._file(request)
        seen = _state(path)  # before anything is read: what comes later is a change
        events, run = read_asked(path), read_result(path)
        with DRAWING:
            return _page(
                "live.html.j2",
                file=path.stem,
                seen=seen,
                paused=is_paused(event.kind for event in events),
                editable=self.editable,
                run=run,
                sections=[*_asked(events), *sections(run)],
            )

    async def changes(self, request: Request) -> Response:
        """Of the run since the page was made, or since what a browser that lost its connection has seen."""
        seen = request.headers.get("last-event-id") or request.query_params.get("seen", "")
        return EventSourceResponse(changes_of(self._file(request), seen))

    async def event(self, request: Request) -> Response:
        """What a person asks of the run; then its page again."""
        path, form = self._file(request), await _form(request)
        kind = next((known for known in KINDS if known == form.get("kind")), None)
        text = form.get("text", "")
        if kind is None:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "What is asked?")
        if kind == "extend":
            text = f"{form.get('amount', '')} {form.get('limit', '')}"
        await run_in_threadpool(ask, path, kind, text)
        return RedirectResponse(f"/runs/{quote(path.stem, safe='')}", HTTPStatus.SEE_OTHER)

    def asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in ASSETS:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return Response(asset(name), media_type=ASSETS[name])

    def _file(self, request: Request) -> Path:
        """One of the folder's own files: a name is looked up, never joined to a path."""
        files = {path.stem: path for path in RunFolder(self.folder).files()}
        if request.path_params["run"] not in files:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return files[request.path_params["run"]]


def _asked(events: Sequence[AskedEvent]) -> Iterator[Section]:
    rows = [(event.kind, event.text, heard_text(event)) for event in events]
    table = Table(title="Asked so far", columns=("what", "text", "heard in"), rows=rows)
    if rows:
        yield Section(title="What people asked", tables=[table])


def _page(template: str, **content: object) -> Response:
    return HTMLResponse(_bytes(environment().get_template(template).render(**content)))


def _refused(request: Request, error: Exception) -> Response:
    status = HTTPStatus.BAD_REQUEST if isinstance(error, SettingsError) else HTTPStatus.CONFLICT
    return PlainTextResponse(_bytes(f"{error}\n"), status)


def _bytes(text: str) -> bytes:
    """A name of a file or a folder that is not UTF-8 is shown escaped."""
    return text.encode(errors="backslashreplace")


async def _form(request: Request) -> dict[str, str]:
    """The fields of a small form; of a field that stands twice the last one."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    if request.headers.get("content-type") != "application/x-www-form-urlencoded":
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    try:
        return dict(parse_qsl(body.decode(), max_num_fields=len(KINDS), keep_blank_values=True))
    except ValueError:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The form cannot be read.") from None


async def changes_of(path: Path, seen: str) -> AsyncIterator[dict[str, str]]:
    """An event whenever the run's file is another one than what was seen."""
    while True:
        now = _state(path)
        if now != seen:
            seen = now
            yield {"event": "changed", "id": now, "data": ""}
        await asyncio.sleep(LOOK)


def _state(path: Path) -> str:
    """Sizes and times of the file and of SQLite's journal beside it."""
    found = []
    for file in (path, path.with_name(f"{path.name}-wal")):
        with suppress(FileNotFoundError):  # the journal goes when the run ends
            state = file.stat()
            found.append(f"{state.st_mtime_ns}-{state.st_size}")
    return "-".join(found)
