"""Rows that must stay right, and words that must stay, in a search by hand."""

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from mail_task import LABELS, mail_model, mail_task, row
from memory_store import MemoryStore
from resolved import instruction_problem, scorer_of, searching

from opro_local.config import ScoringSettings, SearchSettings
from opro_local.problem import Rejected
from opro_local.problems.instruction import InstructionProblem
from opro_local.problems.kept import beside, with_kept, without
from opro_local.proposers.library import STEP_BY_STEP
from opro_local.proposers.variations import crossed, paraphrased
from opro_local.records import Candidate, Score, Scored, Step, Trajectory
from opro_local.tasks.split import Split
from opro_local.testing import ScriptedEngine

SPLIT = Split(
    train=tuple(map(row, range(6))),
    validation=tuple(map(row, range(6, 10))),
    test=tuple(map(row, range(10, 18))),
    must_stay=(row(1), row(30), row(31)),
)
SKILLS = {"": 3, "Sort.": 40, "Think.": 8, "Guess.": 0, STEP_BY_STEP: 12}
KEPT = "Never guess."


def problem(skills: Mapping[str, int] = SKILLS, **search: Any) -> InstructionProblem:
    task = mail_task()
    engine = ScriptedEngine(log_prob=mail_model(skills))
    chosen = {"starts": ("",), "block": 4, "sensitivity": 0, "style": "tagged", "finalists": 3, **search}
    return instruction_problem(scorer_of(engine, task, ScoringSettings()), task, SPLIT, searching(**chosen))


def trajectory(*texts: str) -> Trajectory[Candidate]:
    scored = tuple(
        Scored(solution=Candidate(instruction=text), score=Score(value=0.5, prompt_tokens=1.0), step=0)
        for text in texts
    )
    return Trajectory(direction="maximize", steps=(Step(number=0, proposals=(), scored=scored),))


def finished(*texts: str, **changes: Any) -> MemoryStore[Candidate]:
    ledger: MemoryStore[Candidate] = MemoryStore()
    problem(**changes).finish(trajectory(*texts), ledger)
    return ledger


def of_role(ledger: MemoryStore[Candidate], role: str) -> list[str]:
    return [e.candidate.instruction for e in ledger.evaluations() if e.role == role]


class TestRowsThatMustStayRight:
    def test_a_finalist_that_breaks_one_that_the_start_has_right_cannot_win(self) -> None:
        """The start knows row 1 of the three; "Guess." breaks it, the better "Think." keeps it."""
        ledger = finished("", "Guess.", "Think.")
        assert of_role(ledger, "must stay")[0] == ""
        assert sorted(of_role(ledger, "compared")) == ["", "Think."]
        assert of_role(ledger, "winner") == ["Think."]

    def test_the_start_stays_where_no_other_keeps_them(self) -> None:
        skills = {**SKILLS, "": 40, "Think.": 20}
        ledger = finished("", "Guess.", "Think.", skills=skills)
        assert of_role(ledger, "compared") == [""]
        assert of_role(ledger, "winner") == [""]

    def test_what_the_start_has_wrong_may_be_wrong(self) -> None:
        ledger = finished("", "Think.", skills={**SKILLS, "": 0})
        assert of_role(ledger, "winner") == ["Think."]

    def test_they_are_asked_of_finalists_alone_and_without_them_nothing_is(self) -> None:
        ledger = finished("", "Guess.", "Think.")
        rows = [ids for split, _, ids in ledger.blocks if split == "must_stay"]
        assert rows == [("r1", "r30", "r31")]
        found = problem()
        plain = replace(found, measurement=replace(found.measurement, split=replace(SPLIT, must_stay=())))
        ledger = MemoryStore()
        plain.finish(trajectory("", "Guess.", "Think."), ledger)
        assert not any(split == "must_stay" for split, _, _ in ledger.blocks)
        assert not of_role(ledger, "must stay")

    def test_a_finalist_that_breaks_one_with_its_last_calibration_cannot_win(self) -> None:
        """On validation "Think." likes the second label, which calibration on train cannot know."""

        def log_prob(text: str) -> float:
            number = int(text.rpartition("Mail ")[2].partition(".")[0])
            right = text.endswith(LABELS[number % 2])
            if "Think." in text:
                return right + 8.0 * (text.endswith(LABELS[1]) and 6 <= number < 10)
            return float(right == (number in (1, 30, 31)))

        found, task = problem(), mail_task()
        scorer = scorer_of(ScriptedEngine(log_prob=log_prob), task, ScoringSettings())
        measurement = replace(found.measurement, scorer=scorer, calibration="batch")
        ledger: MemoryStore[Candidate] = MemoryStore()
        replace(found, measurement=measurement).finish(trajectory("", "Think."), ledger)
        assert sorted(of_role(ledger, "finalist")) == ["", "Think."]
        assert of_role(ledger, "compared") == of_role(ledger, "winner") == [""]

    def test_a_run_that_goes_on_behind_its_choice_keeps_it(self) -> None:
        ledger = finished("", "Guess.", "Think.")
        before = len(ledger.evaluations())
        ledger.winner = Candidate(instruction="Guess.")  # as an older version chose
        problem().finish(trajectory("", "Guess.", "Think."), ledger)
        assert of_role(ledger, "winner") == ["Think.", "Guess."]
        assert len(ledger.evaluations()) == before + 1


class TestPreference:
    @pytest.mark.parametrize(("prefer", "winner"), [("best", "Sort."), ("short", ""), ("balanced", "Sort.")])
    def test_the_setting_picks_from_the_front(self, prefer: str, winner: str) -> None:
        """The longer instruction is wrong on a row of train, the empty one on a row of validation."""
        knowing = mail_model({"": 40, "Sort.": 40, STEP_BY_STEP: 40})

        def log_prob(text: str) -> float:
            errs = "Mail 3." in text if "Sort." in text else "Mail 7." in text
            return -knowing(text) if errs else knowing(text)

        found = problem(prefer=prefer)
        engine = found.space.scorer.engine
        assert isinstance(engine, ScriptedEngine)
        engine.log_prob = log_prob
        ledger: MemoryStore[Candidate] = MemoryStore()
        found.finish(trajectory("", "Sort."), ledger)
        assert of_role(ledger, "winner") == [winner]


class TestWordsToKeep:
    def found(self, **changes: Any) -> InstructionProblem:
        return replace(problem(keep=(KEPT,), starts=(KEPT,)), **changes)

    def test_a_reply_without_them_is_rejected_for_that(self) -> None:
        with pytest.raises(Rejected) as rejection:
            self.found().parse("Sort the mails.")
        assert rejection.value.reason == "lacks words to keep"
        with pytest.raises(Rejected):
            self.found().parse("Sort the mails. never guess.")
        assert self.found().parse(f"Sort the mails. {KEPT}").instruction == f"Sort the mails. {KEPT}"

    def test_a_program_of_ours_adds_them(self) -> None:
        assert self.found(completes=True).parse("Sort.").instruction == f"Sort. {KEPT}"

    def test_they_leak_nothing(self) -> None:
        """The user wrote them: that a row has the same words is no news."""
        own = "Mail 1. is fintech or so, and it is long enough to be a passage of a row."
        split = replace(SPLIT, train=(replace(row(1), text=own), *SPLIT.train[1:]))
        found = problem(keep=(own,), starts=(own,))
        found = replace(found, space=replace(found.space, split=split))
        assert found.parse(f"Sort. {own}").instruction == f"Sort. {own}"
        with pytest.raises(Rejected, match="copies a row"):
            replace(found, space=replace(found.space, search=searching())).parse(f"Sort. {own}")

    @pytest.mark.parametrize("stream", [paraphrased, crossed])
    def test_variations_change_what_is_beside_them(self, stream: Any) -> None:
        texts = [f"Please classify the text carefully. {KEPT}", f"{KEPT} Choose the correct label."]
        made = list(beside((KEPT,), stream)(trajectory(*texts), random.Random(0)))
        assert len(made) >= 2
        for candidate in made:
            assert candidate.instruction.count(KEPT) == 1
            assert without(candidate.instruction, (KEPT,))

    def test_a_text_is_completed_once(self) -> None:
        assert with_kept("", (KEPT,)) == KEPT
        assert with_kept(f"Sort. {KEPT}", (KEPT, "Be brief.")) == f"Sort. {KEPT} Be brief."
        assert without(f"Sort. {KEPT} Think.", (KEPT,)) == "Sort. Think."

    def test_the_optimizer_is_told_of_them(self) -> None:
        prompt = next(self.found().meta_prompts(trajectory(KEPT), 1))
        assert f'word for word: "{KEPT}"' in prompt.text

    @pytest.mark.parametrize("sentence", ["", "  ", "**Never** guess."])
    def test_what_no_instruction_could_contain_is_refused(self, sentence: str) -> None:
        with pytest.raises(ValueError, match="keep"):
            SearchSettings(keep=(sentence,))
