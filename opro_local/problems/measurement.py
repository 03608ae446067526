"""Candidates measured on the rows of a split, block by block, and what their answers are worth.

Every scored block is recorded before the next one is asked for, and what is recorded is not asked again. Test
rows are given out only once the winner is fixed.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain

from opro_local.config import CalibrationMethod
from opro_local.errors import DataError, LeakedShot, SealedTest
from opro_local.problem import Watcher
from opro_local.problems.heats import HEAT_TOKENS, heats
from opro_local.recording import OutcomeLedger
from opro_local.records import Answer, Candidate, Example, Outcome, Score, SplitName
from opro_local.scoring.calibration import CONTENT_FREE, fit_auto, fit_batch, fit_contextual, log_prior
from opro_local.scoring.marking import Marking
from opro_local.scoring.scorer import Scorer
from opro_local.tasks.split import Split
from opro_local.tasks.task import Task

SEARCHED: tuple[SplitName, ...] = ("train", "validation")
"""What has been read when the winner is fixed."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One task, one scorer, one way to calibrate. block is the number of rows scored and saved at a time."""

    task: Task
    split: Split
    scorer: Scorer
    calibration: CalibrationMethod
    block: int
    watcher: Watcher
    heat_tokens: int = HEAT_TOKENS

    @cached_property
    def marking(self) -> Marking:
        return Marking.of(self.task)

    @cached_property
    def prior(self) -> tuple[float, ...]:
        """The log prior of each alternative, of all rows that are searched with."""
        return log_prior([row.target for row in (*self.split.train, *self.split.pool)], self.task.kind)

    def rows(self, split: SplitName, ledger: OutcomeLedger) -> tuple[Example, ...]:
        """Raises SealedTest when test rows are asked for too early."""
        if split == "test" and not ledger.test_is_open():
            raise SealedTest("Test rows were asked for before the winner was fixed; the run cannot go on.")
        rows: tuple[Example, ...] = getattr(self.split, split)
        return rows

    def sheet(self, split: SplitName, ledger: OutcomeLedger) -> "AnswerSheet":
        return AnswerSheet(measurement=self, split=split, ledger=ledger, rows=self.rows(split, ledger))

    def heats(self, candidates: Sequence[Candidate]) -> list[list[Candidate]]:
        """Those that are scored together."""
        return heats(self.scorer, candidates, self.heat_tokens)

    def outcomes(
        self, candidates: Sequence[Candidate], split: SplitName, ledger: OutcomeLedger
    ) -> list[list[Outcome]]:
        """All outcomes of each candidate on a split, in the order of its rows."""
        sheet = self.sheet(split, ledger)
        for heat in self.heats(candidates):
            for block in sheet.blocks(sheet.rows):
                sheet.ask(heat, block)
        return [sheet.outcomes(candidate, sheet.rows) for candidate in candidates]

    def calibrated(self, candidate: Candidate, outcomes: Sequence[Outcome]) -> Candidate:
        """The candidate with its biases fitted on these outcomes."""
        if self.calibration == "batch":
            return self._fitted(candidate, outcomes, fit_batch(outcomes))
        if self.calibration == "auto":
            biases = fit_auto(outcomes, self.task.kind, self.prior, self.marking.spec.prior_weight)
            return self._fitted(candidate, outcomes, biases)
        if self.calibration == "contextual" and not candidate.calibration:
            return replace(
                candidate, calibration=fit_contextual(self._content_free(candidate), self.task.kind)
            )
        return candidate

    def fit(self, candidates: Sequence[Candidate], ledger: OutcomeLedger) -> list[Candidate]:
        """The candidates with their calibration, of train, which is scored only where it has to be."""
        return self._fit(candidates, ("train",), ledger)

    def refit(self, candidates: Sequence[Candidate], ledger: OutcomeLedger) -> list[Candidate]:
        """As fit, of train and validation: for those that no longer compete on either."""
        return self._fit(candidates, SEARCHED, ledger)

    def _fit(
        self, candidates: Sequence[Candidate], splits: Sequence[SplitName], ledger: OutcomeLedger
    ) -> list[Candidate]:
        if self.calibration not in ("batch", "auto"):
            return [self.calibrated(candidate, ()) for candidate in candidates]
        of_each = [self.outcomes(candidates, split, ledger) for split in splits]
        return [
            self.calibrated(candidate, list(chain(*parts)))
            for candidate, *parts in zip(candidates, *of_each, strict=True)
        ]

    def score(self, candidate: Candidate, outcomes: Sequence[Outcome]) -> Score:
        """What the outcomes of a fitted candidate add up to."""
        return self.marking.score(self.answers(candidate, outcomes))

    def check_measured(self, scores: Sequence[Score], split: SplitName) -> None:
        """Raises DataError where none of the scores is a number: nothing can be chosen by them."""
        if any(math.isfinite(score.value) for score in scores):
            return
        reasons = sum((Counter(score.reasons) for score in scores), Counter[str]())
        told = ", ".join(f"{reason} {count}" for reason, count in reasons.items()) or "no probabilities"
        raise DataError(
            f"No prompt has a {self.task.metric} on {split} (rows without an answer: {told}). Leave such "
            "rows out, or take a metric that counts them as wrong, such as --metric accuracy."
        )

    def answers(self, candidate: Candidate, outcomes: Sequence[Outcome]) -> list[Answer]:
        """The outcomes of a fitted candidate under its calibration."""
        return self.marking.answers(outcomes, candidate.calibration)

    def scores(self, fitted: Sequence[Candidate], split: SplitName, ledger: OutcomeLedger) -> list[Score]:
        """Of fitted candidates on a split, their calibration applied unchanged."""
        outcomes = self.outcomes(fitted, split, ledger)
        return [self.score(c, found) for c, found in zip(fitted, outcomes, strict=True)]

    def _fitted(
        self, candidate: Candidate, outcomes: Sequence[Outcome], biases: tuple[float, ...]
    ) -> Candidate:
        return replace(candidate, calibration=self.marking.fitted(outcomes, biases))

    def _content_free(self, candidate: Candidate) -> list[Outcome]:
        target = self.task.examples[0].target  # a row has one; contextual calibration ignores it
        rows = [Example(id=f"content-free {text!r}", text=text, target=target) for text in CONTENT_FREE]
        return self.scorer.score([candidate], rows)[0]


@dataclass(frozen=True, kw_only=True)
class AnswerSheet:
    """The answers of candidates to the rows of a split, filled block by block."""

    measurement: Measurement
    split: SplitName
    ledger: OutcomeLedger
    rows: tuple[Example, ...]
    _known: dict[str, dict[str, Outcome]] = field(default_factory=dict)

    def blocks(self, rows: Sequence[Example]) -> Iterator[Sequence[Example]]:
        for start in range(0, len(rows), self.measurement.block):
            yield rows[start : start + self.measurement.block]

    def ask(self, candidates: Sequence[Candidate], block: Sequence[Example]) -> None:
        """Score and record what is missing of a block; candidates that lack some of it are asked for all.

        Raises LeakedShot.
        """
        asked = {row.id for row in block}
        missing = {c.key: c for c in candidates if not asked <= self._of(c).keys()}
        if not missing:
            return
        texts = {row.text for row in block}
        if any(shot.text in texts for candidate in missing.values() for shot in candidate.shots):
            raise LeakedShot("A row was to be scored with itself as a shot; the run cannot go on.")
        scored = self.measurement.scorer.score(list(missing.values()), block)
        fresh = dict(zip(missing, scored, strict=True))
        self.ledger.record_block(self.split, fresh)
        for key, outcomes in fresh.items():
            self._known[key].update((outcome.example_id, outcome) for outcome in outcomes)
        self.measurement.watcher.block_scored(self.split, len(missing) * len(block))

    def outcomes(self, candidate: Candidate, rows: Sequence[Example]) -> list[Outcome]:
        """Of a candidate on rows that it was asked."""
        known = self._of(candidate)
        return [known[row.id] for row in rows]

    def _of(self, candidate: Candidate) -> dict[str, Outcome]:
        if (key := candidate.key) not in self._known:
            self._known[key] = dict(self.ledger.outcomes(key, self.split))
        return self._known[key]
