"""Who goes to validation, and who wins there."""

from dataclasses import replace

from opro_local.problems.selection import finalists, frontier
from opro_local.records import Candidate, Example, Proposal, Score, Scored, Step, Trajectory


def entry(text: str, value: float, tokens: float | None) -> Scored[Candidate]:
    score = Score(value=value, n=4, prompt_tokens=tokens)
    return Scored(solution=Candidate(instruction=text), score=score, step=0)


def texts(entries: list[Scored[Candidate]]) -> list[str]:
    return [each.solution.instruction for each in entries]


RANKED = [
    entry("a", 0.9, 500),
    entry("b", 0.8, 700),
    entry("c", 0.7, 300),
    entry("d", 0.6, 300),
    entry("e", 0.5, 90),
    entry("start", 0.4, 20),
    entry("worst", 0.3, 10),
]


def chosen(most: int, entries: list[Scored[Candidate]] = RANKED) -> list[str]:
    proposals = tuple(Proposal(text="", solution=each.solution) for each in entries)
    step = Step(number=0, proposals=proposals, scored=tuple(entries))
    found = finalists(Trajectory(direction="maximize", steps=(step,)), [Candidate(instruction="start")], most)
    return [candidate.instruction for candidate in found]


def test_the_frontier_has_who_is_shorter_than_all_that_are_better() -> None:
    assert texts(list(frontier(RANKED))) == ["a", "c", "e", "start", "worst"]
    assert texts(list(frontier([entry("old", 0.9, None), *RANKED[2:4]]))) == ["c"]


def test_the_same_shots_in_other_words_are_one_choice() -> None:
    shown = (Example(id="1", text="x", target="y"),)
    same = [
        replace(
            each, solution=replace(each.solution, shots=shown if each.solution.instruction in "abc" else ())
        )
        for each in RANKED
    ]
    flat = [replace(each, score=replace(each.score, prompt_tokens=9.0)) for each in same]
    assert chosen(3, flat) == ["a", "d", "e", "start"]


def test_the_best_three_shorter_ones_and_the_starts_go_to_validation() -> None:
    assert chosen(2) == ["a", "b", "c", "e", "start"]
    assert chosen(7) == texts(RANKED)
    rest = [replace(each, score=replace(each.score, prompt_tokens=9.0)) for each in RANKED]
    assert chosen(1, rest) == ["a", "start"]
