"""Parquet -> Records, by pyarrow, which is no dependency of its own: the extra opro-local[parquet] has it."""

import io

from opro_local.errors import DataError
from opro_local.tasks.formats import Columns, Records
from opro_local.tasks.nested import Entry, records_of

INSTALL = "needs pyarrow. Install it: pip install 'opro-local[parquet]'"


def parse_parquet(content: bytes, *, columns: Columns, name: str) -> Records:
    """Only columns that the task uses are read. Raises DataError, also where pyarrow is missing."""
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise DataError(f"{name} {INSTALL}.") from None
    try:
        file = ParquetFile(io.BytesIO(content))
        records = file.read(columns=_needed(file.schema_arrow.names, columns)).to_pylist()
    except (ArrowException, OSError) as error:
        told = str(error).partition("\n")[0]
        raise DataError(f"{name}: not a readable Parquet file ({told}). Write it again.") from None
    entries = [Entry(number=i, record=record) for i, record in enumerate(records, start=1)]
    return records_of(entries, columns, "record")


def _needed(there: list[str], columns: Columns) -> list[str] | None:
    """The columns that hold what the task uses; None for all, to be listed, where one is not there."""
    heads = {used.split(".")[0] for used in columns.used}
    known = {name.split(".")[0] for name in there}
    return [name for name in there if name.split(".")[0] in heads] if heads and heads <= known else None
