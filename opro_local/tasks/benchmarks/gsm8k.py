"""GSM8K (Cobbe et al. 2021): grade-school word problems, a train and a test file.

Read are gsm_train.tsv and gsm_test.tsv (question, integer, rationale; no header), else train.jsonl and
test.jsonl, whose answers end with "#### 72". The test file is the test part.
"""

from opro_local.errors import DataError
from opro_local.records import LabelledRow
from opro_local.tasks.benchmarks.files import RESTORE, BenchmarkFolder, line_of, text_at
from opro_local.tasks.labelled_rows import LabelledRows

MARK = "####"


def read(folder: BenchmarkFolder, _part: str) -> LabelledRows:
    return LabelledRows(lines=_rows(folder, "train"), test=_rows(folder, "test"))


def _rows(folder: BenchmarkFolder, part: str) -> tuple[LabelledRow, ...]:
    path = folder.need(f"gsm_{part}.tsv", f"{part}.jsonl")
    if path.suffix == ".tsv":
        return tuple(
            line_of(where, question, _number(answer))
            for where, (question, answer, _rationale) in folder.tsv_rows(path, fields=3)
        )
    return tuple(
        line_of(where, text_at(record, "question", where), _marked(text_at(record, "answer", where), where))
        for where, record in folder.json_lines(path)
    )


def _marked(answer: str, where: str) -> str:
    _rationale, mark, number = answer.rpartition(MARK)
    if not mark:
        raise DataError(f"{where}: the answer has no {MARK} before its number. {RESTORE}")
    return _number(number)


def _number(text: str) -> str:
    return text.strip().replace(",", "")
