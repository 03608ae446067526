"""The steps of a run, read back as they were recorded."""

import json
from collections.abc import Iterator
from typing import Protocol

import apsw

from opro_local.records import Proposal, S, Scored, Step
from opro_local.store.rows import read, score_from_json


class Codec(Protocol[S]):
    """The part of a Problem that the file needs."""

    def encode(self, solution: S) -> str: ...
    def decode(self, text: str) -> S: ...


class AsText:
    """The codec of a reader that takes solutions as they are kept."""

    def encode(self, solution: str) -> str:
        return solution

    def decode(self, text: str) -> str:
        return text


def read_steps(database: apsw.Connection, codec: Codec[S], *, closed: bool) -> Iterator[Step[S]]:
    """The closed steps, or the open one, in order."""
    query = (
        "SELECT number, meta_prompt, exemplar_ids, temperature, seed, prompt_tokens, generated_tokens "
        "FROM step WHERE closed = ? ORDER BY number"
    )
    for number, meta_prompt, exemplar_ids, temperature, seed, prompt, generated in read(
        database, query, (closed,)
    ):
        yield Step(
            number=number,
            proposals=_proposals(database, codec, number),
            meta_prompt=meta_prompt,
            exemplar_ids=tuple(json.loads(exemplar_ids)),
            temperature=temperature,
            seed=seed,
            prompt_tokens=prompt,
            generated_tokens=generated,
            scored=_scored(database, codec, number),
        )


def _proposals(database: apsw.Connection, codec: Codec[S], number: int) -> tuple[Proposal[S], ...]:
    query = "SELECT text, solution, reason, origin FROM proposal WHERE step = ? ORDER BY position"
    return tuple(
        Proposal(
            text=text,
            solution=None if solution is None else codec.decode(solution),
            reason=reason,
            origin=origin,
        )
        for text, solution, reason, origin in read(database, query, (number,))
    )


def _scored(database: apsw.Connection, codec: Codec[S], number: int) -> tuple[Scored[S], ...]:
    query = "SELECT solution, score, dropped FROM scored WHERE step = ? ORDER BY position"
    return tuple(
        Scored(
            solution=codec.decode(solution), score=score_from_json(score), step=number, dropped=bool(dropped)
        )
        for solution, score, dropped in read(database, query, (number,))
    )
