"""Sets of labels: what a cell holds, what a reply says, what likelihoods come to."""

from collections.abc import Sequence

import pytest

from opro_local.answers.labels import Labels
from opro_local.config import TaskSettings
from opro_local.reading.replies import Graded
from opro_local.records import Example, Outcome
from opro_local.scoring.marking import Marking

KIND = Labels(labels=("billing", "delivery", "credit card"))


def target(cell: str, **settings: object) -> str:
    return Labels.target_of(cell, TaskSettings.model_validate(settings))


def grade(reply: str, right: str = "billing; delivery") -> Graded:
    return KIND.strict().grade(reply, Example(id="1", text="?", target=right))


@pytest.mark.parametrize(
    ("cell", "settings", "expected"),
    [
        ("delivery|billing", {"separator": "|"}, "billing; delivery"),
        (" billing ,billing", {"separator": ","}, "billing"),
        ("billing", {}, "billing"),
        ('["delivery", "a, b"]', {}, "a, b; delivery"),
        ('["delivery"]', {"separator": ","}, "delivery"),
        ("[7, 1.50]", {}, "1.50; 7"),
        ("[draft]", {}, "[draft]"),
        ('{"choices": ["b", "a"]}', {}, "a; b"),
        ("[]", {}, "none"),
        ("None", {"separator": ","}, "none"),
        ("", {}, ""),
        ("  ", {"blank": "none"}, "none"),
    ],
)
def test_a_cell_is_a_set_and_a_blank_one_is_no_answer_unless_told(
    cell: str, settings: dict[str, object], expected: str
) -> None:
    assert target(cell, **settings) == expected


@pytest.mark.parametrize(
    ("cell", "settings", "fault"),
    [
        ("billing;delivery", {}, '";" in it. Rename it, or pass --separator ";"'),
        ("billing,,delivery", {"separator": ","}, "a blank among labels"),
        ("billing,none", {"separator": ","}, '"none", which is no label, beside labels'),
        ('[["billing"]]', {}, "holds more than texts"),
        ('["billing", null]', {}, "holds more than texts"),
    ],
)
def test_what_is_no_set_is_a_fault(cell: str, settings: dict[str, object], fault: str) -> None:
    with pytest.raises(ValueError, match=fault.replace(".", r"\.")):
        target(cell, **settings)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("Delivery and billing", "billing; delivery"),
        ("- billing\n- credit card\n", "billing; credit card"),
        ("billing: yes\ndelivery: no\ncredit card: no", "billing"),
        ("billing: no\ndelivery: no\ncredit card: no", "none"),
        ("The answer is none.", "none"),
        ("None of these apply.", "none"),
        ("It is about billing, not delivery.", "billing"),
    ],
)
def test_a_reply_says_a_set(reply: str, expected: str) -> None:
    assert grade(reply).prediction == expected


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("billing or delivery", "several answers"),
        ("billing, or maybe delivery", None),
        ("none; billing", "several answers"),
        ("I cannot say", "no answer"),
        ("billing: no", "no answer"),
        ("not billing", "no answer"),
    ],
)
def test_hedges_contradictions_and_silence_win_nothing(reply: str, reason: str | None) -> None:
    found = grade(reply)
    assert found.reason == reason
    assert found.score < 1


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("yes: yes\nno: no\nmaybe: no", "yes"),
        ("yes: no\nno: yes\nmaybe: yes", "maybe; no"),
        ("- yes: no\n- no: no\n- maybe: no", "none"),
        ("The labels are:\n1. **yes**: No.\n2. **no**: Yes.", "no"),
        ('{"yes": "no", "no": "yes", "maybe": "yes"}', "maybe; no"),
        ("yes, no", "no; yes"),
        ("yes: yes\nyes: no", None),
        ("no: no", None),
        ("none: yes", None),
    ],
)
def test_lines_tell_labels_called_yes_and_no_from_what_is_said_of_them(
    reply: str, expected: str | None
) -> None:
    kind = Labels(labels=("yes", "no", "maybe"))
    assert kind.strict().grade(reply, Example(id="1", text="?", target="no")).prediction == expected


def test_lines_are_read_where_the_no_stands_far_from_its_label() -> None:
    assert grade('{"billing": "no", "delivery": "yes", "credit card": "no"}').prediction == "delivery"
    assert grade("**billing**: Yes.\n**delivery**: No.").prediction == "billing"


def test_a_list_that_was_cut_off_has_no_answer_for_more_may_have_come() -> None:
    row = Example(id="1", text="?", target="billing")
    assert KIND.strict().grade("billing", row, cut=True).reason == "cut off"
    assert KIND.strict().grade("The answer is billing.\n", row, cut=True).prediction == "billing"


@pytest.mark.parametrize(
    ("answer", "right", "worth"),
    [
        ("billing", "billing; delivery", 2 / 3),
        ("none", "none", 1.0),
        ("billing", "none", 0.0),
        ("none", "billing", 0.0),
        ("billing; delivery", "credit card; delivery", 0.5),
    ],
)
def test_an_answer_is_worth_the_f1_of_two_sets(answer: str, right: str, worth: float) -> None:
    assert KIND.worth(answer, Example(id="1", text="", target=right)) == pytest.approx(worth)


def test_labels_that_differ_in_case_or_are_one_letter_count_as_they_are_written() -> None:
    kind = Labels(labels=("IT", "it", "A"))
    row = Example(id="1", text="?", target="A")
    assert kind.strict().grade("IT, not a problem of theirs", row).prediction == "IT"
    assert kind.strict().grade("A and it", row).prediction == "A; it"


def test_no_rows_have_strata() -> None:
    assert KIND.strata([])(Example(id="1", text="", target="billing")) == "none"


def test_each_label_is_a_choice_between_its_two_lines() -> None:
    assert KIND.alternatives[:4] == ("billing: yes", "billing: no", "delivery: yes", "delivery: no")
    assert KIND.right_places("delivery") == (1, 2, 5)
    assert KIND.predicted((-1.0, -2.0, -3.0, -3.0, -1.0, -1.5)) == "billing; credit card"
    assert KIND.shown("delivery") == "billing: no\ndelivery: yes\ncredit card: no"


def test_the_code_for_elsewhere_predicts_the_same() -> None:
    scores = [-1.0, -2.0, -3.0, -3.0, -1.0, -1.5]
    said = set()
    for given in (scores, [-2.0, -1.0] * 3):
        for rule in ((), (0.1,), (-0.7,)):
            code = KIND.code(rule)
            said.add(eval(code, {"LABELS": list(KIND.alternatives), "scores": given}))
            assert eval(code, {"LABELS": list(KIND.alternatives), "scores": given}) == KIND.predicted(
                given, rule
            )
    assert said == {"billing; credit card", "none", "billing", "billing; credit card; delivery"}


def outcomes(rows: Sequence[tuple[str, float]]) -> list[Outcome]:
    """Of a task with two labels, the log-odds of the first; the second is never given, nor likely."""
    return [
        Outcome(
            example_id=str(i),
            target=right,
            prediction=None,
            score=0.0,
            choice_log_probs=(odds, 0.0, -5.0, 0.0),
        )
        for i, (right, odds) in enumerate(rows)
    ]


def test_thresholds_give_a_label_to_as_many_train_rows_as_have_it() -> None:
    kind = Labels(labels=("a", "b"))
    rows = outcomes([("a", 3.0), ("none", 2.5), ("a", 2.0), ("none", 1.0), ("none", 0.5)])
    plain, matched, _ = kind.calibrations(rows, ())
    assert plain == ()
    yes, no, rare, _ = matched
    assert (yes, no) == (-2.25, 0.0)  # above it lie two rows, as many as have the label
    assert rare - 0 < 5.0  # what no row has stays out of reach
    given = [kind.predicted((o.choice_log_probs[0] + yes, 0.0, -5.0 + rare, 0.0)) for o in rows]
    assert given == ["a", "a", "none", "none", "none"]


def test_a_row_that_the_model_says_yes_to_as_a_whole_is_seen_through() -> None:
    """Both labels rise and fall with the row; which of the two is higher tells them apart."""
    kind = Labels(labels=("a", "b"), metric="example_f1")
    rows = [
        Outcome(
            example_id=str(i),
            target=right,
            prediction=None,
            score=0.0,
            choice_log_probs=(row + (right == "a"), 0.0, row + (right == "b"), 0.0),
        )
        for i, (right, row) in enumerate([("a", 9.0), ("b", 6.0), ("a", -3.0), ("b", -6.0), ("a", 0.0)])
    ]
    chosen = Marking(kind=kind, metric="example_f1").fitted(rows, ())
    biases, rule = kind.parts_of(chosen)
    assert len(rule) == 1
    for row in rows:
        scores = [value + bias for value, bias in zip(row.choice_log_probs, biases, strict=True)]
        assert kind.predicted(scores, rule) == row.target


def test_strata_are_the_rarest_labels_and_small_ones_go_with_the_largest() -> None:
    def rows(*targets: str) -> list[Example]:
        return [Example(id=str(i), text=f"t{i}", target=t) for i, t in enumerate(targets)]

    table = rows("a; b", "a; b", "a", "a", "a", "none", "none", "a; c")
    stratum = Labels(labels=("a", "b", "c")).strata(table)
    assert [stratum(row) for row in table] == ["b", "b", "a", "a", "a", "none", "none", "a"]
