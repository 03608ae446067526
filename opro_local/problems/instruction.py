"""The task problem: which instruction makes the scorer LLM answer the user's rows best.

Candidates race on train (racing.py); the best few and the starting instructions are measured on validation;
the winner, calibrated on both, is measured once on test, beside the baselines, which are too.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

from opro_local.config import ResolvedSearch, Style
from opro_local.meta_prompt import ANSWER_HEADING, TAGS
from opro_local.problem import MetaPrompt, Proposer, Rejected
from opro_local.problems.kept import lacking, told_to_keep, with_kept, without
from opro_local.problems.leaks import LeakCheck
from opro_local.problems.measurement import Measurement
from opro_local.problems.meta_prompts import MetaPrompts
from opro_local.problems.racing import Race
from opro_local.problems.search_space import SearchSpace
from opro_local.problems.selection import Selection, finalists
from opro_local.problems.wrong_answers import WrongAnswers
from opro_local.proposers.paraphrases import paraphrases
from opro_local.recording import OutcomeLedger
from opro_local.records import (
    Candidate,
    Direction,
    Scored,
    Step,
    Trajectory,
    content_hash,
    derived_seed,
)
from opro_local.tasks.task import Task

REFUSALS = ("i'm sorry", "i am sorry", "i cannot", "i can't", "as an ai", "sorry,")


@dataclass(frozen=True, kw_only=True)
class InstructionProblem:
    """opro_local.problem.Problem for a Task; solutions are Candidates.

    ledger is the run's own: what candidates missed is read from it. rivals are proposers that look at no
    scores, by name, each made for the problem: what they find at equal budget is a baseline. completes: what
    is parsed gets the sentences to keep instead of being rejected for want of them.
    """

    space: SearchSpace
    measurement: Measurement
    style: Style
    ledger: OutcomeLedger
    rivals: Mapping[str, "Callable[[InstructionProblem], Proposer[Candidate]]"]
    completes: bool = False

    @property
    def search(self) -> ResolvedSearch:
        return self.space.search

    @property
    def direction(self) -> Direction:
        return self.measurement.marking.direction

    def starts(self) -> Sequence[Candidate]:
        return self.space.starts()

    @property
    def told_task(self) -> Task:
        """As the optimizer is told of it."""
        task = self.space.task
        described = " ".join(filter(None, (task.description, task.kind.told)))
        return told_to_keep(replace(task, description=described), self.search.keep)

    def meta_prompts(self, trajectory: Trajectory[Candidate], step: int) -> Iterator[MetaPrompt]:
        prompts = MetaPrompts(
            task=self.told_task,
            qa=self.space.scorer.layout.qa,
            style=self.style,
            search=self.search,
            rows=self.measurement.split.train,
            marking=self.measurement.marking,
            wrong=self.wrong_answers.of,
        )
        return prompts.of(trajectory, step)

    @cached_property
    def wrong_answers(self) -> WrongAnswers:
        """What scored candidates got wrong on train, for whoever proposes by that."""
        return WrongAnswers(
            marking=self.measurement.marking, ledger=self.ledger, rows=self.measurement.split.train
        )

    def longest_reply(self) -> int:
        return self.search.max_characters

    def parse(self, reply: str) -> Candidate:
        """Polish and filter one reply (as Yang et al. 2023; refusals and copied rows are our own filters)."""
        text = polish(reply)
        if not text:
            raise Rejected("empty")
        if self.completes:
            text = with_kept(text, self.search.keep)
        if lacking(text, self.search.keep):
            raise Rejected("lacks words to keep")
        if any(tag.casefold() in text.casefold() for tag in TAGS):
            raise Rejected("contains a tag")
        if text.casefold().startswith(REFUSALS):
            raise Rejected("refusal")
        if told := self.space.task.kind.forbidden(text):
            raise Rejected(told)
        if ANSWER_HEADING.casefold() in text.casefold():
            raise Rejected("goes on with the examples")
        for leak in self._leaks.reasons(without(text, self.search.keep)):
            raise Rejected(leak)
        return self.space.candidate(text)

    def fits(self, solution: Candidate) -> bool:
        return self.space.fits(solution)

    def key(self, solution: Candidate) -> str:
        instruction = " ".join(solution.instruction.casefold().split())
        shots = [shot.id for shot in solution.shots]
        return content_hash("proposal", [instruction, shots, *solution.manner])

    def shown(self, solution: Candidate) -> str:
        return solution.instruction

    def encode(self, solution: Candidate) -> str:
        return solution.to_json()

    def decode(self, text: str) -> Candidate:
        return Candidate.from_json(text)

    def evaluate(
        self, step: Step[Candidate], trajectory: Trajectory[Candidate], ledger: OutcomeLedger
    ) -> list[Scored[Candidate]]:
        scored = self._raced(step, trajectory, ledger)
        if step.number == 0 and scored:
            self.measurement.check_measured([entry.score for entry in scored], "train")
        every = self.search.validate_every
        if every and step.number % every == 0:
            finals = Selection(measurement=self.measurement, direction=self.direction, ledger=ledger)
            finals.measure("periodic", "validation", [e.solution for e in scored if not e.dropped])
        return scored

    def _raced(
        self, step: Step[Candidate], trajectory: Trajectory[Candidate], ledger: OutcomeLedger
    ) -> list[Scored[Candidate]]:
        best = trajectory.best if self.search.races else None
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
        winner = ledger.fixed_winner() or self._winner(trajectory, finals)
        rivals = [
            self._best_of(rival, made_for(self), trajectory, finals)
            for rival, made_for in self.rivals.items()
        ]
        ledger.open_test(winner, self.measurement.split.test)
        baselines = self.measurement.refit([*self.space.baselines(), *filter(None, rivals)], ledger)
        self.measurement.outcomes([winner, *baselines], "test", ledger)  # together: they share the questions
        won = finals.measure("winner", "test", [winner])
        finals.measure("baseline", "test", baselines)
        self.measurement.check_measured(won, "test")

    def _winner(self, trajectory: Trajectory[Candidate], finals: Selection) -> Candidate:
        starts = self.starts()
        best = finalists(trajectory, starts, self.search.finalists)
        chosen = finals.winner(best, starts, self.search.prefer)
        texts = [text for text in paraphrases(chosen.instruction) if not lacking(text, self.search.keep)]
        near = [replace(chosen, instruction=text) for text in texts]
        finals.measure("paraphrase", "validation", near[: self.search.sensitivity])
        (winner,) = self.measurement.refit([chosen], finals.ledger)
        return winner

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

    @cached_property
    def _leaks(self) -> LeakCheck:
        kind = self.space.task.kind
        rows = (*self.space.split.train, *self.space.split.pool)
        known = [replace(row, target=right) for row in rows for right in kind.right(row.target) or [""]]
        return LeakCheck(known, labelled=bool(kind.labels))


def default_starts(task: Task) -> list[str]:
    """The empty instruction and the plainest direct one for this kind of answer."""
    return ["", task.kind.instructions[0]]


def polish(text: str) -> str:
    """Trim, drop Markdown bold and enclosing quotes, capitalise the first letter."""
    text = text.replace("**", "").strip()
    if len(text) > 1 and text[0] == text[-1] == '"' and '"' not in text[1:-1]:
        text = text[1:-1].strip()
    return text[:1].upper() + text[1:]
