"""CSV and its dialects -> Records. The delimiter is found in the header, or told by a first line sep=;.

A fault that hides where the row ends (an open quote) stops the reading: whatever follows could be half of
something else.
"""

import csv
import io
import re

from opro_local.errors import DataError, SettingsError
from opro_local.tasks.formats import Columns, RawRow, Records
from opro_local.wording import quoted

NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
SEP_LINE = re.compile(r'"?sep=([^\r\n])"?\r?\n', re.IGNORECASE)
"""What Excel writes and reads above the header."""


def parse_delimited(text: str, *, usual: str, given: str | None, columns: Columns, name: str) -> Records:
    """Rows under a header line; blank lines are ignored. Raises DataError on a broken quote.

    usual is the delimiter of the file's kind, given the user's.
    """
    told = SEP_LINE.match(text)
    body = text[told.end() :] if told else text
    delimiter = delimiter_named(given) or (told and told[1]) or _found(body, usual, columns)
    rows = delimited_rows(body, delimiter=delimiter, name=name, first_line=2 if told else 1)
    header, *others = rows or [RawRow(line=1, fields=())]
    named = NAMES.get(delimiter, quoted(delimiter))
    unusual = given is None and delimiter != usual
    return Records(
        columns=header.fields,
        rows=tuple(others),
        raggedness=f"Quote the {named}",
        notes=(f"the columns of {name} are divided by {named}s.",) if unusual else (),
    )


def delimiter_named(given: str | None) -> str | None:
    """The character that the user means. Raises SettingsError for what divides nothing."""
    if given is None:
        return None
    words = {word: sign for sign, word in NAMES.items()} | {"\\t": "\t"}
    sign = words.get(given, given)
    if len(sign) != 1 or sign in '"\r\n\0':
        raise SettingsError(f"--delimiter {quoted(given)}: name one character, or {', '.join(words)}.")
    return sign


def _found(text: str, usual: str, columns: Columns) -> str:
    """The delimiter under which the header has all columns of the task, else one that divides it at all."""
    headers = {sign: _header(text, sign) for sign in dict.fromkeys((usual, *NAMES))}
    fitting = [sign for sign, header in headers.items() if set(columns.used) <= set(header)]
    if columns.used and fitting:
        return fitting[0]
    return usual if len(headers[usual]) > 1 else max(headers, key=lambda sign: len(headers[sign]))


def _header(text: str, delimiter: str) -> list[str]:
    """The first row that is not blank; nothing where quotes do not fit this delimiter."""
    lines = (line for line in io.StringIO(text, newline="") if line.strip())
    try:
        return next(csv.reader(lines, delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def delimited_rows(text: str, *, delimiter: str, name: str, first_line: int = 1) -> list[RawRow]:
    """All rows, a header too; blank lines are ignored. Raises DataError on a broken quote."""
    # The limit is process-wide and 131,072 by default; how long a field may be is the reader's decision.
    limit = csv.field_size_limit(len(text) + 1)
    try:
        return _delimited_rows(text, delimiter, name, first_line)
    finally:
        csv.field_size_limit(limit)


def _delimited_rows(text: str, delimiter: str, name: str, first_line: int) -> list[RawRow]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = []
    line = first_line
    try:
        for fields in reader:
            if fields:
                rows.append(RawRow(line=line, fields=tuple(fields)))
            line = reader.line_num + first_line
    except csv.Error as error:
        what = "a quoted field never ends" if "end of data" in str(error) else "text follows a closing quote"
        raise DataError(f'{name} line {line}: {what}. Write a quote inside a field as "".') from None
    return rows
