"""BIG-Bench Hard (Suzgun et al. 2022): {task}.json with {"examples": [{"input", "target"}, ...]}.

Targets are kept as they are: "(B)", "yes", "True", "8". Some name no option of their question.
"""

from collections.abc import Mapping, Sequence

from opro_local.errors import DataError
from opro_local.records import LabelledRow
from opro_local.tasks.benchmarks.files import RESTORE, BenchmarkFolder, line_of, list_at, text_at
from opro_local.tasks.labelled_rows import LabelledRows, without_option
from opro_local.wording import counted, listed

_ANSWERS: Mapping[str, str] = {
    "number": "multistep_arithmetic_two object_counting",
    "boolean": (
        "boolean_expressions causal_judgement formal_fallacies navigate sports_understanding web_of_lies"
    ),
    "text": "dyck_languages word_sorting",
    "choice": """
        date_understanding disambiguation_qa geometric_shapes hyperbaton logical_deduction_five_objects
        logical_deduction_seven_objects logical_deduction_three_objects movie_recommendation
        penguins_in_a_table reasoning_about_colored_objects ruin_names salient_translation_error_detection
        snarks temporal_sequences tracking_shuffled_objects_five_objects
        tracking_shuffled_objects_seven_objects tracking_shuffled_objects_three_objects
    """,
}
ANSWER: Mapping[str, str] = {task: answer for answer, tasks in _ANSWERS.items() for task in tasks.split()}
"""Answer type by task."""


def read(folder: BenchmarkFolder, task: str) -> LabelledRows:
    path = folder.need(f"{task}.json")
    records = list_at(folder.document(path), "examples", path.name)
    places = [(f"{path.name} example {number}", record) for number, record in enumerate(records, start=1)]
    lines = tuple(
        line_of(where, text_at(record, "input", where), text_at(record, "target", where))
        for where, record in places
    )
    odd = without_option(lines) if ANSWER[task] == "choice" else []
    if odd and len(odd) == len(lines):
        raise DataError(f"{path.name}: no target names an option of its text. {RESTORE}")
    told = f"{counted(len(odd), 'row')} with a target that is no option, never right: {_places(odd)}."
    return LabelledRows(lines=lines, warnings=(told,) if odd else ())


def _places(lines: Sequence[LabelledRow]) -> str:
    return listed([line.where for line in lines])
