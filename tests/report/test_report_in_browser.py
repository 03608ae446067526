"""The report in a real browser: wide and narrow, light and dark, without scripts, and with hostile text."""

from pathlib import Path
from typing import Any

import pytest
from browser import browser, complaints, in_chromium, violations
from results import task_result

from opro_local.report import forms

__all__ = ["browser"]
pytestmark = [pytest.mark.slow, in_chromium]


@pytest.mark.parametrize("name", ["document", "hostile", "everywhere"])
def test_a_report_is_quiet_and_can_be_read(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, browser: Any
) -> None:
    run = request.getfixturevalue(name)
    file = tmp_path / "report.html"
    file.write_bytes(forms.in_form(task_result(run), "html"))
    for width in (320, 1280):
        for scheme in ("light", "dark"):
            for scripts in (True, False):
                visitor = browser.new_context(
                    viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=scripts
                )
                page = visitor.new_page()
                errors = complaints(page)
                asked: list[str] = []
                page.on("request", lambda each, asked=asked: asked.append(each.url))
                page.on("dialog", lambda dialog, asked=asked: asked.append(dialog.message))
                page.goto(file.as_uri())
                assert "Candidates" in page.inner_text("main")
                assert (errors, asked) == ([], [file.as_uri()])
                if scripts:
                    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
                    assert violations(page) == 0
                visitor.close()


def test_scripts_sort_and_copy(document: dict[str, Any], tmp_path: Path, browser: Any) -> None:
    file = tmp_path / "report.html"
    file.write_bytes(forms.in_form(task_result(document), "html"))
    visitor = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = visitor.new_page()
    page.goto(file.as_uri())
    table = page.get_by_role("region", name="All candidates")
    table.get_by_role("button", name="step").click()
    steps = table.locator("tbody tr td:first-child").all_inner_texts()
    assert steps == sorted(steps) and len(set(steps)) > 1
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "Read twice."
