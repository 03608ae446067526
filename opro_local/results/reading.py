"""A run as a person sees it in a list: everything but what is made of single outcomes."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields
from operator import itemgetter
from pathlib import Path
from typing import Any, cast

from opro_local.effort import EngineStats
from opro_local.evidence.judge_record import Agreement, JudgeRecord
from opro_local.recording import Evaluation
from opro_local.records import Candidate, Score, Step, Usage
from opro_local.results.overview import (
    Decoding,
    Effort,
    Figures,
    Followed,
    Held,
    Measured,
    Numbers,
    Overview,
    Problem,
    Prompt,
    ProposalResult,
    ProposedPrompt,
    Solution,
    StepResult,
    Timing,
    UsageResult,
    finite,
)
from opro_local.results.proposals import ProposalRecord, best_entry, by_proposer, entries_of, numbers
from opro_local.results.typed import typed
from opro_local.scoring.render import Layout
from opro_local.stopwatch import PARTS
from opro_local.store import schema
from opro_local.store.header import RunHeader
from opro_local.store.reader import RunReader, reading

NOT_HELD = ("compared", "expected")
"""Roles whose scores are not that of a candidate on a split."""


def read_overview(path: Path) -> Overview:
    """Quick. Raises StoreError."""
    with reading(path) as run:
        return overview(run)


def overview(run: RunReader, *, best_key: str | None = None) -> Overview:
    """best_key is that of a candidate to be taken for the best, which may be a baseline."""
    header, evaluations = run.header, run.evaluations
    entries = entries_of(run)
    winners = {best_key or e.candidate.key for e in evaluations if best_key or e.role == "winner"}
    best = best_entry(entries, header.direction, winners)
    tested = {e.candidate.key: e.candidate for e in evaluations if e.split == "test"}
    found = Overview(
        store_version=schema.VERSION,
        run=header.run_id,
        kind=header.kind,
        direction=header.direction,
        status="finished" if run.finished else "unfinished" if run.stop_reason is None else "stopped",
        stop_reason=run.stop_reason,
        models=header.models,
        versions=header.versions,
        settings=json.loads(header.settings_json),
        task=_problem(header.summary),
        metric=cast("str | None", header.summary.get("metric")),
        best=None if best is None else _in_full(header, best, tested),
        train=figures(best.score) if best and best.score else None,
        validation=_held(evaluations, best, "validation"),
        test=_held(evaluations, best, "test", but=() if best_key else ("baseline",)),
        baselines=_measured_as(evaluations, "baseline"),
        finalists=_measured_as(evaluations, "finalist"),
        periodic=[_followed(e, entries) for e in evaluations if e.role == "periodic"],
        sensitivity=_measured_as(evaluations, "paraphrase"),
        compared=_measured_as(evaluations, "compared"),
        frontier=_frontier(header, evaluations),
        expected=next((figures(e.score) for e in evaluations if e.role == "expected"), None),
        proposers=by_proposer(entries, header.direction, best),
        rejected=dict(sorted(Counter(e.reason for e in entries if e.reason is not None).items())),
        unanswered=run.unanswered,
        usage=_usage(run.usage),
        steps=[_step(run, step, entries) for step in run.all_steps],
        timing=_timing(run),
    )
    return typed(found)


def figures(score: Score) -> Figures:
    interval = score.interval if score.interval and all(map(math.isfinite, score.interval)) else None
    return Figures(
        value=finite(score.value),
        n=score.n,
        interval=interval,
        metrics={name: finite(value) for name, value in score.metrics.items()},
        reasons=score.reasons,
        prompt_tokens=score.prompt_tokens,
    )


def fields_of(record: object) -> dict[str, Any]:
    """The fields of a record, for one that has them and more."""
    return {field.name: getattr(record, field.name) for field in fields(cast("Any", record))}


def _problem(summary: Mapping[str, object]) -> Problem:
    layout: Any = summary.get("layout")
    known: Any = {each.name: summary.get(each.name) for each in fields(Problem)}
    return Problem(**known | {"layout": layout and Layout(**layout), "judge": _judge(summary.get("judge"))})


def _judge(stored: Any) -> JudgeRecord | None:
    measured = stored and stored["agreement"]
    return stored and JudgeRecord(**stored | {"agreement": measured and Agreement(**measured)})


def _in_full(header: RunHeader, entry: ProposalRecord, tested: Mapping[str, Candidate]) -> Prompt | Solution:
    """With the calibration of test, where it was measured there."""
    assert entry.solution is not None and entry.key is not None
    if not header.is_task:
        return Solution(solution=numbers(entry.solution), key=entry.key, step=entry.step, origin=entry.origin)
    candidate = tested.get(entry.key) or Candidate.from_json(entry.solution)
    return Prompt(
        instruction=candidate.instruction,
        shots=candidate.shots,
        calibration=candidate.calibration,
        key=entry.key,
        step=entry.step,
        origin=entry.origin,
        **_manner(candidate),
    )


def _manner(candidate: Candidate) -> dict[str, Any]:
    """Form and verbalizer, None where they are the default."""
    form = candidate.form if candidate.form.changes() else None
    return {"form": form, "verbalizer": candidate.verbalizer or None}


def _held(
    evaluations: Sequence[Evaluation], best: ProposalRecord | None, split: str, but: Sequence[str] = ()
) -> Held | None:
    """How the best solution did on a split, in other roles than these."""
    found = (
        e.score
        for e in evaluations
        if best and e.candidate.key == best.key and e.split == split and e.role not in (*NOT_HELD, *but)
    )
    return next((Held(**fields_of(figures(score))) for score in found), None)


def _measured_as(evaluations: Sequence[Evaluation], role: str) -> list[Measured]:
    return [_measured(evaluation) for evaluation in evaluations if evaluation.role == role]


def _measured(evaluation: Evaluation) -> Measured:
    candidate = evaluation.candidate
    return Measured(
        instruction=candidate.instruction,
        shots=[shot.id for shot in candidate.shots],
        key=candidate.key,
        split=evaluation.split,
        calibration=candidate.calibration,
        **_manner(candidate),
        **fields_of(figures(evaluation.score)),
    )


def _followed(evaluation: Evaluation, entries: Sequence[ProposalRecord]) -> Followed:
    """A candidate of a validated step, with that step and its score on train once it is known."""
    entry = next(e for e in entries if e.key == evaluation.candidate.key)
    train = None if entry.score is None else finite(entry.score.value)
    return Followed(**fields_of(_measured(evaluation)), step=entry.step, train=train)


def _frontier(header: RunHeader, evaluations: Sequence[Evaluation]) -> list[Measured]:
    """The finalists that no shorter prompt equals, the shortest first; older runs chose on validation."""
    role = "compared" if any(e.role == "compared" for e in evaluations) else "finalist"
    finalists = [e for e in evaluations if e.role == role and e.score.prompt_tokens is not None]
    ranks = [(e.score.prompt_tokens, -e.score.rank(header.direction)[0]) for e in finalists]
    best = math.inf
    found = []
    for (_, worse), evaluation in sorted(zip(ranks, finalists, strict=True), key=itemgetter(0)):
        if worse < best:
            best = worse
            found.append(_measured(evaluation))
    return found


def _step(run: RunReader, step: Step[str], entries: Sequence[ProposalRecord]) -> StepResult:
    first = step.calls[0] if step.calls else None
    return StepResult(
        number=step.number,
        closed=step is not run.open_step,
        temperature=first.temperature if first else None,
        seed=first.seed if first else None,
        prompt_tokens=sum(call.prompt_tokens for call in step.calls),
        generated_tokens=sum(call.generated_tokens for call in step.calls),
        meta_prompt=first.meta_prompt if first else "",
        exemplar_ids=first.exemplar_ids if first else (),
        calls=step.calls,
        proposals=[_proposal(run.header, entry) for entry in entries if entry.step == step.number],
    )


def _proposal(header: RunHeader, entry: ProposalRecord) -> ProposalResult:
    return ProposalResult(
        text=entry.text,
        origin=entry.origin,
        author=entry.author,
        reason=entry.reason,
        key=entry.key,
        solution=None if entry.solution is None else _proposed(header, entry.solution),
        score=figures(entry.score) if entry.score else None,
        dropped=entry.dropped,
    )


def _proposed(header: RunHeader, solution: str) -> ProposedPrompt | Numbers:
    if not header.is_task:
        return numbers(solution)
    candidate = Candidate.from_json(solution)
    return ProposedPrompt(
        instruction=candidate.instruction,
        shots=[shot.id for shot in candidate.shots],
        calibration=candidate.calibration,
        **_manner(candidate),
    )


def _usage(usage: Usage) -> UsageResult:
    return UsageResult(
        steps=usage.steps,
        pairs=usage.pairs,
        scorer_tokens=usage.scorer_tokens,
        optimizer_tokens=usage.optimizer_tokens,
        tokens=usage.tokens,
    )


def _timing(run: RunReader) -> Timing:
    seconds = run.usage.seconds
    return Timing(
        created=run.header.created,
        seconds=seconds,
        pairs_per_second=run.usage.pairs / seconds if seconds else None,
        parts=_parts(run),
        scorer=[_effort(effort) for effort in run.efforts if effort.requests],
        decoding=[_decoding(effort) for effort in run.efforts if effort.decoding_seconds],
        workers=[effort.workers for effort in run.efforts if effort.workers],
    )


def _parts(run: RunReader) -> dict[str, float]:
    """In the order of the report; the clock of a run and those of its parts are read one after the other."""
    parts = {name: run.parts[name] for name in (*PARTS, "unmeasured") if name in run.parts}
    return parts | {"other": max(0.0, run.usage.seconds - sum(parts.values()))}


def _effort(effort: EngineStats) -> Effort:
    return Effort(**{each.name: getattr(effort, each.name) for each in fields(Effort)})


def _decoding(effort: EngineStats) -> Decoding:
    return Decoding(
        tokens=effort.decoded_tokens,
        seconds=effort.decoding_seconds,
        least_seconds=effort.least_decoding_seconds,
        efficiency=effort.decoding_efficiency,
    )
