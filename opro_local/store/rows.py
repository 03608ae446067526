"""Records to SQLite values and back, exactly: every float, a NaN included, comes back as it was."""

import json
import math
import struct
from typing import Any

import apsw

from opro_local.effort import EngineStats, WorkerStats
from opro_local.recording import Evaluation
from opro_local.records import Candidate, Outcome, Score, Usage
from opro_local.store.database import Row

OUTCOME_COLUMNS = (
    "example_id, target, prediction, score, feedback, reason, choice_log_probs, gold_log_likelihood, "
    "reply, prompt_tokens, generated_tokens"
)
_OUTCOMES = (
    f"SELECT key, split, {OUTCOME_COLUMNS} FROM outcome JOIN candidate ON candidate.id = outcome.candidate"
)


def pack_floats(values: tuple[float, ...]) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)


def unpack_floats(blob: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(blob) // 8}d", blob)


def outcome_to_row(outcome: Outcome) -> Row:
    """The values of OUTCOME_COLUMNS."""
    gold = outcome.gold_log_likelihood
    return (
        outcome.example_id,
        outcome.target,
        outcome.prediction,
        outcome.score,
        outcome.feedback,
        outcome.reason,
        pack_floats(outcome.choice_log_probs),
        "nan" if gold is not None and math.isnan(gold) else gold,
        outcome.reply,
        outcome.prompt_tokens,
        outcome.generated_tokens,
    )


def outcome_from_row(row: Row) -> Outcome:
    example_id, target, prediction, score, feedback, reason, log_probs, gold, reply, *tokens = row
    return Outcome(
        example_id=example_id,
        target=target,
        prediction=prediction,
        score=score,
        feedback=feedback,
        reason=reason,
        choice_log_probs=unpack_floats(log_probs),
        gold_log_likelihood=None if gold is None else float(gold),
        reply=reply,
        prompt_tokens=tokens[0],
        generated_tokens=tokens[1],
    )


def read_outcomes(database: apsw.Connection, key: str, split: str) -> dict[str, Outcome]:
    """Of one candidate on one split by example id, in the order in which they were recorded."""
    query = f"{_OUTCOMES} WHERE key = ? AND split = ? ORDER BY outcome.rowid"
    outcomes = (outcome_from_row(row[2:]) for row in read(database, query, (key, split)))
    return {outcome.example_id: outcome for outcome in outcomes}


def read_all_outcomes(database: apsw.Connection) -> list[tuple[str, str, Outcome]]:
    """Of every candidate, with its key and the split; the order does not hang on when they were recorded."""
    query = f"{_OUTCOMES} ORDER BY candidate.id, split, example_id"
    return [(key, split, outcome_from_row(tuple(row))) for key, split, *row in read(database, query)]


def score_to_json(score: Score) -> str:
    mappings = {"metrics": dict(score.metrics), "reasons": dict(score.reasons)}
    return json.dumps({name: getattr(score, name) for name in Score.__slots__} | mappings)


def score_from_json(text: str) -> Score:
    fields = json.loads(text)
    interval = fields.pop("interval")
    return Score(**fields, interval=None if interval is None else tuple(interval))


def read_evaluations(database: apsw.Connection) -> list[Evaluation]:
    """In the order in which they were recorded."""
    rows = read(database, "SELECT role, split, candidate, score FROM evaluation ORDER BY position")
    return [
        Evaluation(
            role=role, split=split, candidate=Candidate.from_json(candidate), score=score_from_json(score)
        )
        for role, split, candidate, score in rows
    ]


def read_usage(database: apsw.Connection) -> Usage:
    """Derived from the rows, so that it cannot disagree with them. The starting step counts as none."""
    ((steps, optimizer_tokens, pairs, scorer_tokens, seconds),) = read(
        database,
        """
        SELECT (SELECT count(*) FROM step WHERE closed AND number > 0),
               (SELECT coalesce(sum(prompt_tokens + generated_tokens), 0) FROM call),
               (SELECT count(*) FROM outcome),
               (SELECT coalesce(sum(prompt_tokens + generated_tokens), 0) FROM outcome),
               seconds
        FROM run
        """,
    )
    return Usage(
        steps=steps,
        pairs=pairs,
        scorer_tokens=scorer_tokens,
        optimizer_tokens=optimizer_tokens,
        seconds=seconds,
    )


def read_parts(database: apsw.Connection) -> dict[str, float]:
    """Seconds of the run by part, and those of older code, which did not measure it, as "unmeasured"."""
    ((parts,),) = read(database, "SELECT parts FROM run")
    return {part: float(seconds) for part, seconds in json.loads(parts).items()}


def read_efforts(database: apsw.Connection) -> list[EngineStats]:
    """What the scorer took, one a process that came to its end."""
    return [_effort(json.loads(figures)) for (figures,) in read(database, "SELECT figures FROM effort")]


def _effort(figures: dict[str, Any]) -> EngineStats:
    workers = tuple(WorkerStats(**each) for each in figures.pop("workers", ()))
    return EngineStats(**figures, workers=workers)


def read(database: apsw.Connection, query: str, bindings: Row = ()) -> list[Row]:
    """All rows of a query."""
    return list(database.execute(query, bindings))
