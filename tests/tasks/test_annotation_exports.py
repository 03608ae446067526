"""Exports of annotation tools become tasks; what several annotators said is told, and settled by a rule."""

import json
from collections.abc import Callable
from pathlib import Path

import annotation_exports as exports
import pytest

from opro_local.config import TaskSettings
from opro_local.errors import DataError
from opro_local.tasks.loading import load_task
from opro_local.tasks.task import Task

Save = Callable[[Path, exports.Rows], None]

EXPORTS: dict[str, tuple[Save, str, str, str]] = {
    "label studio": (
        exports.label_studio_json,
        "t.json",
        "data.text",
        "annotations.result.value.choices",
    ),
    "label studio, numbered": (
        exports.label_studio_json,
        "t.json",
        "data.text",
        "annotations.0.result.0.value.choices.0",
    ),
    "label studio min": (exports.label_studio_json_min, "t.json", "text", "sentiment"),
    "label studio csv": (exports.label_studio_csv, "t.csv", "text", "sentiment"),
    "argilla": (exports.argilla, "t.json", "fields.text", "responses.label.value"),
    "argilla, flat": (exports.argilla_flat, "t.jsonl", "text", "label.responses"),
    "argilla 1": (exports.argilla_1, "t.jsonl", "text", "annotation"),
    "doccano": (exports.doccano, "t.jsonl", "text", "label"),
    "prodigy": (exports.prodigy, "t.jsonl", "text", "accept"),
}
SEVERAL = [name for name in EXPORTS if name not in ("argilla 1", "doccano")]
PLAIN = [(f"text {i}", [("pos", "neg")[i % 2]]) for i in range(6)]
TORN = [
    ("all", ["pos", "pos", "pos"]),
    ("two of three", ["neg", "pos", "pos"]),
    ("halves", ["neg", "pos"]),
    ("one", ["neg"]),
    ("two", ["neg", "neg"]),
]


def load(folder: Path, name: str, rows: exports.Rows, **given: object) -> Task:
    save, file, text, label = EXPORTS[name]
    save(folder / file, rows)
    settings = TaskSettings.model_validate({"data": file, "text": text, "label": label, **given})
    return load_task(settings, folder=folder, name="t")


def pairs(task: Task) -> list[tuple[str, str]]:
    return [(example.text, example.target) for example in task.examples]


@pytest.mark.parametrize("name", EXPORTS)
def test_one_annotator_needs_no_word(tmp_path: Path, name: str) -> None:
    task = load(tmp_path, name, PLAIN)
    assert pairs(task) == [(text, labels[0]) for text, labels in PLAIN]
    assert (task.labels, task.warnings, task.unlabelled) == (("neg", "pos"), (), 0)


@pytest.mark.parametrize("name", EXPORTS)
def test_rows_that_nobody_labelled_are_left_out(tmp_path: Path, name: str) -> None:
    task = load(tmp_path, name, [*PLAIN, ("nobody", [])])
    assert len(task.examples) == 6
    told = (
        ()
        if name in ("label studio min", "label studio csv", "prodigy")
        else ("1 row without a label left out.",)
    )
    assert task.warnings == told  # the others have no row for it


@pytest.mark.parametrize(
    ("rule", "kept", "told"),
    [
        (
            "first",
            {"all": "pos", "two of three": "neg", "halves": "neg", "one": "neg", "two": "neg"},
            "first",
        ),
        ("agree", {"all": "pos", "one": "neg", "two": "neg"}, "agree; 2 texts left out"),
        ("majority", {"all": "pos", "two of three": "pos", "one": "neg", "two": "neg"}, "1 text left out"),
    ],
)
@pytest.mark.parametrize("name", SEVERAL)
def test_a_rule_settles_what_several_annotators_said(
    tmp_path: Path, name: str, rule: str, kept: dict[str, str], told: str
) -> None:
    task = load(tmp_path, name, [*PLAIN, *TORN], annotators=rule)
    assert dict(pairs(task)[6:]) == kept
    (note,) = task.warnings
    assert note.startswith("4 texts with several annotators, 2 of them with different labels: ")
    assert told in note


@pytest.mark.parametrize("name", [name for name in SEVERAL if name != "label studio, numbered"])
def test_different_labels_of_a_text_stop_without_a_rule(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="pass --annotators first, agree or majority") as caught:
        load(tmp_path, name, [*PLAIN, *TORN])
    assert "label" in str(caught.value)


def test_annotators_of_one_mind_are_only_told(tmp_path: Path) -> None:
    task = load(tmp_path, "argilla", [*PLAIN, TORN[0]])
    assert pairs(task)[6:] == [("all", "pos")]
    assert task.warnings == ("1 text with several annotators, 0 of them with different labels.",)


def test_a_number_in_the_path_picks_one_and_tells_of_the_others(tmp_path: Path) -> None:
    task = load(tmp_path, "label studio, numbered", [*PLAIN, *TORN])
    assert dict(pairs(task)[6:])["two of three"] == "neg"
    assert task.warnings == (
        "4 rows with several entries on the way to 'annotations.0.result.0.value.choices.0': only the "
        "numbered one is read. To weigh all, pass --annotators first, agree or majority.",
    )


@pytest.mark.parametrize("name", ["label studio min", "label studio csv"])
def test_several_choices_are_told_and_no_label(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"'sentiment' holds 2 values\. Give one or pass --bad-rows skip"):
        load(tmp_path, name, [*PLAIN, ("both", ["pos+neg"])])
    task = load(tmp_path, name, [*PLAIN, ("both", ["pos+neg"])], bad_rows="skip")
    assert task.labels == ("neg", "pos")


def test_one_choice_in_a_cell_of_json_is_that_one(tmp_path: Path) -> None:
    rows = 'text,label\na,"[""x""]"\nb,"{""choices"": [""x""]}"\nc,[y\nd,[y\n'
    (tmp_path / "t.csv").write_text(rows, encoding="utf-8")
    settings = TaskSettings(data="t.csv", text=("text",), label="label")
    assert load_task(settings, folder=tmp_path, name="t").labels == ("[y", "x")
    as_text = load_task(settings.model_copy(update={"answer": "text"}), folder=tmp_path, name="t")
    assert as_text.examples[0].target == '["x"]'


def test_several_labels_of_a_row_of_doccano_stop(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load(tmp_path, "doccano", [*PLAIN, ("both", ["pos", "neg"])])
    assert str(caught.value) == (
        "1 row with several labels that differ: t.jsonl line 7. A row has one label: correct them, or, where "
        "they are several annotators', pass --annotators first, agree or majority."
    )


def test_what_a_prodigy_annotator_rejected_is_no_label(tmp_path: Path) -> None:
    task = load(tmp_path, "prodigy", [*PLAIN, ("no", ["-pos"])])
    assert (len(task.examples), task.warnings) == (
        6,
        ("1 row that an annotator rejected or skipped left out.",),
    )
    judged = load(tmp_path, "prodigy", [("a", ["-pos"]), ("b", ["-pos"]), *PLAIN], label="answer")
    assert judged.labels == ("accept", "reject")


def test_answers_that_were_not_submitted_are_none(tmp_path: Path) -> None:
    rows = [*PLAIN, ("torn", ["neg", "pos"])]
    exports.argilla_flat(tmp_path / "t.jsonl", rows[:6])
    lines = (tmp_path / "t.jsonl").read_text(encoding="utf-8")
    exports.argilla_flat(tmp_path / "t.jsonl", rows[6:], states=("discarded",))
    with (tmp_path / "t.jsonl").open("a", encoding="utf-8") as file:
        file.write(lines)
    settings = TaskSettings(data="t.jsonl", text=("text",), label="label.responses")
    assert pairs(load_task(settings, folder=tmp_path, name="t"))[0] == ("torn", "pos")


def test_a_cancelled_annotation_of_label_studio_is_none(tmp_path: Path) -> None:
    exports.label_studio_json(tmp_path / "t.json", [*PLAIN, ("torn", ["neg", "pos"])])
    content = (tmp_path / "t.json").read_text(encoding="utf-8")
    before, _, after = content.rpartition('"was_cancelled": false')
    (tmp_path / "t.json").write_text(f'{before}"was_cancelled": true{after}', encoding="utf-8")
    settings = TaskSettings(data="t.json", text=("data.text",), label="annotations.result.value.choices")
    assert pairs(load_task(settings, folder=tmp_path, name="t"))[6] == ("torn", "neg")


def test_keys_may_be_optional_and_doubled_or_hold_no_json_where_they_are_not_used(tmp_path: Path) -> None:
    lines = ['{"text": "a", "label": "x", "score": NaN}', '{"label": "y", "text": "b", "note": 1, "note": 2}']
    lines += ['{"text": "c", "label": "x"}', '{"text": "d", "label": "y", "meta": {"a": [1, {"b": 2}]}}']
    (tmp_path / "t.jsonl").write_text("\n".join(lines), encoding="utf-8")
    settings = TaskSettings(data="t.jsonl", text=("text",), label="label")
    task = load_task(settings, folder=tmp_path, name="t")
    assert (pairs(task)[1], task.warnings) == (("b", "y"), ())
    for column, why in (("score", "NaN is not JSON"), ("note", "a key appears twice")):
        with pytest.raises(DataError, match=why):
            load_task(settings.model_copy(update={"text": ("text", column)}), folder=tmp_path, name="t")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('[{"text": "a"}, {"text"', r"t\.json line 1: not valid JSON at column"),
        ('[{"text": "a", "label": "x"}, 7]', r"t\.json record 2: not a JSON object with keys"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", r"t\.json is empty"),
        ('{\n "rows": [1]\n}', "has no column 'text'; found 'rows'"),
        ('{\n "rows": [1\n}', r"t\.json line 3: not valid JSON at column"),
    ],
)
def test_lists_that_are_no_tables_are_refused_in_one_line(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "t.json").write_text(content, encoding="utf-8")
    settings = TaskSettings(data="t.json", text=("text",), label="label")
    with pytest.raises(DataError, match=told):
        load_task(settings, folder=tmp_path, name="t")


def test_a_path_that_leads_nowhere_lists_the_columns(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column 'annotations\.9\.value'; found 'id', 'annotations'"):
        load(tmp_path, "label studio", PLAIN, label="annotations.9.value")


@pytest.mark.parametrize("sign", ["#", "|", "; ", ", "])
def test_labels_joined_in_one_cell_are_no_label(tmp_path: Path, sign: str) -> None:
    rows = [*PLAIN, ("both", [f"neg{sign}pos"]), ("both again", [f"neg{sign}pos"])]
    (tmp_path / "t.csv").write_text(
        "text,label\n" + "".join(f'{text},"{label}"\n' for text, (label,) in rows), encoding="utf-8"
    )
    given = {"data": "t.csv", "text": "text", "label": "label"}

    def read(**more: object) -> Task:
        return load_task(TaskSettings.model_validate({**given, **more}), folder=tmp_path, name="t")

    with pytest.raises(DataError, match=r"t\.csv line 8: 'label' holds 2 values\..* Also at fault: line 9"):
        read()
    assert read(bad_rows="skip").labels == ("neg", "pos")
    assert f"neg{sign}pos" in read(labels=["neg", "pos", f"neg{sign}pos"]).labels


def test_a_label_may_have_a_sign_that_joins_others(tmp_path: Path) -> None:
    exports.doccano(
        tmp_path / "t.jsonl", [(f"text {i}", [("C#", "C", "1,5", "1", "5")[i % 5]]) for i in range(10)]
    )
    settings = TaskSettings.model_validate({"data": "t.jsonl", "text": "text", "label": "label"})
    assert load_task(settings, folder=tmp_path, name="t").labels == ("1", "1,5", "5", "C", "C#")


def test_a_cancelled_annotation_is_none_where_the_path_names_it_by_number(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    exports.label_studio_json(path, [*PLAIN, ("skipped", ["pos"])])
    tasks = json.loads(path.read_text(encoding="utf-8"))
    tasks[-1]["annotations"][0]["was_cancelled"] = True
    path.write_text(json.dumps(tasks), encoding="utf-8")
    label = EXPORTS["label studio, numbered"][3]
    settings = TaskSettings.model_validate({"data": "t.json", "text": "data.text", "label": label})
    task = load_task(settings, folder=tmp_path, name="t")
    assert (len(task.examples), task.unlabelled) == (6, 1)
