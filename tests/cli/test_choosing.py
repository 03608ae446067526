"""--prefer, --keep, --must-stay and export --candidate as a user meets them, the models scripted."""

import csv
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from mail_task import mail_model, row
from scripted_models import play_roles

import opro_local
from opro_local.cli import main
from opro_local.config import Folders, RunSettings
from opro_local.errors import Interrupted
from opro_local.results.document import run_document
from opro_local.testing import ScriptedEngine
from opro_local.wiring.host import Host

KEPT = "Never guess."
SKILLS = {f"Sort it. {KEPT}": 12, f"Read twice. {KEPT}": 20, f"Break it. {KEPT}": 1}
SAMPLES = [[f"{text}</INS>" for text in (*SKILLS, "Read it.")]]
COLUMNS = ("--id", "id", "--text", "mail", "--label", "kind")
RUN = (
    *("run", "-m", "scripted", "--data", "mails.csv", *COLUMNS, "--method", "opro", "--steps", "1"),
    *("--proposals-per-step", "4", "--racing", "off", "--headroom", "0", "--sensitivity", "2"),
    *("--start", "Sort.", "--no-progress"),
)
MUST_STAY = ("--must-stay", "must.csv")


def table(name: str, numbers: range | tuple[int, ...]) -> None:
    rows = [(each.id, each.text, each.target) for each in map(row, numbers)]
    with Path(name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("id", "mail", "kind"), *rows])


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table("mails.csv", range(20))
    table("must.csv", (2, 40))
    play_roles(monkeypatch, ScriptedEngine(log_prob=mail_model(SKILLS, otherwise=4), samples=SAMPLES))


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def done(*arguments: str) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def document(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done(*RUN, "--json", *arguments))
    return found


def test_every_instruction_that_is_scored_holds_the_sentence() -> None:
    found = document("--keep", KEPT)
    proposals = [proposal for step in found["steps"] for proposal in step["proposals"]]
    scored = [p["solution"]["instruction"] for p in proposals if p["solution"]]
    assert scored == [f"Sort. {KEPT}", *SKILLS]
    assert found["rejected"] == {"lacks words to keep": 1}
    assert found["best"]["instruction"] == f"Read twice. {KEPT}"
    assert all(KEPT in entry["instruction"] for entry in found["sensitivity"])
    assert f'word for word: "{KEPT}"' in found["steps"][1]["meta_prompt"].replace('\\"', '"')


def test_sentences_that_leave_no_room_are_refused() -> None:
    result = call(*RUN, "--keep", "a" * 90, "--max-characters", "90")
    assert result.exit_code != 0
    assert "The sentences of --keep have 90 characters; an instruction may have 90." in result.stderr


def test_a_finalist_that_breaks_a_row_is_named_by_that_row_and_does_not_win() -> None:
    found = document("--keep", KEPT, *MUST_STAY)
    told = found["must_stay"]
    assert [(r["id"], r["held"], r["broken_by"]) for r in told["rows"]] == [
        ("r2", True, 1),
        ("r40", False, 0),
    ]
    assert (told["finalists"], told["broken"], told["start_stays"]) == (4, 1, False)
    assert f"Break it. {KEPT}" not in {entry["instruction"] for entry in found["compared"]}
    page = done("runs", "show")
    assert f"1 of 2 rows right with the best start (Sort. {KEPT}); 1 of 4 finalists broke one of them" in page
    done("report", "-o", "report.md")
    assert "| r2 | Mail 2. | fintech | fintech | fintech | 1 |" in Path("report.md").read_text()


def test_such_a_row_is_in_no_part_of_the_table() -> None:
    result = call(*RUN, *MUST_STAY)
    assert "note: left out of train, validation and test: 1 row that must stay right." in result.stderr
    found = json.loads(done("export"))
    ids = found["task"]["row_ids"]
    assert ids["must_stay"] == ["r2", "r40"]
    assert "r2" not in {*ids["train"], *ids["validation"], *ids["test"]}
    assert found["task"]["rows"]["must_stay"] == 2


def test_the_start_stays_where_nobody_else_keeps_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    skills = {"Sort.": 50, **{text.removesuffix(f" {KEPT}"): 20 for text in SKILLS}}
    samples = [["Sort it.</INS>", "Read twice.</INS>", "Break it.</INS>", "no"]]
    play_roles(monkeypatch, ScriptedEngine(log_prob=mail_model(skills, otherwise=4), samples=samples))
    found = document(*MUST_STAY)
    assert found["best"]["instruction"] == "Sort."
    assert found["must_stay"]["start_stays"]
    assert "no other finalist keeps them all right: the start stays" in done("runs", "show")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            ["id,mail,kind", "x,Mail 50.,other"],
            "must.csv line 2: the table has no row with the label 'other'",
        ),
        (["id,mail,kind", "r3,Another.,seed"], "must.csv: the id 'r3' is that of another row of the table"),
        (["id,mail,label", "x,Mail 50.,seed"], "must.csv"),
        (["id,mail,kind", "x,,seed"], "must.csv: no row has both a text and a label"),
    ],
)
def test_a_faulty_table_of_rows_is_told(rows: list[str], message: str) -> None:
    Path("must.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    result = call(*RUN, *MUST_STAY)
    assert result.exit_code != 0
    assert message in result.stderr


def test_export_takes_any_finalist_by_number_or_key() -> None:
    found = document()
    front = [entry["instruction"] for entry in found["frontier"]]
    assert front[0] == "Sort."
    assert front[-1] == found["best"]["instruction"]
    for number, entry in enumerate(found["frontier"], start=1):
        assert done("export", "--to", "prompt", "--candidate", str(number)).startswith(entry["instruction"])
    other = next(e for e in found["finalists"] if e["instruction"] not in front)
    digits = other["key"].rpartition(":")[2][:8]
    assert done("export", "--to", "prompt", "--candidate", digits).startswith(other["instruction"])
    messages = json.loads(done("export", "--to", "chat-messages", "--candidate", other["key"]))
    assert "on test" not in json.dumps(messages)


@pytest.mark.parametrize("name", ["0", "9", "abc", "candidate:sha256:"])
def test_a_finalist_that_is_none_is_refused(name: str) -> None:
    document()
    result = call("export", "--to", "prompt", "--candidate", name)
    assert result.exit_code != 0
    assert f"has no candidate {name}: take a number from 1 to" in result.stderr
    assert call("export", "--candidate", "1").exit_code == 2


def test_what_is_expected_stands_beside_what_validation_shows() -> None:
    found = document()
    expected, shown = found["expected"], found["validation"]
    assert expected["n"] == shown["n"]
    assert 0 <= expected["interval"][0] <= expected["value"] <= expected["interval"][1] <= 1
    page = done("runs", "show")
    assert f"expected accuracy on other rows: {expected['value']:.3f} [" in page
    assert "other rows, expected" in page
    done("report", "-o", "report.html")
    assert "other rows, expected" in Path("report.html").read_text()


def test_cut_off_after_any_block_the_same_winner_is_found(tmp_path: Path) -> None:
    settings = RunSettings.model_validate(
        {
            "models": {"scorer": "scripted"},
            "search": {"method": "opro", "headroom": 0, "proposals_per_step": 4, "starts": ["Sort."]}
            | {"keep": [KEPT], "prefer": "balanced", "block": 2},
            "budget": {"steps": 1},
        }
    )
    task = opro_local.load_task("mails.csv", text="mail", label="kind", id="id", must_stay="must.csv")

    def stop() -> None:
        count[0] += 1
        if count[0] % 3 == 0:
            raise Interrupted

    documents = []
    for home, after_commit in (("whole", lambda: None), ("cut", stop)):
        count = [0]
        host = Host(folders=Folders.of_user(tmp_path / home), after_commit=after_commit)
        with suppress(Interrupted):
            opro_local.optimize_task(task, settings, host=host)
        (path,) = (p for p in host.folders.runs.glob("*.sqlite") if p.name != "cache.sqlite")
        while True:
            try:
                opro_local.resume_run(path, host=host)
            except Interrupted:
                continue
            break
        documents.append(run_document(path))
    whole, cut = ({k: v for k, v in each.items() if k not in ("run", "timing")} for each in documents)
    assert count[0] > 12
    assert cut == whole
    assert cut["must_stay"] and cut["expected"]


def test_a_task_folder_names_the_table_of_its_rows_from_inside() -> None:
    done("init", "task", "--data", "mails.csv", *COLUMNS, *MUST_STAY)
    written = Path("task/task.toml").read_text(encoding="utf-8")
    assert f"must_stay = {json.dumps(str(Path('must.csv').resolve()))}" in written
    told = done("data", "check", "--task", "task/task.toml")
    assert told.splitlines()[-1].endswith(", must_stay 2")
