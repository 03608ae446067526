"""Which task is taken, and how it is named."""

from pathlib import Path

import pytest

from opro_local.config import SplitSettings
from opro_local.errors import DataError, SettingsError
from opro_local.tasks.sources import choose_task, load_task_file

ROWS = "text,label,other\na,A,X\nb,A,X\nc,B,Y\nd,B,Y\n"


def folder(parent: Path, name: str = "here", **extra: str) -> Path:
    made = parent / name
    made.mkdir()
    (made / "rows.csv").write_text(ROWS, encoding="utf-8")
    lines = {"data": "rows.csv", "text": "text", "label": "label", **extra}
    toml = "".join(f'{key} = "{value}"\n' for key, value in lines.items())
    (made / "task.toml").write_text(toml, encoding="utf-8")
    return made


def test_without_anything_the_shipped_example_is_taken(tmp_path: Path) -> None:
    task, words = choose_task({}, file=None, cwd=tmp_path)
    assert words.startswith("the shipped example")
    assert task.name == "emails"
    assert len(task.examples) >= 300
    assert len(task.labels) >= 6
    assert task.warnings == ()


def test_a_task_file_of_the_current_folder_goes_before_the_example(tmp_path: Path) -> None:
    task, words = choose_task({}, file=None, cwd=folder(tmp_path))
    assert (task.name, task.labels, words) == ("rows", ("A", "B"), "task.toml of the current folder")


def test_flags_replace_what_the_task_file_says(tmp_path: Path) -> None:
    given = {"label": "other", "metric": "mcc"}
    task, _ = choose_task(given, file=None, cwd=folder(tmp_path, metric="brier"))
    assert (task.labels, task.metric) == (("X", "Y"), "mcc")


def test_flags_replace_the_split_key_by_key(tmp_path: Path) -> None:
    here = folder(tmp_path)
    with (here / "task.toml").open("a", encoding="utf-8") as file:
        file.write("[split]\ntrain = 0.5\nmax_train = 7\nmax_test = 9\n")
    task, _ = choose_task({"split": {"test": 0.3, "max_test": 8}}, file=None, cwd=here)
    assert task.split == SplitSettings(train=0.5, validation=0.2, test=0.3, max_train=7, max_test=8)


def test_a_data_flag_stands_alone_and_says_so(tmp_path: Path) -> None:
    here = folder(tmp_path, metric="brier")
    given = {"data": "rows.csv", "text": ("text",), "label": "label"}
    task, words = choose_task(given, file=None, cwd=here)
    assert task.metric == "accuracy"
    assert words == "rows.csv (task.toml of the current folder is not used)"
    assert choose_task({**given, "data": "here/rows.csv"}, file=None, cwd=tmp_path)[1] == "here/rows.csv"


def test_a_named_task_file_reads_data_beside_itself_unless_a_flag_names_data(tmp_path: Path) -> None:
    folder(tmp_path)
    file = Path("here/task.toml")
    task, words = choose_task({}, file=file, cwd=tmp_path)
    assert (len(task.examples), words) == (4, "here/task.toml")
    (tmp_path / "more.csv").write_text(ROWS + "e,B,Y\n", encoding="utf-8")
    more, _ = choose_task({"data": "more.csv"}, file=file, cwd=tmp_path)
    assert (more.name, len(more.examples)) == ("more", 5)


def test_an_unknown_key_and_a_missing_file_are_wrong_settings(tmp_path: Path) -> None:
    here = folder(tmp_path, lable="x")
    with pytest.raises(SettingsError, match=r"task\.toml: unknown key 'lable'"):
        load_task_file(here / "task.toml")
    with pytest.raises(SettingsError, match="no such file"):
        choose_task({}, file=Path("none.toml"), cwd=tmp_path)


def test_a_data_flag_without_columns_lists_them(tmp_path: Path) -> None:
    folder(tmp_path)
    with pytest.raises(SettingsError, match="found 'text', 'label', 'other'"):
        choose_task({"data": "here/rows.csv"}, file=None, cwd=tmp_path)
    with pytest.raises(DataError, match=r"none\.csv: cannot be read"):
        choose_task({"data": "none.csv"}, file=None, cwd=tmp_path)


def test_an_own_grader_is_looked_for_beside_who_names_it(tmp_path: Path) -> None:
    here = folder(tmp_path, answer="python", grader="own.py:judge")
    for place in (here, tmp_path):
        (place / "own.py").write_text(f"def judge(reply, target): return {place.name!r}\n", encoding="utf-8")

    def found(given: dict[str, object]) -> Path:
        task, _ = choose_task(given, file=Path("here/task.toml"), cwd=tmp_path, allow_python=True)
        assert task.grader is not None
        return Path(task.grader.file)

    assert found({}) == here / "own.py"
    assert found({"grader": "own.py:judge"}) == tmp_path / "own.py"
