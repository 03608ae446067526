"""What the outcomes of a run prove: is the winner better, by how much, and how much of that is luck.

Everything is worked out from the file, so that a report can be checked against it.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import apsw
import numpy as np

from opro_local.config import HEADROOM_CANDIDATES, Metric
from opro_local.evidence.headroom import headroom
from opro_local.evidence.racing import rank_agreement
from opro_local.evidence.verdict import expected_best, verdicts
from opro_local.proposers.paraphrases import style_of
from opro_local.recording import Evaluation
from opro_local.records import Answer, Candidate, Direction, Outcome, Score, SplitName
from opro_local.results.flips import flips, reliability
from opro_local.scoring.marking import Marking
from opro_local.store.database import open_run, sound
from opro_local.store.header import RunHeader, load_header
from opro_local.store.rows import (
    OUTCOME_COLUMNS,
    outcome_from_row,
    read,
    read_evaluations,
    score_from_json,
)
from opro_local.tasks.task import task_from_json

Document = dict[str, Any]
STYLED = 5
"""Of so many of the best instructions length and style are told."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The findings of one run of a task."""

    database: apsw.Connection
    header: RunHeader

    def document(self) -> Document:
        """All findings that the run has come far enough for; the rest is None or empty."""
        return {
            "headroom": self.headroom(),
            "verdicts": self.verdicts(),
            "selection": self.selection(),
            "style": self.style(),
            "flips": self.flips(),
            "reliability": self.reliability(),
            "test_uses": self._test_uses(),
        }

    def headroom(self) -> Document | None:
        tried = self._evaluations("headroom", "train")
        if len(tried) < HEADROOM_CANDIDATES:  # none, or cut off while they were recorded
            return None
        ids = self._row_ids("train")[: tried[0].score.n]
        found = headroom(
            np.array([[a.score for a in self._answers(e.candidate, "train", ids)] for e in tried])
        )
        return {**asdict(found), "exists": found.exists}

    def verdicts(self) -> list[Document]:
        """The winner against each baseline on test, corrected for their number."""
        others = [pair for pair in self.pairs() if not pair.won]
        return _verdicts(others, self.marking)

    def pairs(self) -> list["Pair"]:
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
        rows = len(self._row_ids("test"))
        return [pair for pair in found if len(pair.ours) == len(pair.theirs) == rows > 0]

    def flips(self) -> list[Document]:
        """For each baseline the test rows that the winner fixes or breaks."""
        texts = self.texts()
        return [
            {
                "instruction": pair.instruction,
                **flips(pair.ours, pair.theirs, labels=self.labels, texts=texts),
            }
            for pair in self.pairs()
            if not pair.won
        ]

    def texts(self) -> dict[str, str]:
        """The rows of the task by id."""
        return {row.id: row.text for row in task_from_json(self.header.problem_json).rows}

    def reliability(self) -> list[Mapping[str, float]]:
        pair = next(iter(self.pairs()), None)
        return reliability(pair.ours) if pair else []

    def _on_test(self, candidate: Candidate) -> list[Answer]:
        return self._answers(candidate, "test", self._row_ids("test"))

    def _answers(self, candidate: Candidate, split: SplitName, ids: Sequence[str]) -> list[Answer]:
        return self.marking.answers(self._outcomes(candidate, split, ids), candidate.calibration)

    def selection(self) -> Document:
        """How much was tried, and what the luck of the best of so many amounts to."""
        tried = [(score_from_json(score), dropped) for score, dropped in self._tried()]
        whole = [score for score, dropped in tried if not dropped]
        rows = len(self._row_ids("train"))
        winner = next((e.score for e in self._evaluations("winner", "test")), None)
        lucky = (
            expected_best(len(tried), value=winner.value, n=rows)
            if winner and tried and rows and self.metric == "accuracy"
            else None
        )
        return {
            "candidates": len(tried),
            "dropped": len(tried) - len(whole),
            "pairs_saved": sum(rows - score.n for score, dropped in tried if dropped),
            "expected_best_if_equal": lucky,
            "likelihood_agreement": _agreement(whole, self.header.direction),
        }

    def style(self) -> Document | None:
        """Length and form of the best instructions on train."""
        direction = self.header.direction
        rows = read(self.database, "SELECT solution, score FROM scored WHERE NOT dropped")
        best = sorted(rows, key=lambda row: score_from_json(row[1]).rank(direction), reverse=True)[:STYLED]
        texts = [Candidate.from_json(solution).instruction for solution, _ in best]
        return asdict(style_of(texts)) if texts else None

    def _tried(self) -> list[tuple[str, bool]]:
        """Scores of all candidates beyond the starts."""
        return [
            (str(score), bool(dropped))
            for score, dropped in read(self.database, "SELECT score, dropped FROM scored WHERE step > 0")
        ]

    def _test_uses(self) -> int | None:
        ((uses,),) = read(self.database, "SELECT test_uses FROM run")
        return None if uses is None else int(uses)

    def _evaluations(self, role: str, split: SplitName) -> list[Evaluation]:
        return [e for e in read_evaluations(self.database) if (e.role, e.split) == (role, split)]

    def _outcomes(self, candidate: Candidate, split: SplitName, ids: Sequence[str]) -> list[Outcome]:
        """Before calibration, in the order of ids."""
        query = (
            f"SELECT {OUTCOME_COLUMNS} FROM outcome JOIN candidate ON candidate.id = outcome.candidate "
            "WHERE key = ? AND split = ?"
        )
        rows = read(self.database, query, (candidate.key, split))
        found = {outcome.example_id: outcome for outcome in map(outcome_from_row, rows)}
        return [found[row] for row in ids if row in found]

    def _row_ids(self, split: SplitName) -> list[str]:
        """Empty for the first runs, which did not name their rows."""
        return cast("dict[str, list[str]]", self.header.summary.get("row_ids", {})).get(split, [])

    @property
    def labels(self) -> list[str]:
        return cast("list[str]", self.header.summary["labels"])

    @property
    def metric(self) -> Metric:
        return cast("Metric", self.header.summary["metric"])

    @cached_property
    def marking(self) -> Marking:
        return Marking.of(task_from_json(self.header.problem_json))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Calibrated outcomes of a winner and of a baseline on the same rows; won: it is the baseline."""

    instruction: str
    ours: list[Answer]
    theirs: list[Answer]
    won: bool = False


def pooled_verdicts(paths: Sequence[Path]) -> list[Document]:
    """The verdicts of runs on different folds together: each winner against the baselines that all have.

    Rows are tested once, by winners that were found on overlapping rows: the intervals do not know of that.
    """
    pooled: dict[str, Pair] = {}
    for path in paths:
        with sound(path), closing(open_run(path, write=False)) as database, database:
            run = Findings(database=database, header=load_header(database))
            pairs = {pair.instruction: pair for pair in run.pairs()}
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
    return _verdicts(list(pooled.values()), run.marking)


def _verdicts(pairs: Sequence[Pair], marking: Marking) -> list[Document]:
    found = [(p.instruction, marking.compare(p.ours, p.theirs)) for p in pairs]
    known = [(text, comparison) for text, comparison in found if comparison is not None]
    judged = verdicts([comparison for _, comparison in known])
    return [
        {"instruction": text, **asdict(verdict)} for (text, _), verdict in zip(known, judged, strict=True)
    ]


def _agreement(scores: Sequence[Score], direction: Direction) -> float | None:
    """Whether candidates that make right answers likely are those with the better scores."""
    known = [
        (score.rank(direction)[0], -score.metrics["log_loss"])
        for score in scores
        if "log_loss" in score.metrics
    ]
    return rank_agreement([value for value, _ in known], [likely for _, likely in known]) if known else None
