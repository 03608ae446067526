"""Two runs side by side."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mail_task import mail_model, mail_task
from scripted_models import play_roles

from opro_local.api import optimize_task
from opro_local.cli import main
from opro_local.config import Folders, RunSettings
from opro_local.report.forms import difference_in_form
from opro_local.results.difference import RunDifference, run_difference
from opro_local.results.overview import Prompt
from opro_local.results.words import solution_text
from opro_local.store.reply_cache import clear
from opro_local.store.run_folder import RunFolder
from opro_local.testing import ScriptedEngine
from opro_local.wiring.host import Host


def finished(folder: Path, monkeypatch: pytest.MonkeyPatch, best: str, rows: int = 60, **search: Any) -> Path:
    skills = {"": 6, "Weak.": 20, "Strong.": 55}
    play_roles(
        monkeypatch,
        ScriptedEngine(log_prob=mail_model(skills, otherwise=3), samples=[[f"{best}</INS>"]]),
    )
    settings = {
        "models": {"scorer": "scripted"},
        "search": {"method": "opro", "proposals_per_step": 1, "headroom": 0, "sensitivity": 0, **search},
        "scoring": {"calibration": "none"},
        "budget": {"steps": 1},
    }
    clear(RunFolder(Folders.of_user(folder).runs).reply_cache)  # another script under the same digest
    host = Host(folders=Folders.of_user(folder))
    return optimize_task(mail_task(rows), RunSettings.model_validate(settings), host=host)


def test_the_better_prompt_is_told_on_the_rows_of_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weak = finished(tmp_path, monkeypatch, "Weak.")
    strong = finished(tmp_path, monkeypatch, "Strong.", shown=7)
    found = run_difference(weak, strong)
    assert found.settings == {"search.shown": [20, 7]}
    assert [best and solution_text(best) for best in found.best] == ["Weak.", "Strong."]
    one, other = found.test
    assert one is not None and other is not None and one.value is not None and other.value is not None
    assert found.comparison is not None
    assert found.comparison.comparison.difference == pytest.approx(other.value - one.value)
    assert found.comparison.comparison.n == one.n == 24
    assert found.comparison.word == "better"
    assert word(run_difference(strong, weak)) == "worse"
    same = run_difference(weak, weak)
    assert same.settings == {} and word(same) == "no evidence of a gain"


def word(found: RunDifference) -> str | None:
    return None if found.comparison is None else found.comparison.word


def test_only_rows_that_both_have_tested_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = finished(tmp_path, monkeypatch, "Weak.")
    other = finished(tmp_path, monkeypatch, "Strong.", seed=4)
    found = run_difference(one, other)
    rows = [set(_rows(tmp_path, path)) for path in (one, other)]
    shared = rows[0] & rows[1]
    assert 0 < len(shared) < 24
    assert found.comparison is not None and found.comparison.comparison.n == len(shared)


def _rows(home: Path, path: Path) -> list[str]:
    document = json.loads(CliRunner().invoke(main, ["--home", str(home), "export", str(path)]).stdout)
    rows: list[str] = document["task"]["row_ids"]["test"]
    return rows


def test_the_command_says_it_in_words_and_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weak, strong = (finished(tmp_path, monkeypatch, best) for best in ("Weak.", "Strong."))
    arguments = ["--home", str(tmp_path), "runs", "diff", str(weak), strong.stem]
    said = CliRunner().invoke(main, arguments)
    assert said.exit_code == 0, said.output
    assert f"{strong.stem} beside {weak.stem}, on 24 test rows of both: better: gain +0." in said.output
    assert "Strong." in said.output
    assert json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)["runs"] == [
        weak.stem,
        strong.stem,
    ]


def test_the_page_says_the_same_and_markup_of_others_is_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weak = finished(tmp_path, monkeypatch, "Weak.")
    strong = finished(tmp_path, monkeypatch, "Strong.", shown=7)
    page = tmp_path / "diff.html"
    command = ["runs", "diff", str(weak), str(strong)]
    assert CliRunner().invoke(main, [*command, "-o", str(page)]).exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert "<del>Weak.</del>" in text and "<ins>Strong.</ins>" in text and "search.shown" in text
    found = run_difference(weak, strong)
    assert found.comparison is not None
    assert f": better: gain {found.comparison.comparison.difference:+.3f}" in text
    hostile = "</style><script>alert(1)</script>\u202e"
    _, second = found.best
    assert isinstance(second, Prompt)
    best = [replace(second, instruction=hostile), second]
    settings = {"search.shown": [hostile, 7]}
    found = replace(found, best=best, task=[hostile, "mails"], settings=settings)
    shown = difference_in_form(found, "html").decode()
    assert shown.count("<script>") == 1 and "\u202e" not in shown
    unwritable = CliRunner().invoke(main, [*command, "-o", str(tmp_path / "no" / "diff.html")])
    assert unwritable.exit_code == 1 and "cannot be written" in unwritable.output
