"""What a page shows of rows that two prompts answer differently."""

from dataclasses import replace

from opro_local.records import Answer, Outcome
from opro_local.report.flips import flip_table
from opro_local.report.table import Table
from opro_local.results.flips import flips

RIGHT = Outcome(example_id="1", target="tea", prediction="tea", score=1.0)
WRONG = replace(RIGHT, prediction="rice", score=0.0)


def table(ours: Outcome, theirs: Outcome) -> Table:
    found = flips([Answer(ours)], [Answer(theirs)], labels=(), texts={"1": "What is it?"})
    (shown,) = flip_table("Fixed", found.fixed, "winner", "baseline")
    return shown


def test_right_and_wrong_answers_need_no_scores() -> None:
    shown = table(RIGHT, WRONG)
    assert shown.columns[-3:] == ("baseline's answer", "winner's margin", "baseline's margin")
    assert shown.rows == [("1", "What is it?", "tea", "tea", "rice", None, None)]


def test_scores_between_right_and_wrong_stand_beside_the_answers() -> None:
    shown = table(RIGHT, replace(WRONG, score=0.25))
    assert shown.columns[-2:] == ("winner's score", "baseline's score")
    assert shown.rows[0][-2:] == (1.0, 0.25)


def test_what_a_grader_said_stands_there_too() -> None:
    shown = table(RIGHT, replace(WRONG, feedback="that is to eat"))
    assert shown.columns[-2:] == ("winner's feedback", "baseline's feedback")
    assert shown.rows[0][-2:] == (None, "that is to eat")
