"""A contestant's time: who is too slow is cut off before its next pass through the model."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

import torch


class TooSlow(Exception):
    """It was cut off; seconds is how long it had run."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"cut off after {seconds:.1f} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Deadline:
    """So many seconds from begun on; None is no limit."""

    seconds: float | None
    begun: float

    @classmethod
    def after(cls, seconds: float | None) -> "Deadline":
        return cls(seconds, perf_counter())

    @property
    def left(self) -> float | None:
        """Seconds, 0 at least."""
        return None if self.seconds is None else max(0.0, self.begun + self.seconds - perf_counter())

    def check(self) -> None:
        """Raises TooSlow once the time is up."""
        if self.left == 0:
            raise TooSlow(perf_counter() - self.begun)

    @contextmanager
    def watching(self, model: torch.nn.Module) -> Iterator[None]:
        """Whatever runs the model inside raises TooSlow in its place once the time is up."""
        hook = model.register_forward_pre_hook(lambda *_: self.check())
        try:
            yield
        finally:
            hook.remove()


UNBOUNDED = Deadline(None, 0.0)
