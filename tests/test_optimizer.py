"""OPRO's proposer on a problem whose solutions are whole numbers of at most five digits, a line each."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from resolved import searching
from square_root import SquareRoot

from opro_local.errors import DataError
from opro_local.llm import GenerationReply
from opro_local.optimizer import Optimizer
from opro_local.records import OptimizerCall, Proposal, Score, Scored, Step, Trajectory, derived_seed
from opro_local.store.reply_cache import ReplyCacheFile
from opro_local.testing import ScriptedEngine


def trajectory(*solutions: int) -> Trajectory[int]:
    """One step whose solutions get the scores of SquareRoot; 99 was proposed and not scored."""
    scored = tuple(Scored(solution=s, score=Score(value=abs(s * s - 50)), step=0) for s in solutions)
    proposals = (*(Proposal(text=str(s), solution=s) for s in solutions), Proposal(text="99", solution=99))
    return Trajectory(direction="minimize", steps=(Step(number=0, proposals=proposals, scored=scored),))


def propose(
    engine: ScriptedEngine, shown: Trajectory[int] | None = None, *, count: int = 1, **settings: Any
) -> Step[int]:
    search = searching(**settings)
    return Optimizer(engine, SquareRoot(), search, 9).propose(shown or trajectory(1, 20), 4, count)


def outcomes(*texts: str, **settings: Any) -> list[tuple[str, int | None, str | None]]:
    """Text, solution and reason of each proposal when the model says texts."""
    step = propose(ScriptedEngine(samples=[texts]), count=len(texts), **settings)
    return [(p.text, p.solution, p.reason) for p in step.proposals]


def test_a_step_records_what_was_asked_and_what_came_back() -> None:
    engine = ScriptedEngine(samples=[["7\n", "8"]])
    step = propose(engine, count=2, temperature=0.7, seed=5)
    meta_prompt = "20: 350\n1: 49"
    asked = f"[user] {meta_prompt}\n[assistant] "
    seed = derived_seed(5, 4, "proposals")
    assert engine.sampled == [(asked, 2, 0.7, seed)]
    assert step == Step(
        number=4,
        proposals=(Proposal(text="7\n", solution=7), Proposal(text="8", solution=8)),
        calls=(
            OptimizerCall(
                meta_prompt=meta_prompt,
                seed=seed,
                temperature=0.7,
                prompt_tokens=len(asked),
                generated_tokens=len("7\n") + len("8") + 1,  # the second one ends its turn
            ),
        ),
    )


def test_what_a_killed_step_has_sampled_is_not_sampled_again(tmp_path: Path) -> None:
    cache = ReplyCacheFile(tmp_path / "cache")

    def proposed(engine: ScriptedEngine, **changes: Any) -> Step[int]:
        optimizer = Optimizer(engine, SquareRoot(), searching(**changes), 9, cache)
        return optimizer.propose(trajectory(1, 20), 4, 2)

    once = proposed(ScriptedEngine(samples=[["7\n", "8"]]))
    again = ScriptedEngine()
    assert proposed(again) == once
    assert not again.sampled
    for changes in ({"seed": 6}, {"temperature": 0.5}, {"proposal_tokens": 3}):
        other = ScriptedEngine(samples=[["1\n", "2\n"]])
        assert proposed(other, **changes) != once
        assert len(other.sampled) == 1
    others = ScriptedEngine(samples=[["1\n", "2\n"]], digest="another model")
    assert proposed(others) != once


def test_at_temperature_0_all_replies_are_the_greedy_one_and_count_as_duplicates() -> None:
    engine = ScriptedEngine(reply=lambda _text: "7\n")
    step = propose(engine, count=3, temperature=0)
    assert [p.reason for p in step.proposals] == [None, "duplicate", "duplicate"]
    assert step.calls[0].temperature == 0
    assert engine.sampled[0][2] == 0


def test_a_temperature_moves_from_the_first_step_towards_its_end_in_equal_steps() -> None:
    engine = ScriptedEngine(samples=[["7"]] * 4)
    search = searching(temperature=1.0, temperature_end=2.0)
    optimizer = Optimizer(engine, SquareRoot(), search, 4)
    steps = [optimizer.propose(trajectory(1), number, 1) for number in range(1, 5)]
    assert [step.calls[0].temperature for step in steps] == [1.0, 1.25, 1.5, 1.75]
    assert [temperature for _, _, temperature, _ in engine.sampled] == [1.0, 1.25, 1.5, 1.75]


def test_a_search_of_no_steps_that_people_extend_ends_at_the_temperature_of_the_end() -> None:
    search = searching(temperature=1.0, temperature_end=2.0)
    optimizer = Optimizer(ScriptedEngine(samples=[["7"]] * 2), SquareRoot(), search, 0)
    steps = [optimizer.propose(trajectory(1), number, 1) for number in (1, 2)]
    assert [step.calls[0].temperature for step in steps] == [1.0, 2.0]


def test_another_step_or_another_seed_draws_other_samples() -> None:
    engine = ScriptedEngine(samples=[["7"]] * 3)
    for number, seed in ((1, 0), (2, 0), (1, 1)):
        search = searching(seed=seed)
        Optimizer(engine, SquareRoot(), search, 9).propose(trajectory(1), number, 1)
    assert len({seed for _, _, _, seed in engine.sampled}) == 3


def test_a_solution_ends_at_its_end_mark_and_blanks_before_it_do_not_end_it() -> None:
    assert outcomes("7\nand more") == [("7\n", 7, None)]
    assert outcomes("\n 7\nand more") == [("\n 7\n", 7, None)]


def test_what_the_problem_cannot_parse_is_rejected_with_its_reason() -> None:
    assert outcomes("seven\n", "7\n") == [("seven\n", None, "wrong number of numbers"), ("7\n", 7, None)]


def test_a_reply_that_ends_with_the_models_turn_is_whole() -> None:
    assert outcomes("7") == [("7", 7, None)]


def test_a_reply_that_was_cut_off_is_no_solution() -> None:
    assert outcomes("777", proposal_tokens=2) == [("77", None, "cut off")]


def test_a_reply_that_is_too_long_is_given_up_where_nothing_can_come_of_it() -> None:
    assert outcomes("7" * 90) == [("777777", None, "too long")]


def test_a_solution_of_the_greatest_length_is_accepted() -> None:
    assert outcomes("77777\n") == [("77777\n", 77777, None)]


def test_nothing_is_proposed_twice_in_a_step_or_after_earlier_steps_scored_or_not() -> None:
    assert outcomes("7\n", "7", "20\n", "99\n") == [
        ("7\n", 7, None),
        ("7", None, "duplicate"),
        ("20\n", None, "duplicate"),
        ("99\n", None, "duplicate"),
    ]


def test_a_reply_that_broke_off_in_the_model_is_no_solution() -> None:
    class Broken(ScriptedEngine):
        def sample(self, *args: object, **kwargs: object) -> list[GenerationReply]:
            return [GenerationReply(text="7", tokens=1, ended="nan")]

    (proposal,) = propose(Broken()).proposals
    assert (proposal.solution, proposal.reason) == (None, "no finite log-probability")


@pytest.mark.parametrize(
    ("context_length", "shown"),
    [(8192, "20: 350\n1: 49\n5: 25"), (48, "1: 49\n5: 25"), (40, "5: 25")],
)
def test_the_worst_solutions_leave_the_meta_prompt_first_when_the_context_is_short(
    context_length: int, shown: str
) -> None:
    # With three, two and one line the prompt has 39, 31 and 25 tokens. It may take three quarters of the
    # context, since the reply that the settings allow is longer than the rest: 36 of 48, 30 of 40.
    engine = ScriptedEngine(samples=[["7"]], context_length=context_length)
    assert propose(engine, trajectory(20, 1, 5)).calls[0].meta_prompt == shown


@pytest.mark.parametrize(
    ("most", "shown"),
    [(39, "20: 350\n1: 49\n5: 25"), (38, "1: 49\n5: 25"), (25, "5: 25"), (24, "5: 25"), (1, "5: 25")],
)
def test_the_settings_may_cap_a_meta_prompt_down_to_the_shortest_there_is(most: int, shown: str) -> None:
    # With three, two and one line the prompt has 39, 31 and 25 tokens.
    engine = ScriptedEngine(samples=[["7"]])
    assert propose(engine, trajectory(20, 1, 5), meta_prompt_tokens=most).calls[0].meta_prompt == shown


def test_a_cap_above_the_room_of_the_context_leaves_the_context_to_decide() -> None:
    # 36 of 48 tokens are room for the prompt: three lines have 39.
    engine = ScriptedEngine(samples=[["7"]], context_length=48)
    step = propose(engine, trajectory(20, 1, 5), meta_prompt_tokens=1000)
    assert step.calls[0].meta_prompt == "1: 49\n5: 25"


def test_a_reply_may_take_what_the_prompt_leaves_of_a_short_context() -> None:
    # The prompt has 39 of 60 tokens: 21 are left, fewer than the 30 that the settings allow.
    engine = ScriptedEngine(samples=[["7"]], context_length=60)
    assert propose(engine, trajectory(20, 1, 5), proposal_tokens=30).solutions == (7,)


def test_a_meta_prompt_that_cannot_be_shortened_further_is_an_error() -> None:
    with pytest.raises(DataError, match="has 25 tokens; the optimizer model has room for 23"):
        propose(ScriptedEngine(context_length=30), trajectory(20, 1, 5))


def test_a_cap_does_not_make_room_for_a_meta_prompt_that_the_context_cannot_hold() -> None:
    with pytest.raises(DataError, match="has 25 tokens; the optimizer model has room for 23"):
        propose(ScriptedEngine(context_length=30), trajectory(20, 1, 5), meta_prompt_tokens=10)


def test_a_first_step_without_any_score_is_proposed_too() -> None:
    replies: Sequence[Sequence[str]] = [["7"]]
    assert propose(ScriptedEngine(samples=replies), trajectory()).solutions == (7,)
