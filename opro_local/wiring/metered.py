"""What the models of a run take, kept in its file."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from opro_local.effort import EngineStats
from opro_local.errors import Interrupted
from opro_local.problem import Watcher
from opro_local.recording import RunStore
from opro_local.records import S
from opro_local.wiring.models import Models


@contextmanager
def metered(models: Models, store: RunStore[S], watcher: Watcher) -> Iterator[None]:
    """Records what scoring and decoding take inside, also where the user stops it."""
    before, begun = _effort(models), monotonic()

    def effort() -> EngineStats:
        return _effort(models).since(before).over(monotonic() - begun)

    watcher.metered(effort)
    try:
        yield
    except Interrupted:
        store.record_effort(effort())
        raise
    store.record_effort(effort())


def _effort(models: Models) -> EngineStats:
    """The scorer's, with what decoding took in both roles."""
    effort = models.scorer.effort()
    return effort if models.optimizer is models.scorer else effort.with_decoding_of(models.optimizer.effort())
