"""What a report says of a run's document: the parts that are neither in it as they are nor pictures."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]
LEFT = "left its race"


_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """The text with control characters, and those that turn the direction of reading, spelt out."""
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRow:
    """One proposal as the table of a report shows it; what was not measured is None."""

    step: int
    origin: str
    text: str
    exemplars: int
    train: float | None
    rows: int | None
    fate: str
    validation: float | None
    test: float | None


def candidate_rows(document: Document) -> list[CandidateRow]:
    """Every proposal, the best on train first; fate says why one was rejected or left its race."""
    later = {(e["split"], e["key"]): e["value"] for e in (*document["finalists"], *document["baselines"])}
    best = document["best"]
    for split in ("validation", "test"):
        if best and document[split]:
            later[split, best["key"]] = document[split]["value"]
    rows = [
        _row(step["number"], proposal, best, later)
        for step in document["steps"]
        for proposal in step["proposals"]
    ]
    sign = 1 if document["direction"] == "maximize" else -1
    return sorted(rows, key=lambda r: (r.train is None, r.fate == LEFT, -sign * (r.train or 0)))


def _row(
    step: int, proposal: Document, best: Document | None, later: Mapping[tuple[str, str], float | None]
) -> CandidateRow:
    score, solution, key = proposal["score"] or {}, proposal["solution"], proposal["key"]
    fate = proposal["reason"] and f"rejected: {proposal['reason']}"
    if best and key == best["key"] and step == best["step"]:
        fate = "winner"
    return CandidateRow(
        step=step,
        origin=proposal["origin"],
        text=solution_text(solution) if solution is not None else proposal["text"],
        exemplars=len(solution["shots"]) if isinstance(solution, Mapping) else 0,
        train=score.get("value"),
        rows=score.get("n"),
        fate=fate or (LEFT if proposal["dropped"] else ""),
        validation=later.get(("validation", key)),
        test=later.get(("test", key)),
    )


def solution_text(solution: Mapping[str, Any] | Sequence[float]) -> str:
    """The instruction of a task's candidate, the numbers of a mathematical solution."""
    if isinstance(solution, Mapping):
        return str(solution["instruction"]) or "(empty)"
    return ", ".join(f"{number:g}" for number in solution)


def start_of(document: Document) -> Document | None:
    """The starting candidate that was best on validation, among those measured on test."""
    keys = {p["key"] for step in document["steps"][:1] for p in step["proposals"]}
    finalists = {f["key"]: f["value"] for f in document["finalists"] if f["value"] is not None}
    starts = [b for b in document["baselines"] if b["key"] in keys and b["key"] in finalists]
    sign = 1 if document["direction"] == "maximize" else -1
    return max(starts, key=lambda start: sign * finalists[start["key"]], default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A stretch of words: "same", "added" or "removed"."""

    change: str
    text: str


def word_diff(before: str, after: str) -> Iterator[Words]:
    """What was removed from before and added to reach after, in reading order."""
    old, new = before.split(), after.split()
    for tag, a, b, c, d in difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Words(change="same", text=" ".join(old[a:b]))
            continue
        if a < b:
            yield Words(change="removed", text=" ".join(old[a:b]))
        if c < d:
            yield Words(change="added", text=" ".join(new[c:d]))


def verdict_words(document: Document) -> str:
    """The comparisons with the baselines in a sentence."""
    words = [verdict["word"] for verdict in document["verdicts"]]
    if not document["test"]:
        return "The run has not been tested yet."
    if not words:
        return "Nothing that was found is better than the best of the baselines, which won."
    counts = [f"{word} ({words.count(word)})" for word in dict.fromkeys(words)]
    return f"Against {len(words)} baselines: {', '.join(counts)}."
