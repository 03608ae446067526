"""Two runs side by side: in which settings they differ, and whether one has found a better prompt."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from opro_local.evidence.verdict import verdicts
from opro_local.records import Answer
from opro_local.results.document import run_document
from opro_local.results.findings import Findings
from opro_local.results.flips import flips
from opro_local.scoring.marking import Marking
from opro_local.store.database import open_run, sound
from opro_local.store.header import load_header

Document = dict[str, Any]
SCORES = ("train", "validation", "test")


def run_difference(first: Path, second: Path) -> Document:
    """Of second beside first. comparison is on the test rows that both have used; null where there are none.

    flips are those that only one answers rightly: fixed by the second, broken by it. curves have a pair of
    step and best score so far for each step.

    Raises StoreError.
    """
    one, other = run_document(first), run_document(second)
    compared, changed = _comparison(first, second)
    return {
        "runs": [one["run"], other["run"]],
        "task": [document["task"].get("name") for document in (one, other)],
        "metric": [document["metric"] for document in (one, other)],
        "settings": dict(_changed(one["settings"], other["settings"])),
        "best": [document["best"] for document in (one, other)],
        **{split: [document[split] for document in (one, other)] for split in SCORES},
        "usage": [document["usage"] for document in (one, other)],
        "curves": [list(_best_by_step(document)) for document in (one, other)],
        "comparison": compared,
        "flips": changed,
    }


def _changed(one: Any, other: Any, name: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Settings by their dotted names, with the value of either run."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in dict.fromkeys([*one, *other]):
            yield from _changed(one.get(key), other.get(key), f"{name}.{key}" if name else key)
    elif one != other:
        yield name, [one, other]


def _best_by_step(document: Document) -> Iterator[tuple[int, float]]:
    better = max if document["direction"] == "maximize" else min
    best: list[float] = []
    for step in document["steps"]:
        scores = [p["score"]["value"] for p in step["proposals"] if p["score"] and not p["dropped"]]
        best = [value for value in scores if value is not None] + best[:1]
        if best:
            best = [better(best)]
            yield step["number"], best[0]


def _comparison(first: Path, second: Path) -> tuple[Document | None, Document | None]:
    """The verdict and the flips."""
    ours, theirs = _tested(second), _tested(first)
    shared = [row for row, told in ours.answers.items() if _same_row(told, theirs.answers.get(row))]
    if not shared or ours.marking is None or ours.marking != theirs.marking:
        return None, None
    pair = [ours.answers[row] for row in shared], [theirs.answers[row] for row in shared]
    found = ours.marking.compare(*pair)
    changed = flips(*pair, labels=ours.marking.labels, texts=ours.texts)
    if found is None:
        return None, changed
    (verdict,) = verdicts([found])
    return asdict(verdict), changed


def _same_row(one: Answer, other: Answer | None) -> bool:
    return other is not None and one.target == other.target


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tested:
    """What a winner answered on test, by row; no marking: the run was on no task."""

    answers: Mapping[str, Answer]
    marking: Marking | None
    texts: Mapping[str, str]


def _tested(path: Path) -> _Tested:
    with sound(path), closing(open_run(path, write=False)) as database:
        run = Findings(database=database, header=load_header(database))
        if run.header.kind != "task":
            return _Tested(answers={}, marking=None, texts={})
        pairs = run.pairs()
        answers = {outcome.example_id: outcome for outcome in pairs[0].ours} if pairs else {}
        return _Tested(answers=answers, marking=run.marking, texts=run.texts())
