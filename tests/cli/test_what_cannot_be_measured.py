"""Rows longer than the context, and metrics without a value: told before the search, never a winner."""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from scripted_models import play_roles

from opro_local.cli import main
from opro_local.testing import ScriptedEngine

ROWS = [(f"r{n}", f"Mail {n}.", ("fintech", "seed")[n % 2]) for n in range(20)]
GIANT = ("giant", "Mail and mail " * 400, "seed")
QUICK = (
    *("--method", "opro", "--steps", "1", "--proposals-per-step", "1", "--exemplars", "1"),
    *("--headroom", "0", "--sensitivity", "0", "--no-progress"),
)


def written(rows: list[tuple[str, str, str]]) -> tuple[str, ...]:
    with Path("mails.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("id", "mail", "kind"), *rows])
    return ("--data", "mails.csv", "--id", "id", "--text", "mail", "--label", "kind")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def play(
    monkeypatch: pytest.MonkeyPatch,
    log_prob: Callable[[str], float] = lambda text: -float(len(text) % 7) - 0.5,
    context: int = 3000,
    digest: str = "scripted",
) -> None:
    samples = [("Sort it well.</INS>",)] * 4
    engine = ScriptedEngine(log_prob=log_prob, samples=samples, context_length=context, digest=digest)
    play_roles(monkeypatch, engine)


def run(data: tuple[str, ...], *arguments: str) -> Result:
    return CliRunner().invoke(main, ["run", "-m", "scripted", *data, *QUICK, *arguments])


def document(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "brier", "macro_f1"])
def test_a_row_longer_than_the_context_is_told_and_left_out(
    monkeypatch: pytest.MonkeyPatch, metric: str
) -> None:
    """With log_loss every candidate was "not available", and one of them won."""
    play(monkeypatch)
    result = run(written([*ROWS, GIANT]), "--metric", metric, "--json")
    found = document(result)
    (told,) = [line for line in result.stderr.splitlines() if line.startswith("left out: 1 row longer")]
    assert "context of 3,000 tokens" in told and "(giant)" in told
    assert found["task"]["left_out"] == 1
    assert "giant" not in {row for rows in found["task"]["row_ids"].values() for row in rows}
    assert not found["unanswered"]
    assert found["train"]["value"] is not None and found["test"]["value"] is not None


def test_the_other_rows_are_divided_as_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch)
    with_it = document(run(written([*ROWS, GIANT]), "--json"))["task"]["row_ids"]
    assert with_it == document(run(written(ROWS), "--json"))["task"]["row_ids"]


def test_rows_that_only_the_longest_start_leaves_no_room_for_are_left_out_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    play(monkeypatch)
    middle = ("middle", "Mail " * 400, "seed")  # 2,000 tokens of the scripted model
    data = written([*ROWS, middle])
    assert document(run(data, "--json"))["task"].get("left_out") is None
    found = document(run(data, "--json", "--start", "", "--start", "Sort them. " * 110))
    assert found["task"]["left_out"] == 1


def test_where_no_row_fits_there_is_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, context=40)
    result = run(written(ROWS))
    assert result.exit_code == 3
    assert "All 20 rows are longer than the scorer's context of 40 tokens" in result.stderr
    assert not list(Path().rglob("*.opro"))


def test_shots_that_leave_the_longest_row_no_room_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch)
    long = [(f"r{n}", f"Mail {n}. " + "and more " * 80, kind) for n, (_, _, kind) in enumerate(ROWS)]
    result = run(written(long), "--shots", "4")
    assert result.exit_code == 2
    assert "Take fewer --shots" in result.stderr


def test_score_leaves_them_out_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch)
    words = ["score", "-m", "scripted", *written([*ROWS, GIANT]), "--metric", "log_loss", "-i", "Sort it."]
    for part in ("train", "validation", "test", "all"):
        result = CliRunner().invoke(main, [*words, "--on", part, "--no-progress"])
        assert result.exit_code == 0, result.output
        assert "left out: 1 row" in result.stderr
        assert "not available" not in result.stdout


def without_a_value(number: str) -> Callable[[str], float]:
    return lambda text: math.nan if f"Mail {number}." in text else -float(len(text) % 7) - 0.5


def test_without_a_value_for_any_start_the_search_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, lambda _text: math.nan)
    for metric in ("log_loss", "brier"):
        result = run(written(ROWS), "--metric", metric)
        assert result.exit_code == 3
        (line,) = [line for line in result.stderr.splitlines() if line.startswith("opro-local:")]
        assert f"No prompt has a {metric} on train" in line
        assert "no finite log-probability" in line
        assert "verdict" not in result.output


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_winner_has_a_value_on_every_part(monkeypatch: pytest.MonkeyPatch, split: str) -> None:
    """One row without probabilities makes a log loss infinite, wherever it lies."""
    play(monkeypatch)
    row = document(run(written(ROWS), "--json"))["task"]["row_ids"][split][0]
    # Another digest: replies of the first run are not found in the cache.
    play(monkeypatch, without_a_value(row.removeprefix("r")), digest="without a value")
    result = run(written(ROWS), "--metric", "log_loss", "--calibration", "none")
    assert result.exit_code == 3
    assert f"No prompt has a log_loss on {split}" in result.stderr
    words = ["score", "-m", "scripted", *written(ROWS), "--metric", "log_loss", "-i", "Sort it."]
    scored = CliRunner().invoke(main, [*words, "--on", split, "--calibration", "none"])
    assert scored.stdout.startswith("not available")
    assert f"no log_loss on {split}: rows without an answer: no finite log-probability 1" in scored.stderr
    play(monkeypatch, without_a_value(row.removeprefix("r")), digest="without a value")
    accuracy = run(written(ROWS), "--metric", "accuracy")
    assert accuracy.exit_code == 0
