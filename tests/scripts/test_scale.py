"""What workers bring: the simulation keeps its books, and the coordinator's bench measures each part."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from bench_coordinator import main as bench_coordinator
from click.testing import CliRunner
from simulate_scale import Machine, found
from tiny_models import save_tiny_model


def machine(*, pairs_a_second: float = 1e9, hours_a_death: float = 1e9) -> Machine:
    return Machine(
        name="m",
        tokens_a_pair=64,
        tokens_a_second=6400,
        pairs_a_second=pairs_a_second,
        reload=100.0,
        hours_a_death=hours_a_death,
    )


def rate(one: Machine, workers: int) -> float:
    run = found(one, workers=workers, pairs=64_000, seed=0)
    assert 0 < run.efficiency(workers) <= 1
    return run.pairs / run.wall


def test_without_a_coordinators_time_one_worker_is_all_work() -> None:
    run = found(machine(), workers=1, pairs=6_400, seed=0)
    assert run.efficiency(1) == pytest.approx(1)
    assert run.pairs / run.wall == pytest.approx(100, rel=0.1)  # 6,400 of 64 tokens, some blocks slow


def test_more_workers_are_faster_until_the_coordinator_is_the_limit() -> None:
    rates = [rate(machine(pairs_a_second=1000), workers) for workers in (1, 4, 16, 64)]
    assert all(more > less for less, more in pairwise(rates))
    assert rates[1] > 3 * rates[0]
    assert rates[-1] < 1000


def test_deaths_cost_time() -> None:
    assert rate(machine(hours_a_death=0.01), 4) < 0.8 * rate(machine(), 4)


@pytest.mark.usefixtures("tried_here")
def test_the_bench_measures_every_part(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "tiny", "llama")
    done = CliRunner().invoke(bench_coordinator, ["--model", str(folder), "--pairs", "64", "--repeat", "1"])
    assert done.exit_code == 0, done.output
    seconds = json.loads(done.output.splitlines()[-1])["seconds"]
    parts = ("tokenize", "cut", "send", "key", "cache", "record")
    assert set(seconds) == {*parts, "stored", "all"}
    assert seconds["all"] == pytest.approx(sum(seconds[part] for part in parts))
