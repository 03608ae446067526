"""The bench of forms on a tiny model: both ways answer the same prompts, one of them always in the form."""

import json
import random
from pathlib import Path

import pytest
from bench_fields import main, orders
from click.testing import CliRunner
from tables.orders import order
from tiny_models import save_tiny_model


def test_orders_are_the_same_for_the_same_seed_and_are_answered_by_their_own_targets() -> None:
    assert [order(random.Random(3)) for _ in range(2)] == [order(random.Random(3)) for _ in range(2)]
    task = orders(40)
    assert all(task.kind.worth(row.target, row) == 1.0 for row in task.examples)
    assert {"reference" in row.target for row in task.examples} == {True, False}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("tried_here")
def test_held_replies_are_of_the_form_and_both_ways_are_told(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "tiny", "llama")
    words = ["--model", str(folder), "--home", str(tmp_path), "--rows", "20", "--block", "10"]
    result = CliRunner().invoke(main, [*words, "--new-tokens", "200", "--instruction", ""])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout.splitlines()[-1])
    assert (document["held"]["unparsable"], document["held"]["of_the_form"]) == (0, 20)
    assert document["free"]["of_the_form"] == 0
    assert document["ratio"] > 0
    equal = CliRunner().invoke(main, [*words, "--new-tokens", "9", "--instruction", "", "--equal"])
    document = json.loads(equal.stdout.splitlines()[-1])
    assert document["held"]["tokens"] == document["free"]["tokens"] == 180
