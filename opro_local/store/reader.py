"""A run file as records: what was kept, and nothing of what it is worth."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import apsw

from opro_local.effort import EngineStats
from opro_local.recording import Evaluation, Event
from opro_local.records import Outcome, Step, Usage
from opro_local.store.database import open_run, sound
from opro_local.store.events import read_events
from opro_local.store.header import RunHeader, load_header
from opro_local.store.rows import (
    read,
    read_all_outcomes,
    read_efforts,
    read_evaluations,
    read_outcomes,
    read_parts,
    read_usage,
)
from opro_local.store.steps import AsText, read_steps


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReader:
    """One run, its solutions as the text that the file keeps.

    steps are closed, open_step is not; parts are seconds by part of the program; test_uses counts who
    used the test rows before, once they are used; unanswered counts the outcomes without a prediction by
    reason. outcomes gives those of a candidate's key on a split by example id, every_outcome all with key
    and split, in the order of the candidates. Both give them before calibration.
    """

    header: RunHeader
    stop_reason: str | None = None
    finished: bool = False
    test_uses: int | None = None
    steps: tuple[Step[str], ...] = ()
    open_step: Step[str] | None = None
    evaluations: tuple[Evaluation, ...] = ()
    usage: Usage = field(default_factory=Usage)
    parts: Mapping[str, float] = field(default_factory=dict)
    efforts: tuple[EngineStats, ...] = ()
    events: tuple[Event, ...] = ()
    unanswered: Mapping[str, int] = field(default_factory=dict)
    outcomes: Callable[[str, str], Mapping[str, Outcome]] = lambda _key, _split: {}
    every_outcome: Callable[[], list[tuple[str, str, Outcome]]] = list

    @property
    def all_steps(self) -> tuple[Step[str], ...]:
        return self.steps if self.open_step is None else (*self.steps, self.open_step)


@contextmanager
def reading(path: Path) -> Iterator[RunReader]:
    """The run in a file as it is at one moment; outcomes can be had inside. Raises StoreError."""
    with sound(path), closing(open_run(path, write=False)) as database, database:
        yield _reader(database)


def _reader(database: apsw.Connection) -> RunReader:
    ((stop_reason, finished, test_uses),) = read(database, "SELECT stop_reason, finished, test_uses FROM run")
    return RunReader(
        header=load_header(database),
        stop_reason=stop_reason,
        finished=bool(finished),
        test_uses=test_uses,
        steps=tuple(read_steps(database, AsText(), closed=True)),
        open_step=next(read_steps(database, AsText(), closed=False), None),
        evaluations=tuple(read_evaluations(database)),
        usage=read_usage(database),
        parts=read_parts(database),
        efforts=tuple(read_efforts(database)),
        events=tuple(read_events(database)),
        unanswered=_unanswered(database),
        outcomes=partial(read_outcomes, database),
        every_outcome=partial(read_all_outcomes, database),
    )


def _unanswered(database: apsw.Connection) -> Mapping[str, int]:
    query = "SELECT reason, count(*) FROM outcome WHERE reason IS NOT NULL GROUP BY reason ORDER BY reason"
    return {str(reason): int(count) for reason, count in read(database, query)}
