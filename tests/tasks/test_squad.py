"""SQuAD's own files: articles of paragraphs of questions."""

import json
from pathlib import Path

import pytest

from opro_local.config import TaskSettings
from opro_local.errors import DataError, SettingsError
from opro_local.records import Example
from opro_local.tasks.loading import load_task
from opro_local.tasks.task import Task

CLOCK = "The clock of the old mill was made in 1712 by Ann Reed. It has no hands."
RIVER = "The Ode runs for 90 km and ends in the sea."
COLUMNS = {"text": ("context", "question"), "label": "answers.text", "answer": "span"}


def question(number: str, asked: str, *answers: str, **more: object) -> dict[str, object]:
    given = [{"text": each, "answer_start": CLOCK.find(each)} for each in answers]
    return {"id": number, "question": asked, "answers": given, **more}


def articles(*, version: int) -> dict[str, object]:
    """As the first and the second edition have them."""
    told: dict[str, object] = {"is_impossible": False} if version == 2 else {}
    clock = [
        question("q1", "When was it made?", "1712", "in 1712", "1712", **told),
        question("q2", "By whom?", "Ann Reed", **told),
    ]
    river = [question("q3", "How long is the Ode?", "90 km", **told)]
    if version == 2:
        wrong = [{"text": "1712", "answer_start": 38}]
        river.append(question("q4", "Who bridged it?", is_impossible=True, plausible_answers=wrong))
        river.append(question("q5", "When was it dammed?", "1712", is_impossible=True))
    paragraphs = [{"context": CLOCK, "qas": clock}, {"context": RIVER, "qas": river}]
    return {"version": f"v{version}.0", "data": [{"title": "Odeham", "paragraphs": paragraphs}]}


def load(folder: Path, value: object, *, indent: int | None = None, **settings: object) -> Task:
    (folder / "train.json").write_text(json.dumps(value, indent=indent), encoding="utf-8")
    given = {"data": "train.json", **COLUMNS, **settings}
    return load_task(TaskSettings.model_validate(given), folder=folder, name="t")


def right(task: Task) -> list[list[str]]:
    return [list(task.kind.right(row.target)) for row in task.examples]


@pytest.mark.parametrize("indent", [None, 2])
def test_each_question_is_a_row_with_all_its_right_answers(tmp_path: Path, indent: int | None) -> None:
    task = load(tmp_path, articles(version=1), indent=indent, id="id")
    assert right(task) == [["1712", "in 1712"], ["Ann Reed"], ["90 km"]]
    assert [row.id for row in task.examples] == ["q1", "q2", "q3"]
    assert task.examples[0].text == f"context: {CLOCK}\nquestion: When was it made?"
    assert task.warnings[0] == "SQuAD: 3 questions on 2 paragraphs of 1 article."
    assert "1 row with several right answers: the nearest counts." in task.warnings


def test_questions_without_an_answer_are_told_and_left_out(tmp_path: Path) -> None:
    task = load(tmp_path, articles(version=2))
    assert right(task) == [["1712", "in 1712"], ["Ann Reed"], ["90 km"]]
    assert task.unlabelled == 2
    assert task.warnings[:3] == (
        "SQuAD: 5 questions on 2 paragraphs of 1 article.",
        "2 questions that the text does not answer (is_impossible): their answer is blank, see --blank.",
        "2 rows without a label left out.",
    )


def test_or_no_answer_is_the_right_one(tmp_path: Path) -> None:
    task = load(tmp_path, articles(version=2), blank="none")
    assert right(task)[3:] == [["no answer"], ["no answer"]]
    assert task.unlabelled == 0
    assert '2 rows that the text does not answer: "no answer" is right.' in task.warnings
    assert not any("is not in the text" in told for told in task.warnings)
    assert all("no answer" in each for each in (task.kind.told, *task.kind.instructions))
    silent, told = task.examples[3], task.examples[1]
    replies = ("No answer.", "There is no answer", "no", "Ann Reed")
    assert [worth(task, reply, silent) for reply in replies] == [1.0, 0.0, 0.0, 0.0]
    assert [worth(task, reply, told) for reply in replies] == [0.0, 0.0, 0.0, 1.0]


def worth(task: Task, reply: str, row: Example) -> float:
    (said,) = task.kind.answers(reply, row.text)
    return task.kind.worth(said, row)


def test_without_blanks_no_answer_is_a_text_like_any_other(tmp_path: Path) -> None:
    task = load(tmp_path, articles(version=1))
    row = Example(id="r", text=RIVER, target="no answer")
    assert worth(task, "no", row) == pytest.approx(2 / 3)
    assert not any("no answer" in each for each in (task.kind.told, *task.kind.instructions))


def test_the_list_of_answers_itself_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"record 1: the value of 'answers' is nested.* as 'answers.text'"):
        load(tmp_path, articles(version=1), label="answers")


def test_columns_that_nobody_named_are_listed(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"found 'title', 'context', 'id', 'question', 'answers'\."):
        load(tmp_path, articles(version=1), text=(), label=None)


def test_a_broken_file_is_told_where_it_breaks(tmp_path: Path) -> None:
    text = json.dumps(articles(version=1), indent=1).replace('"qas": [', '"qas": [,', 1)
    (tmp_path / "t.json").write_text(text, encoding="utf-8")
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "[," in each)
    with pytest.raises(DataError, match=f"t.json line {line}: not valid JSON"):
        load_task(TaskSettings.model_validate({"data": "t.json", **COLUMNS}), folder=tmp_path, name="t")


@pytest.mark.parametrize("data", [[], [{"paragraphs": "none"}], [{"text": "a"}], "none", {"paragraphs": []}])
def test_another_object_is_no_such_file(tmp_path: Path, data: object) -> None:
    with pytest.raises((DataError, SettingsError)):
        load(tmp_path, {"version": "v1", "data": data})
