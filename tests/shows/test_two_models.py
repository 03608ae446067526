"""Optimizer and scorer may be two models; one model in both roles is in memory once."""

import csv
from collections.abc import Mapping
from pathlib import Path

import pytest
from real_engines import share_real_engines
from whole_command import TinyModels, here, result, small_run

from opro_local.catalogue import add
from opro_local.config import ModelSettings
from opro_local.engine import local
from opro_local.engine.loading import Loaded, Place, load_weights
from opro_local.engine.profile import ModelProfile
from opro_local.wiring.models import load_models

pytestmark = pytest.mark.slow

REQUESTS = [
    f"{verb} my {thing}" for verb in ("Where is", "When comes") for thing in ("parcel", "letter", "box")
]
PRAISE = [f"I {verb} this {thing}" for verb in ("love", "enjoy") for thing in ("shop", "cake", "game")]


def test_a_pretrained_optimizer_completes_and_a_chat_scorer_answers(
    tiny: TinyModels, table: Path, tmp_path: Path
) -> None:
    both = ["--optimizer", str(tiny.pretrained), "--quantize", "fp32"]
    document = result(here(*small_run(tiny.chat, table), *both, home=tmp_path))
    assert document["status"] == "finished"
    models = {model["role"]: model for model in document["models"]}
    assert models["scorer"]["name"] == str(tiny.chat)
    assert models["optimizer"]["name"] == str(tiny.pretrained)
    assert models["scorer"]["digest"] != models["optimizer"]["digest"]
    for step in document["steps"][1:]:
        assert len(step["proposals"]) == 8
        assert "<INS>" not in step["meta_prompt"]  # the completion style has no tags


@pytest.mark.usefixtures("tried_here")
def test_equal_weights_under_two_names_are_loaded_once(
    tiny: TinyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[ModelProfile] = []

    def counted(profile: ModelProfile, *, spread: Mapping[str, Place] | None = None) -> Loaded:
        loads.append(profile)
        return load_weights(profile, spread=spread)

    monkeypatch.setattr(local, "load_weights", counted)
    add(tiny.chat, tmp_path / "models", name="copy")
    settings = ModelSettings(scorer=str(tiny.chat), optimizer="copy", quantize="fp32")
    models = load_models(settings, tmp_path / "models")
    assert [record.name for record in models.records] == [str(tiny.chat), "copy"]
    assert len(loads) == 1
    assert models.scorer is models.optimizer


def test_of_the_real_models_gemma_writes_instructions_for_smollm2(
    gemma_folder: Path, smollm2_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share_real_engines(monkeypatch)
    rows = [*((text, "question") for text in REQUESTS), *((text, "praise") for text in PRAISE)]
    with (tmp_path / "notes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("note", "kind"), *rows])
    models = ["--model", str(smollm2_folder), "--optimizer", str(gemma_folder)]
    named = ["--data", "notes.csv", "--text", "note", "--label", "kind"]
    small = ["--steps", "1", "--proposals-per-step", "2", "--proposal-tokens", "24"]
    small += ["--headroom", "0", "--sensitivity", "0"]
    document = result(here("run", *models, *named, *small, "--json", home=tmp_path))
    assert document["status"] == "finished"
    assert len({model["digest"] for model in document["models"]}) == 2
    assert len(document["steps"][1]["proposals"]) == 2
    assert document["test"]["n"] == document["task"]["rows"]["test"] > 0
