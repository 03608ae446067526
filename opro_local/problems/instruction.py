"""The task problem: which instruction makes the scorer LLM answer the user's rows best.

Candidates race on train (racing.py); the best few and the starting instructions are measured on validation;
the winner is measured once on test, beside the baselines.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice

import numpy as np

from opro_local.config import CalibrationMethod, SearchSettings, Style
from opro_local.evidence.headroom import Headroom, headroom
from opro_local.meta_prompt import ANSWER_HEADING, TAGS
from opro_local.problem import MetaPrompt, Proposer, Rejected, Watcher
from opro_local.problems.leaks import LeakCheck
from opro_local.problems.measurement import Measurement
from opro_local.problems.meta_prompts import MetaPrompts
from opro_local.problems.racing import Race
from opro_local.problems.selection import Selection, finalists, record
from opro_local.problems.worked_shots import WORKED_ROWS, worked_shots
from opro_local.problems.wrong_answers import WrongAnswers
from opro_local.proposers.library import STEP_BY_STEP, headroom_instructions
from opro_local.proposers.paraphrases import paraphrases
from opro_local.proposers.shots import ShotSets
from opro_local.recording import Evaluation, NullLedger, OutcomeLedger
from opro_local.records import (
    Candidate,
    Direction,
    Example,
    Scored,
    Step,
    Trajectory,
    content_hash,
    derived_seed,
)
from opro_local.scoring.scorer import Scorer
from opro_local.tasks.split import Split
from opro_local.tasks.task import Task

REFUSALS = ("i'm sorry", "i am sorry", "i cannot", "i can't", "as an ai", "sorry,")


@dataclass(frozen=True, kw_only=True)
class InstructionProblem:
    """opro_local.problem.Problem for a Task; solutions are Candidates.

    ledger is read for what candidates missed, where shots are chosen by that: a run's own, once there is
    one. rivals are proposers that look at no scores, by name: what they find at equal budget is a baseline.
    """

    task: Task
    split: Split
    scorer: Scorer
    search: SearchSettings
    style: Style
    calibration: CalibrationMethod
    watcher: Watcher
    ledger: OutcomeLedger = field(default_factory=lambda: NullLedger(lambda: None))
    rivals: Mapping[str, Proposer[Candidate]] = field(default_factory=dict)

    @property
    def direction(self) -> Direction:
        return self.measurement.marking.direction

    @cached_property
    def shots(self) -> tuple[Example, ...]:
        """The shots of all instructions that nobody has chosen others for."""
        draw = random.Random(derived_seed(self.search.seed, 0, "shots"))
        return self.shot_sets.some(self.search.shots, draw, diverse=False)

    @cached_property
    def measurement(self) -> Measurement:
        """The rows that candidates are scored on, and how."""
        return Measurement(
            task=self.task,
            split=self.split,
            scorer=self.scorer,
            calibration=self.calibration,
            block=self.search.block,
            watcher=self.watcher,
        )

    @cached_property
    def shot_sets(self) -> ShotSets:
        """The shots that a search may choose from."""
        return ShotSets(
            pool=self.split.pool, kind=self.task.kind, limit=self.search.max_shots, fits=self.fits
        )

    def with_worked_shots(self, ledger: OutcomeLedger) -> "InstructionProblem":
        """The problem with shots that show how the model itself comes to open answers."""
        rows = self.to_be_worked_out()
        if not rows:
            return self
        worked = worked_shots(self.measurement, rows, Candidate(instruction=STEP_BY_STEP), ledger)
        return replace(self, split=replace(self.split, pool=worked or self.split.pool))

    def to_be_worked_out(self) -> Sequence[Example]:
        """The rows of the pool whose answers the scorer shows how to find; none where answers are labels."""
        if self.task.kind.classes or self.search.method != "portfolio" or not self.shot_sets.most:
            return ()
        return self.split.pool[:WORKED_ROWS]

    def starts(self) -> Sequence[Candidate]:
        texts = self.search.starts if self.search.starts is not None else default_starts(self.task)
        return [self.candidate(text) for text in dict.fromkeys(texts)]

    def baselines(self) -> Sequence[Candidate]:
        """What the winner is compared with on test."""
        others = map(self.candidate, (STEP_BY_STEP, *self.search.compare_with))
        return list(dict.fromkeys([*self.starts(), *others]))

    def meta_prompts(self, trajectory: Trajectory[Candidate], step: int) -> Iterator[MetaPrompt]:
        prompts = MetaPrompts(
            task=self.task,
            qa=self.scorer.layout.qa,
            style=self.style,
            search=self.search,
            rows=self.measurement.split.train,
            marking=self.measurement.marking,
            wrong=self._wrong_answers.of,
        )
        return prompts.of(trajectory, step)

    @cached_property
    def _wrong_answers(self) -> WrongAnswers:
        return WrongAnswers(marking=self.measurement.marking, ledger=self.ledger)

    def longest_reply(self) -> int:
        return self.search.max_characters

    def parse(self, reply: str) -> Candidate:
        """Polish and filter one reply (as Yang et al. 2023; refusals and copied rows are our own filters)."""
        text = polish(reply)
        if not text:
            raise Rejected("empty")
        if any(tag.casefold() in text.casefold() for tag in TAGS):
            raise Rejected("contains a tag")
        if text.casefold().startswith(REFUSALS):
            raise Rejected("refusal")
        if told := self.task.kind.forbidden(text):
            raise Rejected(told)
        if ANSWER_HEADING.casefold() in text.casefold():
            raise Rejected("goes on with the examples")
        for leak in self._leaks.reasons(text):
            raise Rejected(leak)
        return self.candidate(text)

    def fits(self, candidate: Candidate) -> bool:
        """Whether its prompts are as short as the settings and the model's context want them."""
        most = self.search.max_prompt_tokens
        if most is not None and self.scorer.prompt_tokens(candidate) > most:
            return False
        return not candidate.shots or self.scorer.fits(candidate, self._longest_row)

    @cached_property
    def _longest_row(self) -> Example:
        return max((*self.split.train, *self.split.pool), key=lambda row: len(row.text))

    def key(self, solution: Candidate) -> str:
        instruction = " ".join(solution.instruction.casefold().split())
        return content_hash("proposal", [instruction, [shot.id for shot in solution.shots]])

    def shown(self, solution: Candidate) -> str:
        return solution.instruction

    def encode(self, solution: Candidate) -> str:
        return solution.to_json()

    def decode(self, text: str) -> Candidate:
        return Candidate.from_json(text)

    def headroom(self, ledger: OutcomeLedger) -> Headroom:
        """Whether very different prompts score differently, on the first rows of train."""
        sheet = self.measurement.sheet("train", ledger)
        rows = sheet.rows[: self.search.headroom]
        candidates = self._very_different()
        for block in sheet.blocks(rows):
            sheet.ask(candidates, block)
        scores = []
        for candidate in candidates:
            outcomes = sheet.outcomes(candidate, rows)
            fitted = self.measurement.calibrated(candidate, outcomes)
            score = self.measurement.score(fitted, outcomes)
            record(Evaluation(role="headroom", split="train", candidate=fitted, score=score), ledger)
            scores.append([answer.score for answer in self.measurement.answers(fitted, outcomes)])
        return headroom(np.array(scores))

    def _very_different(self) -> list[Candidate]:
        """HEADROOM_CANDIDATES, up to a quarter of them with shots where these are searched."""
        plain = list(map(self.candidate, headroom_instructions(self.task, self.search.seed)))
        if self.search.method != "portfolio":
            return plain
        draw = random.Random(derived_seed(self.search.seed, 0, "headroom exemplars"))
        sets = dict.fromkeys(islice(self.shot_sets.any_for(self.candidate(""), draw), len(plain) // 4))
        return [*plain[: len(plain) - len(sets)], *sets]

    def evaluate(
        self, step: Step[Candidate], trajectory: Trajectory[Candidate], ledger: OutcomeLedger
    ) -> list[Scored[Candidate]]:
        scored = self._raced(step, trajectory, ledger)
        every = self.search.validate_every
        if every and step.number % every == 0:
            finals = Selection(measurement=self.measurement, direction=self.direction, ledger=ledger)
            finals.measure("periodic", "validation", [e.solution for e in scored if not e.dropped])
        return scored

    def _raced(
        self, step: Step[Candidate], trajectory: Trajectory[Candidate], ledger: OutcomeLedger
    ) -> list[Scored[Candidate]]:
        best = trajectory.best if self.search.racing == "on" else None
        race = Race(
            measurement=self.measurement,
            best=best.solution if best else None,
            error_rate=self.search.racing_error,
            seed=derived_seed(self.search.seed, step.number, "race"),
        )
        return race.run(step.solutions, step.number, ledger)

    def solved(self, trajectory: Trajectory[Candidate]) -> bool:
        """Never known: rows that are not in train may still be answered wrongly."""
        return False

    def finish(self, trajectory: Trajectory[Candidate], ledger: OutcomeLedger) -> None:
        finals = Selection(measurement=self.measurement, direction=self.direction, ledger=ledger)
        winner = finals.select("finalist", finalists(trajectory, self.starts(), self.search.finalists))
        rivals = [
            self._best_of(rival, proposer, trajectory, finals) for rival, proposer in self.rivals.items()
        ]
        near = [replace(winner, instruction=text) for text in paraphrases(winner.instruction)]
        finals.measure("paraphrase", "validation", near[: self.search.sensitivity])
        ledger.open_test(winner, self.split.test)
        baselines = [*self.measurement.fit(self.baselines(), ledger), *filter(None, rivals)]
        self.measurement.outcomes([winner, *baselines], "test", ledger)  # together: they share the questions
        finals.measure("winner", "test", [winner])
        finals.measure("baseline", "test", baselines)

    def _best_of(
        self, rival: str, proposer: Proposer[Candidate], trajectory: Trajectory[Candidate], finals: Selection
    ) -> Candidate | None:
        """The winner of a search with as many steps, whose proposals do not depend on scores."""
        found = Trajectory[Candidate](direction=self.direction, steps=trajectory.steps[:1])
        for number in range(1, len(trajectory.steps)):
            step = proposer.propose(found, number, self.search.proposals_per_step)
            scored = self._raced(step, found, finals.ledger)
            found = replace(found, steps=(*found.steps, replace(step, scored=tuple(scored))))
        ranked = (entry.solution for entry in reversed(found.ascending()) if entry.step > 0)
        proposed = list(islice(ranked, self.search.finalists))
        return finals.select(rival, proposed) if proposed else None

    def candidate(self, instruction: str) -> Candidate:
        return Candidate(instruction=instruction, shots=self.shots)

    @cached_property
    def _leaks(self) -> LeakCheck:
        return LeakCheck((*self.split.train, *self.split.pool), labelled=bool(self.task.kind.classes))


def default_starts(task: Task) -> list[str]:
    """The empty instruction and the plainest direct one for this kind of answer."""
    return ["", task.kind.instructions[0]]


def polish(text: str) -> str:
    """Trim, drop Markdown bold and enclosing quotes, capitalise the first letter."""
    text = text.replace("**", "").strip()
    if len(text) > 1 and text[0] == text[-1] == '"' and '"' not in text[1:-1]:
        text = text[1:-1].strip()
    return text[:1].upper() + text[1:]
