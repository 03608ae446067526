"""What a run found, in full: the one record that every reader takes, and from which its JSON is made."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from opro_local.errors import SettingsError
from opro_local.evidence.judge_record import Correlation
from opro_local.proposers.paraphrases import Wording
from opro_local.records import content_hash
from opro_local.results.answering import Answering, answering
from opro_local.results.answers import AnswerResult, all_answers, confusion_of, per_label_of
from opro_local.results.findings import BaselineVerdict, Echoes, Findings, HeadroomResult, Selection
from opro_local.results.flips import BaselineFlips, ConfidenceBin
from opro_local.results.most_common import MostCommon
from opro_local.results.must_stay import MustStay, must_stay
from opro_local.results.objective import ObjectiveFindings, objective_findings
from opro_local.results.overview import Held, Measured, Overview, Prompt, Solution
from opro_local.results.parts import PartResult, part_results
from opro_local.results.proposals import entries_of
from opro_local.results.reading import fields_of, overview
from opro_local.results.words import KEY_DIGITS
from opro_local.store.header import RunHeader
from opro_local.store.reader import RunReader, reading
from opro_local.tasks.task import task_from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult(Overview):
    """Of a run that optimised a prompt; data_digest is that of the table's rows.

    test_uses counts who used these test rows before; outcomes are there where they were asked for, parts
    where answers have some, most_common where there are labels. length_bias: where a judge graded, how its
    scores go with the length of the winner's test replies; echoes: how many of these repeat their row.
    """

    best: Prompt | None
    answering: Answering
    headroom: HeadroomResult | None
    verdicts: Sequence[BaselineVerdict]
    selection: Selection
    style: Wording | None
    flips: Sequence[BaselineFlips]
    reliability: Sequence[ConfidenceBin]
    test_uses: int | None
    data_digest: str
    most_common: MostCommon | None = None
    must_stay: MustStay | None = None
    parts: Sequence[PartResult] | None = None
    length_bias: Correlation | None = None
    echoes: Echoes | None = None
    outcomes: Sequence[AnswerResult] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveResult(Overview):
    """Of a run on a mathematical problem; data_digest is that of the whole problem.

    There are no examples: outcomes are none, where they were asked for.
    """

    best: Solution | None
    objective: ObjectiveFindings
    data_digest: str
    outcomes: Sequence[AnswerResult] | None = None


RunResult = TaskResult | ObjectiveResult


def read_result(path: Path, *, outcomes: bool = False) -> RunResult:
    """All that a run file says; with outcomes also what every candidate answered. Raises StoreError."""
    with reading(path) as run:
        return result_of(run, outcomes=outcomes)


def read_candidate(path: Path, name: str) -> RunResult:
    """The same as if a candidate had won: name is its number on the front, or the beginning of its key.

    Raises StoreError, and SettingsError where the run has no such finalist.
    """
    with reading(path) as run:
        best = _named(overview(run), name)
        known = overview(run, best_key=best.key)
        return replace(_task_result(run, known, outcomes=True), expected=None)


def _named(run: Overview, name: str) -> Measured:
    digits = name.rpartition(":")[2]
    if name.isdecimal() and 1 <= int(name) <= len(run.frontier):
        return run.frontier[int(name) - 1]
    found = [f for f in run.finalists if len(digits) >= KEY_DIGITS and digits in f.key]
    if len(found) == 1:
        return found[0]
    raise SettingsError(
        f"Run {run.run} has no candidate {name}: take a number from 1 to {len(run.frontier)} or a key from "
        "the table of prompt lengths in its report."
        if run.frontier
        else f"Run {run.run} has compared no candidates yet. Finish it: opro-local resume"
    )


def result_of(run: RunReader, *, outcomes: bool = False) -> RunResult:
    if run.header.is_task:
        return _task_result(run, overview(run), outcomes=outcomes)
    return ObjectiveResult(
        **fields_of(overview(run)),
        objective=objective_findings(run.header, entries_of(run)),
        data_digest=content_hash("data", json.loads(run.header.problem_json)),
        outcomes=() if outcomes else None,
    )


def _task_result(run: RunReader, known: Overview, *, outcomes: bool) -> TaskResult:
    found = Findings(run=run)
    held = {split: _by_label(run, known, split) for split in ("validation", "test")}
    return TaskResult(
        **fields_of(known) | held,
        answering=answering(run, known),
        headroom=found.headroom(),
        verdicts=found.verdicts(),
        most_common=found.most_common(),
        selection=found.selection(),
        style=found.style(),
        flips=found.flips(),
        reliability=found.reliability(),
        test_uses=run.test_uses,
        data_digest=rows_digest(run.header),
        must_stay=must_stay(run, known.best.key if isinstance(known.best, Prompt) else None),
        length_bias=found.length_bias() if known.task.judge else None,
        echoes=found.echoes() if known.task.judge else None,
        outcomes=all_answers(run) if outcomes else None,
        parts=part_results(found.pairs(), found.task.kind),
    )


def _by_label(run: RunReader, known: Overview, split: str) -> Held | None:
    held: Held | None = getattr(known, split)
    if held is None or known.best is None:
        return held
    key = known.best.key
    return replace(
        held,
        confusion=confusion_of(run, key=key, split=split),
        per_label=per_label_of(run, key=key, split=split),
    )


def rows_digest(header: RunHeader) -> str:
    """Of the rows of a task, whatever is asked about them."""
    rows = task_from_json(header.problem_json).rows
    return content_hash("data", [[row.id, row.text, row.target] for row in rows])
