"""The figures that the benchmarks print, on a tiny model and worked out by hand."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bench.costs import Dimensions, Point, all_dimensions, as_markdown, series
from bench.plot import HEIGHT, MARGIN, WIDTH, svg
from bench_cost import main as bench_cost
from bench_scorer import main as bench_scorer
from click.testing import CliRunner
from tiny_models import save_tiny_model

FIELDS = [
    *(
        "workload",
        "model",
        "dtype",
        "level",
        "step",
        "pairs_per_s",
        "tokens_run",
        "unique_tokens",
        "head_rows",
    ),
    *("efficiency", "token_reuse", "pad_waste", "head_waste", "gemm_eff", "peer", "ratio_to_peer"),
    "max_logprob_diff",
    "peer_cut_off",
]

pytestmark = pytest.mark.usefixtures("tried_here")

SMALL = ["--instructions", "2", "--examples", "2", "--repeat", "1", "--quantize", "fp32"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny", "llama")


def test_the_last_line_has_every_figure_of_ours_and_of_the_peer(tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    arguments = ["--model", str(tiny), *SMALL, "--workload", "three-token", "--json", str(file)]
    done = CliRunner().invoke(bench_scorer, [*arguments, "--peer", "transformers"], catch_exceptions=False)
    line = done.stdout.splitlines()[-1]
    assert file.read_text() == line + "\n"
    result = json.loads(line)
    assert list(result) == ["schema_version", "machine", "peaks", "rows"]
    assert all(list(row) == FIELDS for row in result["rows"])
    assert [(row["step"], row["level"], row["peer"]) for row in result["rows"]] == [
        (1, None, "transformers"),
        (1, "E3", "transformers"),
        (2, None, "transformers"),
        (2, "E3", "transformers"),
    ]
    peer, first, _, second = result["rows"]
    assert first["ratio_to_peer"] == pytest.approx(first["pairs_per_s"] / peer["pairs_per_s"])
    assert peer["max_logprob_diff"] < 1e-4 and first["max_logprob_diff"] < 1e-4
    # Header, two instructions; four times question, tail and four choices with two tokens that are run.
    assert first["unique_tokens"] == 25 + 2 * 40 + 4 * (60 + 8 + 4 * 2)
    assert first["head_rows"] == 4 * (1 + 4 * 2)
    assert first["head_waste"] == 1
    # Sixteen choices in a row of their own, each behind 133 tokens.
    assert first["token_reuse"] == 16 * (133 + 2) / first["unique_tokens"]
    # The header is known.
    assert second["unique_tokens"] == 40 + 2 * (60 + 8 + 4 * 2)
    for row in (first, second):
        assert row["efficiency"] > 0 and row["gemm_eff"] > 0
        assert row["unique_tokens"] <= row["tokens_run"] <= row["pad_waste"] * row["unique_tokens"]


def test_a_later_step_runs_what_is_new_behind_the_questions(tiny: Path) -> None:
    # Questions are kept once two instructions have been scored behind them.
    size = ["--instructions", "4", "--examples", "2", "--repeat", "1", "--quantize", "fp32"]
    arguments = ["--model", str(tiny), *size, "--workload", "after-question", "--step", "2", "--no-profile"]
    done = CliRunner().invoke(bench_scorer, arguments, catch_exceptions=False)
    (row,) = json.loads(done.stdout.splitlines()[-1])["rows"]
    assert row["unique_tokens"] == 2 * 2 * (40 + 8)
    assert row["tokens_run"] <= 1.05 * row["unique_tokens"]
    assert (row["gemm_eff"], row["peer"], row["ratio_to_peer"]) == (None, None, None)


def test_answers_are_generated_by_both(tiny: Path) -> None:
    arguments = [
        "--model",
        str(tiny),
        *SMALL,
        "--workload",
        "generation",
        "--peer",
        "transformers",
        "--no-profile",
    ]
    done = CliRunner().invoke(bench_scorer, arguments, catch_exceptions=False)
    peer, ours = json.loads(done.stdout.splitlines()[-1])["rows"]
    assert (peer["level"], peer["max_logprob_diff"], ours["max_logprob_diff"]) == (None, None, None)
    assert ours["ratio_to_peer"] > 0
    assert ours["head_rows"] <= 4 * 8  # prompts, tokens of an answer
    assert ours["tokens_run"] >= ours["unique_tokens"]


def test_quick_gives_values_to_options_that_are_left_out_and_slow_peers_take_more_than_their_seconds(
    tiny: Path,
) -> None:
    size = ["--instructions", "2", "--examples", "2", "--quantize", "fp32"]
    arguments = ["--model", str(tiny), "--quick", *size, "--seconds", "1e-6", "--peer", "transformers"]
    done = CliRunner().invoke(bench_scorer, arguments, catch_exceptions=False)
    heading, *lines, last = done.stdout.splitlines()
    rows = json.loads(last)["rows"]
    assert [(row["workload"], row["step"], row["level"], row["peer_cut_off"]) for row in rows] == [
        ("few-shot", 1, None, True),
        ("few-shot", 1, "E3", True),
        ("single-token", 1, None, True),
        ("single-token", 1, "E3", True),
    ]
    assert heading.split()[0] == "workload" and len(lines) == len(rows)
    assert "< " in lines[0] and "> " in lines[1]
    assert all(row["gemm_eff"] is None and row["max_logprob_diff"] is None for row in rows)


def test_an_unknown_workload_is_answered_with_those_there_are(tiny: Path) -> None:
    done = CliRunner().invoke(bench_scorer, ["--model", str(tiny), "--workload", "many"])
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1].startswith("Error: No workload 'many'. There are: few-shot, ")


POINTS = [
    Point(
        varied=varied,
        dimensions=Dimensions(),
        naive_tokens=naive,
        unique_tokens=unique,
        tokens_run=unique,
        seconds=seconds,
    )
    for varied, naive, unique, seconds in [
        ("choices", 4000, 1000, 1.0),
        ("choices", 8000, 1250, 1.5),
        ("examples", 6000, 2000, 2.5),
    ]
]


def test_costs_are_listed_with_their_spread() -> None:
    lines = as_markdown(POINTS).splitlines()
    assert lines[2] == "| choices | 4 | 8 | 2 | 40 | 4,000 | 1,000 | 1,000 | 1.00 | 1.00 |"
    assert lines[-1] == "Milliseconds a unique token: 1.00 to 1.25; a token without sharing: 0.19 to 0.42."


def test_one_dimension_is_varied_at_a_time() -> None:
    usual = Dimensions()
    for varied, dimensions in all_dimensions():
        changed = {n for n in Dimensions.__slots__ if getattr(dimensions, n) != getattr(usual, n)}
        assert changed <= {varied}
    assert [d.choices for varied, d in all_dimensions() if varied == "choices"] == [1, 2, 4, 8, 16]


def test_points_lie_where_their_values_are() -> None:
    picture = ElementTree.fromstring(
        svg(series(POINTS, "unique_tokens"), title="a < b", x="tokens", y="seconds")
    )
    space = "{http://www.w3.org/2000/svg}"
    circles = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in picture.iter(f"{space}circle")]
    width, height = WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN
    assert (MARGIN + width / 2, HEIGHT - MARGIN - height * 0.4) in circles  # 1,000 of 2,000; 1.0 of 2.5
    assert (MARGIN + width, MARGIN) in circles
    texts = [text.text for text in picture.iter(f"{space}text")]
    assert {"a < b", "tokens", "seconds", "choices", "examples", "2,000", "2.5"} <= set(texts)


@pytest.mark.slow
def test_the_cost_of_a_step_is_measured_and_drawn(tiny: Path, tmp_path: Path) -> None:
    arguments = ["--model", str(tiny), "--repeat", "1", "--out", str(tmp_path / "figures")]
    CliRunner().invoke(bench_cost, arguments, catch_exceptions=False)
    written = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert written == ["cost-naive.svg", "cost.md", "cost.svg"]
    table = (tmp_path / "figures" / "cost.md").read_text()
    # Four instructions on eight examples, two choices of three tokens.
    assert f"| choices | 4 | 8 | 2 | 40 | 6,720 | {25 + 4 * 30 + 32 * (40 + 8 + 2 * 2):,} |" in table
