"""What the outcomes of a run prove: is the winner better, by how much, and how much of that is luck.

Everything is worked out from what the file keeps, so that a report can be checked against it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean

import numpy as np

from opro_local.config import HEADROOM_CANDIDATES
from opro_local.evidence.agreement import rank_correlation
from opro_local.evidence.headroom import Headroom, headroom
from opro_local.evidence.judge_record import Correlation
from opro_local.evidence.paired import Comparison
from opro_local.evidence.racing import rank_agreement
from opro_local.evidence.verdict import Word, luck_of_best, verdicts
from opro_local.proposers.paraphrases import Wording, style_of
from opro_local.reading.spans import token_f1, tokens
from opro_local.recording import Evaluation
from opro_local.records import Answer, Candidate, Direction, Score, Scored, SplitName
from opro_local.results.flips import BaselineFlips, ConfidenceBin, flips, reliability
from opro_local.results.most_common import MostCommon, most_common
from opro_local.results.reading import fields_of
from opro_local.results.tasks import row_ids
from opro_local.scoring.marking import Marking
from opro_local.store.reader import RunReader, reading
from opro_local.tasks.task import Task, task_from_json

STYLED = 5
"""Of so many of the best instructions length and style are told."""
ECHO = 0.8
"""The F1 of tokens from which a reply repeats its row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadroomResult:
    """Whether very different prompts differ on train (Headroom); exists: more than chance would have it.

    measure names what lowest, highest and spread are of.
    """

    instructions: int
    rows: int
    lowest: float
    highest: float
    spread: float
    p_value: float
    exists: bool
    measure: str = "accuracy"

    @classmethod
    def of(cls, found: Headroom) -> "HeadroomResult":
        return cls(**asdict(found), exists=found.exists)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineVerdict:
    """The winner beside one baseline on test (Verdict), corrected for the number of baselines.

    adjusted_p is one-sided: the p-value of "worse" where that is the word and else of "better". A two-sided
    one is twice as large.
    """

    instruction: str
    word: Word
    comparison: Comparison
    adjusted_p: float
    n_to_settle: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """How much was tried beyond the starts, and what the luck of the best of so many amounts to.

    expected_best_if_equal is the best on train that is expected of those that were scored in full (candidates
    without dropped), were all as good as the winner is on test and the rows as easy or hard as they were;
    likelihood_agreement is the rank correlation of score and likelihood of right answers (Kendall's tau).
    """

    candidates: int
    dropped: int
    pairs_saved: int
    expected_best_if_equal: float | None
    likelihood_agreement: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Echoes:
    """count of n replies say again what their row says; score is the mean of these."""

    count: int
    n: int
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Answers of a winner and of a baseline on the same rows; won: it is the baseline."""

    instruction: str
    ours: list[Answer]
    theirs: list[Answer]
    won: bool = False


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The findings of one run of a task: those that it has come far enough for; the rest is None or empty."""

    run: RunReader

    @cached_property
    def task(self) -> Task:
        return task_from_json(self.run.header.problem_json)

    @cached_property
    def marking(self) -> Marking:
        return Marking.of(self.task)

    def headroom(self) -> HeadroomResult | None:
        tried = self._evaluations("headroom", "train")
        if len(tried) < HEADROOM_CANDIDATES:  # none, or cut off while they were recorded
            return None
        ids = row_ids(self.run.header, "train")[: tried[0].score.n]
        worth, measure = self.marking.row_scores([self._answers(e.candidate, "train", ids) for e in tried])
        return HeadroomResult.of(headroom(worth, measure=measure))

    def verdicts(self) -> list[BaselineVerdict]:
        """The winner against each baseline on test, corrected for their number."""
        others = [pair for pair in self.pairs() if not pair.won]
        return _verdicts(others, self.marking)

    def most_common(self) -> MostCommon | None:
        pair, train = next(iter(self.pairs()), None), {*row_ids(self.run.header, "train")}
        targets = [row.target for row in self.task.rows if row.id in train]
        return most_common(self.marking, targets, pair.ours) if pair else None

    def pairs(self) -> list[Pair]:
        """What the winner and each baseline answered on test."""
        winner = next((e.candidate for e in self._evaluations("winner", "test")), None)
        if winner is None:
            return []
        ours = self._on_test(winner)
        baselines = [e.candidate for e in self._evaluations("baseline", "test")]
        found = [
            Pair(
                instruction=each.instruction,
                ours=ours,
                theirs=self._on_test(each),
                won=each.key == winner.key,
            )
            for each in baselines
        ]
        rows = len(row_ids(self.run.header, "test"))
        return [pair for pair in found if len(pair.ours) == len(pair.theirs) == rows > 0]

    def flips(self) -> list[BaselineFlips]:
        """For each baseline the test rows that the winner fixes or breaks."""
        texts = self.texts()
        return [
            BaselineFlips(
                instruction=pair.instruction,
                **fields_of(flips(pair.ours, pair.theirs, labels=self.marking.kind.classes, texts=texts)),
            )
            for pair in self.pairs()
            if not pair.won
        ]

    def texts(self) -> dict[str, str]:
        """The rows of the task by id."""
        return {row.id: row.text for row in self.task.rows}

    def reliability(self) -> list[ConfidenceBin]:
        pair = next(iter(self.pairs()), None)
        return reliability(pair.ours, self.marking.kind) if pair else []

    def length_bias(self) -> Correlation | None:
        """Of score and length (characters) of what the winner wrote on test."""
        replies = self._written()
        return rank_correlation([score for _, _, score in replies], [len(reply) for _, reply, _ in replies])

    def echoes(self) -> Echoes | None:
        """Of what the winner wrote on test: a small judge takes a friendly text for a friendly reply."""
        replies = self._written()
        scores = [score for text, reply, score in replies if token_f1(tokens(reply), tokens(text)) >= ECHO]
        return Echoes(count=len(scores), n=len(replies), score=fmean(scores) if scores else None)

    def _written(self) -> list[tuple[str, str, float]]:
        """The winner's replies on test behind their rows' texts, with their scores."""
        pair, texts = next(iter(self.pairs()), None), self.texts()
        ours = pair.ours if pair else []
        return [(texts[a.example_id], a.prediction, a.score) for a in ours if a.prediction is not None]

    def _on_test(self, candidate: Candidate) -> list[Answer]:
        return self._answers(candidate, "test", row_ids(self.run.header, "test"))

    def selection(self) -> Selection:
        tried = [entry for entry in self._scored() if entry.step > 0]
        rows = len(row_ids(self.run.header, "train"))
        scored = [entry for entry in tried if not entry.dropped]
        whole = [entry.score for entry in scored]
        return Selection(
            candidates=len(tried),
            dropped=len(tried) - len(whole),
            pairs_saved=sum(rows - entry.score.n for entry in tried if entry.dropped),
            expected_best_if_equal=self._expected_best(scored),
            likelihood_agreement=_agreement(whole, self.run.header.direction),
        )

    def _expected_best(self, scored: Sequence[Scored[str]]) -> float | None:
        """Of candidates that saw all train rows, as Selection has it."""
        winner = next((e.score for e in self._evaluations("winner", "test")), None)
        ids = row_ids(self.run.header, "train")
        if not (winner and scored and ids and self.marking.metric == "accuracy"):
            return None
        candidates = map(Candidate.from_json, (entry.solution for entry in scored))
        correct = [[answer.correct for answer in self._answers(c, "train", ids)] for c in candidates]
        return min(1.0, winner.value + luck_of_best(np.array(correct)))

    def style(self) -> Wording | None:
        """Length and form of the best instructions on train."""
        direction = self.run.header.direction
        whole = [entry for entry in self._scored() if not entry.dropped]
        best = sorted(whole, key=lambda entry: entry.score.rank(direction), reverse=True)[:STYLED]
        texts = [Candidate.from_json(entry.solution).instruction for entry in best]
        return style_of(texts) if texts else None

    def _scored(self) -> list[Scored[str]]:
        return [entry for step in self.run.steps for entry in step.scored]

    def _evaluations(self, role: str, split: SplitName) -> list[Evaluation]:
        return [e for e in self.run.evaluations if (e.role, e.split) == (role, split)]

    def _answers(self, candidate: Candidate, split: SplitName, ids: Sequence[str]) -> list[Answer]:
        """In the order of ids."""
        found = self.run.outcomes(candidate.key, split)
        return self.marking.answers([found[row] for row in ids if row in found], candidate.calibration)


def pooled_verdicts(paths: Sequence[Path]) -> list[BaselineVerdict]:
    """The verdicts of runs on different folds together: each winner against the baselines that all have.

    Rows are tested once, by winners that were found on overlapping rows: the intervals do not know of that.
    """
    pooled: dict[str, Pair] = {}
    for path in paths:
        with reading(path) as run:
            found = Findings(run=run)
            pairs = {pair.instruction: pair for pair in found.pairs()}
        if not pooled or not pairs:  # a fold may have ended without a test
            pooled = pooled or pairs
            continue
        pooled = {
            text: Pair(
                instruction=text,
                ours=pooled[text].ours + pairs[text].ours,
                theirs=pooled[text].theirs + pairs[text].theirs,
            )
            for text in pooled
            if text in pairs
        }
    return _verdicts(list(pooled.values()), found.marking)


def _verdicts(pairs: Sequence[Pair], marking: Marking) -> list[BaselineVerdict]:
    found = [(p.instruction, marking.compare(p.ours, p.theirs)) for p in pairs]
    known = [(text, comparison) for text, comparison in found if comparison is not None]
    judged = verdicts([comparison for _, comparison in known])
    return [
        BaselineVerdict(instruction=text, **fields_of(verdict))
        for (text, _), verdict in zip(known, judged, strict=True)
    ]


def _agreement(scores: Sequence[Score], direction: Direction) -> float | None:
    """Whether candidates that make right answers likely are those with the better scores."""
    known = [
        (score.rank(direction)[0], -score.metrics["log_loss"])
        for score in scores
        if "log_loss" in score.metrics
    ]
    return rank_agreement([value for value, _ in known], [likely for _, likely in known]) if known else None
