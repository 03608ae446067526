"""What a run file says, as one JSON document.

Everything comes from the file alone. All that may differ between an unbroken run and one that was killed and
resumed stands under "timing"; only the run id differs besides.
"""

import json
import math
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from operator import itemgetter
from pathlib import Path
from typing import Any

import apsw

from opro_local.llm import EngineStats
from opro_local.recording import Evaluation
from opro_local.records import OptimizerCall, Usage, content_hash
from opro_local.results.proposals import ProposalRecord, best_entry, by_proposer, in_full, read_entries
from opro_local.store import schema
from opro_local.store.database import open_run, sound
from opro_local.store.header import RunHeader, load_header
from opro_local.store.rows import (
    read,
    read_efforts,
    read_evaluations,
    read_usage,
)
from opro_local.store.steps import read_calls
from opro_local.tasks.task import task_from_json

Document = dict[str, Any]
"""Strict JSON: text, finite numbers, true, false, null, lists and objects of these."""


def run_document(path: Path, *, outcomes: bool = False) -> Document:
    """All that run --json and export print; with outcomes also every example's. Raises StoreError."""
    # Imports scikit-learn, which run_overview does without.
    from opro_local.results.answers import all_answers, confusion_of
    from opro_local.results.findings import Findings
    from opro_local.results.objective import objective_findings

    with sound(path), closing(open_run(path, write=False)) as database, database:
        header, document = load_header(database), _overview(database)
        if header.kind == "task":
            document |= Findings(database=database, header=header).document()
        else:
            document["objective"] = objective_findings(header, list(read_entries(database, header)))
        for split in ("validation", "test"):
            if document[split] is not None:
                table = confusion_of(database, header, key=document["best"]["key"], split=split)
                document[split] |= {"confusion": table} if table else {}
        document["data_digest"] = _data_digest(header)
        if outcomes:
            document["outcomes"] = all_answers(database, header)
    return {key: _strict(value) for key, value in document.items()}


def _data_digest(header: RunHeader) -> str:
    """Of the rows of a task, whatever is asked about them; of all of a mathematical problem."""
    if header.kind != "task":
        return content_hash("data", json.loads(header.problem_json))
    rows = task_from_json(header.problem_json).rows
    return content_hash("data", [[row.id, row.text, row.target] for row in rows])


def run_overview(path: Path) -> Document:
    """The document without what is made of single outcomes; quick. Raises StoreError."""
    with sound(path), closing(open_run(path, write=False)) as database, database:
        document = _overview(database)
    return {key: _strict(value) for key, value in document.items()}


def _overview(database: apsw.Connection) -> Document:
    header, usage = load_header(database), read_usage(database)
    evaluations = read_evaluations(database)
    entries = list(read_entries(database, header))
    winners = {e.candidate.key for e in evaluations if e.role == "winner"}
    best = best_entry(entries, header.direction, winners)
    unanswered = read(
        database, "SELECT reason, count(*) FROM outcome WHERE reason IS NOT NULL GROUP BY reason"
    )
    return {
        "store_version": schema.VERSION,
        "run": header.run_id,
        "kind": header.kind,
        "direction": header.direction,
        **_status(database),
        "models": [asdict(model) for model in header.models],
        "versions": header.versions,
        "settings": json.loads(header.settings_json),
        "task": header.summary,
        "metric": header.summary.get("metric"),
        "best": best and in_full(header, best),
        "train": best and best.score and asdict(best.score),
        "validation": _evaluated(evaluations, best, "validation"),
        "test": _evaluated(evaluations, best, "test"),
        "baselines": [_measured(e) for e in evaluations if e.role == "baseline"],
        "finalists": [_measured(e) for e in evaluations if e.role == "finalist"],
        "periodic": [_followed(e, entries) for e in evaluations if e.role == "periodic"],
        "sensitivity": [_measured(e) for e in evaluations if e.role == "paraphrase"],
        "frontier": _frontier(header, evaluations),
        "proposers": by_proposer(entries, header.direction, best),
        "rejected": dict(sorted(Counter(e.reason for e in entries if e.reason is not None).items())),
        "unanswered": dict(sorted(unanswered)),
        "usage": _usage(usage),
        "steps": _steps(database, header, entries),
        "timing": {
            "created": header.created,
            "seconds": usage.seconds,
            "pairs_per_second": usage.pairs / usage.seconds if usage.seconds else None,
            "scorer": [_effort(effort) for effort in read_efforts(database)],
        },
    }


def _effort(effort: EngineStats) -> Document:
    return {**asdict(effort), "efficiency": effort.efficiency}


def _status(database: apsw.Connection) -> Document:
    """unfinished while searching or cut off there, stopped while measuring or cut off there, finished."""
    ((reason, finished),) = read(database, "SELECT stop_reason, finished FROM run")
    status = "finished" if finished else "unfinished" if reason is None else "stopped"
    return {"status": status, "stop_reason": reason}


def _usage(usage: Usage) -> Document:
    return {
        "steps": usage.steps,
        "pairs": usage.pairs,
        "scorer_tokens": usage.scorer_tokens,
        "optimizer_tokens": usage.optimizer_tokens,
        "tokens": usage.tokens,
    }


def _evaluated(evaluations: Sequence[Evaluation], best: ProposalRecord | None, split: str) -> Document | None:
    """How the best solution did on a split; baselines are measured apart."""
    found = (
        e.score
        for e in evaluations
        if best and e.candidate.key == best.key and e.split == split and e.role != "baseline"
    )
    return next(map(asdict, found), None)


def _measured(evaluation: Evaluation) -> Document:
    candidate = evaluation.candidate
    return {
        "instruction": candidate.instruction,
        "shots": [shot.id for shot in candidate.shots],
        "key": candidate.key,
        "split": evaluation.split,
        **asdict(evaluation.score),
    }


def _followed(evaluation: Evaluation, entries: Sequence[ProposalRecord]) -> Document:
    """A candidate of a validated step, with that step and its score on train once it is known."""
    entry = next(e for e in entries if e.key == evaluation.candidate.key)
    return {**_measured(evaluation), "step": entry.step, "train": entry.score and entry.score.value}


def _frontier(header: RunHeader, evaluations: Sequence[Evaluation]) -> list[Document]:
    """On validation, the finalists that no shorter prompt equals, the shortest first."""
    finalists = [e for e in evaluations if e.role == "finalist" and e.score.prompt_tokens is not None]
    ranks = [(e.score.prompt_tokens, -e.score.rank(header.direction)[0]) for e in finalists]
    best = math.inf
    found = []
    for (_, worse), evaluation in sorted(zip(ranks, finalists, strict=True), key=itemgetter(0)):
        if worse < best:
            best = worse
            found.append(_measured(evaluation))
    return found


def _steps(database: apsw.Connection, header: RunHeader, entries: Sequence[ProposalRecord]) -> list[Document]:
    return [
        {
            "number": number,
            "closed": bool(closed),
            **_calls(read_calls(database, number)),
            "proposals": [_proposal(header, entry) for entry in entries if entry.step == number],
        }
        for number, closed in read(database, "SELECT number, closed FROM step ORDER BY number")
    ]


def _calls(calls: Sequence[OptimizerCall]) -> Document:
    """All calls of a step; beside them what the first was asked, and the tokens of all."""
    first = calls[0] if calls else None
    return {
        "temperature": first and first.temperature,
        "seed": first and first.seed,
        "prompt_tokens": sum(call.prompt_tokens for call in calls),
        "generated_tokens": sum(call.generated_tokens for call in calls),
        "meta_prompt": first.meta_prompt if first else "",
        "exemplar_ids": list(first.exemplar_ids) if first else [],
        "calls": [asdict(call) for call in calls],
    }


def _proposal(header: RunHeader, entry: ProposalRecord) -> Document:
    """One proposal; shots by id, since most candidates of a run have the same."""
    solution = None if entry.solution is None else json.loads(entry.solution)
    if header.kind == "task" and solution is not None:
        solution["shots"] = [shot["id"] for shot in solution["shots"]]
    return {
        "text": entry.text,
        "origin": entry.origin,
        "author": entry.author,
        "reason": entry.reason,
        "key": entry.key,
        "solution": solution,
        "score": entry.score and asdict(entry.score),
        "dropped": entry.dropped,
    }


def _strict(value: Any) -> Any:
    """JSON has no NaN and no infinity: they become null."""
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
