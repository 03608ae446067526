"""The task problem: which instruction makes the scorer LLM answer the user's rows best.

Candidates are scored on train, block by block; the best few and the starting instructions are measured on
validation; the winner is measured once on test, beside the baselines.
"""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from opro_local.config import CalibrationMethod, SearchSettings, Style
from opro_local.errors import Rejected
from opro_local.meta_prompt import ANSWER_HEADING, STYLES, TAGS, Brief, Shown
from opro_local.problem import MetaPrompt, Watcher
from opro_local.recording import Evaluation, OutcomeLedger
from opro_local.records import (
    Candidate,
    Direction,
    Example,
    Outcome,
    Score,
    Scored,
    SplitName,
    Trajectory,
    derived_seed,
)
from opro_local.scoring.calibration import CONTENT_FREE, fit_batch, fit_contextual
from opro_local.scoring.metrics import METRIC_DIRECTION, measure
from opro_local.scoring.scorer import Scorer
from opro_local.tasks.split import Split
from opro_local.tasks.task import Task

STEP_BY_STEP = "Let's think step by step."
LEAK_WORDS = 8
"""An instruction that shares so many consecutive words with a row copies that row."""
REFUSALS = ("i'm sorry", "i am sorry", "i cannot", "i can't", "as an ai", "sorry,")


@dataclass(frozen=True, kw_only=True)
class InstructionProblem:
    """opro_local.problem.Problem for a Task; solutions are Candidates."""

    task: Task
    split: Split
    scorer: Scorer
    search: SearchSettings
    style: Style
    calibration: CalibrationMethod
    watcher: Watcher

    @property
    def direction(self) -> Direction:
        return METRIC_DIRECTION[self.task.metric]

    @cached_property
    def shots(self) -> tuple[Example, ...]:
        """The fixed exemplars of every candidate; they leave the train rows, so none is scored on itself."""
        return choose_shots(self.split.train, self.search.shots, seed=self.search.seed)

    @cached_property
    def rows(self) -> Mapping[SplitName, tuple[Example, ...]]:
        """The rows that candidates are scored on."""
        shown = {shot.text for shot in self.shots}
        train = tuple(row for row in self.split.train if row.text not in shown)
        return {"train": train, "validation": self.split.validation, "test": self.split.test}

    def starts(self) -> Sequence[Candidate]:
        texts = self.search.starts if self.search.starts is not None else default_starts(self.task)
        return [self.candidate(text) for text in dict.fromkeys(texts)]

    def baselines(self) -> Sequence[Candidate]:
        """What the winner is compared with on test."""
        return list(dict.fromkeys([*self.starts(), self.candidate(STEP_BY_STEP)]))

    def meta_prompts(self, trajectory: Trajectory[Candidate], step: int) -> Iterator[MetaPrompt]:
        """With less and less of the trajectory (the best stay longest), at last with fewer exemplars."""
        draw = random.Random(derived_seed(self.search.seed, step, "exemplars"))
        train = self.rows["train"]
        exemplars = draw.sample(train, min(self.search.exemplars, len(train)))
        best = trajectory.ascending()[-self.search.shown :]
        for shown, count in _sizes(len(best), len(exemplars)):
            yield self._meta_prompt(best[len(best) - shown :], exemplars[:count])

    def _meta_prompt(self, shown: Sequence[Scored[Candidate]], exemplars: Sequence[Example]) -> MetaPrompt:
        brief = Brief(
            description=self.task.description,
            position=self.task.position,
            qa=self.scorer.layout.qa,
            shown=[Shown(instruction=s.solution.instruction, score=self._display(s.score)) for s in shown],
            exemplars=exemplars if self.style != "completion" else (),
        )
        return STYLES[self.style](brief)

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
        if self.task.answer == "number" and any(character.isdigit() for character in text):
            raise Rejected("contains a digit")
        if ANSWER_HEADING.casefold() in text.casefold():
            raise Rejected("goes on with the examples")
        if self._train_phrases & set(phrases(text)):
            raise Rejected("copies a row")
        return self.candidate(text)

    def key(self, solution: Candidate) -> str:
        return " ".join(solution.instruction.casefold().split())

    def encode(self, solution: Candidate) -> str:
        return solution.to_json()

    def decode(self, text: str) -> Candidate:
        return Candidate.from_json(text)

    def evaluate(
        self, solutions: Sequence[Candidate], step: int, ledger: OutcomeLedger
    ) -> list[Scored[Candidate]]:
        outcomes = self._outcomes(solutions, "train", ledger)
        fitted = [self._calibrate(candidate, outcomes[candidate.key]) for candidate in solutions]
        return [
            Scored(solution=candidate, score=self._measure(candidate, outcomes[candidate.key]), step=step)
            for candidate in fitted
        ]

    def finish(self, trajectory: Trajectory[Candidate], ledger: OutcomeLedger) -> None:
        finalists = self._finalists(trajectory)
        scores = self.measure_on("validation", finalists, ledger)
        _record(ledger, ["finalist"] * len(finalists), "validation", finalists, scores)
        sign = 1.0 if self.direction == "maximize" else -1.0
        winner, _ = max(zip(finalists, scores, strict=True), key=lambda item: sign * item[1].value)
        compared = [winner, *self.fit(self.baselines(), ledger)]
        scores = self.measure_on("test", compared, ledger)
        _record(ledger, ["winner", *["baseline"] * (len(compared) - 1)], "test", compared, scores)

    def fit(self, candidates: Sequence[Candidate], ledger: OutcomeLedger) -> list[Candidate]:
        """The candidates with their calibration fitted; only batch calibration has to score train for it."""
        outcomes = self._outcomes(candidates, "train", ledger) if self.calibration == "batch" else {}
        return [self._calibrate(candidate, outcomes.get(candidate.key, ())) for candidate in candidates]

    def measure_on(self, split: SplitName, fitted: Sequence[Candidate], ledger: OutcomeLedger) -> list[Score]:
        """Scores of fitted candidates on a split, their calibration applied unchanged."""
        outcomes = self._outcomes(fitted, split, ledger)
        return [self._measure(candidate, outcomes[candidate.key]) for candidate in fitted]

    def _finalists(self, trajectory: Trajectory[Candidate]) -> list[Candidate]:
        """The best on train, best first, then the starts that are not among them."""
        ranked = [entry.solution for entry in reversed(trajectory.ascending())]
        starts = {candidate.key for candidate in self.starts()}
        best = ranked[: self.search.finalists]
        return best + [c for c in ranked[self.search.finalists :] if c.key in starts]

    def candidate(self, instruction: str) -> Candidate:
        return Candidate(instruction=instruction, shots=self.shots)

    def _outcomes(
        self, candidates: Sequence[Candidate], split: SplitName, ledger: OutcomeLedger
    ) -> dict[str, list[Outcome]]:
        """All outcomes of the candidates on a split; what the ledger lacks is scored block by block."""
        known = {c.key: dict(ledger.outcomes(c.key, split)) for c in candidates}
        pending = {c.key: c for c in candidates}
        for block in blocks(self.rows[split], self.search.block):
            missing = [c for key, c in pending.items() if any(row.id not in known[key] for row in block)]
            if not missing:
                continue
            fresh = dict(zip((c.key for c in missing), self.scorer.score(missing, block), strict=True))
            ledger.record_block(split, fresh)
            for key, outcomes in fresh.items():
                known[key].update((outcome.example_id, outcome) for outcome in outcomes)
            self.watcher.block_scored(split, len(missing) * len(block))
        return {key: [found[row.id] for row in self.rows[split]] for key, found in known.items()}

    def _calibrate(self, candidate: Candidate, outcomes: Sequence[Outcome]) -> Candidate:
        """The candidate with its biases fitted on train, without a look at the labels."""
        if self.calibration == "none":
            return candidate
        if self.calibration == "batch":
            return replace(candidate, calibration=fit_batch(outcomes))
        return replace(candidate, calibration=fit_contextual(self._content_free(candidate)))

    def _content_free(self, candidate: Candidate) -> list[Outcome]:
        label = self.task.labels[0]  # a target is needed to form a row; contextual calibration ignores it
        rows = [Example(id=f"content-free {text!r}", text=text, target=label) for text in CONTENT_FREE]
        return self.scorer.score([candidate], rows)[0]

    def _measure(self, candidate: Candidate, outcomes: Sequence[Outcome]) -> Score:
        return measure(
            outcomes, labels=self.task.labels, metric=self.task.metric, calibration=candidate.calibration
        )

    def _display(self, score: Score) -> int:
        """The score as the optimizer sees it: 0 to 100, higher is better, half to even."""
        if self.task.metric == "log_loss":
            return round(100 * math.exp(-score.value))  # geometric mean probability of the right label
        if self.task.metric == "brier":
            return round(100 * (1 - min(score.value, 2) / 2))  # it lies in [0, 2], inf if it failed
        if self.task.metric == "mcc":
            return round(50 * (1 + score.value))  # it lies in [-1, 1]
        return round(100 * score.value)

    @cached_property
    def _train_phrases(self) -> set[str]:
        return {phrase for row in self.split.train for phrase in phrases(row.text)}


def _record(
    ledger: OutcomeLedger,
    roles: Sequence[str],
    split: SplitName,
    candidates: Sequence[Candidate],
    scores: Sequence[Score],
) -> None:
    """Keep what a resumed run has not kept already."""
    known = ledger.evaluations()
    for role, candidate, score in zip(roles, candidates, scores, strict=True):
        evaluation = Evaluation(role=role, split=split, candidate=candidate, score=score)
        if evaluation not in known:
            ledger.record_evaluation(evaluation)


def _sizes(shown: int, exemplars: int) -> Iterator[tuple[int, int]]:
    """How many solutions and exemplars to show, from all of them to next to nothing."""
    while shown > 1:
        yield shown, exemplars
        shown = shown * 3 // 4
    for count in range(exemplars, -1, -1):
        yield shown, count


def default_starts(task: Task) -> list[str]:
    """The empty instruction and one direct instruction made from what the task says."""
    if task.answer in ("label", "boolean"):
        direct = f"Which of these is it: {', '.join(task.labels)}?"
    elif task.answer == "number":
        direct = "Solve the problem. End with the answer as a number."
    else:
        direct = "Answer the question. Give only the answer."
    return ["", direct]


def choose_shots(rows: Sequence[Example], count: int, *, seed: int) -> tuple[Example, ...]:
    """count rows drawn at random, the labels in turn, so that no label prevails."""
    draw = random.Random(derived_seed(seed, 0, "shots"))
    by_label: dict[str, list[Example]] = {}
    different = {row.text: row for row in draw.sample(rows, len(rows))}
    for row in different.values():
        by_label.setdefault(row.target, []).append(row)
    ordered = [row for turn in _turns(list(by_label.values())) for row in turn]
    return tuple(ordered[:count])


def _turns(queues: Sequence[Sequence[Example]]) -> Iterator[list[Example]]:
    for position in range(max((len(queue) for queue in queues), default=0)):
        yield [queue[position] for queue in queues if position < len(queue)]


def blocks(rows: Sequence[Example], size: int) -> Iterator[Sequence[Example]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def polish(text: str) -> str:
    """Trim, drop Markdown bold and enclosing quotes, capitalise the first letter."""
    text = text.replace("**", "").strip()
    if len(text) > 1 and text[0] == text[-1] == '"' and '"' not in text[1:-1]:
        text = text[1:-1].strip()
    return text[:1].upper() + text[1:]


def phrases(text: str) -> Iterator[str]:
    """All runs of LEAK_WORDS consecutive words, case and spacing aside."""
    words = text.casefold().split()
    for start in range(len(words) - LEAK_WORDS + 1):
        yield " ".join(words[start : start + LEAK_WORDS])
