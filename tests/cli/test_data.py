"""init and data check as a user meets them."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from tiny_models import save_tiny_model

from opro_local.cli.data import data, init
from opro_local.cli.options import TaskFlags, task_options
from opro_local.config import Folders, TaskSettings
from opro_local.errors import DataError, OproError, SettingsError

ROWS = "email,kind\n" + "".join(f"mail number {i},{'ab'[i % 2]}\n" for i in range(10)) + "no label,\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text(ROWS, encoding="utf-8")
    return tmp_path


def check(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(data, ["check", *arguments], env=env)


OWN = ("--data", "rows.csv", "--text", "email", "--label", "kind")


def test_check_reports_a_table_on_stdout_and_notes_on_stderr() -> None:
    result = check(*OWN)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "rows        10 (1 more without a label)",
        "labels      a 5, b 5",
        "characters  13 to 13, median 13",
        "words       3 to 3, median 3",
        "duplicates  0 rows",
        "near-equal  0 texts, 0 with different labels",
        "split       train 4, validation 2, test 4",
    ]
    assert result.stderr.splitlines() == [
        "task: rows.csv",
        "note: 1 row without a label left out.",
        "note: no row of the pool of shots has the label 'a': no example shows it.",
    ]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--label", "size", "--answer", "number"), "answers     numbers from -2 to 1000.5, median 3"),
        (("--label", "size", "--answer", "text"), "answers     every row has one of its own"),
        (("--answer", "judged", "--rubric", "R"), "answers     graded by a judge; 0 rows have a reference"),
    ],
)
def test_check_says_what_open_answers_are_like(options: tuple[str, ...], told: str) -> None:
    sizes = ("-2", "3", '"1,000.5"', "2.5", "4")
    rows = "".join(f"mail {i},{size}\n" for i, size in enumerate(sizes))
    Path("sizes.csv").write_text(f"mail,size\n{rows}", encoding="utf-8")
    shown = check("--data", "sizes.csv", "--text", "mail", *options)
    assert shown.exit_code == 0, shown.output
    assert any(line.startswith(told) for line in shown.stdout.splitlines())


def test_check_prints_one_json_object() -> None:
    report = json.loads(check(*OWN, "--json").stdout)
    assert report["schema_version"] == 1
    assert (report["task"], report["rows"], report["unlabelled"]) == ("rows", 10, 1)
    assert report["labels"] == {"a": 5, "b": 5}
    assert report["characters"] == {"shortest": 13, "median": 13.0, "longest": 13}
    assert report["split"] == {"train": 4, "validation": 2, "test": 4}
    assert report["warnings"] == [
        "1 row without a label left out.",
        "no row of the pool of shots has the label 'a': no example shows it.",
    ]


def test_check_says_which_decimal_sign_was_found() -> None:
    rows = 'sum,result\n1 + 0.5,"1,5"\n3 - 1,2\n5 + 5,10\n1 + 1,2\n1 + 2,3\n'
    Path("sums.csv").write_text(rows, encoding="utf-8")
    result = check("--data", "sums.csv", "--text", "sum", "--label", "result", "--answer", "number")
    assert "decimals    behind a comma" in result.stdout.splitlines()
    assert "note: labels and replies are read with a decimal comma: 1.234,5 is a number" in result.stderr


def test_check_without_flags_takes_the_shipped_example() -> None:
    assert "the shipped example" in check().stderr


def test_every_flag_is_a_variable_too() -> None:
    result = check("--text", "email", env={"OPRO_LOCAL_DATA": "rows.csv", "OPRO_LOCAL_LABEL": "kind"})
    assert result.stdout.startswith("rows        10")


def test_faults_reach_the_caller_as_one_error() -> None:
    assert isinstance(check(*OWN, "--label", "no").exception, DataError)
    assert isinstance(check("--task", "rows.csv").exception, SettingsError)


def test_flags_that_were_given_and_only_those_are_passed_on() -> None:
    seen: list[TaskFlags] = []

    @click.command()
    @task_options
    def probe(flags: TaskFlags) -> None:
        seen.append(flags)

    def given(*arguments: str) -> TaskFlags:
        CliRunner().invoke(probe, list(arguments), catch_exceptions=False)
        return seen[-1]

    assert given() == TaskFlags(file=None, given={})
    everything = {
        "data": "d", "benchmark": "m", "text": ("a", "b"), "label": "l", "id": "i", "encoding": "e",
        "delimiter": ";", "sheet": "s", "annotators": "agree",
        "bad_rows": "skip", "max_field": 7, "answer": "text", "labels": ("x", "y"), "description": "t",
        "position": "Q_end", "qa": False, "metric": "mcc", "pattern": "p", "grader": "g.py:g",
        "decimal": "comma", "must_stay": "k", "separator": "|", "rubric": "r", "judge_rows": "j",
        "label_columns": ("c",), "blank": "none", "tolerance": "1", "fields": ("f=text",),
        "split": {
            "train": 0.5, "validation": 0.1, "test": 0.3,
            "max_train": 3, "max_validation": 4, "max_test": 5, "twins": "apart",
        },
    }  # fmt: skip
    words = "--task f -d d --benchmark m --text a --text b --label l --id i --encoding e --sheet s"
    words += " --delimiter ; --annotators agree --twins apart"
    words += " --bad-rows skip --max-field 7 --answer text --labels x --labels y --description t"
    words += " --position Q_end --no-qa --metric mcc --split-train 0.5 --split-validation 0.1"
    words += " --split-test 0.3 --max-train 3 --max-validation 4 --max-test 5 --pattern p"
    words += " --grader g.py:g --decimal comma --must-stay k --allow-python"
    words += " --separator | --rubric r --judge-rows j"
    words += " --label-columns c --blank none --tolerance 1 --fields f=text"
    assert given(*words.split()) == TaskFlags(file=Path("f"), given=everything, allow_python=True)
    assert set(everything) == set(TaskSettings.model_fields)
    assert given("--max-test", "5") == TaskFlags(file=None, given={"split": {"max_test": 5}})


def test_the_split_follows_flags_and_variables() -> None:
    shares = ("--split-train", "0.6", "--split-validation", "0.2", "--split-test", "0.2")
    result = check(*OWN, *shares, env={"OPRO_LOCAL_MAX_TRAIN": "5"})
    assert result.stdout.splitlines()[-1] == "split       train 5, validation 2, test 2"
    assert "make train, validation and test 1" in str(check(*OWN, "--split-train", "0.6").exception)
    assert "split.test" in str(check(*OWN, "--split-test", "2").exception)


def test_init_copies_the_example_into_a_folder_that_works() -> None:
    assert CliRunner().invoke(init, ["new"]).stdout == (
        "wrote new/task.toml; next: cd new and opro-local data check\n"
    )
    assert check("--task", "new/task.toml").exit_code == 0
    assert Path("new/emails.csv").read_bytes().startswith(b"id,email,category")


def test_init_for_a_table_names_it_from_inside_or_outside_the_folder(here: Path) -> None:
    for folder, named in (("new", json.dumps(str(here / "rows.csv"))), (".", '"rows.csv"')):
        result = CliRunner().invoke(init, [folder, *OWN])
        assert result.exit_code == 0, result.exception
        assert f"\ndata = {named}\n" in Path(folder, "task.toml").read_text(encoding="utf-8")
        assert check("--task", f"{folder}/task.toml").exit_code == 0
    assert not Path("new/rows.csv").exists()


def test_init_replaces_nothing() -> None:
    for taken in ("task.toml", "emails.csv"):
        folder = Path(f"has {taken}")
        folder.mkdir()
        (folder / taken).write_text("mine", encoding="utf-8")
        result = CliRunner().invoke(init, [str(folder)])
        assert isinstance(result.exception, SettingsError)
        assert [path.name for path in folder.iterdir()] == [taken]
        assert (folder / taken).read_text(encoding="utf-8") == "mine"


def test_init_writes_nothing_for_a_table_that_cannot_be_used() -> None:
    result = CliRunner().invoke(init, ["new", "--data", "rows.csv", "--text", "body", "--label", "kind"])
    assert isinstance(result.exception, DataError)
    assert not Path("new").exists()


def test_init_takes_what_a_table_needs_to_be_read(here: Path) -> None:
    rows = "email;kind\n" + "".join(f"Grüße {i};{i}\n" for i in range(6))
    Path("cp.csv").write_bytes(rows.encode("cp1252"))
    own = ("--data", "cp.csv", "--text", "email", "--label", "kind")
    refused = CliRunner().invoke(init, ["new", *own])
    assert "--encoding" in str(refused.exception)
    options = ("--encoding", "cp1252", "--delimiter", "semicolon", "--answer", "number", "--max-test", "2")
    result = CliRunner().invoke(init, ["new", *own, *options])
    assert result.exit_code == 0, result.exception
    assert check("--task", "new/task.toml").stdout.endswith("test 2\n")


def test_init_takes_every_option_that_a_message_of_a_table_names() -> None:
    told = {
        *("--bad-rows", "--max-field", "--encoding", "--delimiter", "--sheet", "--annotators", "--twins"),
        *(
            "--text",
            "--label",
            "--pattern",
            "--grader",
            "--allow-python",
            "--data",
            "--split-test",
            "--folds",
        ),
    }
    known = {name for parameter in init.params for name in parameter.opts}
    assert told <= known
    assert "--task" not in known


def test_init_names_a_grader_from_the_folder(here: Path) -> None:
    Path("own.py").write_text("def judge(reply, target): return True\n", encoding="utf-8")
    flags = (*OWN, "--answer", "python", "--grader", "own.py:judge", "--allow-python")
    for folder, named in (("new", str(here / "own.py:judge")), (".", "own.py:judge")):
        result = CliRunner().invoke(init, [folder, *flags])
        assert result.exit_code == 0, result.exception
        assert f"\ngrader = {json.dumps(named)}\n" in Path(folder, "task.toml").read_text(encoding="utf-8")
        assert check("--task", f"{folder}/task.toml", "--allow-python").exit_code == 0


def test_labels_too_rare_for_a_part_are_named() -> None:
    rows = "".join(f"mail {i},{'ab'[i % 2]}\n" for i in range(40)) + "rare one,c\nrare two,c\n"
    Path("rare.csv").write_text(f"email,kind\n{rows}", encoding="utf-8")
    flags = ("--data", "rare.csv", "--text", "email", "--label", "kind")
    assert check(*flags).stderr.splitlines()[1:] == [
        "note: no row of validation has the label 'c': it does not count in which prompt wins.",
        "note: no row of the pool of shots has the label 'c': no example shows it.",
    ]


def test_init_refuses_columns_without_a_table_and_a_folder_it_cannot_write() -> None:
    assert CliRunner().invoke(init, ["new", "--text", "x"]).exit_code == 2
    result = CliRunner().invoke(init, ["rows.csv/new"])
    assert type(result.exception) is OproError


def test_an_own_grader_runs_only_when_it_is_allowed() -> None:
    Path("own.py").write_text("def judge(reply, target): return True\n", encoding="utf-8")
    flags = (*OWN, "--answer", "python", "--grader", "own.py:judge")
    refused = check(*flags).exception
    assert isinstance(refused, SettingsError)
    assert str(refused).endswith("own.py. Read it, then pass --allow-python.")
    assert check(*flags, "--allow-python").stdout.startswith("rows        10")


@pytest.mark.usefixtures("tried_here")
def test_check_counts_tokens_as_the_model_does(tmp_path: Path) -> None:
    save_tiny_model(tmp_path / "tiny", "llama")  # its tokenizer is byte-level
    Path("t.csv").write_text("x,y\nabc,a\nabcde,a\nab,b\na,b\nabcdefg,b\n", encoding="utf-8")
    flags = ["--data", "t.csv", "--text", "x", "--label", "y", "--model", "tiny", "--json"]
    result = CliRunner().invoke(data, ["check", *flags], obj=Folders.of_user(tmp_path / "home"))
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["tokens"] == {"shortest": 1, "median": 3, "longest": 7}
