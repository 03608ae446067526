"""Run files that earlier code wrote, read and gone on with by this one; old_runs/README.md tells of them."""

import csv
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from click.testing import CliRunner, Result
from old_runs import figures, mails, sums, writer
from scripted_models import play_roles

from opro_local.api import resume_run
from opro_local.cli import main
from opro_local.config import Folders
from opro_local.report.candidates import candidate_rows
from opro_local.report.forms import in_form
from opro_local.results.document import as_json, run_document
from opro_local.results.reading import read_overview
from opro_local.results.result import read_result
from opro_local.store.database import open_run
from opro_local.store.schema import VERSION, migrate
from opro_local.wiring.host import Host

KEPT = Path(__file__).parent / "old_runs"
NAMES = sorted(path.stem for path in KEPT.glob("v*.sqlite"))
BEGINNINGS = {"html": b"<!doctype html>", "md": b"# ", "csv": b"", "xlsx": b"PK", "json": b"{"}
OUTCOMES = (
    "SELECT key, split, example_id, prediction, reason, choice_log_probs, reply FROM outcome "
    "JOIN candidate ON candidate.id = candidate ORDER BY key, split, example_id"
)


def told(name: str) -> dict[str, Any]:
    """What the code that wrote the file said of it, in today's words."""
    text = (KEPT / f"{name}.json").read_text(encoding="utf-8")
    # Renamed by versions 7 and 8.
    found: dict[str, Any] = json.loads(text.replace('"exemplar ', '"shot ').replace('"model"', '"opro"'))
    return found


def version(name: str) -> int:
    return int(name[1:].partition("-")[0])


def is_cut_off(name: str) -> bool:
    return bool(told(name)["status"] != "finished")


def is_of_task(name: str) -> bool:
    return bool(told(name)["kind"] == "task")


all_files = pytest.mark.parametrize("name", NAMES)
task_files = pytest.mark.parametrize("name", [name for name in NAMES if is_of_task(name)])
other_files = pytest.mark.parametrize("name", [name for name in NAMES if not is_of_task(name)])
cut_off_files = pytest.mark.parametrize(
    "name", [name for name in NAMES if is_of_task(name) and is_cut_off(name)]
)
winner_files = pytest.mark.parametrize(
    "name", [name for name in NAMES if is_of_task(name) and not is_cut_off(name)]
)


@pytest.fixture
def path(name: str, tmp_path: Path) -> Path:
    runs = Folders.of_user(tmp_path).runs
    runs.mkdir(parents=True)
    return Path(shutil.copy(KEPT / f"{name}.sqlite", runs / f"{told(name)['run']}.sqlite"))


@pytest.fixture
def untouched(name: str, path: Path) -> Iterator[None]:
    """The file is as it was when the test is over; beside it lies no more than what SQLite needs to read."""
    before = path.read_bytes()
    yield
    assert path.read_bytes() == before
    beside = {other.name.removeprefix(path.name): other for other in path.parent.iterdir()}
    assert beside.keys() <= {"", "-wal", "-shm"}
    assert "-wal" not in beside or not beside["-wal"].stat().st_size


def within(found: Any, other: Any) -> Any:
    """What found says of what other says something of."""
    if isinstance(found, dict) and isinstance(other, dict):
        return {key: within(value, other[key]) for key, value in found.items() if key in other}
    return found


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(apsw.Connection(str(path), apsw.SQLITE_OPEN_READONLY)) as database:
        return list(database.execute(query))


def tables(database: apsw.Connection) -> dict[str, set[tuple[Any, ...]]]:
    """The columns of each table: name, type, whether it may be null, its default, its place in the key."""
    names = [str(name) for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    query = 'SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(?)'
    return {name: set(database.execute(query, (name,))) for name in names}


def command(path: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--home", str(path.parent.parent), *words])


def said(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output


def test_a_file_of_every_earlier_version_is_kept() -> None:
    for name in NAMES:
        head = (KEPT / f"{name}.sqlite").read_bytes()[:100]  # SQLite's own; user_version is at byte 60
        assert int.from_bytes(head[60:64]) == version(name)
    for kind in ("finished", "cut-off"):
        missing = [n for n in range(1, VERSION) if f"v{n}-{kind}" not in NAMES]
        assert not missing, f"no {kind} run of versions {missing}: old_runs/README.md says how to make one"


@all_files
@pytest.mark.usefixtures("untouched")
def test_it_says_what_it_said_to_the_code_that_wrote_it(name: str, path: Path) -> None:
    before = told(name)
    assert within(figures(run_document(path, outcomes=True)), before) == before
    quick = figures(as_json(read_overview(path)))
    assert quick.keys() >= {"best", "train", "validation", "test", "usage", "steps"}
    assert within(before, quick) == within(quick, before)


@all_files
def test_opened_for_writing_it_has_the_tables_of_a_new_file_and_says_the_same(name: str, path: Path) -> None:
    new = apsw.Connection(":memory:")
    migrate(new)
    before = figures(run_document(path))
    with closing(open_run(path, write=True)) as database:
        assert tables(database) == tables(new)
        assert database.pragma("user_version") == VERSION
        assert database.pragma("integrity_check") == "ok"
    assert figures(run_document(path)) == before


@cut_off_files
def test_one_that_was_cut_off_goes_on_to_its_end(
    name: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play_roles(monkeypatch, writer())
    before, outcomes = figures(run_document(path)), rows(path, OUTCOMES)
    closed = rows(path, "SELECT number FROM step WHERE closed")
    resume_run(path, host=Host(folders=Folders.of_user(tmp_path)))
    after = figures(run_document(path))
    assert (after["status"], after["usage"]["steps"]) == ("finished", 3)
    assert after["test"] and after["validation"] and after["verdicts"]
    assert set(outcomes) < set(rows(path, OUTCOMES)), "what was scored stays as it is"
    assert after["steps"][: len(closed)] == before["steps"][: len(closed)]
    for step, goes_on in zip(before["steps"], after["steps"], strict=False):
        own = [proposal for proposal in goes_on if proposal[0] != "human" or proposal in step]
        assert [each[:2] for each in own] == [each[:2] for each in step]
    assert rows(path, "SELECT kind FROM event WHERE step IS NULL") == [], "what people asked is heard"
    origins = [origin for step in after["steps"] for origin, *_ in step]
    assert origins.count("human") == int(version(name) >= 5)
    if version(name) < 4:
        assert set(origins) <= {"start", "opro"}, "as it was begun, with the published method"


@other_files
def test_a_mathematical_problem_ends_as_if_it_had_not_been_cut_off(
    name: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play_roles(monkeypatch, writer())
    resume_run(path, host=Host(folders=Folders.of_user(tmp_path)))
    found, unbroken = figures(run_document(path)), told(name.replace("cut-off-", ""))
    assert within(found, unbroken) == unbroken | {"run": told(name)["run"]}


@all_files
@pytest.mark.usefixtures("untouched")
def test_a_report_is_made_in_every_form(name: str, path: Path) -> None:
    run, before = read_result(path), told(name)
    reports = {form: in_form(run, form) for form in BEGINNINGS}
    assert [form for form, report in reports.items() if not report.startswith(BEGINNINGS[form])] == []
    assert json.loads(reports["json"])["train"]["value"] == before["train"][0]
    best = before["best"].get("instruction", "")
    assert all(best.encode() in reports[form] for form in ("html", "md", "csv"))


@pytest.mark.parametrize("name", ["v1-finished", "v3-finished", "v7-finished"])
def test_instructions_of_the_model_are_told_as_its_own(name: str, path: Path) -> None:
    proposals = [row.proposal for row in candidate_rows(read_result(path))]
    found = {proposal.origin: proposal.author for proposal in proposals}
    written = {by for origin, by in found.items() if origin.split()[0] == "opro"}
    assert written == {"model"}
    assert found["start"] == "start"


@all_files
@pytest.mark.usefixtures("untouched")
def test_it_is_listed_shown_and_compared(name: str, path: Path, tmp_path: Path) -> None:
    run = told(name)["run"]
    assert run in said(command(path, "runs", "list"))
    shown = said(command(path, "runs", "show", run))
    assert told(name)["status"] in shown
    if told(name)["test"]:
        assert re.search(f"test +{told(name)['test'][0]:.3f}", shown)
    newest = max((each for each in NAMES if each.endswith("-finished")), key=version)
    other = str(shutil.copy(KEPT / f"{newest}.sqlite", tmp_path))
    assert f"{told(name)['usage']['tokens']:,}" in said(command(path, "runs", "diff", run, other))
    if name.endswith(("finished", "cut-off")) and version(name) >= 5:
        assert "Look at the money." in said(command(path, "prompts", "list", run))


@task_files
@pytest.mark.usefixtures("untouched")
def test_its_prompt_is_exported(name: str, path: Path) -> None:
    prompt = said(command(path, "export", told(name)["run"], "--to", "prompt"))
    best = told(name)["best"]
    assert best["instruction"] in prompt and "{text}" in prompt
    assert all(shot["text"] in prompt for shot in best["shots"])


@other_files
@pytest.mark.usefixtures("untouched")
def test_a_mathematical_problem_has_no_prompt_and_no_outcomes(name: str, path: Path) -> None:
    run = told(name)["run"]
    assert json.loads(said(command(path, "export", run, "--outcomes")))["outcomes"] == []
    for words in (["export", run, "--to", "prompt"], ["score", "--run", run]):
        refused = command(path, *words)
        assert refused.exit_code == 2
        assert "no prompt" in refused.output


@winner_files
def test_its_winner_is_measured_again(
    name: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play_roles(monkeypatch, writer())
    task = sums() if "number" in name else mails()
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [("id", "text", "target"), *((row.id, row.text, row.target) for row in task.examples)]
        )
    words = ["--data", str(tmp_path / "rows.csv"), "--id", "id", "--text", "text", "--label", "target"]
    words += ["--answer", task.answer, "--json", "--no-progress"]
    found = json.loads(said(command(path, "score", "--run", told(name)["run"], *words)))
    (winner,) = [each for each in found["scores"] if each["source"] == "winner"]
    assert [winner["value"], winner["n"]] == told(name)["validation"][:2]
