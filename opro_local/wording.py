"""How messages count things and name the user's values, without echoing private text."""

LONGEST_QUOTE = 40  # characters; a longer value is text rather than a name, and text is private


def counted(n: int, noun: str) -> str:
    """'1 row', '1,200 rows'."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def quoted(value: str) -> str:
    """value in quotes, control characters escaped; a long one only by its length."""
    return repr(value) if len(value) <= LONGEST_QUOTE else f"({len(value):,} characters)"


def listed(values: list[str], most: int = 3) -> str:
    """The first few values, and how many more there are."""
    more = f" and {len(values) - most:,} more" if len(values) > most else ""
    return ", ".join(values[:most]) + more
