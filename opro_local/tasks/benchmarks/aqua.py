"""AQuA (Ling et al. 2017): one JSON object a line with question, options "A)text" to "E)text" and correct.

Read is AQuA.json, else test.json (the 254 published test rows), else dev.json.
"""

import re
from collections.abc import Sequence

from opro_local.errors import DataError
from opro_local.records import LabelledRow
from opro_local.tasks.benchmarks.files import RESTORE, BenchmarkFolder, choice_line, list_at, text_at
from opro_local.tasks.labelled_rows import LabelledRows

OPTION = re.compile(r"\s*([A-Z])\s*\)(.*)", re.DOTALL)


def read(folder: BenchmarkFolder, _part: str) -> LabelledRows:
    path = folder.need("AQuA.json", "test.json", "dev.json")
    return LabelledRows(lines=tuple(_line(where, record) for where, record in folder.json_lines(path)))


def _line(where: str, record: object) -> LabelledRow:
    options = _options(list_at(record, "options", where), where)
    return choice_line(where, text_at(record, "question", where), options, text_at(record, "correct", where))


def _options(listed: Sequence[object], where: str) -> list[str]:
    """The texts of the options. Raises DataError unless they are marked A), B), C) and so on."""
    marked = [OPTION.fullmatch(option) if isinstance(option, str) else None for option in listed]
    texts = [
        match[2] for i, match in enumerate(marked) if match is not None and match[1] == chr(ord("A") + i)
    ]
    if not texts or len(texts) < len(marked):
        raise DataError(f"{where}: options are not marked A), B), C) and so on. {RESTORE}")
    return texts
