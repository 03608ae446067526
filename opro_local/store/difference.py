"""Two runs side by side: in which settings they differ, and whether one has found a better prompt."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from opro_local.evidence.verdict import verdicts
from opro_local.records import Outcome
from opro_local.scoring.pairs import compare
from opro_local.store.database import open_run, sound
from opro_local.store.export import run_document
from opro_local.store.findings import Findings
from opro_local.store.header import load_header

Document = dict[str, Any]
SCORES = ("train", "validation", "test")


def run_difference(first: Path, second: Path) -> Document:
    """Of second beside first. comparison is on the test rows that both have used; null where there are none.

    Raises StoreError.
    """
    one, other = run_document(first), run_document(second)
    return {
        "runs": [one["run"], other["run"]],
        "task": [document["task"].get("name") for document in (one, other)],
        "metric": [document["metric"] for document in (one, other)],
        "settings": dict(_changed(one["settings"], other["settings"])),
        "best": [document["best"] for document in (one, other)],
        **{split: [document[split] for document in (one, other)] for split in SCORES},
        "usage": [document["usage"] for document in (one, other)],
        "comparison": _comparison(first, second),
    }


def _changed(one: Any, other: Any, name: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Settings by their dotted names, with the value of either run."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in dict.fromkeys([*one, *other]):
            yield from _changed(one.get(key), other.get(key), f"{name}.{key}" if name else key)
    elif one != other:
        yield name, [one, other]


def _comparison(first: Path, second: Path) -> Document | None:
    (ours, labels, metric), (theirs, *same) = _tested(second), _tested(first)
    shared = [row for row in ours if row in theirs and ours[row].target == theirs[row].target]
    if not shared or [labels, metric] != same:
        return None
    found = compare(
        [ours[row] for row in shared], [theirs[row] for row in shared], labels=labels, metric=metric
    )
    if found is None:
        return None
    (verdict,) = verdicts([found])
    return asdict(verdict)


def _tested(path: Path) -> tuple[dict[str, Outcome], list[str], Any]:
    """What the winner answered on test, calibrated, by row; labels and metric."""
    with sound(path), closing(open_run(path, write=False)) as database:
        run = Findings(database=database, header=load_header(database))
        if run.header.kind != "task":
            return {}, [], None
        pairs = run.pairs()
        answers = pairs[0].ours if pairs else []
        return {outcome.example_id: outcome for outcome in answers}, run.labels, run.metric
