"""Benchmarks in their original forms: small invented files."""

import csv
import json
from pathlib import Path
from typing import ClassVar

import pytest

from opro_local.config import SplitSettings, TaskSettings
from opro_local.errors import DataError, SettingsError
from opro_local.reading.options import options_of
from opro_local.records import Example
from opro_local.tasks.benchmarks.bbh import ANSWER
from opro_local.tasks.benchmarks.mmlu import CATEGORIES
from opro_local.tasks.loading import load_task
from opro_local.tasks.sources import choose_task
from opro_local.tasks.split import Split, split_examples
from opro_local.tasks.task import Task, task_from_json, task_to_json

MANY = 25


def load(folder: Path, name: str, **settings: object) -> Task:
    values = {"data": str(folder), "benchmark": name, **settings}
    return load_task(TaskSettings.model_validate(values), folder=Path(), name="t")


def refusal(folder: Path, name: str) -> str:
    with pytest.raises(DataError) as caught:
        load(folder, name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def split(task: Task) -> Split:
    return split_examples(task.examples, task.split, 0, stratum=task.kind.stratum, test=task.test)


def sizes(task: Task) -> tuple[int, int, int]:
    found = split(task)
    return len(found.train), len(found.validation), len(found.test)


def pairs(rows: tuple[Example, ...]) -> list[tuple[str, str]]:
    return [(row.text, row.target) for row in rows]


def write_bbh(path: Path, rows: list[tuple[str, str]]) -> None:
    examples = [{"input": text, "target": target} for text, target in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"canary": "-", "examples": examples}), encoding="utf-8")


def write_mmlu(path: Path, rows: list[tuple[str, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def write_lines(path: Path, records: list[object]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def write_gsm8k(folder: Path, *, train: int, test: int) -> None:
    for part, rows in (("train", train), ("test", test)):
        lines = [
            f"How much is {i} and {i} in {part}?\t{2 * i}\tb'{i}+{i}\\n#### {2 * i}'\n" for i in range(rows)
        ]
        (folder / f"gsm_{part}.tsv").write_text("".join(lines), encoding="utf-8")


class TestBbh:
    def test_inputs_and_targets_stay_as_they_are(self, tmp_path: Path) -> None:
        rows = [(f"Sky {i}?", "yes" if i % 2 else "no") for i in range(250)]
        write_bbh(tmp_path / "sports_understanding.json", rows)
        task = load(tmp_path, "bbh:sports_understanding")
        assert (task.name, task.answer, task.labels) == ("bbh:sports_understanding", "boolean", ("no", "yes"))
        assert pairs(task.examples) == rows
        assert sizes(task) == (33, 17, 200)  # the paper's 50 and 200, a third of the 50 kept back

    def test_the_root_of_the_repository_is_read_too(self, tmp_path: Path) -> None:
        write_bbh(tmp_path / "bbh" / "word_sorting.json", [("Sort: b a", "a b")])
        assert pairs(load(tmp_path, "bbh:word-sorting").examples) == [("Sort: b a", "a b")]

    def test_every_task_has_its_answer_type(self) -> None:
        assert len(ANSWER) == 27
        numbers = {task for task, answer in ANSWER.items() if answer == "number"}
        assert numbers == {"object_counting", "multistep_arithmetic_two"}
        assert sum(answer == "boolean" for answer in ANSWER.values()) == 6
        assert ANSWER["dyck_languages"] == ANSWER["word_sorting"] == "text"
        assert ANSWER["hyperbaton"] == "choice"

    def test_a_target_that_is_no_option_stays_and_is_told(self, tmp_path: Path) -> None:
        text = "Like Up?\nOptions:\n(A) Monsters\n(B) Inc"
        write_bbh(tmp_path / "movie_recommendation.json", [(text + " 2", "(A)"), (text, "Monsters, Inc")])
        task = load(tmp_path, "bbh:movie_recommendation")
        assert [row.target for row in task.examples] == ["(A)", "Monsters, Inc"]
        assert task.warnings == (
            "1 row with a target that is no option, never right: movie_recommendation.json example 2.",
        )

    def test_rows_that_contradict_each_other_stay_and_are_told(self, tmp_path: Path) -> None:
        rows = [("a", "yes"), ("a", "no"), ("b", "yes"), ("c", "no"), ("c", "no")]
        write_bbh(tmp_path / "navigate.json", rows)
        task = load(tmp_path, "bbh:navigate")
        assert pairs(task.examples) == rows
        assert len({row.id for row in task.examples}) == 5
        assert task.warnings == (
            "1 row contradicting an earlier one stay: navigate.json example 1 and navigate.json example 2.",
            "2 rows repeating an earlier one; equal rows stay on one side of the split.",
        )

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("{", "snarks.json: not valid JSON (Expecting property name"),
            ('{"examples": [\n{"input": }]}', "snarks.json: not valid JSON at line 2 (Expecting value)."),
            ("[]", "snarks.json: not a JSON object."),
            ('{"rows": []}', "snarks.json: no key 'examples'; found 'rows'."),
            ('{"examples": 3}', "snarks.json: 'examples' is not a list."),
            ('{"examples": []}', "bbh:snarks: no rows in "),
            ('{"examples": [{"input": "a"}]}', "snarks.json example 1: no key 'target'; found 'input'."),
            (
                '{"examples": [{"input": "a", "target": true}]}',
                "snarks.json example 1: 'target' is not a text.",
            ),
            ('{"examples": [{"input": " ", "target": "(A)"}]}', "snarks.json example 1: no question."),
            ('{"examples": [{"input": "a", "target": ""}]}', "snarks.json example 1: no answer."),
            ('{"examples": [{"input": "a\\u0000", "target": "x"}]}', "snarks.json example 1: a NUL or half"),
            (
                '{"examples": [{"input": "a\\n(A) x", "target": "z"}]}',
                "snarks.json: no target names an option",
            ),
            (
                '{"examples": [{"input": "a\\n(A) x", "target": "A"}, {"input": "b", "target": "A"}]}',
                "example 2",
            ),
            ('{"examples": NaN}', "snarks.json: not valid JSON."),
        ],
    )
    def test_a_broken_file_is_one_line(self, tmp_path: Path, content: str, message: str) -> None:
        (tmp_path / "snarks.json").write_text(content, encoding="utf-8")
        assert message in refusal(tmp_path, "bbh:snarks")

    def test_another_encoding_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "snarks.json").write_bytes('{"examples": "é"}'.encode("latin-1"))
        assert refusal(tmp_path, "bbh:snarks").startswith("snarks.json line 1: byte 0xe9 at offset 14")


class TestGsm8k:
    def test_the_test_file_is_the_test_part(self, tmp_path: Path) -> None:
        write_gsm8k(tmp_path, train=7473, test=1319)
        task = load(tmp_path, "gsm8k")
        assert (task.answer, task.labels, len(task.examples)) == ("number", (), 7473)
        assert pairs(task.test)[1] == ("How much is 1 and 1 in test?", "2")
        assert sizes(task) == (261, 256, 1319)
        assert set(split(task).test) == set(task.test)

    def test_the_original_lines_are_read_too(self, tmp_path: Path) -> None:
        for part in ("train", "test"):
            record = {"question": f"Of {part}?", "answer": "1+1=<<1+1=2>>2\n#### 1,200"}
            write_lines(tmp_path / f"{part}.jsonl", [record])
        task = load(tmp_path, "gsm8k")
        assert (pairs(task.examples), pairs(task.test)) == ([("Of train?", "1200")], [("Of test?", "1200")])

    def test_quotes_enclose_whole_fields_only(self, tmp_path: Path) -> None:
        lines = '"He said ""no"", twice."\t2\tb\'x\'\n"Hello," said Ann.\t3\tb"it\'s"\n'
        for part in ("train", "test"):
            (tmp_path / f"gsm_{part}.tsv").write_text(lines, encoding="utf-8")
        texts = [row.text for row in load(tmp_path, "gsm8k").examples]
        assert texts == ['He said "no", twice.', '"Hello," said Ann.']

    def test_shares_of_the_users_hold_and_a_share_of_test_is_refused(self, tmp_path: Path) -> None:
        write_gsm8k(tmp_path, train=100, test=20)
        wider = {"train": 0.5, "validation": 0.2}
        assert sizes(load(tmp_path, "gsm8k", split=wider)) == (50, 20, 20)
        assert sizes(load(tmp_path, "gsm8k", split={**wider, "max_test": 7})) == (50, 20, 7)
        for wrong in ({"test": 0.5}, {"folds": 3}):
            with pytest.raises(SettingsError, match="gsm8k has a test file of its own"):
                load(tmp_path, "gsm8k", split=wrong)
        with pytest.raises(SettingsError, match="train and validation exceed 1"):
            sizes(load(tmp_path, "gsm8k", split={"train": 0.9, "validation": 0.2}))

    def test_a_file_that_is_missing_or_broken_is_one_line(self, tmp_path: Path) -> None:
        assert "has no gsm_train.tsv or train.jsonl" in refusal(tmp_path, "gsm8k")
        write_gsm8k(tmp_path, train=9, test=1)
        (tmp_path / "gsm_test.tsv").write_text("a\t1\tb\nc\t2\n", encoding="utf-8")
        assert refusal(tmp_path, "gsm8k").startswith("gsm_test.tsv line 2: 2 fields, expected 3.")
        (tmp_path / "gsm_test.tsv").write_text("a\tmany\tb\n", encoding="utf-8")
        assert refusal(tmp_path, "gsm8k").startswith("gsm_test.tsv line 1: the label is not a number.")
        (tmp_path / "gsm_test.tsv").unlink()
        write_lines(tmp_path / "test.jsonl", [{"question": "a", "answer": "72"}])
        assert refusal(tmp_path, "gsm8k").startswith("test.jsonl line 1: the answer has no #### before")


class TestMmlu:
    ROWS = (("1 + 1?", "0", "2", "I, II\nand (A)", "", "B"), ("Line one\nline two", "a", "b", "c", "d", "D"))

    def test_options_stand_one_a_line_before_the_request_for_a_letter(self, tmp_path: Path) -> None:
        write_mmlu(tmp_path / "marketing_test.csv", list(self.ROWS))
        task = load(tmp_path, "mmlu:marketing")
        end = "Which is right? Give one letter: A, B, C, D."
        assert pairs(task.examples) == [
            (f"1 + 1?\n(A) 0\n(B) 2\n(C) I, II and (A)\n(D) (blank)\n{end}", "B"),
            (f"Line one\nline two\n(A) a\n(B) b\n(C) c\n(D) d\n{end}", "D"),
        ]
        assert [len(options_of(row.text)) for row in task.examples] == [4, 4]

    def test_a_category_is_its_subjects_that_are_there(self, tmp_path: Path) -> None:
        for subject in ("marketing", "virology", "sociology"):
            write_mmlu(tmp_path / "test" / f"{subject}_test.csv", [(subject, *"abcd", "A")])
            write_mmlu(tmp_path / "dev" / f"{subject}_dev.csv", [("dev", *"abcd", "A")])
        task = load(tmp_path, "mmlu:Other")
        assert [row.text.partition("\n")[0] for row in task.examples] == ["marketing", "virology"]
        assert task.warnings == ("12 subjects of 14 without a file.",)
        assert "formal_logic_test.csv" in refusal(tmp_path, "mmlu:humanities")

    def test_the_split_is_four_fifths_to_one(self, tmp_path: Path) -> None:
        write_mmlu(tmp_path / "virology_test.csv", [(f"{i}?", *"abcd", "A") for i in range(150)])
        assert sizes(load(tmp_path, "mmlu:virology")) == (80, 40, 30)

    def test_there_are_57_subjects_in_four_categories(self) -> None:
        counts = {name: len(set(subjects)) for name, subjects in CATEGORIES.items()}
        assert counts == {"stem": 18, "humanities": 13, "social_sciences": 12, "other": 14}

    def test_a_broken_file_is_one_line(self, tmp_path: Path) -> None:
        path = tmp_path / "virology_test.csv"
        write_mmlu(path, [*self.ROWS, ("q", *"abcd", "E")])
        assert refusal(tmp_path, "mmlu:virology").startswith(
            "virology_test.csv line 5: the answer is none of A to D"
        )
        write_mmlu(path, [("q", *"abc", "A")])
        assert refusal(tmp_path, "mmlu:virology").startswith(
            "virology_test.csv line 1: 5 fields, expected 6."
        )
        path.write_text('"q,a,b,c,d,A\n', encoding="utf-8")
        assert "a quoted field never ends" in refusal(tmp_path, "mmlu:virology")


class TestAqua:
    RECORD: ClassVar = {
        "question": "Half of 8?",
        "options": ["A)4", "B) 5 km", "C)6"],
        "rationale": "-",
        "correct": "B",
    }

    @pytest.mark.parametrize("name", ["AQuA.json", "test.json", "dev.json"])
    def test_options_are_written_as_in_mmlu(self, tmp_path: Path, name: str) -> None:
        write_lines(tmp_path / name, [self.RECORD])
        task = load(tmp_path, "aqua")
        text = "Half of 8?\n(A) 4\n(B) 5 km\n(C) 6\nWhich is right? Give one letter: A, B, C."
        assert (task.answer, pairs(task.examples)) == ("choice", [(text, "B")])

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"options": ["A)4", "C)5"]}, "options are not marked A), B), C) and so on."),
            ({"options": ["4", "5"]}, "options are not marked"),
            ({"options": []}, "options are not marked"),
            ({"options": "A)4"}, "'options' is not a list."),
            ({"correct": "D"}, "the answer is none of A to C."),
            ({"question": " "}, "no question."),
        ],
    )
    def test_a_broken_row_is_one_line(self, tmp_path: Path, change: dict[str, object], message: str) -> None:
        write_lines(tmp_path / "AQuA.json", [self.RECORD, {**self.RECORD, **change}])
        assert refusal(tmp_path, "aqua").startswith(f"AQuA.json line 2: {message}")


class TestMultiArith:
    def test_solutions_are_numbers(self, tmp_path: Path) -> None:
        records = [{"sQuestion": " 1 + 1? ", "lSolutions": [2.0]}, {"sQuestion": "5/2?", "lSolutions": [2.5]}]
        (tmp_path / "MultiArith.json").write_text(json.dumps(records), encoding="utf-8")
        task = load(tmp_path, "multiarith")
        assert (task.answer, pairs(task.examples)) == ("number", [("1 + 1?", "2"), ("5/2?", "2.5")])

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("{}", "MultiArith.json: not a JSON list."),
            ('[{"sQuestion": "a"}]', "MultiArith.json item 1: no key 'lSolutions'; found 'sQuestion'."),
            ('[{"sQuestion": "a", "lSolutions": []}]', "item 1: 'lSolutions' is not a list of one number."),
            ('[{"sQuestion": "a", "lSolutions": ["x"]}]', "item 1: the label is not a number."),
        ],
    )
    def test_a_broken_file_is_one_line(self, tmp_path: Path, content: str, message: str) -> None:
        (tmp_path / "MultiArith.json").write_text(content, encoding="utf-8")
        assert message in refusal(tmp_path, "multiarith")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bb", "no benchmark 'bb'. Known are bbh, gsm8k, mmlu, aqua, multiarith."),
        ("bbh", "no benchmark 'bbh'. Name bbh: and one of boolean_expressions, "),
        ("mmlu:history", "Name mmlu: and one of abstract_algebra, "),
        ("gsm8k:easy", "no benchmark 'gsm8k:easy'. Name gsm8k alone."),
    ],
)
def test_an_unknown_name_lists_the_known_ones(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, name)
    assert message in str(caught.value)


def test_what_is_no_folder_is_told(tmp_path: Path) -> None:
    assert "is no folder" in refusal(tmp_path / "none", "aqua")
    with pytest.raises(SettingsError, match="no folder of the benchmark's original files is named"):
        choose_task({"benchmark": "aqua"}, file=None, cwd=tmp_path)


def test_settings_of_the_users_replace_those_of_the_benchmark(tmp_path: Path) -> None:
    write_bbh(tmp_path / "navigate.json", [(f"{i}", "yes" if i % 2 else "no") for i in range(MANY)])
    task = load(tmp_path, "bbh:navigate")
    assert (task.position, task.pretrained_position, task.qa) == ("Q_begin", "A_begin", None)
    own = {"answer": "label", "labels": ("yes", "no"), "position": "Q_end", "metric": "mcc"}
    changed = load(tmp_path, "bbh:navigate", **own, split={"train": 0.5, "validation": 0.25, "test": 0.25})
    assert (changed.answer, changed.labels, changed.metric) == ("label", ("yes", "no"), "mcc")
    assert (changed.position, changed.pretrained_position) == ("Q_end", None)
    assert changed.split == SplitSettings(train=0.5, validation=0.25, test=0.25)


def test_columns_do_not_go_with_a_benchmark(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="has files of a known form: leave out --bad-rows"):
        load(tmp_path, "aqua", bad_rows="skip")


def test_a_task_file_may_name_a_benchmark(tmp_path: Path) -> None:
    write_bbh(tmp_path / "data" / "navigate.json", [(f"{i}", "yes" if i % 2 else "no") for i in range(MANY)])
    write_bbh(tmp_path / "data" / "word_sorting.json", [("b a", "a b")])
    toml = 'benchmark = "bbh:navigate"\ndata = "data"\n[split]\nmax_test = 5\n'
    (tmp_path / "task.toml").write_text(toml, encoding="utf-8")
    task, _ = choose_task({}, file=None, cwd=tmp_path)
    assert (task.name, len(task.examples), task.split.max_test) == ("bbh:navigate", MANY, 5)
    other, _ = choose_task({"benchmark": "bbh:word_sorting"}, file=None, cwd=tmp_path)
    assert other.name == "bbh:word_sorting"
    _, words = choose_task({"benchmark": "bbh:navigate", "data": "data"}, file=None, cwd=tmp_path)
    assert words == "bbh:navigate in data"


def test_a_run_file_keeps_the_rows_of_the_test_file(tmp_path: Path) -> None:
    write_gsm8k(tmp_path, train=9, test=3)
    task = load(tmp_path, "gsm8k")
    assert task_from_json(task_to_json(task)) == task
