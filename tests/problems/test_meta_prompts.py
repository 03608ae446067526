"""What is shown to the optimizer: published OPRO's choices, worked out by hand."""

from collections.abc import Collection, Mapping
from typing import Any

import pytest
from mail_task import mail_task, row

from opro_local.config import SearchSettings, Style
from opro_local.problem import MetaPrompt
from opro_local.problems.meta_prompts import MetaPrompts
from opro_local.records import Candidate, Score, Scored, Step, Trajectory
from opro_local.scoring.marking import Marking

ROWS = tuple(map(row, range(8)))
SCORES = {"a": 0.5, "b": 0.9, "c": 0.7, "d": 0.1}


def trajectory(
    scores: Mapping[str, float] = SCORES, *, dropped: Collection[str] = ()
) -> Trajectory[Candidate]:
    scored = tuple(
        Scored(
            solution=Candidate(instruction=text), score=Score(value=value), step=0, dropped=text in dropped
        )
        for text, value in scores.items()
    )
    return Trajectory(direction="maximize", steps=(Step(number=0, proposals=(), scored=scored),))


def prompts(
    found: Trajectory[Candidate] | None = None,
    *,
    step: int = 1,
    misses: Mapping[str, Collection[str]] | None = None,
    style: Style = "tagged",
    **search: Any,
) -> list[MetaPrompt]:
    made = MetaPrompts(
        task=mail_task(),
        qa=False,
        style=style,
        search=SearchSettings.model_validate(search),
        rows=ROWS,
        marking=Marking.of(mail_task()),
        wrong=lambda candidate: (misses or {})[candidate.instruction],
    )
    return list(made.of(found or trajectory(), step))


def shown(*args: Any, **kwargs: Any) -> list[str]:
    """The instructions of the fullest meta-prompt, in order."""
    lines = prompts(*args, exemplars=0, **kwargs)[0].messages[0].content.splitlines()
    return [line[len("text: <INS>") : -len("</INS>")] for line in lines if line.startswith("text: ")]


def chosen(*args: Any, **kwargs: Any) -> tuple[str, ...]:
    return prompts(*args, **kwargs)[0].exemplar_ids


class TestTrajectory:
    def test_the_best_come_in_the_order_that_is_asked_for(self) -> None:
        assert shown(shown=3) == ["a", "c", "b"]
        assert shown(shown=3, trajectory_order="descending") == ["b", "c", "a"]

    def test_a_random_order_is_drawn_anew_each_step_and_is_the_same_again(self) -> None:
        orders = [shown(trajectory_order="random", step=step) for step in range(12)]
        assert orders == [shown(trajectory_order="random", step=step) for step in range(12)]
        assert len({tuple(order) for order in orders}) > 3
        assert {frozenset(order) for order in orders} == {frozenset("abcd")}

    @pytest.mark.parametrize("order", ["ascending", "descending", "random"])
    def test_whatever_the_order_the_worst_leave_a_prompt_that_is_too_long(self, order: str) -> None:
        texts = [p.text for p in prompts(exemplars=0, trajectory_order=order)]
        left = ["".join(sorted(text for text in "abcd" if f">{text}<" in found)) for found in texts]
        assert left == ["abcd", "abc", "bc", "b"]

    @pytest.mark.parametrize(
        ("threshold", "left"), [(0.0, "dacb"), (0.5, "acb"), (0.51, "cb"), (0.95, "b"), (1.0, "b")]
    )
    def test_what_is_below_the_threshold_is_not_shown_but_the_best_is(
        self, threshold: float, left: str
    ) -> None:
        assert shown(score_threshold=threshold) == list(left)

    def test_the_threshold_comes_after_the_best_were_taken(self) -> None:
        assert shown(shown=2, score_threshold=0.6) == ["c", "b"]
        assert shown(shown=2, score_threshold=0.8) == ["b"]


class TestExemplars:
    def test_random_ones_change_with_the_step_and_constant_ones_do_not(self) -> None:
        random, constant = (
            {chosen(exemplar_choice=choice, step=step) for step in range(1, 9)}
            for choice in ("random", "constant")
        )
        assert len(random) > 4
        assert len(constant) == 1
        assert {chosen(exemplar_choice="constant", seed=seed) for seed in range(9)} > constant

    def test_all_that_anyone_ever_missed_are_shown_if_they_are_few(self) -> None:
        misses = {"a": ["r5"], "b": [], "c": ["r2", "r5"], "d": ["r7"]}
        found = chosen(misses=misses, exemplar_choice="accumulative-wrong", shown=1)
        assert sorted(found) == ["r2", "r5", "r7"]

    def test_of_many_that_anyone_missed_some_are_drawn_however_often_they_were_missed(self) -> None:
        misses = {"a": ["r0", "r1", "r2"], "b": ["r0"], "c": ["r0", "r6"], "d": ["r0", "r7"]}
        drawn = [
            chosen(misses=misses, exemplar_choice="accumulative-wrong", exemplars=2, step=step)
            for step in range(1, 40)
        ]
        assert all(len(set(ids)) == 2 for ids in drawn)
        assert {each for ids in drawn for each in ids} == {"r0", "r1", "r2", "r6", "r7"}
        assert sum("r0" in ids for ids in drawn) < 30  # it would be all of them, went the draw by frequency

    def test_what_a_candidate_missed_that_left_its_race_does_not_count(self) -> None:
        misses = {"a": ["r5"], "b": ["r1"]}
        found = chosen(
            trajectory({"a": 0.1, "b": 0.9}, dropped="a"),
            misses=misses,
            exemplar_choice="accumulative-wrong",
        )
        assert found == ("r1",)

    def test_currently_wrong_are_those_that_the_shown_miss_most_often(self) -> None:
        # Of the three that are shown all miss r1 and r6; r3 is missed by two; d is not shown.
        misses = {"a": ["r6", "r1", "r3"], "b": ["r1", "r6"], "c": ["r1", "r3", "r6"], "d": ["r0", "r2"]}
        options = {"misses": misses, "exemplar_choice": "current-wrong", "shown": 3}
        assert chosen(**options) == ("r1", "r6", "r3")
        tied = {chosen(**options, exemplars=1, step=step) for step in range(20)}
        assert tied == {("r1",), ("r6",)}

    @pytest.mark.parametrize("choice", ["accumulative-wrong", "current-wrong"])
    def test_where_nothing_was_missed_there_is_nothing_to_show(self, choice: str) -> None:
        assert chosen(misses=dict.fromkeys("abcd", ()), exemplar_choice=choice) == ()

    def test_the_drawing_for_other_choices_asks_nobody_what_was_missed(self) -> None:
        assert len(chosen(misses=None)) == 3
        (*_, completed) = prompts(style="completion", exemplar_choice="current-wrong")
        assert completed.exemplar_ids == ()

    def test_with_instructions_only_nothing_of_the_task_is_shown(self) -> None:
        text = prompts(instructions_only=True)[0].text
        assert ("Sort the mails." in text, "Problem:" in text, "Mail" in text) == (False, False, False)
        assert shown(instructions_only=True) == ["d", "a", "c", "b"]
