"""Lines that say of names whether each holds: "billing: yes"."""

import re
from collections.abc import Sequence

from opro_local.reading.words import Words

BETWEEN = re.compile(r"[\n,;]")
"""What stands between two lines; objects of JSON have commas."""
BULLET = re.compile(r"[\W\d]*")
TICK = re.compile(r"\W*:\W*(yes|no)\W*", re.IGNORECASE)


def ticks_in(span: str, names: Words) -> Sequence[tuple[str, bool]]:
    """Each name with what is said of it, in order; () for a text that says anything else, a heading aside."""
    lines = [line for line in BETWEEN.split(span) if re.search(r"\w", line)]
    if len(lines) > 1 and lines[0].rstrip().endswith(":"):
        lines = lines[1:]
    found = [_tick(line, names) for line in lines]
    return [each for each in found if each] if all(found) else ()


def _tick(line: str, names: Words) -> tuple[str, bool] | None:
    name = names.pattern.search(line)
    if name is None or not BULLET.fullmatch(line[: name.start()]):
        return None
    said = TICK.fullmatch(line, name.end())
    return (names.meanings[name.lastgroup or ""], said[1].casefold() == "yes") if said else None
