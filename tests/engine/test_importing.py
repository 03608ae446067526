import sys
from pathlib import Path

import pytest
from tiny_folders import write_gguf

from opro_local.engine.gguf.conversion import import_gguf
from opro_local.engine.importing import main, store_quantized

TEMPLATE = "{% for m in messages %}<|start|>{{ m['content'] }}<|end|>{% endfor %}"
IDS = [[1, 50, 60, 70, 80]]


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dense")
    (folder / "tiny").mkdir()
    import_gguf(write_gguf(folder / "tiny.gguf", template=TEMPLATE), folder / "tiny")
    return folder / "tiny"


def logits(folder: Path) -> list[float]:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, local_files_only=True)
    with torch.no_grad():
        found: list[float] = model(torch.tensor(IDS)).logits[0, -1].float().tolist()
    return found


@pytest.mark.slow
def test_tokenizer_and_chat_template_come_along(dense: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(dense, local_files_only=True)
    assert tokenizer.convert_ids_to_tokens(tokenizer("hello<|end|>").input_ids) == [
        "he",
        "ll",
        "o",
        "<|end|>",
    ]
    turn = [{"role": "user", "content": "hi"}]
    assert tokenizer.apply_chat_template(turn, tokenize=False) == "<|start|>hi<|end|>"
    assert (tokenizer.bos_token, tokenizer.eos_token) == ("<|start|>", "<|end|>")


@pytest.mark.slow
def test_a_file_without_chat_template_gives_a_folder_without_one(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    (tmp_path / "base").mkdir()
    import_gguf(write_gguf(tmp_path / "base.gguf", template=None), tmp_path / "base")
    assert not (tmp_path / "base" / "chat_template.jinja").exists()
    assert AutoTokenizer.from_pretrained(tmp_path / "base", local_files_only=True).chat_template is None


@pytest.mark.slow
@pytest.mark.parametrize(("quantize", "tolerance"), [("int8", 0.02), ("nf4", 0.25)])
def test_quantised_weights_answer_as_the_dense_ones_within_their_precision(
    dense: Path, tmp_path: Path, quantize: str, tolerance: float
) -> None:
    import torch

    main(quantize, dense, tmp_path / quantize)
    there, here = torch.tensor(logits(dense)), torch.tensor(logits(tmp_path / quantize))
    assert torch.linalg.vector_norm(there - here) < tolerance * torch.linalg.vector_norm(there)
    names = {path.name for path in dense.iterdir()}
    assert {path.name for path in (tmp_path / quantize).iterdir()} == names


@pytest.mark.slow
def test_stored_quantised_weights_are_smaller(dense: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    store_quantized(dense, tmp_path / "nf4", "nf4")
    packed = load_file(tmp_path / "nf4" / "model.safetensors")["model.layers.0.mlp.down_proj.weight"]
    assert packed.numel() * packed.element_size() == 64 * 128 // 2  # two weights a byte


def test_unknown_work_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="unknown work 'gptq'; known: gguf, nf4, int8"):
        main("gptq", tmp_path, tmp_path)
    assert "torch" not in dir(sys.modules["opro_local.engine.importing"])
