"""Optimizer and scorer may be two models; one model in both roles is in memory once."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest
from whole_command import TinyModels, call, environment, result, small_run

pytestmark = pytest.mark.slow

LOAD_BOTH = """
import sys
from pathlib import Path
from opro_local.wiring.models import load_models
from opro_local.catalogue import add
from opro_local.config import ModelSettings
from opro_local.engine import local
folder, store = Path(sys.argv[1]), Path(sys.argv[2])
loads, load_weights = [], local.load_weights
def counted(profile, **options):
    loads.append(profile)
    return load_weights(profile, **options)
local.load_weights = counted
add(folder, store, name="copy")
settings = ModelSettings(scorer=str(folder), optimizer="copy", quantize="fp32")
models = load_models(settings, store)
assert [record.name for record in models.records] == [str(folder), "copy"]
print(len(loads), models.scorer is models.optimizer)
"""

REQUESTS = [
    f"{verb} my {thing}" for verb in ("Where is", "When comes") for thing in ("parcel", "letter", "box")
]
PRAISE = [f"I {verb} this {thing}" for verb in ("love", "enjoy") for thing in ("shop", "cake", "game")]


def test_a_pretrained_optimizer_completes_and_a_chat_scorer_answers(
    tiny: TinyModels, table: Path, tmp_path: Path
) -> None:
    both = ["--optimizer", str(tiny.pretrained), "--quantize", "fp32"]
    document = result(call(*small_run(tiny.chat, table), *both, home=tmp_path))
    assert document["status"] == "finished"
    models = {model["role"]: model for model in document["models"]}
    assert models["scorer"]["name"] == str(tiny.chat)
    assert models["optimizer"]["name"] == str(tiny.pretrained)
    assert models["scorer"]["digest"] != models["optimizer"]["digest"]
    for step in document["steps"][1:]:
        assert len(step["proposals"]) == 8
        assert "<INS>" not in step["meta_prompt"]  # the completion style has no tags


def test_equal_weights_under_two_names_are_loaded_once(tiny: TinyModels, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOAD_BOTH, str(tiny.chat), str(tmp_path / "models")],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "1 True\n", done.stderr


def test_gemma_writes_instructions_for_smollm2(
    gemma_folder: Path, smollm2_folder: Path, tmp_path: Path
) -> None:
    rows = [*((text, "question") for text in REQUESTS), *((text, "praise") for text in PRAISE)]
    with (tmp_path / "notes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("note", "kind"), *rows])
    models = ["--model", str(smollm2_folder), "--optimizer", str(gemma_folder)]
    named = ["--data", "notes.csv", "--text", "note", "--label", "kind"]
    small = ["--steps", "1", "--proposals-per-step", "2", "--proposal-tokens", "24"]
    document = result(call("run", *models, *named, *small, "--json", home=tmp_path))
    assert document["status"] == "finished"
    assert len({model["digest"] for model in document["models"]}) == 2
    assert len(document["steps"][1]["proposals"]) == 2
    assert document["test"]["n"] == document["task"]["rows"]["test"] > 0
