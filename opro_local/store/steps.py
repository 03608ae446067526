"""The steps of a run, read back as they were recorded."""

import json
from collections.abc import Iterator
from typing import Protocol

import apsw

from opro_local.records import Candidate, OptimizerCall, Proposal, S, Scored, Step
from opro_local.store.database import Row
from opro_local.store.rows import read, score_from_json

CALL_COLUMNS = ("meta_prompt", "seed", "temperature", "prompt_tokens", "generated_tokens", "exemplar_ids")


class Codec(Protocol[S]):
    """The part of a Problem that the file needs."""

    def encode(self, solution: S) -> str: ...
    def decode(self, text: str) -> S: ...


class CandidateCodec:
    """The codec of a task's solutions."""

    def encode(self, solution: Candidate) -> str:
        return solution.to_json()

    def decode(self, text: str) -> Candidate:
        return Candidate.from_json(text)


class AsText:
    """The codec of a reader that takes solutions as they are kept."""

    def encode(self, solution: str) -> str:
        return solution

    def decode(self, text: str) -> str:
        return text


def read_steps(database: apsw.Connection, codec: Codec[S], *, closed: bool) -> Iterator[Step[S]]:
    """The closed steps, or the open one, in order."""
    for (number,) in read(database, "SELECT number FROM step WHERE closed = ? ORDER BY number", (closed,)):
        yield Step(
            number=number,
            proposals=_proposals(database, codec, number),
            calls=read_calls(database, number),
            scored=_scored(database, codec, number),
        )


def read_calls(database: apsw.Connection, number: int) -> tuple[OptimizerCall, ...]:
    """What the optimizer was asked in a step, in order."""
    query = f"SELECT {', '.join(CALL_COLUMNS)} FROM call WHERE step = ? ORDER BY position"
    return tuple(
        OptimizerCall(
            meta_prompt=meta_prompt,
            seed=seed,
            temperature=temperature,
            prompt_tokens=prompt_tokens,
            generated_tokens=generated_tokens,
            exemplar_ids=tuple(json.loads(exemplar_ids)),
        )
        for meta_prompt, seed, temperature, prompt_tokens, generated_tokens, exemplar_ids in read(
            database, query, (number,)
        )
    )


def call_row(call: OptimizerCall) -> Row:
    """The values of CALL_COLUMNS."""
    values = [getattr(call, name) for name in CALL_COLUMNS[:-1]]
    return *values, json.dumps(call.exemplar_ids)


def _proposals(database: apsw.Connection, codec: Codec[S], number: int) -> tuple[Proposal[S], ...]:
    query = "SELECT text, solution, reason, origin, author FROM proposal WHERE step = ? ORDER BY position"
    return tuple(
        Proposal(
            text=text,
            solution=None if solution is None else codec.decode(solution),
            reason=reason,
            origin=origin,
            author=author,
        )
        for text, solution, reason, origin, author in read(database, query, (number,))
    )


def _scored(database: apsw.Connection, codec: Codec[S], number: int) -> tuple[Scored[S], ...]:
    query = "SELECT solution, score, dropped FROM scored WHERE step = ? ORDER BY position"
    return tuple(
        Scored(
            solution=codec.decode(solution), score=score_from_json(score), step=number, dropped=bool(dropped)
        )
        for solution, score, dropped in read(database, query, (number,))
    )
