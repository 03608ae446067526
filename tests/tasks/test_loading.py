"""Which tables become a task, what it holds, and which are refused in one line."""

from pathlib import Path

import pytest
import xlsxwriter

from opro_local.config import TaskSettings
from opro_local.errors import DataError, SettingsError
from opro_local.records import Example, content_hash
from opro_local.tasks.loading import load_task
from opro_local.tasks.task import Task
from opro_local.user_code import find_function


def load(folder: Path, rows: str, **settings: object) -> Task:
    (folder / "t.csv").write_text(rows, encoding="utf-8")
    values = {"data": "t.csv", "text": ("text",), "label": "label", **settings}
    return load_task(TaskSettings.model_validate(values), folder=folder, name="t")


def refusal(folder: Path, rows: str, **settings: object) -> str:
    with pytest.raises(DataError) as caught:
        load(folder, rows, **settings)
    return str(caught.value)


FOUR = "text,label\na,B\nb,A\nc,B\nd,A\n"


def test_rows_become_examples_with_ids_from_their_text(tmp_path: Path) -> None:
    task = load(tmp_path, FOUR)
    expected = [("a", "B"), ("b", "A"), ("c", "B"), ("d", "A")]
    assert [(e.text, e.target) for e in task.examples] == expected
    assert [e.id for e in task.examples] == [content_hash("text", text)[-16:] for text in "abcd"]
    assert task.warnings == ()


def test_labels_are_sorted_or_in_the_order_of_the_settings(tmp_path: Path) -> None:
    assert load(tmp_path, FOUR).labels == ("A", "B")
    assert load(tmp_path, FOUR, labels=("B", "A")).labels == ("B", "A")


def test_labels_that_look_like_nothing_or_numbers_are_labels(tmp_path: Path) -> None:
    rows = "text,label\na,None\nb,None\nc,NA\nd,NA\ne,007\nf,007\n"
    assert load(tmp_path, rows).labels == ("007", "NA", "None")


def test_several_text_columns_are_joined_by_name(tmp_path: Path) -> None:
    rows = "subject,body,label\nHi,x,A\n,y,A\nHi,z,B\nHi,w,B\n"
    task = load(tmp_path, rows, text=("subject", "body"))
    assert [e.text for e in task.examples[:2]] == ["subject: Hi\nbody: x", "subject: \nbody: y"]


def test_rows_without_label_or_text_are_counted_and_left_out(tmp_path: Path) -> None:
    task = load(tmp_path, FOUR + "e,\nf, \n ,A\n")
    assert [e.text for e in task.examples] == ["a", "b", "c", "d"]
    assert task.labels == ("A", "B")
    assert task.unlabelled == 2
    assert task.warnings == ("2 rows without a label left out.", "1 row without a text left out.")


def test_a_table_without_any_label_is_refused(tmp_path: Path) -> None:
    assert "no row has both a text and a label" in refusal(tmp_path, "text,label\na,\nb,\n")


def test_repeated_rows_are_kept_with_ids_of_their_own(tmp_path: Path) -> None:
    task = load(tmp_path, FOUR + "a,B\na,B\n")
    first = task.examples[0].id
    assert [e.id for e in task.examples if e.text == "a"] == [first, f"{first}-2", f"{first}-3"]
    assert task.warnings == ("2 rows repeating an earlier one; equal rows stay on one side of the split.",)


def test_one_text_with_two_labels_is_refused_with_both_lines(tmp_path: Path) -> None:
    assert refusal(tmp_path, FOUR + "a,A\nb,B\n") == (
        "the same text has two labels: t.csv line 2 and t.csv line 6, t.csv line 3 and t.csv line 7. "
        "Correct or remove one of each, or, where they are several annotators', pass "
        "--annotators first, agree or majority."
    )


def test_a_label_with_one_example_is_refused_by_name(tmp_path: Path) -> None:
    message = refusal(tmp_path, FOUR + "e,C\n")
    assert message.startswith("1 label with one example only, copies not counted: 'C' (t.csv line 6).")


def test_labels_that_are_all_numbers_may_be_meant_as_answers_to_find(tmp_path: Path) -> None:
    rows = "".join(f"what is {n} and {n}?,{2 * n}\n" for n in range(6))
    assert refusal(tmp_path, f"text,label\n{rows}").endswith(". Numbers to be found are --answer number.")


def test_copies_of_one_text_are_one_example(tmp_path: Path) -> None:
    assert "'C' (t.csv line 6)" in refusal(tmp_path, FOUR + "e,C\ne,C\n")


def test_a_text_column_taken_for_labels_is_not_echoed(tmp_path: Path) -> None:
    secret = "a private sentence that nobody should find in a log"
    message = refusal(tmp_path, f"text,label\na,{secret}\nb,B\n")
    assert secret not in message
    assert "(51 characters)" in message


def test_a_single_class_is_no_task(tmp_path: Path) -> None:
    assert "all rows have the label 'A'" in refusal(tmp_path, "text,label\na,A\nb,A\n")


def test_a_label_outside_the_settings_is_refused(tmp_path: Path) -> None:
    expected = "t.csv line 2: label 'B' is not one of labels: 'A', 'C'."
    assert refusal(tmp_path, FOUR, labels=("A", "C")) == expected


def test_labels_without_rows_and_labels_that_look_alike_are_noted(tmp_path: Path) -> None:
    task = load(tmp_path, FOUR + "e,sign up\nf,SignUp\ng,sign up\nh,SignUp\n")
    assert task.warnings == (
        "labels 'SignUp', 'sign up' differ only in case or blanks, and count as different.",
    )
    task = load(tmp_path, FOUR + "e,a\nf,a\n", labels=("A", "B", "a", "C"))
    assert task.warnings == (
        "no row has the label 'C'.",
        "labels 'A', 'a' differ only in case or blanks, and count as different.",
    )


def test_blanks_around_labels_are_cut_off_and_told(tmp_path: Path) -> None:
    task = load(tmp_path, "text,label\na,B \nb,A\nc,\u00a0B\nd, A\n", labels=("A ", "B"))
    assert (task.labels, [e.target for e in task.examples]) == (("A", "B"), ["B", "A", "B", "A"])
    assert task.warnings == ("3 labels with blanks around, which are cut off.",)


def test_blanks_around_other_answers_stay(tmp_path: Path) -> None:
    task = load(tmp_path, "text,label\na, x\nb,y\n", answer="text")
    assert (task.examples[0].target, task.warnings) == (" x", ())


TWINS = "text,label\nPay me,A\npay  me.,{}\nb,A\nc,B\nd,B\n"


def test_texts_that_say_the_same_are_noted_and_have_one_label(tmp_path: Path) -> None:
    assert load(tmp_path, TWINS.format("A")).warnings == (
        "1 text equal to another but for case, blanks or closing punctuation; "
        "they stay on one side of the split.",
    )
    assert refusal(tmp_path, TWINS.format("B")) == (
        "texts that are equal but for case, blanks or closing punctuation have two labels: "
        "t.csv line 2 and t.csv line 3. Correct or remove one of each, or, where labels tell such texts "
        "apart, pass --twins apart."
    )


def test_texts_that_only_case_or_punctuation_tells_apart_may_be_what_the_task_is_about(
    tmp_path: Path,
) -> None:
    task = load(tmp_path, TWINS.format("B"), split={"twins": "apart"})
    assert ([e.target for e in task.examples], task.warnings) == (["A", "B", "A", "B", "B"], ())


def test_smileys_are_no_closing_punctuation(tmp_path: Path) -> None:
    rows = "text,label\ngreat :),A\ngreat :(,B\n?!,A\n...,B\n"
    assert load(tmp_path, rows).warnings == ()


def test_the_id_column_names_examples_and_must_be_unique_and_filled(tmp_path: Path) -> None:
    rows = "text,label,n\na,A,1\nb,A,2\nc,B,3\nd,B,{}\n"
    assert load(tmp_path, rows.format(4), id="n").examples[3] == Example(id="4", text="d", target="B")
    expected = "t.csv line 3 and t.csv line 5 have the same id. Make ids unique."
    assert refusal(tmp_path, rows.format(2), id="n") == expected
    assert refusal(tmp_path, rows.format(""), id="n").startswith("t.csv line 5: no id.")


def test_a_wrong_column_name_lists_the_columns(tmp_path: Path) -> None:
    for wrong in ({"text": ("body",)}, {"label": "body"}, {"id": "body"}):
        assert refusal(tmp_path, FOUR, **wrong) == "t.csv has no column 'body'; found 'text', 'label'."


def test_number_tasks_need_numbers(tmp_path: Path) -> None:
    task = load(tmp_path, 'text,label\na,-3\nb,"1,200.5"\n', answer="number")
    assert task.labels == ()
    assert [e.target for e in task.examples] == ["-3", "1,200.5"]
    for wrong in ("some", "nan", "1_0", "inf"):
        assert refusal(tmp_path, f"text,label\na,3\nb,{wrong}\n", answer="number").startswith(
            "t.csv line 3: the label is not a number."
        )


def test_a_number_is_what_a_reply_could_be_graded_equal_to(tmp_path: Path) -> None:
    targets = ["50%", "$5", "1/2", "ten"]
    rows = "".join(f"{text},{target}\n" for text, target in zip("abcd", targets, strict=True))
    task = load(tmp_path, f"text,label\n{rows}", answer="number")
    assert [e.target for e in task.examples] == targets
    for wrong in ("1e", "5.", "10:30", "5-6"):
        assert refusal(tmp_path, f"text,label\na,3\nb,{wrong}\n", answer="number").startswith(
            "t.csv line 3: the label is not a number."
        )


@pytest.mark.parametrize("cell", ["12 kg", "7kg", "3.5 \u00b0C", "1,200 euros", "20 min."])
def test_a_unit_is_told_from_what_is_no_number(tmp_path: Path, cell: str) -> None:
    told = refusal(tmp_path, f'text,label\na,3\nb,"{cell}"\n', answer="number")
    assert told.startswith("t.csv line 3: the label is a number with a unit. Keep the number alone")


@pytest.mark.parametrize(
    ("targets", "given", "decimal", "warnings"),
    [
        (["1.5", "2"], None, "point", 0),
        (["1,5", "2"], None, "comma", 1),
        (["1.000,50", "3"], None, "comma", 1),
        (["1,000", "3"], None, "point", 1),  # either will do: that is said
        (["1,000", "3"], "comma", "comma", 1),
        (["1,000", "3.5"], None, "point", 0),
    ],
)
def test_the_decimal_sign_is_found_from_the_targets(
    tmp_path: Path, targets: list[str], given: str | None, decimal: str, warnings: int
) -> None:
    rows = "".join(f'{text},"{target}"\n' for text, target in zip("ab", targets, strict=True))
    task = load(tmp_path, f"text,label\n{rows}", answer="number", decimal=given)
    assert (task.decimal, len(task.warnings)) == (decimal, warnings)
    assert task.kind.worth(targets[0], task.examples[0])


def test_targets_of_both_conventions_and_of_the_other_one_are_refused(tmp_path: Path) -> None:
    rows = 'text,label\na,3\nb,"1,5"\nc,2.5\n'
    told = "the label is a number with a decimal comma only. Correct it or change --decimal."
    assert refusal(tmp_path, rows, answer="number") == f"t.csv line 3: {told}"
    told = "the label is a number with a decimal point only. Correct it or change --decimal."
    assert refusal(tmp_path, rows, answer="number", decimal="comma") == f"t.csv line 4: {told}"
    with pytest.raises(SettingsError, match="answer label takes no decimal"):
        load(tmp_path, rows, decimal="comma")


def test_text_tasks_take_any_answer_once(tmp_path: Path) -> None:
    task = load(tmp_path, "text,label\na,x y\nb,z\n", answer="text")
    assert (task.labels, task.examples[0].target) == ((), "x y")


def test_a_boolean_task_has_two_labels(tmp_path: Path) -> None:
    rows = "text,label\na,yes\nb,yes\nc,no\nd,no\n"
    assert load(tmp_path, rows, answer="boolean").labels == ("no", "yes")
    assert load(tmp_path, rows, answer="boolean", metric="mcc").metric == "mcc"
    assert refusal(tmp_path, rows + "e,maybe\nf,maybe\n", answer="boolean") == (
        "answer boolean takes two labels, found 3. Set answer to label."
    )


def test_a_choice_task_has_options_in_every_text_and_one_of_them_as_label(tmp_path: Path) -> None:
    rows = 'text,label\n"a?\n(A) x\n(B) y",(B)\n"b?\n(A) x\n(B) y\n(C) z",z\n'
    task = load(tmp_path, rows, answer="choice")
    assert (task.labels, [e.target for e in task.examples]) == ((), ["(B)", "z"])
    assert refusal(tmp_path, rows + "c?,A\n", answer="choice") == (
        "t.csv line 9: the text lists no options. Write them as (A) first, (B) second, one a line."
    )
    assert refusal(tmp_path, rows + '"d?\n(A) x\n(B) y",C\n', answer="choice") == (
        "t.csv line 9: the label is none of the text's options A, B. Correct it."
    )


def test_a_pattern_and_an_own_grader_are_kept_with_the_task(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("def judge(reply, target): return True\n", encoding="utf-8")
    assert load(tmp_path, FOUR, answer="regex", pattern="x").pattern == "x"
    path = tmp_path / "t.csv"
    settings = TaskSettings(
        data=str(path), text=("text",), label="label", answer="python", grader="own.py:judge"
    )
    with pytest.raises(SettingsError, match=r"needs code of .*own\.py\. Read it, then pass --allow-python"):
        load_task(settings, folder=tmp_path, name="t")
    task = load_task(settings, folder=tmp_path, name="t", allow_python=True)
    assert task.grader == find_function("own.py:judge", folder=tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"answer": "number", "metric": "log_loss"},
            "log_loss does not suit answer number: use metric accuracy or mae",
        ),
        ({"answer": "text", "labels": ("A",)}, "answer text takes no labels"),
        (
            {"answer": "choice", "metric": "mcc"},
            "mcc does not suit answer choice: use metric accuracy",
        ),
        ({"answer": "regex"}, "answer regex needs a pattern: pass --pattern"),
        ({"pattern": "x"}, "answer label takes no pattern"),
        ({"answer": "regex", "pattern": "(x"}, "is no regular expression \\(missing \\)"),
        ({"answer": "python"}, "answer python needs a grader"),
        ({"grader": "own.py:judge"}, "answer label takes no grader"),
        ({"answer": "sentence"}, "answer 'sentence' is none of boolean, choice, .*number"),
        ({"labels": ("A", "B", "A")}, "'A' given twice"),
        ({"data": None}, "no data file is named"),
        ({"text": ()}, "which columns of t.csv .* found 'text', 'label'"),
        ({"label": None}, "Pass --text and --label"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    tmp_path: Path, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        load(tmp_path, FOUR, **settings)


def test_a_label_column_of_numbers_in_a_workbook_is_noted(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(str(tmp_path / "t.xlsx")) as book:
        sheet = book.add_worksheet()
        for i, row in enumerate([["text", "label"], ["a", 1], ["b", 1], ["c", 2], ["d", 2]]):
            sheet.write_row(i, 0, row)
    settings = TaskSettings(data="t.xlsx", text=("text",), label="label")
    task = load_task(settings, folder=tmp_path, name="t")
    assert task.labels == ("1", "2")
    assert task.warnings[0].startswith(
        "column 'label' of t.xlsx holds numbers: leading zeros are already gone"
    )
    grades = load_task(settings.model_copy(update={"answer": "grade"}), folder=tmp_path, name="t")
    assert grades.labels == ("1", "2")
    assert not any("leading zeros" in told for told in grades.warnings)  # a grade is its size
