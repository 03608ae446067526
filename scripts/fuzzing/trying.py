"""Tries examples of a target for a time: each passes, is refused by an error of ours, or is a find.

A find is any other exception, or an example that takes longer than it may. Hypothesis makes what raises
smaller for some seconds; what takes too long is kept as it is.
"""

import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from time import monotonic
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.strategies import SearchStrategy

from opro_local.errors import OproError

EXAMPLES = 200
"""Of one seed."""

SHRINKING_SECONDS = 10
LONGEST_EXAMPLE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is tried with which examples: those that are sure to be, then drawn ones; share is of the time."""

    name: str
    examples: SearchStrategy[Any]
    work: Callable[[Any], object]
    sure: Sequence[Any] = ()
    share: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """A fault: the example is the smallest that was found, end the last lines of its traceback."""

    target: str
    kind: str
    seed: int | None
    example: str
    end: str


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the examples of one target ended in."""

    target: str
    examples: int = 0
    refused: int = 0
    finds: list[Find] = field(default_factory=list)

    def keep(self, find: Find | None) -> None:
        """Each place where an example ended is kept once."""
        if find is not None and find.end not in [known.end for known in self.finds]:
            self.finds.append(find)

    def row(self) -> dict[str, object]:
        kinds = [find.kind for find in self.finds]
        return {
            "target": self.target,
            "examples": self.examples,
            "refused": self.refused,
            "tracebacks": kinds.count("traceback"),
            "hangs": kinds.count("hang"),
        }


class _Over(BaseException):
    """The time of the target, or of making an example smaller, is over; not an Exception, so it passes."""


class _Failed(Exception):
    """An example that Hypothesis may make smaller."""


class _TookTooLong(BaseException):
    """One example did."""


def try_target(target: Target, *, seconds: float, first_seed: int, limit: float) -> Tally:
    """Try the sure examples, then seeds from the first on, for so many seconds; an example may take limit."""
    tally, end = Tally(target=target.name), monotonic() + seconds
    trial = _Trial(target=target, tally=tally, limit=limit)
    for example in target.sure:
        if monotonic() < end:
            tally.keep(trial.find(example, seed=None))
    for seed in count(first_seed):
        if monotonic() > end:
            return tally
        tally.keep(_try_seed(trial, seed=seed, end=end))
    raise AssertionError("seeds do not end")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    target: Target
    tally: Tally
    limit: float

    def find(self, example: object, *, seed: int | None) -> Find | None:
        """What is wrong with one example, None where nothing is."""
        self.tally.examples += 1
        try:
            with _clock(self.limit):
                self.target.work(example)
        except OproError:
            self.tally.refused += 1
        except (Exception, _TookTooLong) as error:
            return _find(self.target, seed, example, error)
        return None


def _try_seed(trial: _Trial, *, seed: int, end: float) -> Find | None:
    """The smallest find among the examples of a seed."""
    found: list[Find] = []
    shrunk = end

    def once(example: object) -> None:
        nonlocal shrunk
        if monotonic() > min(end, shrunk):
            raise _Over
        if find := trial.find(example, seed=seed):
            shrunk = min(shrunk, monotonic() + SHRINKING_SECONDS)
            found.append(find)
            raise _Over if find.kind == "hang" else _Failed(find.end)

    options = settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    try:
        seeded(seed)(options(given(trial.target.examples)(once)))()
    except _Over:
        pass
    except Exception:  # what was raised above, or what Hypothesis says of it
        if not found:
            raise
    return found[-1] if found else None


def _find(target: Target, seed: int | None, example: object, error: BaseException) -> Find:
    kind = "hang" if isinstance(error, _TookTooLong) else "traceback"
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "opro_local" in frame.filename] or frames
    where = f"{ours[-1].filename.rpartition('opro_local/')[2]}:{ours[-1].lineno}"
    said = f"{type(error).__name__} in {where}"
    shown = ascii(example)
    return Find(target=target.name, kind=kind, seed=seed, example=shown[:LONGEST_EXAMPLE], end=said)


@contextmanager
def _clock(seconds: float) -> Iterator[None]:
    def ring(_number: int, _frame: FrameType | None) -> None:
        raise _TookTooLong

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
