"""What is measured on a GPU, on a tiny model here; a part that hangs is cut off when its rows are told."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import bench_gpu
import pytest
from bench import gpu
from bench.wheels import slim
from click import ClickException
from click.testing import CliRunner

from opro_local.catalogue import resolve
from opro_local.engine.profile import load_tokenizer

SMALL = replace(gpu.DRY, prompt=20, rows=(1, 2), new_tokens=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gpu") / "random"
    (row,) = gpu.make(folder, SMALL)
    assert row["parameters"] > 100_000
    return folder


@pytest.mark.usefixtures("tried_here")
def test_the_random_model_is_one_that_a_run_takes_and_all_its_ids_are_text(folder: Path) -> None:
    assert resolve(str(folder), folder.parent / "home").path == folder
    tokenizer = load_tokenizer(folder)
    assert len(tokenizer) == SMALL.shape.vocabulary
    ids = tokenizer("Prompts are optimised by scoring them.", add_special_tokens=False)["input_ids"]
    assert len(ids) < 20, "words, not bytes"
    assert tokenizer.decode([SMALL.shape.vocabulary - 5])


def test_scoring_and_decoding_are_measured_row_by_row(folder: Path) -> None:
    loaded, peaks, few_shot, single, alone, together = gpu.bf16(folder, SMALL)
    assert loaded["numerics"].startswith("bfloat16/none/cpu/E3")
    assert peaks["flops"] > 0 and peaks["bandwidth"] > 0
    assert (few_shot["workload"], single["workload"]) == ("few-shot", "single-token")
    assert (alone["rows"], together["rows"]) == (1, 2)
    assert alone["tokens"] == 2 and together["tokens"] <= 4
    # Peaks that were measured while others computed may be below what is reached when they do not.
    assert few_shot["efficiency"] > 0 and single["efficiency"] > 0
    # Of two effects of a few tokens, each at the peaks of its moment, the difference may be anything.
    assert alone["efficiency"] is not None and together["efficiency"] is not None


def test_generate_is_measured_with_both_caches(folder: Path) -> None:
    rows = list(gpu.generate(folder, SMALL))
    assert [(row["cache"], row["rows"]) for row in rows] == [
        ("dynamic", 2),
        ("dynamic", 1),
        ("static", 2),
        ("static", 1),
    ]


def test_rows_are_printed_with_their_part(folder: Path, tmp_path: Path) -> None:
    words = ["--dry", "--in-process", "make", "--folder", str(tmp_path / "again")]
    done = CliRunner().invoke(bench_gpu.main, words, catch_exceptions=False)
    (row,) = map(json.loads, done.stdout.splitlines())
    assert (row["part"], row["what"]) == ("make", "model made")


def test_every_part_has_its_seconds_and_all_together_take_less_than_six_minutes() -> None:
    assert list(bench_gpu.LIMITS) == list(gpu.PARTS)
    assert sum(bench_gpu.LIMITS.values()) <= 350


@pytest.mark.parametrize(
    ("code", "seconds", "ended"),
    [
        ("print('a row', flush=True); import time; time.sleep(60)", 1.0, "cut off after 1 s"),
        ("print('a row')", 60.0, "done"),
        ("print('a row', flush=True); raise SystemExit(3)", 60.0, "failed (3)"),
    ],
)
def test_a_part_tells_what_it_has_and_how_it_ended(
    code: str, seconds: float, ended: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench_gpu.watched([sys.executable, "-c", code], seconds) == ended
    assert capsys.readouterr().out == "a row\n"


def test_of_a_wheels_libraries_only_those_asked_for_are_carried(tmp_path: Path) -> None:
    wheel = tmp_path / "bitsandbytes-1.0-py3-none-any.whl"
    with ZipFile(wheel, "w") as file:
        for name in ("bnb/__init__.py", "bnb/libcpu.so", "bnb/libcuda130.so", "bnb/libcuda129.so"):
            file.writestr(name, name)
    slim(wheel, {"libcpu.so", "libcuda130.so"})
    with ZipFile(wheel) as file:
        assert sorted(file.namelist()) == ["bnb/__init__.py", "bnb/libcpu.so", "bnb/libcuda130.so"]
    assert list(tmp_path.iterdir()) == [wheel]
    with pytest.raises(ClickException, match="Name another CUDA version"):
        slim(wheel, {"libcuda140.so"})
