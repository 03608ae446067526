"""The task problem against a ledger in memory: what is scored, what is kept, what is compared in the end."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from mail_task import LABELS, mail_model, mail_task, row
from memory_store import MemoryStore
from resolved import instruction_problem, scorer_of, searching

from opro_local.config import CalibrationMethod, Metric, ScoringSettings, Style
from opro_local.errors import Interrupted, SealedTest
from opro_local.problem import NullWatcher, Rejected
from opro_local.problems.headroom import measured_headroom
from opro_local.problems.instruction import InstructionProblem, default_starts, polish
from opro_local.proposers.library import STEP_BY_STEP
from opro_local.records import (
    Candidate,
    Direction,
    Example,
    Proposal,
    Score,
    Scored,
    SplitName,
    Step,
    Trajectory,
)
from opro_local.tasks.split import Split, set_aside
from opro_local.tasks.task import Task
from opro_local.testing import ScriptedEngine

TRAIN, VALIDATION, TEST = range(6), range(6, 10), range(10, 18)
SPLIT = Split(
    train=tuple(map(row, TRAIN)), validation=tuple(map(row, VALIDATION)), test=tuple(map(row, TEST))
)
SKILLS = {"": 3, "Sort.": 4, "Think.": 8, "Guess.": 0, STEP_BY_STEP: 12}


@dataclass
class Counting(NullWatcher):
    """Counts the pairs of each split that it is told of."""

    pairs: dict[str, int] = field(default_factory=dict)

    def paused(self) -> None: ...
    def block_scored(self, split: SplitName, pairs: int) -> None:
        self.pairs[split] = self.pairs.get(split, 0) + pairs


def problem(
    *,
    task: Task | None = None,
    skills: Mapping[str, int] = SKILLS,
    style: Style = "tagged",
    calibration: CalibrationMethod = "none",
    **search: Any,
) -> InstructionProblem:
    task = task or mail_task()
    engine = ScriptedEngine(log_prob=mail_model(skills))
    chosen = {"starts": ("", "Sort."), "block": 4, "sensitivity": 0, "style": style, **search}
    return instruction_problem(
        scorer_of(engine, task, ScoringSettings()),
        task,
        SPLIT,
        searching(**chosen),
        calibration=calibration,
        watcher=Counting(),
    )


def with_split(found: InstructionProblem, split: Split) -> InstructionProblem:
    return replace(
        found,
        space=replace(found.space, split=split),
        measurement=replace(found.measurement, split=split),
    )


def with_pool(found: InstructionProblem, *, pool: int) -> InstructionProblem:
    """With so many train rows set aside for exemplars."""
    split, task = found.space.split, found.space.task
    aside = set_aside(
        split, scored=len(split.train), pool=pool, stratum=task.kind.stratum, twins=task.split.twins
    )
    return with_split(found, aside)


def engine_of(found: InstructionProblem) -> ScriptedEngine:
    assert isinstance(found.space.scorer.engine, ScriptedEngine)
    return found.space.scorer.engine


def asked(found: InstructionProblem) -> list[int]:
    """How many requests each call of the model held."""
    return [len(call) for call in engine_of(found).asked]


def trajectory(*scores: tuple[str, float], metric: Metric = "accuracy") -> Trajectory[Candidate]:
    """One step with these instructions and scores."""
    scored = tuple(
        Scored(solution=Candidate(instruction=text), score=Score(value=value), step=0)
        for text, value in scores
    )
    direction: Direction = "minimize" if metric in ("log_loss", "brier") else "maximize"
    step: Step[Candidate] = Step(number=0, proposals=(), scored=scored)
    return Trajectory(direction=direction, steps=(step,))


def evaluate(
    found: InstructionProblem,
    solutions: Sequence[Candidate],
    step: int,
    ledger: MemoryStore[Candidate],
    *,
    before: Trajectory[Candidate] | None = None,
) -> list[Scored[Candidate]]:
    """The solutions as a step of their own."""
    proposals = tuple(Proposal(text=s.instruction, solution=s) for s in solutions)
    opened: Step[Candidate] = Step(number=step, proposals=proposals)
    return found.evaluate(opened, before or Trajectory(direction=found.direction), ledger)


class TestStarts:
    def test_starts_of_the_settings_may_be_empty_and_are_listed_once(self) -> None:
        starts = problem(starts=("Sort.", "", "Sort.")).starts()
        assert [start.instruction for start in starts] == ["Sort.", ""]

    @pytest.mark.parametrize(
        ("answer", "direct"),
        [
            ("label", "Which of these is it: fintech, seed?"),
            ("boolean", "Which of these is it: fintech, seed?"),
            ("number", "Solve the problem. End with the answer as a number."),
            ("text", "Answer the question. Give only the answer."),
        ],
    )
    def test_without_settings_there_are_the_empty_one_and_a_direct_one(
        self, answer: str, direct: str
    ) -> None:
        task = replace(mail_task(), answer=answer)
        assert default_starts(task) == ["", direct]

    def test_baselines_are_the_starts_and_step_by_step_each_once(self) -> None:
        assert [b.instruction for b in problem().space.baselines()] == ["", "Sort.", STEP_BY_STEP]
        own = problem(starts=(STEP_BY_STEP, ""))
        assert [b.instruction for b in own.space.baselines()] == [STEP_BY_STEP, ""]


class TestShots:
    def test_none_are_chosen_unless_asked_for_and_no_more_than_there_are(self) -> None:
        assert problem().space.shots == ()
        assert len(with_pool(problem(shots=9), pool=2).space.shots) == 2

    def test_they_follow_the_seed_alone(self) -> None:
        first, again, other = (with_pool(problem(shots=3, seed=s), pool=5).space.shots for s in (1, 1, 2))
        assert first == again != other

    def test_every_candidate_has_them_and_they_are_never_scored(self) -> None:
        found = with_pool(problem(shots=2), pool=2)
        assert {len(candidate.shots) for candidate in [*found.starts(), found.parse("Think.")]} == {2}
        assert not set(found.space.shots) & set(found.measurement.split.train)
        assert set(found.space.shots) | set(found.measurement.split.train) == set(SPLIT.train)
        assert len(found.measurement.split.train) == 4
        ledger: MemoryStore[Candidate] = MemoryStore()
        evaluate(found, found.starts(), 0, ledger)
        scored = {example for _, _, ids in ledger.blocks for example in ids}
        assert scored == {row.id for row in found.measurement.split.train}


class TestParse:
    @pytest.mark.parametrize(
        ("reply", "instruction"),
        [
            (" sort the **mails** \n", "Sort the mails"),
            ('"sort it"', "Sort it"),
            ('"yes" or "no"', '"yes" or "no"'),
            ("éclair", "Éclair"),
            ('"', '"'),
        ],
    )
    def test_a_reply_is_polished(self, reply: str, instruction: str) -> None:
        assert polish(reply) == instruction
        assert problem().parse(reply).instruction == instruction

    @pytest.mark.parametrize(
        ("reply", "reason"),
        [
            ("", "empty"),
            (" ** ** ", "empty"),
            ('""', "empty"),
            ("Use <ins> here", "contains a tag"),
            ("Sort</TEXT>", "contains a tag"),
            ("I'm sorry, but no.", "refusal"),
            ("As an AI, I sort.", "refusal"),
            ("Mail 7.\nCorrect answer:\nseed", "goes on with the examples"),
        ],
    )
    def test_what_is_no_instruction_is_rejected_with_its_reason(self, reply: str, reason: str) -> None:
        with pytest.raises(Rejected) as rejection:
            problem().parse(reply)
        assert rejection.value.reason == reason

    def test_instructions_may_speak_of_instructions(self) -> None:
        assert problem().parse("Follow the INSTRUCTIONS").instruction == "Follow the INSTRUCTIONS"

    def test_digits_are_rejected_where_answers_are_numbers(self) -> None:
        task = replace(mail_task(), answer="number", labels=())
        with pytest.raises(Rejected, match="contains a digit"):
            problem(task=task).parse("Use 2 steps")
        assert problem().parse("Use 2 steps").instruction == "Use 2 steps"

    def test_eight_words_in_a_row_from_a_train_text_are_a_copy(self) -> None:
        leaked = replace(row(0), text="We are a young team from Oslo and raise money")
        found = with_split(problem(), replace(SPLIT, train=(leaked,), validation=(row(6),)))
        with pytest.raises(Rejected, match="copies a row"):
            found.parse("If it says: we ARE a  young team from Oslo and more, say seed")
        assert found.parse("If we are a young team from Oslo, say seed")

    def test_two_instructions_that_differ_in_case_and_blanks_are_one_proposal(self) -> None:
        found = problem()
        assert found.key(found.parse("Sort  it")) == found.key(found.parse("sort IT"))
        assert found.key(found.parse("Sort it")) != found.key(found.parse("Sort it."))

    def test_a_candidate_survives_the_store(self) -> None:
        found = problem(shots=1)
        candidate = replace(found.space.candidate("Sort."), calibration=(0.5, -0.5))
        assert found.decode(found.encode(candidate)) == candidate


class TestEvaluate:
    def test_scores_are_those_of_train_in_order(self) -> None:
        found = problem()
        ledger: MemoryStore[Candidate] = MemoryStore()
        solutions = [found.space.candidate(text) for text in ("Think.", "Guess.", "")]
        scored = evaluate(found, solutions, 3, ledger)
        assert [s.score.value for s in scored] == [1.0, 0.0, 0.5]  # 6, 0 and 3 of 6 rows
        assert [s.solution for s in scored] == solutions
        assert {s.step for s in scored} == {3}

    def test_each_block_is_one_call_and_one_record(self) -> None:
        found = problem()
        ledger: MemoryStore[Candidate] = MemoryStore()
        keys = tuple(s.key for s in found.starts())
        evaluate(found, found.starts(), 0, ledger)
        assert ledger.blocks == [
            ("train", keys, ("r0", "r1", "r2", "r3")),
            ("train", keys, ("r4", "r5")),
        ]
        assert asked(found) == [8, 4]
        assert isinstance(found.measurement.watcher, Counting)
        assert found.measurement.watcher.pairs == {"train": 12}

    def test_a_run_that_was_cut_off_scores_only_the_blocks_that_are_missing(self) -> None:
        def stop() -> None:
            raise Interrupted("stopped")

        ledger: MemoryStore[Candidate] = MemoryStore(after_commit=stop)
        broken = problem()
        with pytest.raises(Interrupted):
            evaluate(broken, broken.starts(), 0, ledger)
        ledger.after_commit = lambda: None
        resumed, whole = problem(), problem()
        scored = evaluate(resumed, resumed.starts(), 0, ledger)
        assert asked(broken) == [8]
        assert asked(resumed) == [4]
        assert scored == evaluate(whole, whole.starts(), 0, MemoryStore())

    def test_only_the_candidates_that_lack_a_block_are_asked_for_it(self) -> None:
        found = problem()
        ledger: MemoryStore[Candidate] = MemoryStore()
        first, second = found.starts()
        evaluate(found, [first], 0, ledger)
        evaluate(found, [first, second], 1, ledger)
        assert asked(found) == [4, 2, 4, 2]
        assert [keys for _, keys, _ in ledger.blocks[2:]] == [(second.key,), (second.key,)]

    def test_no_solutions_ask_nothing(self) -> None:
        found = problem()
        assert evaluate(found, [], 1, MemoryStore()) == []
        assert asked(found) == []


class TestWrongAnswers:
    def test_what_a_scored_candidate_got_wrong_is_there_for_who_proposes_by_it(self) -> None:
        ledger: MemoryStore[Candidate] = MemoryStore()
        found = replace(problem(), ledger=ledger)
        (scored,) = evaluate(found, [found.space.candidate("Sort.")], 0, ledger)
        wrong = found.wrong_answers.of(scored.solution)
        # The skill 4 knows the rows 0 to 3 of six, and gives the other label for the rest.
        assert {row: (a.prediction, a.target) for row, a in wrong.items()} == {
            "r4": ("seed", "fintech"),
            "r5": ("fintech", "seed"),
        }


class TestValidation:
    def validated(self, step: int, **search: Any) -> MemoryStore[Candidate]:
        found = problem(validate_every=2, **search)
        ledger: MemoryStore[Candidate] = MemoryStore()
        for _ in range(2):  # as after a kill before the step was closed
            evaluate(found, [found.space.candidate("Think."), found.space.candidate("Guess.")], step, ledger)
        return ledger

    @pytest.mark.parametrize(("step", "measured"), [(0, 2), (1, 0), (2, 2), (3, 0)])
    def test_every_so_many_steps_their_candidates_are_measured_on_validation_once(
        self, step: int, measured: int
    ) -> None:
        ledger = self.validated(step)
        found = [(e.role, e.split, e.candidate.instruction, e.score.value) for e in ledger.evaluations()]
        expected = [("periodic", "validation", "Think.", 0.5), ("periodic", "validation", "Guess.", 0.0)]
        assert found == expected[:measured]
        assert ledger.usage().pairs == 2 * len(TRAIN) + measured * len(VALIDATION)

    def test_a_candidate_that_left_its_race_is_not(self) -> None:
        found = problem(validate_every=1, racing="on", racing_error=0.99, block=2)
        ledger: MemoryStore[Candidate] = MemoryStore()
        (best,) = evaluate(found, [found.space.candidate("Think.")], 0, ledger)
        before = trajectory(("Think.", best.score.value))
        scored = evaluate(found, [found.space.candidate("Guess.")], 1, ledger, before=before)
        assert [entry.dropped for entry in scored] == [True]
        assert [e.candidate.instruction for e in ledger.evaluations()] == ["Think."]


def biased(text: str) -> float:
    """A model that likes "seed" everywhere and a bit less for even rows: right once that is taken out."""
    liking = 2.0 if text.endswith("seed") else 0.0
    number = int(text.split("Mail ")[1].split(".")[0]) if "Mail" in text else 1
    return liking - (0.5 if (text.endswith("seed")) != bool(number % 2) else 0.0)


class TestCalibration:
    def test_batch_calibration_is_fitted_on_train_and_changes_what_is_predicted(self) -> None:
        plain, fitted = problem(), problem(calibration="batch")
        for found in (plain, fitted):
            engine_of(found).log_prob = biased
        (without,) = evaluate(plain, [plain.space.candidate("Sort.")], 0, MemoryStore())
        (scored,) = evaluate(fitted, [fitted.space.candidate("Sort.")], 0, MemoryStore())
        assert without.score.value == 0.5  # "seed" to everything
        assert scored.score.value == 1.0
        # Three even and three odd rows: means of fintech -0.25, of seed 1.75; each to their mean 0.75.
        assert scored.solution.calibration == pytest.approx((1.0, -1.0))
        assert without.solution.calibration == ()

    def test_contextual_calibration_asks_about_empty_inputs_and_the_ledger_does_not_see_them(self) -> None:
        found = problem(calibration="contextual")
        engine_of(found).log_prob = biased
        ledger: MemoryStore[Candidate] = MemoryStore()
        (scored,) = evaluate(found, [found.space.candidate("Sort.")], 0, ledger)
        assert asked(found) == [4, 2, 3]
        assert [ids for _, _, ids in ledger.blocks] == [("r0", "r1", "r2", "r3"), ("r4", "r5")]
        # All three read as odd rows: 2.0 against -0.5.
        fintech, seed = 1 / (1 + math.exp(2.5)), 1 / (1 + math.exp(-2.5))
        assert scored.solution.calibration == pytest.approx((-math.log(fintech), -math.log(seed)))

    def test_generated_answers_are_not_calibrated(self) -> None:
        task = mail_task()
        engine = ScriptedEngine(reply=lambda _text: "seed")
        settings = ScoringSettings(mode="generation")
        scorer = scorer_of(engine, task, settings)
        found = instruction_problem(scorer, task, SPLIT, searching(), calibration="batch")
        (scored,) = evaluate(found, [found.space.candidate("Sort.")], 0, MemoryStore())
        assert scored.solution.calibration == ()
        assert scored.score.value == 0.5


class TestFinish:
    def finished(self, *scores: tuple[str, float], **search: Any) -> MemoryStore[Candidate]:
        found = problem(**{"finalists": 2, **search})
        ledger: MemoryStore[Candidate] = MemoryStore()
        found.finish(trajectory(*scores), ledger)
        return ledger

    def of_role(self, ledger: MemoryStore[Candidate], role: str) -> list[tuple[str, str, float]]:
        return [
            (e.candidate.instruction, e.split, e.score.value) for e in ledger.evaluations() if e.role == role
        ]

    def test_the_best_on_train_and_the_starts_go_to_validation(self) -> None:
        ledger = self.finished(("", 0.1), ("Guess.", 0.8), ("Think.", 0.9), ("Sort.", 0.2))
        # Of the rows 6 to 9 the skills 8, 0, 4 and 3 know two, none, none and none.
        assert self.of_role(ledger, "finalist") == [
            ("Think.", "validation", 0.5),
            ("Guess.", "validation", 0.0),
            ("Sort.", "validation", 0.0),
            ("", "validation", 0.0),
        ]

    def test_a_start_that_is_among_the_best_is_measured_once(self) -> None:
        ledger = self.finished(("", 0.1), ("Guess.", 0.2), ("Think.", 0.3), ("Sort.", 0.9))
        assert [text for text, _, _ in self.of_role(ledger, "finalist")] == ["Sort.", "Think.", ""]

    def test_validation_picks_the_winner_and_test_measures_it_beside_the_baselines(self) -> None:
        ledger = self.finished(("", 0.1), ("Guess.", 0.8), ("Think.", 0.7), ("Sort.", 0.2))
        assert self.of_role(ledger, "winner") == [("Think.", "test", 0.0)]
        # Of the rows 10 to 17 only the skill 12 knows any.
        assert self.of_role(ledger, "baseline") == [
            ("", "test", 0.0),
            ("Sort.", "test", 0.0),
            (STEP_BY_STEP, "test", 0.25),
        ]

    def test_train_counts_beside_validation(self) -> None:
        # Neither knows a row of validation; of train "Sort." knows four of six, the empty one three.
        ledger = self.finished(("", 0.1), ("Guess.", 0.8), ("Sort.", 0.2))
        assert self.of_role(ledger, "winner") == [("Sort.", "test", 0.0)]

    def test_of_two_equal_the_shorter_wins(self) -> None:
        skills = {**SKILLS, "Sort.": SKILLS[""]}
        ledger = self.finished(("", 0.1), ("Guess.", 0.8), ("Sort.", 0.2), skills=skills)
        assert self.of_role(ledger, "winner") == [("", "test", 0.0)]

    def test_only_the_winner_and_the_baselines_read_the_test_rows_each_once(self) -> None:
        ledger = self.finished(("", 0.1), ("Guess.", 0.8), ("Think.", 0.7), ("Sort.", 0.2))
        read = [(key, ids) for split, keys, ids in ledger.blocks if split == "test" for key in keys]
        texts = ("Think.", "", "Sort.", STEP_BY_STEP)
        keys = [Candidate(instruction=text).key for text in texts]
        assert [key for key, _ in read] == keys * 2  # two blocks of four rows
        assert len({example for _, ids in read for example in ids}) == 8

    def test_a_winner_that_is_a_start_is_measured_once_and_told_in_both_roles(self) -> None:
        ledger = self.finished(("", 0.9), ("Sort.", 0.2))
        assert self.of_role(ledger, "winner") == [("Sort.", "test", 0.0)]
        assert ("Sort.", "test", 0.0) in self.of_role(ledger, "baseline")
        tested = [keys for split, keys, _ in ledger.blocks if split == "test"]
        assert all(len(keys) == len(set(keys)) == 3 for keys in tested)

    def test_finishing_twice_changes_nothing(self) -> None:
        found = problem()
        ledger: MemoryStore[Candidate] = MemoryStore()
        search = trajectory(("", 0.1), ("Think.", 0.7), ("Sort.", 0.2))
        found.finish(search, ledger)
        once, calls = ledger.evaluations(), len(engine_of(found).asked)
        found.finish(search, ledger)
        assert ledger.evaluations() == once
        assert len(engine_of(found).asked) == calls

    def test_a_loss_is_won_by_the_smallest(self) -> None:
        found = problem(task=replace(mail_task(), metric="log_loss"), finalists=2)
        ledger: MemoryStore[Candidate] = MemoryStore(direction="minimize")
        assert found.direction == "minimize"
        found.finish(
            trajectory(("Guess.", 0.3), ("Think.", 0.2), ("", 0.9), ("Sort.", 0.8), metric="log_loss"), ledger
        )
        ((winner, _, _),) = self.of_role(ledger, "winner")
        assert winner == "Think."

    @pytest.mark.parametrize("calibration", ["batch", "auto"])
    def test_what_is_measured_on_test_is_calibrated_on_all_that_was_searched(
        self, calibration: CalibrationMethod
    ) -> None:
        found = problem(calibration=calibration)
        number = re.compile(r"Mail (\d+)")
        engine_of(found).log_prob = lambda text: (
            -float(number.findall(text)[-1]) % 7 * text.endswith(LABELS[0])
        )
        measurement = found.measurement
        ledger: MemoryStore[Candidate] = MemoryStore()
        starts = measurement.fit(found.starts(), ledger)
        scored = tuple(Scored(solution=start, score=Score(value=0.5), step=0) for start in starts)
        first = Step(number=0, proposals=(), scored=scored)
        found.finish(Trajectory(direction="maximize", steps=(first,)), ledger)
        tested = [e.candidate for e in ledger.evaluations() if e.split == "test"]
        assert {each.instruction for each in tested} == {"", "Sort.", STEP_BY_STEP}
        for each in tested:
            bare = replace(each, calibration=())
            (outcomes,) = measurement.scorer.score([bare], (*SPLIT.train, *SPLIT.validation))
            assert each == measurement.calibrated(bare, outcomes)
        compared = {e.candidate.key: e.candidate for e in ledger.evaluations() if e.role == "compared"}
        assert list(compared.values()) == starts
        assert compared[tested[0].key] != tested[0]


class TestSealedTest:
    def test_a_test_row_that_is_asked_for_before_the_winner_is_fixed_ends_the_run(self) -> None:
        found = problem()
        ledger: MemoryStore[Candidate] = MemoryStore()
        with pytest.raises(SealedTest, match="before the winner was fixed"):
            found.measurement.scores(found.starts(), "test", ledger)
        assert asked(found) == []
        ledger.open_test(found.starts()[0], ())
        assert [score.n for score in found.measurement.scores(found.starts(), "test", ledger)] == [8, 8]

    def test_finishing_fixes_the_winner_and_names_the_rows(self) -> None:
        @dataclass(kw_only=True)
        class Watched(MemoryStore[Candidate]):
            used: list[Example] = field(default_factory=list)

            def open_test(self, winner: Candidate, rows: Sequence[Example]) -> None:
                super().open_test(winner, rows)
                self.used += rows

        ledger = Watched()
        problem().finish(trajectory(("", 0.1), ("Think.", 0.7), ("Sort.", 0.2)), ledger)
        assert ledger.winner == Candidate(instruction="Think.")
        assert tuple(ledger.used) == SPLIT.test


class TestAfterTheSearch:
    def test_paraphrases_of_the_winner_are_measured_on_validation_with_its_calibration(self) -> None:
        found = problem(sensitivity=2, calibration="batch")
        engine_of(found).log_prob = mail_model(SKILLS, otherwise=8)
        ledger: MemoryStore[Candidate] = MemoryStore()
        fitted = replace(found.space.candidate("Think."), calibration=(0.5, -0.5))
        search = trajectory(("", 0.1), ("Sort.", 0.2))
        best = Scored(solution=fitted, score=Score(value=0.9), step=0)
        steps = (replace(search.steps[0], scored=(*search.steps[0].scored, best)),)
        found.finish(replace(search, steps=steps), ledger)
        near = [e for e in ledger.evaluations() if e.role == "paraphrase"]
        assert len(near) == 2
        assert {e.split for e in near} == {"validation"}
        assert all(e.candidate.instruction != "Think." for e in near)
        assert {e.candidate.calibration for e in near} == {fitted.calibration}

    def test_a_rival_is_searched_for_at_equal_budget_and_becomes_a_baseline(self) -> None:
        class Fixed:
            """Proposes one instruction a step."""

            texts = ("Guess.", "Think.")

            def propose(self, found: Trajectory[Candidate], number: int, count: int) -> Step[Candidate]:
                solution = Candidate(instruction=self.texts[number - 1])
                return Step(number=number, proposals=(Proposal(text="", solution=solution),))

        found = replace(problem(racing="off"), rivals={"fixed": lambda _problem: Fixed()})
        start = trajectory(("", 0.1), ("Sort.", 0.2)).steps[0]
        idle: tuple[Step[Candidate], ...] = (Step(number=1, proposals=()), Step(number=2, proposals=()))
        ledger: MemoryStore[Candidate] = MemoryStore()
        found.finish(Trajectory(direction="maximize", steps=(start, *idle)), ledger)
        picked = [(e.candidate.instruction, e.split) for e in ledger.evaluations() if e.role == "fixed"]
        assert picked == [("Think.", "validation"), ("Guess.", "validation")]  # best on train first
        baselines = [e.candidate.instruction for e in ledger.evaluations() if e.role == "baseline"]
        assert baselines == ["", "Sort.", STEP_BY_STEP, "Think."]

    def test_what_a_person_wants_compared_is_a_baseline(self) -> None:
        found = problem(compare_with=("Guess.",))
        assert [b.instruction for b in found.space.baselines()] == ["", "Sort.", STEP_BY_STEP, "Guess."]


class TestHeadroom:
    def test_it_asks_sixteen_instructions_about_the_first_rows_and_records_them(self) -> None:
        found = problem(max_shots=0)
        engine_of(found).log_prob = mail_model({"": 0}, otherwise=6)
        ledger: MemoryStore[Candidate] = MemoryStore()
        different = found.space.very_different()
        seen = measured_headroom(found.measurement, different, 5, ledger)
        assert (seen.instructions, seen.rows, seen.lowest, seen.highest) == (16, 5, 0.0, 1.0)
        assert [ids for _, _, ids in ledger.blocks] == [("r0", "r1", "r2", "r3"), ("r4",)]
        assert {(e.role, e.split, e.score.n) for e in ledger.evaluations()} == {("headroom", "train", 5)}
        measured_headroom(found.measurement, different, 5, ledger)
        assert asked(found) == [64, 16]  # once

    def test_a_quarter_of_the_sixteen_have_shots_where_these_are_searched(self) -> None:
        found = with_pool(problem(method="portfolio", max_shots=4), pool=5)
        engine_of(found).log_prob = mail_model({"": 0}, otherwise=6)
        ledger: MemoryStore[Candidate] = MemoryStore()
        measured_headroom(found.measurement, found.space.very_different(), 2, ledger)
        tried = [bool(evaluation.candidate.shots) for evaluation in ledger.evaluations()]
        assert tried == [False] * 12 + [True] * 4


class TestMetaPrompt:
    def shown(self, metric: Metric, *values: float) -> str:
        found = problem(task=replace(mail_task(), metric=metric), exemplars=0)
        scores = [(f"Text {i}", value) for i, value in enumerate(values)]
        return next(found.meta_prompts(trajectory(*scores, metric=metric), 1)).text

    @pytest.mark.parametrize(
        ("metric", "value", "displayed"),
        [
            ("accuracy", 0.125, 12),  # half to even, as published
            ("accuracy", 0.375, 38),
            ("accuracy", 1.0, 100),
            ("macro_f1", 0.666, 67),
            ("mcc", -1.0, 0),
            ("mcc", 0.0, 50),
            ("mcc", 1.0, 100),
            ("log_loss", 0.0, 100),
            ("log_loss", math.log(2), 50),
            ("log_loss", math.inf, 0),
            ("brier", 0.0, 100),
            ("brier", 0.5, 75),
            ("brier", 2.0, 0),
            ("brier", math.inf, 0),
        ],
    )
    def test_every_metric_is_shown_from_0_to_100_higher_is_better(
        self, metric: Metric, value: float, displayed: int
    ) -> None:
        assert f"score: {displayed}\n" in self.shown(metric, value)

    def test_the_best_are_shown_and_the_best_of_all_comes_last(self) -> None:
        found = problem(exemplars=0, shown=3)
        scores = [("a", 0.5), ("b", 0.9), ("c", 0.7), ("d", 0.1)]
        asked = next(found.meta_prompts(trajectory(*scores), 1)).messages[0].content
        lines = [line for line in asked.splitlines() if line.startswith("text:")]
        assert lines == ["text: <INS>a</INS>", "text: <INS>c</INS>", "text: <INS>b</INS>"]

    def test_exemplars_are_train_rows_drawn_anew_each_step_by_the_seed(self) -> None:
        found = problem(exemplars=3)
        drawn = [next(found.meta_prompts(trajectory(), step)).exemplar_ids for step in range(1, 6)]
        again = [
            next(problem(exemplars=3).meta_prompts(trajectory(), step)).exemplar_ids for step in range(1, 6)
        ]
        assert drawn == again
        assert len(set(drawn)) > 1
        assert all(len(set(ids)) == 3 for ids in drawn)
        assert {example for ids in drawn for example in ids} <= {row.id for row in SPLIT.train}

    def test_there_are_no_more_exemplars_than_rows(self) -> None:
        assert len(next(problem(exemplars=50).meta_prompts(trajectory(), 1)).exemplar_ids) == 6

    def test_the_style_decides_the_form_and_a_completion_needs_no_exemplars(self) -> None:
        found = problem(style="completion")
        meta_prompt = next(found.meta_prompts(trajectory(("Sort.", 0.5)), 1))
        assert meta_prompt.exemplar_ids == ()
        assert "Precision: 50 <TEXT>Sort.</TEXT>" in meta_prompt.text

    def test_the_limits_of_the_settings_hold(self) -> None:
        assert problem(max_characters=77).longest_reply() == 77

    def test_what_does_not_fit_shrinks_the_trajectory_first_and_then_the_exemplars(self) -> None:
        scores = [(f"t{i}", i / 10) for i in range(5)]
        sizes = [
            (meta_prompt.text.count("score: "), len(meta_prompt.exemplar_ids))
            for meta_prompt in problem(exemplars=2).meta_prompts(trajectory(*scores), 1)
        ]
        assert sizes == [(5, 2), (3, 2), (2, 2), (1, 2), (1, 1), (1, 0)]

    def test_a_row_with_the_text_of_a_shot_is_not_scored(self) -> None:
        copies = tuple(replace(row(0), id=f"copy {i}") for i in range(3))
        split = replace(SPLIT, train=(*SPLIT.train, *copies))
        found = with_pool(with_split(problem(shots=2), split), pool=2)
        texts = {shot.text for shot in found.space.shots}
        assert len(texts) == 2
        assert not texts & {example.text for example in found.measurement.split.train}
