"""Two runs side by side: in which settings they differ, and whether one has found a better prompt."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from opro_local.evidence.verdict import Verdict, verdicts
from opro_local.records import Answer
from opro_local.results.findings import Findings
from opro_local.results.flips import Flips, flips
from opro_local.results.overview import Figures, Overview, Prompt, Solution, UsageResult
from opro_local.results.result import read_result
from opro_local.results.steps import whole_scores
from opro_local.results.trajectory import best_so_far
from opro_local.scoring.marking import Marking
from opro_local.store.reader import reading


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDifference:
    """Of a second run beside a first; sequences hold the first one's and the second one's.

    settings are those that differ, by their dotted names. comparison is on the test rows that both have used;
    None where there are none. flips are those that one answers better: fixed by the second, broken by it.
    curves have a pair of step and best score so far for each step.
    """

    runs: Sequence[str]
    task: Sequence[str | None]
    metric: Sequence[str | None]
    settings: Mapping[str, Sequence[object]]
    best: Sequence[Prompt | Solution | None]
    train: Sequence[Figures | None]
    validation: Sequence[Figures | None]
    test: Sequence[Figures | None]
    usage: Sequence[UsageResult]
    curves: Sequence[Sequence[tuple[int, float]]]
    comparison: Verdict | None
    flips: Flips | None


def run_difference(first: Path, second: Path) -> RunDifference:
    """Of second beside first. Raises StoreError."""
    both = [read_result(path) for path in (first, second)]
    compared, changed = _comparison(first, second)
    return RunDifference(
        runs=[each.run for each in both],
        task=[each.task.name for each in both],
        metric=[each.metric for each in both],
        settings=dict(_changed(both[0].settings, both[1].settings)),
        best=[each.best for each in both],
        train=[each.train for each in both],
        validation=[each.validation for each in both],
        test=[each.test for each in both],
        usage=[each.usage for each in both],
        curves=[_curve(each) for each in both],
        comparison=compared,
        flips=changed,
    )


def _changed(one: object, other: object, name: str = "") -> Iterator[tuple[str, Sequence[object]]]:
    """Settings by their dotted names, with the value of either run."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in dict.fromkeys([*one, *other]):
            yield from _changed(one.get(key), other.get(key), f"{name}.{key}" if name else key)
    elif one != other:
        yield name, [one, other]


def _curve(run: Overview) -> list[tuple[int, float]]:
    return list(best_so_far(whole_scores(run), run.direction).items())


def _comparison(first: Path, second: Path) -> tuple[Verdict | None, Flips | None]:
    """The verdict and the flips."""
    ours, theirs = _tested(second), _tested(first)
    if ours is None or theirs is None or ours.marking != theirs.marking:
        return None, None
    shared = [row for row, told in ours.answers.items() if _same_row(told, theirs.answers.get(row))]
    if not shared:
        return None, None
    pair = [ours.answers[row] for row in shared], [theirs.answers[row] for row in shared]
    found = ours.marking.compare(*pair)
    changed = flips(*pair, labels=ours.marking.kind.classes, texts=ours.texts)
    if found is None:
        return None, changed
    (verdict,) = verdicts([found])
    return verdict, changed


def _same_row(one: Answer, other: Answer | None) -> bool:
    return other is not None and one.target == other.target


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tested:
    """What a winner answered on test, by row."""

    answers: Mapping[str, Answer]
    marking: Marking
    texts: Mapping[str, str]


def _tested(path: Path) -> _Tested | None:
    """None where there is no winner of a task."""
    with reading(path) as run:
        if not run.header.is_task:
            return None
        found = Findings(run=run)
        pairs = found.pairs()
        answers = {outcome.example_id: outcome for outcome in pairs[0].ours} if pairs else {}
        return _Tested(answers=answers, marking=found.marking, texts=found.texts())
