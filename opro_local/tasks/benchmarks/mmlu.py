"""MMLU (Hendrycks et al. 2021): {subject}_test.csv with question, four options and a letter; no header.

The files lie in the folder or in test/ below it. A category is all of its subjects that are there.
"""

from collections.abc import Mapping, Sequence

from opro_local.records import LabelledRow
from opro_local.tasks.benchmarks.files import BenchmarkFolder, choice_line
from opro_local.tasks.labelled_rows import LabelledRows
from opro_local.wording import counted

_SUBJECTS = {
    "stem": """
        abstract_algebra astronomy college_biology college_chemistry college_computer_science
        college_mathematics college_physics computer_security conceptual_physics electrical_engineering
        elementary_mathematics high_school_biology high_school_chemistry high_school_computer_science
        high_school_mathematics high_school_physics high_school_statistics machine_learning
    """,
    "humanities": """
        formal_logic high_school_european_history high_school_us_history high_school_world_history
        international_law jurisprudence logical_fallacies moral_disputes moral_scenarios philosophy
        prehistory professional_law world_religions
    """,
    "social_sciences": """
        econometrics high_school_geography high_school_government_and_politics high_school_macroeconomics
        high_school_microeconomics high_school_psychology human_sexuality professional_psychology
        public_relations security_studies sociology us_foreign_policy
    """,
    "other": """
        anatomy business_ethics clinical_knowledge college_medicine global_facts human_aging management
        marketing medical_genetics miscellaneous nutrition professional_accounting professional_medicine
        virology
    """,
}
CATEGORIES: Mapping[str, Sequence[str]] = {name: subjects.split() for name, subjects in _SUBJECTS.items()}
"""The subjects of the four official categories."""
PARTS = {part for category, subjects in CATEGORIES.items() for part in (category, *subjects)}


def read(folder: BenchmarkFolder, part: str) -> LabelledRows:
    """The rows of a subject or a category. Raises DataError when none of the files is there."""
    if part not in CATEGORIES:
        return LabelledRows(lines=_rows(folder, part))
    subjects = CATEGORIES[part]
    found = [subject for subject in subjects if folder.find(*_names(subject))]
    missing = len(subjects) - len(found)
    warnings = [f"{counted(missing, 'subject')} of {len(subjects)} without a file."] if missing else []
    lines = [line for subject in found or subjects[:1] for line in _rows(folder, subject)]
    return LabelledRows(lines=tuple(lines), warnings=tuple(warnings))


def _rows(folder: BenchmarkFolder, subject: str) -> tuple[LabelledRow, ...]:
    path = folder.need(*_names(subject))
    return tuple(
        choice_line(where, question, options, letter)
        for where, (question, *options, letter) in folder.csv_rows(path, fields=6)
    )


def _names(subject: str) -> tuple[str, str]:
    return f"{subject}_test.csv", f"test/{subject}_test.csv"
