"""What goes through a model, counted where it happens."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Work:
    """Tokens without and with their padding, passes through the body, and rows of the output layer."""

    tokens_run: int = 0
    tokens_padded: int = 0
    passes: int = 0
    head_rows: int = 0

    def count(self, *, tokens: int, padded: int) -> None:
        """A pass through the body."""
        self.tokens_run += tokens
        self.tokens_padded += padded
        self.passes += 1

    def clear(self) -> None:
        """Start counting anew."""
        self.tokens_run = self.tokens_padded = self.passes = self.head_rows = 0
