"""The tokenizer that runs is the one in the folder: its tokenizer.json, whatever class is named beside it."""

import json
import random
from pathlib import Path

import click
import pytest
from tiny_folders import write_model_folder
from tiny_models import save_tiny_model
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, GPT2Tokenizer, PreTrainedTokenizerFast

from opro_local.engine import load_engine
from opro_local.engine.profile import load_tokenizer
from opro_local.engine.tokenizer import read_tokenizer
from opro_local.errors import ModelError
from opro_local.llm import Message

CORPUS = [
    "The quick brown fox jumps over 2024 and 1999 lazy dogs, don't we'll know.",
    "caf\u00e9 na\u00efve, 1234567 numbers 12 345; def f(x):\n    return x**2",
]
SPECIAL = ("<|end|>", "<|start|>", "<|pad|>")


def trained(*, start: bool = False) -> Tokenizer:
    """A byte-level BPE with rules that no named class has: composed letters, each digit by itself."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [digits, pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS * 20, trainer)
    if start:
        ahead = [(SPECIAL[1], tokenizer.token_to_id(SPECIAL[1]))]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{SPECIAL[1]} $A", special_tokens=ahead
        )
    return tokenizer


def write(folder: Path, tokenizer: Tokenizer, **config: object) -> Path:
    """A folder with the files that a tokenizer is loaded from, and what else must be there to be judged."""
    write_model_folder(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def varied(number: int) -> list[str]:
    """Texts of digits, blanks, lines, letters in both forms, scripts, emoji, code and control tokens."""
    pieces = [
        *(
            "2024",
            "1999",
            "12,345.67",
            "7",
            " ",
            "  ",
            "\t",
            "\n",
            "\n\n",
            "\r\n",
            "caf\u00e9",
            "cafe\u0301",
            "\u212b",
        ),
        *(
            "The quick",
            " fox",
            "don't",
            "\u4f60\u597d",
            "\uff11\uff12",
            "\U0001f600",
            "x**2",
            "{i:>3}",
            "a_b",
            "CamelCase",
        ),
        *("\u00bd", "\u2026", "\u00a0", "!!", *SPECIAL),
    ]
    dice = random.Random(0)
    return ["".join(dice.choices(pieces, k=dice.randrange(1, 9))) for _ in range(number)]


CLASSES = (
    "GPT2Tokenizer",
    "Qwen2Tokenizer",
    "GPTNeoXTokenizer",
    "CohereTokenizer",
    "LlamaTokenizer",
    "GemmaTokenizer",
    "CodeGenTokenizer",
    "WhisperTokenizer",
    "RobertaTokenizer",
    "T5Tokenizer",
    "NoSuchTokenizer",
    "PreTrainedTokenizerFast",
)


@pytest.mark.parametrize("named", CLASSES)
def test_ids_are_those_of_tokenizer_json_whatever_class_is_named(tmp_path: Path, named: str) -> None:
    told = trained()
    folder = write(tmp_path / "m", told, tokenizer_class=named, eos_token=SPECIAL[0], bos_token=SPECIAL[1])
    loaded, texts = load_tokenizer(folder), varied(200)
    right = [told.encode(text, add_special_tokens=False).ids for text in texts]
    assert loaded(texts, add_special_tokens=False)["input_ids"] == right
    assert (loaded.eos_token_id, loaded.bos_token_id) == (0, 1)


def test_transformers_itself_gives_other_ids_for_such_a_file(tmp_path: Path) -> None:
    # Should this begin to fail, the detour is no longer needed.
    told = trained()
    folder = write(tmp_path / "m", told, tokenizer_class="GPT2Tokenizer")
    auto = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    assert auto("cafe\u0301", add_special_tokens=False)["input_ids"] != told.encode("cafe\u0301").ids


def test_the_engine_encodes_with_it(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path, "llama", chat=False)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"tokenizer_class": "Qwen2Tokenizer"}))
    engine = load_engine(folder, digest="model:test", quantize="fp32")
    text = "cafe\u0301 2024"  # Qwen2's class composes the accent: two bytes fewer
    assert len(engine.encode([Message("user", text)])) == len(text.encode())


@pytest.mark.parametrize("told_in", ["tokenizer_config.json", "special_tokens_map.json"])
def test_named_tokens_template_and_length_are_kept(tmp_path: Path, told_in: str) -> None:
    folder = write(tmp_path / "m", trained(), chat_template="{{ messages }}", model_max_length=77)
    names = {"eos_token": SPECIAL[0], "bos_token": SPECIAL[1], "pad_token": {"content": SPECIAL[2]}}
    if told_in == "tokenizer_config.json":
        names["pad_token"] = SPECIAL[2]
    file = folder / told_in
    content = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(content | names))
    loaded = load_tokenizer(folder)
    assert (loaded.eos_token_id, loaded.bos_token_id, loaded.pad_token_id) == (0, 1, 2)
    assert (loaded.chat_template, loaded.model_max_length) == ("{{ messages }}", 77)


def test_tokens_that_only_the_named_class_knows_are_kept(tmp_path: Path) -> None:
    told = trained()
    told.add_special_tokens(["<|endoftext|>"])
    loaded = load_tokenizer(write(tmp_path / "m", told, tokenizer_class="GPT2Tokenizer"))
    assert loaded.eos_token_id == loaded.bos_token_id == told.token_to_id("<|endoftext|>")


def test_a_start_token_that_only_the_post_processor_tells_is_named(tmp_path: Path) -> None:
    loaded = load_tokenizer(write(tmp_path / "m", trained(start=True), eos_token=SPECIAL[0]))
    assert loaded.bos_token == SPECIAL[1]
    assert loaded("a")["input_ids"][0] == loaded.bos_token_id


@pytest.mark.parametrize("key", ["add_bos_token", "add_eos_token"])
@pytest.mark.parametrize("wanted", [True, False])
def test_the_post_processor_of_the_file_decides_on_start_and_end(
    tmp_path: Path, key: str, wanted: bool
) -> None:
    told = trained(start=True)
    config: dict[str, object] = {"bos_token": SPECIAL[1], "eos_token": SPECIAL[0], key: wanted}
    loaded = load_tokenizer(write(tmp_path / "m", told, tokenizer_class="LlamaTokenizer", **config))
    assert loaded("Pay 12")["input_ids"] == told.encode("Pay 12").ids


def test_texts_are_not_cut_or_filled_up_by_what_training_left_in_the_file(tmp_path: Path) -> None:
    told = trained()
    told.enable_truncation(4)
    told.enable_padding(length=64, pad_id=2, pad_token=SPECIAL[2])
    loaded = load_tokenizer(write(tmp_path / "m", told))
    assert len(loaded("1234567")["input_ids"]) == 7


def test_a_tokenizer_that_cuts_at_random_is_refused(tmp_path: Path) -> None:
    tokenizer = trained()
    tokenizer.model.dropout = 0.1
    with pytest.raises(ModelError, match=r"cuts at random \(dropout\)"):
        read_tokenizer(write(tmp_path / "m", tokenizer))


def test_an_added_token_with_two_ids_is_refused(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "m", trained(), added_tokens_decoder={"7": {"content": SPECIAL[2], "special": True}}
    )
    with pytest.raises(
        ModelError, match=r"'<\|pad\|>' has the id 7 in tokenizer_config.json, 2 in the tokenizer"
    ):
        load_tokenizer(folder)


@pytest.mark.parametrize("entry", [{"unk_token": "quick"}, {"split_special_tokens": True}])
def test_a_configuration_that_changes_the_ids_is_refused(tmp_path: Path, entry: dict[str, object]) -> None:
    told = trained()
    if "unk_token" in entry:
        told.add_tokens(["quickly"])
    folder = write(tmp_path / "m", told, **entry)
    with pytest.raises(ModelError, match=r"tokenizer_config\.json changes what tokenizer\.json says"):
        load_tokenizer(folder)


@pytest.mark.parametrize(
    "entry",
    [
        {"eos_token": "<|nowhere|>"},
        {"bos_token": "<|nowhere|>"},
        {"additional_special_tokens": ["<|nowhere|>"]},
        {"image_token": "<|nowhere|>"},
    ],
)
def test_a_token_that_the_file_does_not_have_gets_no_made_up_id(
    tmp_path: Path, entry: dict[str, object]
) -> None:
    folder = write(tmp_path / "m", trained(), **entry)
    with pytest.raises(
        ModelError, match=r"names the token '<\|nowhere\|>', which tokenizer\.json does not have"
    ):
        load_tokenizer(folder)


def test_a_token_that_only_fills_up_batches_may_be_new(tmp_path: Path) -> None:
    assert load_tokenizer(write(tmp_path / "m", trained(), pad_token="[PAD]")).pad_token == "[PAD]"


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"model": {"type": "Magic"}}', "\x00"])
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    folder = write(tmp_path / "m", trained())
    (folder / "tokenizer.json").write_text(text)
    with pytest.raises(ModelError, match=r"^m: its tokenizer cannot be loaded: \S") as caught:
        load_tokenizer(folder)
    assert "\n" not in str(caught.value)


def test_vocabulary_and_merges_are_read_by_the_class_that_defines_them(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", trained(), tokenizer_class="GPT2Tokenizer", eos_token=SPECIAL[0])
    content = json.loads((folder / "tokenizer.json").read_text())["model"]
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text(json.dumps(content["vocab"]))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(map(" ".join, content["merges"])))
    loaded = read_tokenizer(folder)
    assert isinstance(loaded, GPT2Tokenizer)
    assert loaded.decode(loaded("The quick fox, 1999")["input_ids"]) == "The quick fox, 1999"
    assert loaded.eos_token_id == 0


def test_the_template_of_older_multimodal_models_is_found(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", trained())
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": "{{ messages[0].content }}"}))
    assert load_tokenizer(folder).chat_template == "{{ messages[0].content }}"
    (folder / "chat_template.json").write_text("{}")
    with pytest.raises(ModelError, match=r"chat_template\.json holds no text"):
        load_tokenizer(folder)


def test_what_the_library_prints_of_unknown_keys_stays_out_of_standard_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """tokenizers prints it from compiled code, where no sys.stdout is asked."""
    token = {"content": SPECIAL[0], "special": True, "colour": "blue"}
    folder = write(tmp_path / "model", trained(), added_tokens_decoder={"0": token})
    PreTrainedTokenizerFast.from_pretrained(folder)
    assert "Ignored unknown kwarg option colour" in capfd.readouterr().out
    read_tokenizer(folder)
    click.echo("{}")
    said = capfd.readouterr()
    assert said.out == "{}\n" and "Ignored unknown kwarg option colour" in said.err
