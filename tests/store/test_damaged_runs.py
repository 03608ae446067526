"""A run file with a part missing or of another type, through all commands that read one: one line each."""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner, Result
from old_runs import writer
from scripted_models import play_roles
from starlette.testclient import TestClient

from opro_local.cli import main
from opro_local.store.database import open_run, settle
from opro_local.web.pages import LivePages

KEPT = Path(__file__).parent / "old_runs"
SOUND = "20260101-sound"

ODD = {"number": 5, "none": None, "list": [1], "object": {"x": 1}}
"""What stands where something else should."""
PARTS = (
    ("run", "summary", "name"),
    ("run", "summary", "layout"),
    ("run", "settings", "models"),
    ("run", "settings", "scoring"),
    ("run", "problem", "examples"),
    ("run", "versions", "python"),
    ("evaluation", "score", "metrics"),
    ("evaluation", "candidate", "instruction"),
    ("scored", "score", "value"),
    ("scored", "solution", "shots"),
    ("proposal", "solution", "calibration"),
)
"""Table, column and key of stored JSON."""
TABLES = (
    "run",
    "step",
    "call",
    "proposal",
    "scored",
    "candidate",
    "outcome",
    "evaluation",
    "effort",
    "event",
)
COLUMNS = ("run.models", "run.test_uses", "step.closed", "proposal.author", "scored.dropped", "event.kind")
STATEMENTS = {
    **{f"no table {table}": f"DROP TABLE {table}" for table in TABLES},
    **{f"no column {c}": "ALTER TABLE {} RENAME COLUMN {} TO gone".format(*c.split(".")) for c in COLUMNS},
    **{f"no row of {t}": f"DELETE FROM {t}" for t in ("run", "candidate", "outcome")},
    "no models": "UPDATE run SET models = '[]'",
    "half a score": "UPDATE scored SET score = substr(score, 1, length(score) / 2)",
    "half the settings": "UPDATE run SET settings = substr(settings, 1, length(settings) / 2)",
    "half the task": "UPDATE run SET problem = substr(problem, 1, length(problem) / 2)",
    "deep JSON": f"UPDATE run SET summary = '{'[' * 100_000}'",
    "no UTF-8": "UPDATE run SET summary = CAST(x'7bff7d' AS TEXT)",
    "half a float": "UPDATE outcome SET choice_log_probs = x'010203'",
    "unknown kind": "UPDATE run SET kind = 'odd'",
    "unknown author": "UPDATE proposal SET author = 'odd'",
}
DAMAGES = [
    *(pytest.param(statement, id=name) for name, statement in STATEMENTS.items()),
    *(
        pytest.param((*part, odd), id=f"{'.'.join(part)} {name}")
        for part in PARTS
        for name, odd in ODD.items()
    ),
    *(pytest.param(part, id=f"{'.'.join(part)} gone") for part in PARTS),
]
Damage = str | tuple[object, ...]


@pytest.fixture(scope="module")
def current(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the last version that is kept, with the tables of today."""
    newest = max(KEPT.glob("v*-finished.sqlite"))
    path = Path(shutil.copy(newest, tmp_path_factory.mktemp("current") / "r.sqlite"))
    with closing(open_run(path, write=True)) as database:
        settle(database)
    return path


@pytest.fixture
def runs(current: Path, tmp_path: Path) -> Path:
    """A folder of runs with one that is sound."""
    folder = tmp_path / "runs"
    folder.mkdir()
    shutil.copy(current, folder / f"{SOUND}.sqlite")
    return folder


def damage(path: Path, how: Damage) -> None:
    with closing(apsw.Connection(str(path))) as database:
        if isinstance(how, str):
            database.execute(how)
        else:
            table, column, key, *value = how
            spoil_json(database, str(table), str(column), str(key), value)


def spoil_json(database: apsw.Connection, table: str, column: str, key: str, value: list[object]) -> None:
    """Of the first row: the key is gone, or has the value."""
    query = f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL LIMIT 1"
    ((text,),) = list(database.execute(query))
    found = json.loads(text)
    del found[key]
    spoilt = json.dumps(found | dict.fromkeys([key], *value) if value else found)
    database.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (spoilt, text))


def commands(path: Path) -> Iterator[list[str]]:
    yield ["runs", "show", str(path)]
    yield ["runs", "show", "--json", str(path)]
    yield ["resume", str(path)]
    yield from (["report", str(path), "-o", str(path.parent / f"r.{form}")] for form in ("html", "md", "csv"))
    yield from (["export", str(path), "--to", form] for form in ("json", "csv", "prompt"))
    yield ["export", "--outcomes", str(path)]
    yield ["prompts", "list", str(path)]


def call(path: Path, words: list[str]) -> Result:
    return CliRunner().invoke(main, ["--home", str(path.parent.parent), *words])


def check_told(result: Result, words: list[str]) -> None:
    """It worked as if nothing was wrong, or one line says what is."""
    assert result.exception is None or isinstance(result.exception, SystemExit), (words, result.exception)
    lines = result.stderr.splitlines()
    if result.exit_code:
        assert len(lines) == 1 and lines[0].startswith("opro-local: "), (words, result.stderr)
        assert result.exit_code == 1 or "has found no prompt" in lines[0], (words, lines)
    assert "Warning" not in result.stderr


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_run_is_one_line_in_every_command(how: Damage, current: Path, runs: Path) -> None:
    path = Path(shutil.copy(current, runs / "20260102-damaged.sqlite"))
    damage(path, how)
    before = path.read_bytes()
    results = [(words, call(path, words)) for words in commands(path)]
    for words, result in results:
        check_told(result, words)
    assert path.read_bytes() == before
    check_others_are_shown(path)


CUT_OFF_DAMAGES = {
    "a step of no number": "UPDATE step SET number = -1 WHERE number = (SELECT max(number) FROM step)",
    "a step half closed": "UPDATE step SET closed = -1 WHERE number = 0",
    "two open steps": "UPDATE step SET closed = 0",
    "no answers": "DELETE FROM outcome",
    "some answers": "DELETE FROM outcome WHERE rowid % 7 = 0",
    "no winner's text": "UPDATE run SET winner = ''",
}
OBJECTIVE_DAMAGES = {
    "half a solution": "UPDATE scored SET solution = '[1.0]'",
    "a solution of lists": "UPDATE scored SET solution = '[1.0, [1]]'",
    "half a proposal": "UPDATE proposal SET solution = '[1.0]' WHERE solution IS NOT NULL",
}


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        *(pytest.param("v7-cut-off", each, id=which) for which, each in CUT_OFF_DAMAGES.items()),
        *(pytest.param("v4-cut-off-regression", each, id=which) for which, each in OBJECTIVE_DAMAGES.items()),
    ],
)
def test_a_cut_off_run_that_is_damaged_is_told_before_it_goes_on(
    name: str, statement: str, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left alone, some of these ended in a traceback after a while, and one did not end."""
    path = begun(name, runs, monkeypatch)
    damage(path, statement)
    result = call(path, ["resume", str(path)])
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit), result.output
    assert result.stderr.splitlines()[-1].startswith(f"opro-local: {path}: is damaged"), result.stderr


def begun(name: str, runs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was cut off, of today's schema, and a model to go on with."""
    play_roles(monkeypatch, writer())
    path = Path(shutil.copy(KEPT / f"{name}.sqlite", runs / "20260102-begun.sqlite"))
    with closing(open_run(path, write=True)) as database:
        settle(database)
    return path


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE run SET problem = json_remove(problem, '$.position')", "the stored task cannot be read (at"),
        ("UPDATE run SET settings = json_remove(settings, '$.models')", "the stored settings: models: "),
        (
            "UPDATE run SET models = json_remove(models, '$[1]')",
            "does not say which model its optimizer was",
        ),
    ],
)
def test_what_a_run_does_not_say_is_told_with_its_file(
    statement: str, words: str, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = begun("v7-cut-off", runs, monkeypatch)
    damage(path, statement)
    result = call(path, ["resume", str(path)])
    assert result.exit_code == 1
    assert f"opro-local: {path}: {words}" in result.stderr.splitlines()[-1]


def check_others_are_shown(path: Path) -> None:
    listed = call(path, ["runs", "list"])
    check_told(listed, ["runs", "list"])
    assert listed.exit_code == 0
    assert len(listed.stdout.splitlines()) + listed.stderr.count("note: ") == 2
    client = TestClient(LivePages(folder=path.parent, editable=False).app())
    page = client.get("/")
    assert page.status_code == 200 and f"/runs/{SOUND}" in page.text
    assert ("is damaged" in page.text) == ("is damaged" in listed.stderr)
    assert client.get("/runs/20260102-damaged").status_code in (200, 400, 409)


@pytest.mark.parametrize("stem", ["-v", "x" * 240, 'it\'s  "50%" a#b?c&d\né<b> '])
def test_a_run_of_an_odd_name_is_read_like_any_other(stem: str, current: Path, runs: Path) -> None:
    path = Path(shutil.copy(current, runs / f"{stem}.sqlite"))
    for words in commands(path):
        result = call(path, words)
        assert result.exit_code == 0, (words, result.output)
    client = TestClient(LivePages(folder=runs, editable=False).app())
    links = [part.partition('"')[0] for part in client.get("/").text.split('href="')[1:]]
    assert [client.get(link).status_code for link in links if link.startswith("/runs/")] == [200, 200]


def test_a_name_that_is_not_utf8_is_told_beside_the_others(current: Path, runs: Path) -> None:
    path = runs / "caf\udce9.sqlite"
    shutil.copy(current, path)
    for words in commands(path):
        result = call(path, words)
        assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1), result.output
        assert "is not UTF-8" in result.stderr
    listed = call(path, ["runs", "list"])
    assert listed.exit_code == 0 and len(listed.stdout.splitlines()) == 1
    assert "the name is not UTF-8. Rename the file" in listed.stderr
    client = TestClient(LivePages(folder=runs, editable=False).app())
    assert "the name is not UTF-8" in client.get("/").text


def test_a_name_too_long_for_a_file_is_no_run(runs: Path) -> None:
    result = call(runs / "x", ["runs", "show", "x" * 5000])
    assert result.exit_code == 2 and "No run" in result.stderr
