"""MultiArith (Roy and Roth 2015): MultiArith.json, a list of {"sQuestion", "lSolutions": [39.0]}."""

from opro_local.errors import DataError
from opro_local.records import LabelledRow
from opro_local.tasks.benchmarks.files import RESTORE, BenchmarkFolder, line_of, list_at, text_at
from opro_local.tasks.labelled_rows import LabelledRows


def read(folder: BenchmarkFolder, _part: str) -> LabelledRows:
    path = folder.need("MultiArith.json")
    records = folder.document(path)
    if not isinstance(records, list):
        raise DataError(f"{path.name}: not a JSON list. {RESTORE}")
    return LabelledRows(
        lines=tuple(
            _line(f"{path.name} item {number}", record) for number, record in enumerate(records, start=1)
        )
    )


def _line(where: str, record: object) -> LabelledRow:
    solutions = list_at(record, "lSolutions", where)
    if len(solutions) != 1 or not isinstance(solutions[0], str):
        raise DataError(f"{where}: 'lSolutions' is not a list of one number. {RESTORE}")
    return line_of(where, text_at(record, "sQuestion", where), solutions[0].removesuffix(".0"))
