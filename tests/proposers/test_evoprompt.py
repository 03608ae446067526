"""EvoPrompt's two algorithms: who breeds with whom, and who survives."""

import random
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from candidates import candidate, instructions, step, trajectory
from mail_task import mail_model, mail_task, row
from resolved import instruction_problem, scorer_of, searching
from scripted_models import play_roles

import opro_local
from opro_local.config import Method, RunSettings, ScoringSettings, SearchSettings
from opro_local.errors import Interrupted
from opro_local.proposers.breeding import bred, differed
from opro_local.proposers.evoprompt import EvoPrompt, differential, genetic, survivors
from opro_local.records import Candidate, Proposal, Step, Trajectory
from opro_local.tasks.split import Split
from opro_local.testing import ScriptedEngine
from opro_local.wiring.methods import proposer_for

GOLDEN = Path(__file__).parents[1] / "golden" / "meta_prompt"
TASK = mail_task()
START = step(0, (candidate("a"), 0.2), (candidate("b"), 0.4))
FIRST = step(1, (candidate("c"), 0.9), (candidate("d"), 0.5), (candidate("e"), 0.1))
BEGUN = trajectory(START, FIRST)


def settings(method: Method, **search: Any) -> RunSettings:
    return RunSettings.model_validate({"models": {"scorer": "m"}, "search": {"method": method, **search}})


def evoprompt(method: Method, engine: ScriptedEngine, **search: Any) -> EvoPrompt:
    split = Split(train=tuple(map(row, range(6))), validation=(row(6),), test=(row(7),))
    scorer = scorer_of(engine, TASK, ScoringSettings())
    problem = instruction_problem(scorer, TASK, split, searching(method=method, **search))
    found = proposer_for(method, problem, engine, 10)
    assert isinstance(found, EvoPrompt)
    return found


def parents(asked: str) -> dict[str, str]:
    """What a meta-prompt shows, by name."""
    return dict(re.findall(r"^(first|second|best|base): <INS>(.*)</INS>$", asked, re.MULTILINE))


def unscored(number: int, *texts: str | None) -> Step[Candidate]:
    """A step whose proposals are accepted or, where there is None, rejected."""
    proposals = tuple(
        Proposal(text="", reason="empty") if text is None else Proposal(text="", solution=candidate(text))
        for text in texts
    )
    return Step(number=number, proposals=proposals)


class TestMetaPrompts:
    @pytest.mark.parametrize("name", ["evoprompt-ga", "evoprompt-de"])
    def test_they_read_as_they_are_kept(self, name: str) -> None:
        one, two, best, base = map(candidate, ("Sort {it}.", "Name the kind.", "Read twice.", ""))
        made = bred(TASK, one, two) if name == "evoprompt-ga" else differed(TASK, one, two, best, base)
        assert made.text == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8").removesuffix("\n")

    def test_the_reply_is_begun_as_the_parents_are_and_ends_as_they_do(self) -> None:
        made = bred(TASK, candidate("a"), candidate("b"))
        assert made.prefill == "\n\nnew: <INS>"
        assert made.ends == ("</INS>", "\n\n")

    def test_openings_of_answers_are_called_so_and_no_description_is_none(self) -> None:
        opening = bred(replace(TASK, position="A_begin", description=""), candidate("a"), candidate("b")).text
        assert opening.startswith("Below are sentences that open the answer for a language model that solves")
        assert "The task:" not in opening


class TestGenetic:
    def pairs(self, found: Trajectory[Candidate], size: int, children: int = 400) -> list[tuple[str, str]]:
        matching = genetic(TASK, lambda entry: entry.score.value)
        asked = matching(found, size, children, random.Random(0))
        shown = [parents(prompt.text) for prompt in asked]
        return [(each["first"], each["second"]) for each in shown]

    def test_parents_are_two_of_the_best_of_all_steps(self) -> None:
        pairs = self.pairs(trajectory(START, FIRST, step(2, (candidate("f"), 0.6))), size=3)
        assert {text for pair in pairs for text in pair} == {"c", "d", "f"}
        assert all(first != second for first, second in pairs)

    def test_they_are_drawn_in_proportion_to_their_scores(self) -> None:
        found = trajectory(step(0, (candidate("a"), 0.6), (candidate("b"), 0.3), (candidate("c"), 0.1)))
        firsts = Counter(first for first, _ in self.pairs(found, size=3, children=2000))
        assert [firsts[text] / 2000 for text in "abc"] == pytest.approx([0.6, 0.3, 0.1], abs=0.04)

    def test_where_nobody_scored_all_are_equal(self) -> None:
        found = trajectory(step(0, *((candidate(text), 0.0) for text in "abc")))
        assert len(Counter(first for first, _ in self.pairs(found, size=3))) == 3

    def test_an_only_member_breeds_with_itself(self) -> None:
        assert self.pairs(trajectory(step(0, (candidate("a"), 0.5))), size=4, children=1) == [("a", "a")]


class TestDifferential:
    def test_a_child_takes_the_place_of_its_base_if_it_is_better(self) -> None:
        # Places, the best first: c 0.9, d 0.5, b 0.4, a 0.2. The second child is rejected.
        scored = step(2, (candidate("x"), 0.8), (candidate("y"), 0.6), (candidate("z"), 0.3))
        second = unscored(2, "x", None, "y", "z")
        found = trajectory(START, FIRST, replace(second, scored=scored.scored))
        assert instructions([e.solution for e in survivors(found, 4)]) == ["c", "d", "y", "z"]

    def test_a_draw_leaves_the_base_and_so_does_a_child_that_left_its_race(self) -> None:
        second = step(2, (candidate("x"), 0.9), (candidate("y"), -0.99))
        found = trajectory(START, FIRST, second)
        assert instructions([e.solution for e in survivors(found, 4)]) == ["c", "d", "b", "a"]

    def test_every_member_is_the_base_in_turn_and_the_donors_are_others(self) -> None:
        asked = differential(TASK)(BEGUN, 4, 4, random.Random(0))
        shown = [parents(prompt.text) for prompt in asked]
        assert [each["base"] for each in shown] == ["c", "d", "b", "a"]
        assert {each["best"] for each in shown} == {"c"}
        assert all(len({each["first"], each["second"], each["base"]}) == 3 for each in shown)

    def test_a_short_step_goes_on_with_the_bases_where_the_last_one_ended(self) -> None:
        later = trajectory(START, FIRST, step(2, (candidate("x"), 0.0), (candidate("y"), 0.0)))
        asked = differential(TASK)(later, 4, 3, random.Random(0))
        assert [parents(prompt.text)["base"] for prompt in asked] == ["b", "a", "c"]

    def test_two_members_are_donors_and_bases_of_each_other(self) -> None:
        asked = differential(TASK)(trajectory(START, Step(number=1, proposals=())), 4, 2, random.Random(0))
        assert [parents(prompt.text)["base"] for prompt in asked] == ["b", "a"]


@pytest.mark.parametrize("method", ["evoprompt-ga", "evoprompt-de"])
class TestSteps:
    def test_the_first_step_are_the_shipped_instructions_and_asks_no_model(self, method: Method) -> None:
        found = evoprompt(method, ScriptedEngine()).propose(trajectory(START), 1, 3)
        assert [p.origin for p in found.proposals] == ["library"] * 3
        assert found.solutions[0].instruction == "Let's think step by step."
        assert found.calls == ()

    def test_each_child_has_a_meta_prompt_of_its_own_and_passes_the_same_filters(
        self, method: Method
    ) -> None:
        engine = ScriptedEngine(samples=[["sort it.</INS>"], ["Sort it.\n\nDone"], ["a</INS>"], ["as an AI"]])
        made = evoprompt(method, engine, seed=3, temperature=0.5).propose(BEGUN, 2, 4)
        assert [(p.solution and p.solution.instruction, p.reason) for p in made.proposals] == [
            ("Sort it.", None),
            (None, "duplicate"),
            (None, "duplicate"),
            (None, "refusal"),
        ]
        assert {p.origin for p in made.proposals} == {method}
        assert [(n, temperature) for _, n, temperature, _ in engine.sampled] == [(1, 0.5)] * 4
        assert len({seed for _, _, _, seed in engine.sampled}) == 4
        assert [(each.temperature, each.seed) for each in made.calls] == [
            (temperature, seed) for _, _, temperature, seed in engine.sampled
        ]
        assert [each.prompt_tokens for each in made.calls] == [
            len(asked.encode()) for asked, *_ in engine.sampled
        ]
        assert all(
            asked.endswith(each.meta_prompt.rpartition("new: ")[2])
            for each, (asked, *_) in zip(made.calls, engine.sampled, strict=True)
        )
        # The last of the replies ends its turn.
        wrote = ["sort it.</INS>", "Sort it.\n\n", "a</INS>", "as an AI."]
        assert [each.generated_tokens for each in made.calls] == list(map(len, wrote))

    def test_what_is_asked_follows_seed_step_and_trajectory(self, method: Method) -> None:
        asked = []
        for seed, number in ((0, 2), (0, 2), (1, 2), (0, 3)):
            engine = ScriptedEngine(samples=[[f"{i}</INS>"] for i in range(8)])
            evoprompt(method, engine, seed=seed).propose(BEGUN, number, 8)
            asked.append(engine.sampled)
        assert asked[0] == asked[1]
        assert asked[0] not in asked[2:]

    def test_cut_off_after_any_block_the_same_search_goes_on(
        self, method: Method, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Writer(ScriptedEngine):
            def sample(self, *args: Any, seed: int, **kwargs: Any) -> Any:
                self._samples.append([f"Sort {seed % 997} mails.</INS>"])
                return super().sample(*args, seed=seed, **kwargs)

        def searched(folder: Path, every: int) -> dict[str, Any]:
            blocks = [0]

            def stop() -> None:
                blocks[0] += 1
                if blocks[0] % every == 0:
                    raise Interrupted

            skills = {f"Sort {i} mails.": i % 23 for i in range(997)}
            play_roles(monkeypatch, Writer(log_prob=mail_model(skills, otherwise=6)))
            host = opro_local.Host(folders=opro_local.Folders.of_user(folder), after_commit=stop)
            search = SearchSettings(method=method, headroom=0, sensitivity=0, proposals_per_step=3, block=4)
            chosen = settings(method).model_copy(update={"search": search})
            chosen = chosen.model_copy(update={"budget": opro_local.config.BudgetSettings(steps=4)})
            try:
                path = opro_local.optimize_task(mail_task(30), chosen, host=host)
            except Interrupted:
                (path,) = (p for p in host.folders.runs.glob("2*.sqlite"))
                _resumed(path, host)
            return opro_local.run_document(path)

        whole, broken = searched(tmp_path / "whole", 10**9), searched(tmp_path / "broken", 5)
        assert [s["proposals"][0]["origin"] for s in whole["steps"]] == ["start", "library", *[method] * 3]
        for document in (whole, broken):
            del document["run"], document["timing"]
        assert whole == broken


def _resumed(path: Path, host: opro_local.Host) -> None:
    for _ in range(100):
        try:
            opro_local.resume_run(path, host=host)
        except Interrupted:
            continue
        return
