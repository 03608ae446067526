"""The benchmark of generation compares equal work: the peer's tokens, and samples whose prompt runs once."""

from pathlib import Path

import bench.generating
import pytest
from bench.generating import Sizes, measure
from tiny_models import save_tiny_model


def test_answers_equal_the_peers_and_samples_share_their_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.generating, "META_PROMPT_TOKENS", 40)
    monkeypatch.setattr(bench.generating, "SAMPLE_TOKENS", 4)
    folder = save_tiny_model(tmp_path / "m", "llama")
    first, last, samples = measure(folder, "fp32", Sizes(instructions=2, questions=3, new_tokens=4), repeat=1)
    assert first["equal"] == last["equal"] == "6/6"
    assert not any(row["cut_off"] for row in (first, last, samples))
    assert samples["prompt_tokens"] == 40
    generated, ran = samples["tokens_generated"], samples["tokens_run"]
    assert isinstance(generated, int) and isinstance(ran, int)
    # The last token of a sample is not run; rows that are done go along until they are taken out.
    assert 40 + generated - 8 <= ran <= 40 + 8 * 3


def test_a_peer_that_is_too_slow_takes_more_than_its_seconds(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "m", "llama")
    rows = measure(folder, "fp32", Sizes(instructions=1, questions=2, new_tokens=4), repeat=2, seconds=1e-6)
    first = next(rows)
    assert (first["cut_off"], first["equal"]) == (True, None)
    assert first["seconds"] != 0
