"""Where the time of a run goes: seconds by part, none counted twice."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, get_args

Part = Literal["optimizer", "scorer", "judge", "tokenizer", "store"]
PARTS: tuple[Part, ...] = get_args(Part)


class Stopwatch:
    """Measures one part at a time: a part that begins inside another stops it until it ends.

    clock counts seconds and never goes back. All of it belongs to one thread.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._seconds: dict[str, float] = {}
        self._open: list[Part] = []
        self._since = clock()

    def go_on_from(self, seconds: Mapping[str, float]) -> None:
        """Forget what was measured; these are the seconds of earlier processes."""
        self._seconds = dict(seconds)
        self._since = self._clock()

    def seconds(self) -> dict[str, float]:
        """Of each part that has taken any, the open ones included."""
        self._settle()
        return dict(self._seconds)

    @contextmanager
    def part(self, name: Part) -> Iterator[None]:
        """What happens inside is the part's."""
        self._settle()
        self._open.append(name)
        try:
            yield
        finally:
            self._settle()
            self._open.pop()

    def _settle(self) -> None:
        now = self._clock()
        if self._open:
            part = self._open[-1]
            self._seconds[part] = self._seconds.get(part, 0.0) + now - self._since
        self._since = now
