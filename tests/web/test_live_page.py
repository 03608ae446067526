"""The live page in a real browser: a step arrives, a person takes part. Skipped without Chromium."""

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from browser import browser, complaints, in_chromium, sync_api, violations
from mail_task import mail_model, mail_task
from pytest_socket import enable_socket
from scripted_models import play_roles

from opro_local.api import optimize_task
from opro_local.config import Folders, RunSettings
from opro_local.store.events import ask
from opro_local.testing import ScriptedEngine
from opro_local.web.server import serve_folder
from opro_local.wiring.host import Host

__all__ = ["browser"]
pytestmark = [pytest.mark.slow, in_chromium]
OWN = "Read <script>document.title = 'hit'</script> twice.\u202e"
PATIENCE = 60.0
FINISHED = re.compile("^finished")


class Steered:
    """A search in a thread of its own that goes on by one commit whenever it is let."""

    def __init__(self, home: Path) -> None:
        self.folders = Folders.of_user(home)
        self._commits = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._search, daemon=True)
        self._thread.start()

    def go_on(self, commits: int = 1) -> None:
        self._commits.release(commits)

    def end(self) -> None:
        self.go_on(1000)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def _search(self) -> None:
        search = {"method": "opro", "proposals_per_step": 1, "headroom": 0, "sensitivity": 0}
        settings = RunSettings.model_validate(
            {"models": {"scorer": "scripted"}, "search": search, "budget": {"steps": 2}}
        )
        host = Host(
            folders=self.folders, after_commit=lambda: assert_true(self._commits.acquire(timeout=PATIENCE))
        )
        optimize_task(mail_task(), settings, host=host)


def assert_true(value: bool) -> None:
    assert value


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Steered]:
    samples = [[f"{text}</INS>"] for text in ("sort it.", "Look.")]
    play_roles(monkeypatch, ScriptedEngine(log_prob=mail_model({}, otherwise=7), samples=samples))
    steered = Steered(tmp_path)
    yield steered
    steered.end()


@pytest.fixture
def address(search: Steered) -> str:
    """Of a server in a thread, which ends with the process; these tests need a socket."""
    enable_socket()
    found: Queue[str] = Queue()
    serve = {"port": 0, "editable": True, "ready": found.put}
    search.folders.runs.mkdir(parents=True, exist_ok=True)
    threading.Thread(target=serve_folder, args=(search.folders.runs,), kwargs=serve, daemon=True).start()
    return found.get(timeout=PATIENCE)


def test_a_person_takes_part_through_the_page(search: Steered, address: str, browser: Any) -> None:
    visitor = browser.new_context()
    page = visitor.new_page()
    errors = complaints(page)
    page.set_default_timeout(1000 * PATIENCE)
    wait_for_run(search.folders.runs)

    page.goto(address)
    assert "token" not in page.url
    page.locator("tbody a").click()
    sync_api.expect(page.locator("#status")).to_contain_text("0 steps")
    search.go_on(3)
    sync_api.expect(page.locator("#status")).to_contain_text("best prompt on train", timeout=1000 * PATIENCE)

    page.get_by_label("An instruction").fill(OWN)
    page.get_by_role("button", name="Have it scored").click()
    sync_api.expect(page.get_by_role("region", name="Asked so far")).to_contain_text("waiting")
    search.go_on(1000)
    sync_api.expect(page.locator("#take-part")).to_have_count(0, timeout=1000 * PATIENCE)
    row = page.get_by_role("region", name="All candidates").get_by_role("row").filter(has_text="human")
    sync_api.expect(row).to_contain_text("Read <script>", timeout=1000 * PATIENCE)
    sync_api.expect(page.locator("#status")).to_have_text(FINISHED, timeout=1000 * PATIENCE)
    assert "\\u202e" in row.inner_text() and page.title() != "hit"
    assert row.locator("td.number").nth(2).inner_text() != "", "it was scored"

    page.reload()
    assert violations(page) == 0
    assert errors == []
    other = browser.new_context().new_page()
    assert other.goto(page.url).status == 403
    assert other.goto(address).status == 403


def test_what_a_person_was_looking_at_stays(search: Steered, address: str, browser: Any) -> None:
    """The page is drawn anew at every change; sorting, what is open and the focus stay."""
    page = browser.new_context().new_page()
    page.set_default_timeout(1000 * PATIENCE)
    wait_for_run(search.folders.runs)
    page.goto(address)
    page.locator("tbody a").click()
    search.go_on(3)
    sync_api.expect(page.locator("#status")).to_contain_text("best prompt on train", timeout=1000 * PATIENCE)
    page.get_by_role("button", name="Pause").click()
    sync_api.expect(page.locator("#status")).to_contain_text("paused")
    head = page.locator("th", has=page.get_by_role("button", name="shots"))
    head.get_by_role("button").click()
    head.get_by_role("button").click()
    page.get_by_text("Settings, models and versions").click()
    page.evaluate("window.same = document.querySelector('#live section')")
    ask(next(search.folders.runs.glob("2*.sqlite")), "continue", "")
    sync_api.expect(page.locator("#status")).not_to_contain_text("paused", timeout=1000 * PATIENCE)
    search.go_on(1000)
    sync_api.expect(page.locator("#status")).to_have_text(FINISHED, timeout=1000 * PATIENCE)
    assert page.evaluate("!document.contains(window.same)"), "it was drawn anew"
    assert head.get_attribute("aria-sort") == "descending"
    assert page.evaluate("document.activeElement.textContent") == "Settings, models and versions"
    assert page.locator("details", has_text="versions").last.get_attribute("open") is not None


def test_a_page_of_another_site_gets_nothing(search: Steered, address: str, browser: Any) -> None:
    visitor = browser.new_context()
    page = visitor.new_page()
    page.goto(address)
    home = page.url
    visitor.route(
        "http://evil.example/**", lambda route: route.fulfill(body="<p>here", content_type="text/html")
    )
    page.goto("http://evil.example/")
    read = page.evaluate(
        "url => fetch(url, {credentials: 'include'}).then(a => a.text()).catch(() => 'refused')", home
    )
    assert read == "refused"
    with page.expect_response(lambda answer: answer.url.startswith(home)) as answer:
        page.evaluate(
            "url => { const form = document.createElement('form'); form.method = 'post'; "
            "form.action = url + 'runs/x/events'; document.body.append(form); form.submit(); }",
            home,
        )
    assert answer.value.status == 403


def wait_for_run(folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not [path for path in folder.glob("*.sqlite") if path.name != "cache.sqlite"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
