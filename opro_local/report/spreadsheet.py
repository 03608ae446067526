"""Text of people and models in the cells of a spreadsheet program."""

import unicodedata

FORMULA_STARTS = frozenset("=+-@|%\uff1d\uff0b\uff0d\uff20")  # the last four are the full-width forms
CELL_BREAKS = ("\t", "\r", "\n")


def neutralised(text: str) -> str:
    """The text with an apostrophe ahead of it where a spreadsheet program might take it for a formula.

    Blanks, control and zero-width characters before a formula sign do not hide it; a first tab or line break
    moves the rest to another cell in some programs.
    """
    visible = next((c for c in text if not c.isspace() and unicodedata.category(c) not in ("Cc", "Cf")), "")
    return f"'{text}" if visible in FORMULA_STARTS or text.startswith(CELL_BREAKS) else text
