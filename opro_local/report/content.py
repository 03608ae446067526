"""What a report says of a run's document: the parts that are neither in it as they are nor pictures."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Document = Mapping[str, Any]
LEFT = "left its race"
SPLITS = ("test", "validation", "train")
"""In the order of their weight."""


_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """The text with control characters, and those that turn the direction of reading, spelt out."""
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRow:
    """One proposal as the table of a report shows it; what was not measured is None."""

    key: str | None
    step: int
    by: str
    origin: str
    text: str
    shots: int
    train: float | None
    rows: int | None
    fate: str
    validation: float | None
    test: float | None

    def is_of(self, best: Document) -> bool:
        """Whether this is the proposal that was found best."""
        return (self.key, self.step) == (best["key"], best["step"])


def candidate_rows(document: Document) -> list[CandidateRow]:
    """Every proposal, the best on train first; fate says why one was rejected or left its race."""
    later = {(e["split"], e["key"]): e["value"] for e in (*document["finalists"], *document["baselines"])}
    best = document["best"]
    for split in ("validation", "test"):
        if best and document[split]:
            later[split, best["key"]] = document[split]["value"]
    rows = [
        _row(step["number"], proposal, later) for step in document["steps"] for proposal in step["proposals"]
    ]
    if best:
        rows = [replace(row, fate=champion(document)) if row.is_of(best) else row for row in rows]
    sign = 1 if document["direction"] == "maximize" else -1
    return sorted(rows, key=lambda r: (r.train is None, r.fate == LEFT, -sign * (r.train or 0)))


def _row(step: int, proposal: Document, later: Mapping[tuple[str, str], float | None]) -> CandidateRow:
    score, solution, key = proposal["score"] or {}, proposal["solution"], proposal["key"]
    fate = proposal["reason"] and f"rejected: {proposal['reason']}"
    return CandidateRow(
        key=key,
        step=step,
        by=proposal["author"],
        origin=proposal["origin"],
        text=solution_text(solution) if solution is not None else proposal["text"],
        shots=len(solution["shots"]) if isinstance(solution, Mapping) else 0,
        train=score.get("value"),
        rows=score.get("n"),
        fate=fate or (LEFT if proposal["dropped"] else ""),
        validation=later.get(("validation", key)),
        test=later.get(("test", key)),
    )


def champion(document: Document) -> str:
    """What the best solution is called: there is no winner before the end."""
    return "winner" if document["test"] or document["status"] == "finished" else "best so far"


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


def flips_of_start(document: Document) -> Document | None:
    """The test rows that the winner fixes and breaks beside the best start."""
    start = start_of(document) if document["kind"] == "task" else None
    found = document.get("flips", [])
    return next((f for f in found if start and f["instruction"] == start["instruction"]), None)


def winner_diff(document: Document) -> list["Words"]:
    """The words that changed from the best start to the winner."""
    start = start_of(document) if document["kind"] == "task" else None
    best = document["best"]
    return list(word_diff(start["instruction"], best["instruction"])) if start and best else []


def headline(document: Document) -> Sequence[tuple[str, str]]:
    """The winner on test beside the best of the baselines; nothing before the test."""
    if document["kind"] != "task" or not document["test"]:
        return ()
    sign = 1 if document["direction"] == "maximize" else -1
    known = [baseline for baseline in document["baselines"] if baseline["value"] is not None]
    rival = max(known, key=lambda baseline: sign * baseline["value"], default=None)
    beside = [(f"best of {len(known)} baselines", score_text(rival))] if rival else []
    return [(f"{document['metric']} on test", score_text(document["test"])), *beside]


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


def best_text(best: Document | None) -> str:
    """What a run found, in a line."""
    if best is None:
        return "nothing scored yet"
    text = solution_text(best if "instruction" in best else best["solution"])
    return f"{text} (with {len(best['shots'])} shots)" if best.get("shots") else text


def differing(found: Document) -> Iterator[tuple[str, Sequence[object]]]:
    """In what the two runs of a run_difference differ, by name."""
    yield from ((name, found[name]) for name in ("task", "metric") if found[name][0] != found[name][1])
    yield from found["settings"].items()


def score_text(score: Document | None) -> str:
    if score is None:
        return ""
    low, high = score["interval"] or (None, None)
    interval = "" if low is None else f" [{low:.3f}, {high:.3f}]"
    return f"{figure(score['value'])}{interval} n={score['n']}"


def figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def caution(document: Document) -> str | None:
    """What a reader of the scores must know first, if there is something."""
    headroom = document.get("headroom")
    if not headroom or headroom["exists"]:
        return None
    return "Very different prompts score alike on this task: a search may find nothing but luck."


def verdict_words(document: Document) -> str:
    """The comparisons with the baselines in a sentence."""
    words = [verdict["word"] for verdict in document["verdicts"]]
    if not document["test"]:
        return "The run has not been tested yet."
    if not words:
        return "Nothing that was found is better than the best of the baselines, which won."
    counts = [f"{word} ({words.count(word)})" for word in dict.fromkeys(words)]
    return f"Against {len(words)} baselines: {', '.join(counts)}."
