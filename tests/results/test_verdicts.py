"""Sentences of a result, worked out by hand."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest
from store_script import HEADER

from opro_local.evidence.headroom import headroom
from opro_local.evidence.paired import compare_correct
from opro_local.evidence.verdict import verdicts
from opro_local.recording import Evaluation
from opro_local.records import Candidate, Direction, Proposal, Score, Scored, SplitName, Step
from opro_local.results.findings import BaselineVerdict
from opro_local.results.reading import fields_of, overview
from opro_local.results.verdicts import (
    comparison_line,
    gain_line,
    headroom_line,
    power_line,
    tried_lines,
    verdict_line,
)
from opro_local.store.reader import RunReader


def candidate(name: str) -> Candidate:
    return Candidate(instruction=name)


def evaluated(role: str, name: str, value: float) -> Evaluation:
    split: SplitName = "validation" if role == "finalist" else "test"
    return Evaluation(role=role, split=split, candidate=candidate(name), score=Score(value=value, n=8))


def run(direction: Direction, evaluations: Sequence[Evaluation]) -> RunReader:
    """Starts a and b, a proposal w."""
    steps = [
        Step(
            number=number,
            proposals=tuple(Proposal(text=name, solution=candidate(name).to_json()) for name in names),
            scored=tuple(
                Scored(solution=candidate(name).to_json(), score=Score(value=0.5), step=number)
                for name in names
            ),
        )
        for number, names in enumerate(("ab", "w"))
    ]
    return RunReader(
        header=replace(HEADER, direction=direction), steps=tuple(steps), evaluations=tuple(evaluations)
    )


@pytest.mark.parametrize(
    ("direction", "test", "words"),
    [
        ("maximize", 0.51, "better by 0.110"),
        ("maximize", 0.3, "worse by 0.100"),
        ("maximize", 0.4002, "no difference"),
        ("minimize", 0.51, "worse by 0.110"),
        ("minimize", 0.3, "better by 0.100"),
    ],
)
def test_the_start_is_chosen_on_validation_and_the_gain_is_told_in_words(
    direction: Direction, test: float, words: str
) -> None:
    """Start b is the better one on validation, start a on test."""
    first, second = (0.9, 0.8) if direction == "minimize" else (0.1, 0.2)
    evaluations = [
        evaluated("finalist", "w", 0.5),
        evaluated("finalist", "a", first),
        evaluated("finalist", "b", second),
        evaluated("winner", "w", test),
        evaluated("baseline", "a", 0.3 if direction == "minimize" else 0.9),
        evaluated("baseline", "b", 0.4),
    ]
    assert list(gain_line(overview(run(direction, evaluations)))) == [
        "accuracy on test (n=8): 0.400 with the start that validation prefers, "
        f"{test:.3f} with the best prompt: {words}"
    ]


def test_there_is_no_gain_to_tell_where_there_is_no_number() -> None:
    evaluations = [
        evaluated("finalist", "a", 0.5),
        evaluated("winner", "w", float("inf")),
        evaluated("baseline", "a", 0.5),
    ]
    assert list(gain_line(overview(run("minimize", evaluations)))) == []


def test_a_p_value_is_said_to_be_one_sided() -> None:
    """Nine gains against two losses: 0.033 here, 0.065 where a two-sided test is the default."""
    (found,) = verdicts([compare_correct([True] * 9 + [False] * 2, [False] * 9 + [True] * 2)])
    assert comparison_line(found).startswith("better: gain +0.636 [")
    assert comparison_line(found).endswith(", one-sided p=0.033, n=11")
    assert binomtest(9, 11).pvalue == pytest.approx(2 * found.adjusted_p)
    of_baseline = BaselineVerdict(instruction="", **fields_of(found))
    assert (
        verdict_line([of_baseline])
        == "verdict: better than the baseline (one-sided paired tests, n=11 test rows)"
    )


def test_a_winner_that_is_a_start_is_told_to_be_worse_than_another() -> None:
    lost = verdicts([compare_correct([False] * 9, [True] * 9), compare_correct([True], [True])])
    words = [BaselineVerdict(instruction="", **fields_of(each)) for each in lost]
    line = "verdict: the search found nothing better: the winner is itself one of the baselines"
    assert verdict_line([], won_by_baseline=True) == line
    assert verdict_line(words, won_by_baseline=True).startswith(
        f"{line}; worse than 1, no evidence of a gain over 1 of 2 other baselines (one-sided"
    )


def test_a_difference_that_hangs_on_few_rows_names_no_rows_needed() -> None:
    won = compare_correct([True] * 3 + [False] * 2, [False] * 3 + [True] * 2)
    plain, few = verdicts([won])[0], verdicts([replace(won, few_decide=True)])[0]
    assert comparison_line(plain).endswith("test rows would detect such a gain (80 % power)")
    assert comparison_line(few).endswith(", one-sided p=0.500, n=5; it hangs on few rows")


def test_headroom_names_what_it_is_of() -> None:
    found = headroom(np.array([[1.0, 0.5], [0.0, 0.0]]), measure="mean score")
    assert "2 very different prompts score 0.000 to 0.750 in mean score on 2 train rows" in headroom_line(
        found
    )


def test_the_power_of_test_rows_is_about_the_metric_of_the_task() -> None:
    assert power_line(96, 0.17, "accuracy") == (
        "minimum detectable gain 17 points of accuracy (96 test rows, 80 % power)"
    )
    assert power_line(96, 0.17, "off_by_one").startswith("minimum detectable gain 17 points of off_by_one")
    assert power_line(3, math.inf, "accuracy").startswith("no gain in accuracy is detectable (3 test rows")
    for_replies = power_line(96, None, "mean_score")
    assert for_replies.startswith("what gain in mean_score 96 test rows can show depends on")
    assert "accuracy" not in for_replies


@pytest.mark.parametrize(("pairs", "told"), [(100, True), (101, False)])
def test_replies_that_are_often_cut_off_call_for_more_tokens(pairs: int, told: bool) -> None:
    known = overview(run("maximize", []))
    known = replace(known, unanswered={"cut off": 10}, usage=replace(known.usage, pairs=pairs))
    line = tried_lines(known)[1]
    assert ("of 100 pairs" in line and line.endswith("raise --answer-tokens")) == told
