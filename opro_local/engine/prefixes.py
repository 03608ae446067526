"""The prefixes that prompts share: taken from the store where they are kept, else run, shortest first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from opro_local.engine.batches import NoNumbers, in_chunks
from opro_local.engine.cache import Placed, Prefix
from opro_local.engine.plan import PASS_OVERHEAD_TOKENS, Group, group_by_prefix
from opro_local.engine.prefix_store import Cuts, PrefixStore
from opro_local.engine.reuse import Reuse
from opro_local.engine.rows import trunk_row
from opro_local.llm import TokenIds


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A prefix, ready, and the prompts behind it, by their numbers; None where nothing is shared."""

    prefix: Prefix | None
    members: tuple[int, ...]


class Prefixes(Protocol):
    """Prepares what prompts share."""

    @property
    def reuse(self) -> Reuse: ...
    def of(self, prompts: Sequence[TokenIds]) -> list[Shared]:
        """Every prompt behind one prefix, prefixes from short to long."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPrefixes:
    """Prefixes that take all they can from the store, and run the rest in common passes.

    pass_overhead is what a prefix must save besides its own tokens, see plan.group_by_prefix.
    """

    reuse: Reuse
    store: PrefixStore
    pass_overhead: int = PASS_OVERHEAD_TOKENS

    def of(self, prompts: Sequence[TokenIds]) -> list[Shared]:
        """See Prefixes.of."""
        known = [self.store.matched(prompt) for prompt in prompts]
        groups = group_by_prefix(prompts, known=known, overhead=self.pass_overhead)
        ready = self._ready(groups)
        return [
            Shared(prefix=ready[group.prefix] if group.prefix else None, members=group.members)
            for group in groups
            if group.members
        ]

    def _ready(self, groups: Sequence[Group]) -> dict[TokenIds, Prefix]:
        wanted = {group.prefix: group.prefix[: group.parent] for group in groups if group.prefix}
        bases = self._kept(wanted)
        ready = {ids: base for ids, base in bases.items() if base and base.length == len(ids)}
        while len(ready) < len(wanted):
            runnable = [
                ids for ids, parent in wanted.items() if ids not in ready and (not parent or parent in ready)
            ]
            rows = [self._behind(ids, bases[ids], ready.get(wanted[ids])) for ids in runnable]
            for ids, prefix in zip(runnable, self._run(rows), strict=True):
                ready[ids] = prefix
                self.store.keep(ids, prefix)
        return ready

    def _kept(self, wanted: Iterable[TokenIds]) -> dict[TokenIds, Prefix | None]:
        """What the store has of each; those that begin alike get one and the same prefix."""
        found = {ids: self.store.find(ids) for ids in wanted}
        views = {ids[: prefix.length]: prefix for ids, prefix in found.items() if prefix}
        return {ids: prefix and views[ids[: prefix.length]] for ids, prefix in found.items()}

    def _behind(self, ids: TokenIds, kept: Prefix | None, parent: Prefix | None) -> Placed:
        """The part of a prefix that must be run, behind the longer of what is kept of it and its parent."""
        base = max((parent, kept), key=lambda prefix: prefix.length if prefix else 0)
        return Placed(row=trunk_row(ids, base.length if base else 0), prefix=base)

    def _run(self, rows: Sequence[Placed]) -> list[Prefix]:
        return in_chunks(rows, lambda batch: run_prefixes(self.reuse, batch), self.reuse.chunks(rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatablePrefixes:
    """Prefixes whose numbers depend on the prompts of the call alone, to the last bit.

    What is shared is planned without the store, a prefix has a pass to itself, and one that is stored is
    taken only if it was run in the same pieces. So a call has the same numbers in every process, whatever was
    asked for there before.
    """

    reuse: Reuse
    store: PrefixStore

    def of(self, prompts: Sequence[TokenIds]) -> list[Shared]:
        """See Prefixes.of."""
        ready: dict[TokenIds, tuple[Prefix | None, Cuts]] = {(): (None, ())}
        groups = group_by_prefix(prompts)
        for group in groups:
            parent, cuts = ready[group.prefix[: group.parent]]
            own = (*cuts, len(group.prefix))
            if group.prefix:
                ready[group.prefix] = self._made(group.prefix, parent, own), own
        return [
            Shared(prefix=ready[group.prefix][0], members=group.members) for group in groups if group.members
        ]

    def _made(self, ids: TokenIds, parent: Prefix | None, cuts: Cuts) -> Prefix:
        kept = self.store.made_so(ids, cuts)
        if kept:
            return kept
        row = Placed(row=trunk_row(ids, parent.length if parent else 0), prefix=parent)
        (prefix,) = run_prefixes(self.reuse, [row])
        self.store.keep(ids, prefix, cuts)
        return prefix


def run_prefixes(reuse: Reuse, rows: Sequence[Placed]) -> list[Prefix]:
    """The prefixes that end with these rows, run in one pass. Raises NoNumbers where one may spoil others."""
    states = reuse.run(rows, keep=True)
    if len(rows) > 1 and not states.hidden.isfinite().all():
        raise NoNumbers
    return [states.trail(i, p, range(len(p.row.ids))).joined() for i, p in enumerate(rows)]
