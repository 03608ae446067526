"""Who is let in to the live page, and who is not."""

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from opro_local.web.guard import HEADERS, Guard
from opro_local.web.pages import LARGEST_FORM, LivePages, changes_of

PORT = 8123
HOME = f"http://127.0.0.1:{PORT}"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def guard(folder: Path, *, editable: bool = False) -> Guard:
    return Guard(app=LivePages(folder=folder, editable=editable).app(), port=PORT, editable=editable)


def client(app: Guard) -> TestClient:
    return TestClient(app, base_url=HOME, follow_redirects=False)


def let_in(app: Guard) -> TestClient:
    visitor = client(app)
    assert visitor.get(app.address).status_code == 303
    return visitor


def test_the_address_opens_once_and_the_cookie_lets_in(tmp_path: Path) -> None:
    app = guard(tmp_path)
    address, visitor = app.address, client(app)
    assert visitor.get("/").status_code == 403
    answer = visitor.get(address)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert re.search("HttpOnly.*SameSite=strict", answer.headers["set-cookie"])
    assert visitor.get("/").status_code == 200
    assert visitor.get(address).headers["location"] == "/", "who is in already stays in"
    assert client(app).get(address).status_code == 403, "the token was used"
    assert client(app).get("/?token=").status_code == 403, "no token is none"
    assert client(app).get("/").status_code == 403, "another browser has no cookie"


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": f"evil.example:{PORT}"},
        {"host": "127.0.0.1"},
        {"host": "127.0.0.1:9"},
        {"host": ""},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": f"https://127.0.0.1:{PORT}"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"cookie": f"opro-local-{PORT}=guessed"},
    ],
)
def test_who_comes_from_elsewhere_is_refused(tmp_path: Path, headers: Mapping[str, str]) -> None:
    visitor = let_in(guard(tmp_path))
    assert visitor.get("/", headers={"sec-fetch-site": "same-origin"}).status_code == 200
    assert visitor.get("/", headers=headers).status_code == 403


@pytest.mark.parametrize("name", ["host", "origin", "cookie", "sec-fetch-site"])
def test_a_header_that_stands_twice_is_refused(tmp_path: Path, name: str) -> None:
    visitor = let_in(guard(tmp_path))
    values = {"host": f"127.0.0.1:{PORT}", "origin": HOME, "cookie": "a=b", "sec-fetch-site": "none"}
    answer = visitor.get("/", headers=[(name, values[name]), (name, values[name])])
    assert answer.status_code == 400


@pytest.mark.parametrize("path", ["/", "/nowhere", "/runs/x", "/assets/report.css", "/assets/run.html.j2"])
def test_every_answer_carries_the_headers(tmp_path: Path, path: str) -> None:
    app = guard(tmp_path)
    for visitor in (client(app), let_in(app)):
        answer = visitor.get(path)
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "frame-ancestors 'none'" in HEADERS["content-security-policy"]


def test_nothing_is_changed_where_reading_is_all_that_is_allowed(tmp_path: Path) -> None:
    visitor = let_in(guard(tmp_path))
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert visitor.request(method, "/runs/x/events", headers={"origin": HOME}).status_code == 405


def test_a_form_must_come_from_the_page_itself(tmp_path: Path) -> None:
    visitor = let_in(guard(tmp_path, editable=True))
    form = {"kind": "add", "text": "Read twice."}
    assert visitor.post("/runs/x/events", data=form).status_code == 403
    assert visitor.post("/runs/x/events", data=form, headers={"origin": "null"}).status_code == 403
    assert visitor.post("/runs/x/events", data=form, headers={"origin": HOME}).status_code == 404


def test_only_the_folders_own_runs_are_shown(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "other.sqlite").write_bytes(b"")
    visitor = let_in(guard(tmp_path / "runs"))
    for name in ("../other", "..%2Fother", "%2e%2e%2fother", str(tmp_path / "other"), "cache"):
        assert visitor.get(f"/runs/{name}").status_code == 404


def test_a_damaged_run_is_named_and_the_others_are_shown(tmp_path: Path) -> None:
    (tmp_path / "broken.sqlite").write_bytes(b"not a database")
    visitor = let_in(guard(tmp_path, editable=True))
    assert "broken.sqlite" in visitor.get("/").text
    assert visitor.get("/runs/broken").status_code == 409
    long = f"kind=add&text={'x' * LARGEST_FORM}"
    answer = visitor.post("/runs/broken/events", content=long, headers={"origin": HOME, **FORM})
    assert answer.status_code == 413
    answer = visitor.post("/runs/broken/events", content="{}", headers={"origin": HOME})
    assert answer.status_code == 415
    for form in (
        "kind=drop",
        "kind=add&text=",
        "kind=extend&amount=-1&limit=steps",
        "kind=ban+pattern&text=(",
    ):
        answer = visitor.post("/runs/broken/events", content=form, headers={"origin": HOME, **FORM})
        assert answer.status_code == 400, form


def test_a_change_between_the_page_and_its_stream_is_told(tmp_path: Path) -> None:
    """The run may end while the browser still reads the page; then nothing would tell it any more."""
    run = tmp_path / "r.sqlite"
    run.write_bytes(b"one")

    async def first() -> dict[str, str]:
        return await anext(changes_of(run, "an earlier state"))

    told = asyncio.run(first())
    assert told["event"] == "changed"

    async def again() -> None:
        await asyncio.wait_for(anext(changes_of(run, told["id"])), timeout=0.2)

    with pytest.raises(TimeoutError):
        asyncio.run(again())
