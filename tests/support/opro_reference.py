"""OPRO once more, written apart from the package and as short as can be, to check the package against.

Nothing is imported from opro_local. A turn is what the meta-prompt of a step has to show and what becomes of
the replies to it; scores are the caller's.
"""

import hashlib
import json
import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Turn:
    """shown: solutions with displayed scores, worst first; reasons of rejected replies, in order."""

    shown: list[tuple[Any, str]]
    accepted: list[Any] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    exemplars: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Rules:
    """read gives a solution, or the reason why there is none, as ("rejected", reason)."""

    score: Callable[[Any], float]
    read: Callable[[str], Any]
    display: Callable[[float], str]
    same: Callable[[Any], Any] = lambda solution: solution
    solved: Callable[[Any], bool] = lambda _solution: False
    minimize: bool = True
    shown: int = 20


def replay(starts: Sequence[Any], replies: Iterable[Sequence[Sequence[str]]], rules: Rules) -> list[Turn]:
    """replies: for each step, for each call of the model, its texts."""
    scored = [(solution, rules.score(solution)) for solution in starts]
    seen = {rules.same(solution) for solution in starts}
    turns = []
    for calls in replies:
        if any(rules.solved(solution) for solution, _ in scored):
            break
        order = sorted(
            range(len(scored)), key=lambda i: (-scored[i][1] if rules.minimize else scored[i][1], -i)
        )
        turn = Turn([(scored[i][0], rules.display(scored[i][1])) for i in order[-rules.shown :]])
        for text in (text for call in calls for text in call):
            found = rules.read(text)
            if isinstance(found, tuple) and found[:1] == ("rejected",):
                turn.reasons.append(found[1])
            elif rules.same(found) in seen:
                turn.reasons.append("duplicate")
            else:
                seen.add(rules.same(found))
                turn.accepted.append(found)
        scored += [(solution, rules.score(solution)) for solution in turn.accepted]
        turns.append(turn)
    return turns


def ended(text: str, *ends: str) -> str:
    """The text up to the first of the ends; blanks ahead of it do not count."""
    lead = len(text) - len(text.lstrip())
    places = [text.find(end, lead) for end in ends]
    return text[: min((place for place in places if place >= 0), default=len(text))]


def read_pair(text: str) -> Any:
    numbers = re.findall(r"-?\d+(?:\.\d+)?", ended(text, "]", "\n\n").split("[")[-1])
    return (
        tuple(round(float(n)) for n in numbers)
        if len(numbers) == 2
        else ("rejected", "wrong number of numbers")
    )


def read_tour(points: int) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        words = ended(text, "</trace>", "\n\n").replace(",", " ").split()
        if any(not word.isdigit() for word in words):
            return "rejected", "not a list of points"
        tour = tuple(map(int, words))
        if len(tour) != points:
            return "rejected", "wrong number of points"
        if sorted(tour) != list(range(points)):
            return "rejected", "a point twice or unknown"
        return tour if tour[0] == 0 else ("rejected", "does not begin with 0")

    return read


def read_instruction(text: str) -> Any:
    """For replies to the tagged meta-prompt."""
    raw = ended(text, "</INS>", "\n\n")
    polished = raw.replace("**", "").strip()
    if len(raw) > 500:
        return "rejected", "too long"
    if re.fullmatch(r'"[^"]*"', polished):
        polished = polished[1:-1].strip()
    if not polished:
        return "rejected", "empty"
    if re.search(r"</?(?:INS|TEXT|Start)>", polished, re.IGNORECASE):
        return "rejected", "contains a tag"
    if polished.lower().startswith(("i cannot", "i'm sorry")):
        return "rejected", "refusal"
    return polished[0].upper() + polished[1:]


def same_words(instruction: str) -> str:
    return " ".join(instruction.casefold().split())


def exemplar_ids(train: Sequence[str], count: int, seed: int, step: int) -> list[str]:
    """The rows that a random choice shows at this step, by ids of train in its order."""
    text = json.dumps([seed, step, "exemplars"], separators=(",", ":"))
    drawn = int(hashlib.sha256(text.encode()).hexdigest()[-16:], 16) >> 1
    return random.Random(drawn).sample(list(train), min(count, len(train)))
