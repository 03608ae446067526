"""Instructions that are mended by what they get wrong."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from candidates import candidate, of
from mail_task import mail_task, row
from resolved import instruction_problem, scorer_of, searching

from opro_local.config import ScoringSettings
from opro_local.optimizer import Optimizer
from opro_local.proposers.mistakes import Mistake, confusion_line, merged, reflected
from opro_local.proposers.portfolio import Portfolio
from opro_local.proposers.reflection import SHOWN, Reflection, front
from opro_local.records import Candidate, Example, Trajectory
from opro_local.tasks.split import Split
from opro_local.testing import ScriptedEngine
from opro_local.wiring.methods import proposer_for

GOLDEN = Path(__file__).parents[1] / "golden" / "meta_prompt"
TASK = mail_task()
ROWS = tuple(map(row, range(8)))

Wrong = Mapping[str, Mapping[int, str | None]]
"""By instruction, what is answered to the rows that it gets wrong."""


def mistake(example: Example, answered: str | None, sure: float | None = 0.84, **told: Any) -> Mistake:
    return Mistake(row=example, answered=answered, sure=sure, **told)


def reflection(engine: ScriptedEngine, wrong: Wrong, **search: Any) -> Reflection:
    split = Split(train=ROWS, validation=(row(8),), test=(row(9),))
    scorer = scorer_of(engine, TASK, ScoringSettings())
    problem = instruction_problem(scorer, TASK, split, searching(**search))

    def mistakes(asked: Candidate) -> list[Mistake]:
        answers = wrong[asked.instruction]
        return [mistake(ROWS[place], answers[place]) for place in sorted(answers)]

    def doubts(asked: Candidate) -> dict[str, float]:
        return {each.id: float(place in wrong[asked.instruction]) for place, each in enumerate(ROWS)}

    optimizer: Optimizer[Candidate] = Optimizer(engine, problem, problem.search, 10)
    return Reflection(optimizer=optimizer, task=TASK, rows=ROWS, mistakes=mistakes, doubts=doubts)


def asked(wrong: Wrong, found: Trajectory[Candidate], steps: int = 60) -> list[str]:
    """The meta-prompts of so many steps."""
    engine = ScriptedEngine(samples=[["x</INS>"]] * steps)
    arm = reflection(engine, wrong)
    return [call.meta_prompt for n in range(steps) for call in arm.propose(found, n, 1).calls]


def test_the_words_are_those_that_are_kept() -> None:
    shown = [
        mistake(replace(ROWS[0], text="Two\nlines {it}"), "seed"),
        mistake(replace(ROWS[1], text="long " * 200), None, None, feedback="No label in it."),
    ]
    lines = [confusion_line("fintech", "seed", 4), confusion_line("seed", None, 1)]
    told = reflected(TASK, candidate("Sort {it}."), shown, lines)
    both = merged(TASK, (candidate("Sort {it}."), candidate("")), (ROWS[:2], ROWS[2:3]))
    for name, meta_prompt in (("reflected", told), ("merged", both)):
        assert meta_prompt.text == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8").removesuffix("\n")
        assert meta_prompt.ends == ("</INS>", "\n\n")
    assert told.exemplar_ids == (ROWS[0].id, ROWS[1].id)
    assert both.exemplar_ids == tuple(each.id for each in ROWS[:3])


def test_the_front_counts_the_rows_on_which_none_is_nearer_to_right() -> None:
    doubts = [{"a": 0.0, "b": 0.5, "c": 1.0}, {"a": 0.0, "b": 0.6, "c": 0.2}, {"a": 0.1, "b": 0.6, "c": 0.3}]
    assert front(doubts) == [2, 2, 0]


def test_a_parent_is_drawn_by_the_rows_that_it_answers_best() -> None:
    wrong: Wrong = {
        "seven": {0: "seed"},
        "one": dict.fromkeys(range(1, 8), "seed"),
        "none": dict.fromkeys(range(8), "seed"),
    }
    found = of(*((candidate(name), 0.5) for name in wrong))
    mended = [text for text in asked(wrong, found, 200) if "present: " in text]
    parents = Counter(text.partition("present: <INS>")[2].partition("</INS>")[0] for text in mended)
    assert parents["none"] == 0
    assert parents["seven"] > 3 * parents["one"] > 0


def test_the_most_common_confusions_are_told_and_their_rows_shown_first() -> None:
    wrong = {"a": {**dict.fromkeys(range(6), None), 0: "health", 2: "health", 4: "health", 1: "x", 3: "y"}}
    text = asked(wrong, of((candidate("a"), 0.5)), 1)[0]
    first = text.index(f'"health" was answered where "{ROWS[0].target}" is right: 3 times.')
    shown = [text.index(f"Text: {ROWS[place].text}\n") for place in (0, 2, 4)]
    assert first < min(shown)
    assert max(shown) < min(text.index(f"Text: {ROWS[place].text}\n") for place in (1, 3, 5))


def test_open_answers_that_are_each_another_one_have_no_confusions() -> None:
    text = asked({"a": {0: "12", 1: "13"}}, of((candidate("a"), 0.5)), 1)[0]
    assert "was answered where" not in text
    assert "Answered: 12" in text


def test_two_are_merged_now_and_then_that_are_right_where_the_other_is_wrong() -> None:
    wrong: Wrong = {"a": {0: "seed", 1: "seed"}, "b": {2: "seed"}, "c": {0: "seed", 1: "seed", 2: "seed"}}
    texts = asked(wrong, of((candidate("a"), 0.6), (candidate("b"), 0.7), (candidate("c"), 0.5)), 100)
    both = [text for text in texts if text.partition("first: ")[2]]
    assert 5 < len(both) < 35
    for text in both:
        assert "<INS>a</INS>" in text
        assert "<INS>b</INS>" in text
        assert all(f"Text: {ROWS[place].text}\n" in text for place in (0, 1, 2))
        assert all(f"Text: {ROWS[place].text}\n" not in text for place in (3, 4, 5, 6, 7))


def test_who_is_right_nowhere_alone_has_no_partner() -> None:
    wrong: Wrong = {"a": {0: "seed"}, "b": {0: "seed", 1: "seed"}}
    texts = asked(wrong, of((candidate("a"), 0.6), (candidate("b"), 0.5)), 60)
    assert not any("first: " in text for text in texts)


def test_a_child_has_the_words_that_were_written_and_all_else_of_its_parent() -> None:
    engine = ScriptedEngine(samples=[["sort it.</INS>", "a</INS>", "</INS>"]])
    parent = replace(candidate("a", 1, 2), calibration=(0.1, 0.2, 0.3))
    made = reflection(engine, {"a": {0: "seed"}}).propose(of((parent, 0.5)), 1, 3)
    assert [p.reason for p in made.proposals] == [None, "duplicate", "empty"]
    assert made.solutions == (replace(candidate("Sort it.", 1, 2)),)
    assert made.calls[0].exemplar_ids == (ROWS[0].id,)


def test_nothing_is_asked_where_nothing_is_wrong() -> None:
    engine = ScriptedEngine()
    made = reflection(engine, {"a": {}}).propose(of((candidate("a"), 1.0)), 1, 3)
    assert (made.proposals, made.calls, engine.sampled) == ((), (), [])


def test_rows_are_left_out_where_the_meta_prompt_is_short() -> None:
    wrong = {"a": dict.fromkeys(range(8), "seed")}
    found = of((candidate("a"), 0.1))

    def shown(most: int) -> int:
        engine = ScriptedEngine(samples=[["x</INS>"]])
        arm = reflection(engine, wrong, meta_prompt_tokens=most)
        return len(arm.propose(found, 1, 1).calls[0].exemplar_ids)

    assert shown(10**6) == SHOWN
    assert 1 <= shown(600) < SHOWN
    assert shown(10) == 1


def test_the_same_step_asks_the_same() -> None:
    wrong = {"a": dict.fromkeys(range(8), "seed"), "b": {1: "x"}}
    found = of((candidate("a"), 0.1), (candidate("b"), 0.9))
    assert asked(wrong, found, 5) == asked(wrong, found, 5)
    assert len(set(asked(wrong, found, 5))) > 1


def test_it_takes_part_with_chat_optimizers_that_may_be_shown_rows() -> None:
    def arms(engine: ScriptedEngine, **search: Any) -> set[str]:
        problem = reflection(engine, {}, **search).optimizer.problem
        found = proposer_for("portfolio", problem, engine, 10)  # type: ignore[arg-type]
        assert isinstance(found, Portfolio)
        return set(found.arms)

    assert "reflection" in arms(ScriptedEngine())
    assert "reflection" not in arms(ScriptedEngine(chat=False))
    assert "reflection" not in arms(ScriptedEngine(), exemplars=0)
    assert "reflection" not in arms(ScriptedEngine(), instructions_only=True)
    assert "reflection" not in arms(ScriptedEngine(), without=["reflection"])
    assert "reflection" not in arms(ScriptedEngine(), reflection="off")
