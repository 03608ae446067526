"""Batches of prompts that grow by one token a row and step: their keys and values kept, or all run anew."""

from collections.abc import Sequence
from itertools import groupby
from math import ceil
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import pad

from opro_local.engine.cache import Parts, SlabLayer, SlabRoom, Trail
from opro_local.engine.capture import Call, Recorder, Replayed
from opro_local.engine.forward import Body
from opro_local.engine.masks import EVERYBODY, NOBODY, SlotColumns
from opro_local.engine.transfer import sent
from opro_local.llm import TokenIds

SLOTS = (1, 2, 4, 8)
"""Rows that a block may hold: more of them read a shared prefix less often, and compare more in vain."""
TOKENS_TO_COME = 64
COMPARING = 0.1
"""What a row's comparing with a cached token costs beside reading it."""


class Continuation(Protocol):
    """A batch that can go on; every step ends at the rows' last hidden states (B, d)."""

    def step(self, tokens: Tensor) -> Tensor:
        """Append a token to each row. tokens (B,)."""
        ...

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only."""
        ...


class Step(Protocol):
    """Runs one more token a slot, see Body.step and Body.packed_step."""

    def __call__(self, ids: Tensor, columns: SlotColumns, slabs: Sequence[SlabLayer], /) -> Tensor: ...


class CachedRows:
    """Rows that go on behind what was run before.

    Neighbours behind the same prefix share blocks of slots: a block holds the prefix once, then what is each
    row's own, then a token a slot for every step. With record, steps are recorded and replayed, see capture.
    """

    def __init__(
        self, body: Body, trails: Sequence[Trail], run: Step, record: Recorder | None = None
    ) -> None:
        self._body, self._run, self._record = body, run, record
        threads = torch.get_num_threads() if body.device.type == "cpu" else 1
        self._at_once = max(1, threads // _key_heads(body))
        self._lay_out(trails)

    def _lay_out(self, trails: Sequence[Trail]) -> None:
        self._trails = list(trails)
        self._steps = 0
        self._slots = best_slots(trails, at_once=self._at_once)
        blocks = _blocks(trails, self._slots)
        self._cells = [(at, slot) for at, block in enumerate(blocks) for slot in range(len(block))]
        self._at = self._sent([at * self._slots + slot for at, slot in self._cells], torch.long)
        self._start = max(trail.start for trail in trails)
        self._own = max(trail.length for trail in trails)
        self._room = SlabRoom(
            self._start + self._slots * self._own,
            self._slots,
            self._body.device,
            spare=TOKENS_TO_COME * self._slots if self._record else 0,
        )
        layers = len(trails[0].own or trails[0].joined().layers)
        self._slabs = [
            SlabLayer([self._parts(block, i) for block in blocks], self._room) for i in range(layers)
        ]
        owners, positions = zip(*map(self._columns, blocks), strict=True)
        self._owners = _wide(self._sent(owners), self._room.columns, NOBODY)
        self._positions = _wide(self._sent(positions), self._room.columns, 0)
        self._each_slot = self._sent([list(range(self._slots))] * len(blocks))
        ends = [[trail.start + trail.length for trail in block] for block in blocks]
        self._following = self._sent([[*row, *[0] * (self._slots - len(row))] for row in ends])
        self._shape_is_new()

    def step(self, tokens: Tensor) -> Tensor:
        self._reserve()
        hidden = self._one_more(tokens)
        self._room.count()
        self._steps += 1
        self._body.work.count(tokens=len(tokens), padded=self._following.numel())
        return hidden

    def _shape_is_new(self) -> None:
        """The next step is another one than the last."""
        self._one_more: Call = Replayed(self._on_device, self._record) if self._record else self._on_device

    def _on_device(self, tokens: Tensor) -> Tensor:
        """All of a step but what the host counts."""
        ids = tokens.new_zeros(self._following.numel()).index_copy(0, self._at, tokens)
        self._owners.index_copy_(1, self._room.at, self._each_slot)
        self._positions.index_copy_(1, self._room.at, self._following)
        seen = self._room.seen
        columns = SlotColumns(
            owners=self._owners[:, :seen], positions=self._positions[:, :seen], asking=self._following
        )
        hidden = self._run(ids.view_as(self._following), columns, self._slabs)
        self._following.add_(1).clamp_(max=self._body.last_position)
        self._room.move_on()
        return hidden.index_select(0, self._at)

    def _reserve(self) -> None:
        if self._room.reserve():
            for layer in self._slabs:
                layer.grow()
            self._owners = _wide(self._owners, self._room.columns, NOBODY)
            self._positions = _wide(self._positions, self._room.columns, 0)
            self._shape_is_new()

    def keep(self, rows: Sequence[int]) -> None:
        self._lay_out([self._trail(row) for row in rows])

    def _trail(self, row: int) -> Trail:
        """What a row stands behind now."""
        at, slot = self._cells[row]
        begun, behind = self._trails[row], self._start + self._slots * self._own
        first = self._start + slot * self._own
        columns = [
            *range(first, first + begun.length),
            *(behind + step * self._slots + slot for step in range(self._steps)),
        ]
        index = self._sent(columns, torch.long)
        return Trail(prefix=begun.prefix, own=tuple(layer.row(at, index) for layer in self._slabs))

    def _parts(self, block: Sequence[Trail], layer: int) -> Parts:
        """What a block holds at first, with the columns."""
        prefix = block[0].prefix
        shared = [(0, prefix.by_token(layer))] if prefix else []
        own = [(self._start + slot * self._own, t.own[layer]) for slot, t in enumerate(block) if t.own]
        return [*shared, *own]

    def _columns(self, block: Sequence[Trail]) -> tuple[list[int], list[int]]:
        """Who owns each column of a block, and the positions."""
        start = block[0].start
        owners = [EVERYBODY] * start + [NOBODY] * (self._start - start)
        positions = [*range(start), *[0] * (self._start - start)]
        for slot in range(self._slots):
            length = block[slot].length if slot < len(block) else 0
            owners += [slot] * length + [NOBODY] * (self._own - length)
            positions += [*range(start, start + length), *[0] * (self._own - length)]
        return owners, positions

    def _sent(self, numbers: Sequence[object], dtype: torch.dtype = torch.int32) -> Tensor:
        return sent(numbers, self._body.device, dtype)


def _wide(columns: Tensor, width: int, filling: int) -> Tensor:
    return pad(columns, (0, width - columns.shape[1]), value=filling)


def _blocks(trails: Sequence[Trail], slots: int) -> list[list[Trail]]:
    """Neighbours behind the same prefix, so many at most together."""
    groups = (list(group) for _, group in groupby(trails, key=lambda trail: id(trail.prefix)))
    return [group[at : at + slots] for group in groups for at in range(0, len(group), slots)]


def _key_heads(body: Body) -> int:
    """Of its first layer: torch gives each head of each block to a thread."""
    heads = body.attention.heads
    return heads[0].query // heads[0].grouped if heads else 1


def best_slots(trails: Sequence[Trail], *, at_once: int) -> int:
    """The size of blocks that takes least, where so many of them are read at once."""
    start = max(trail.start for trail in trails)
    own = max(trail.length for trail in trails) + TOKENS_TO_COME

    def cost(slots: int) -> float:
        rounds = ceil(len(_blocks(trails, slots)) / at_once)
        return rounds * (start + slots * own) * (1 + COMPARING * slots)

    return min(SLOTS, key=cost)


class RecomputedRows:
    """Rows that are run from their first token in every step, for models whose state cannot be shared."""

    def __init__(self, body: Body, prompts: Sequence[TokenIds]) -> None:
        self._body = body
        self._rows = list(prompts)

    def run(self) -> Tensor:
        """The last hidden state of each row. -> (B, d)."""
        hidden = self._body.whole(self._rows)
        last = sent([len(row) - 1 for row in self._rows], hidden.device)
        return hidden[torch.arange(len(self._rows), device=hidden.device), last]

    def step(self, tokens: Tensor) -> Tensor:
        self._rows = [(*row, token) for row, token in zip(self._rows, tokens.tolist(), strict=True)]
        return self.run()

    def keep(self, rows: Sequence[int]) -> None:
        self._rows = [self._rows[i] for i in rows]
