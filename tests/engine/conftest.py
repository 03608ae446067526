"""All tests of the engine run tiny models on one thread."""

from one_thread import one_thread

__all__ = ["one_thread"]
