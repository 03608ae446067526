"""Sentences of a result, worked out by hand."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from store_script import HEADER

from opro_local.recording import Evaluation
from opro_local.records import Candidate, Direction, Proposal, Score, Scored, SplitName, Step
from opro_local.results.reading import overview
from opro_local.results.verdicts import gain_line
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
