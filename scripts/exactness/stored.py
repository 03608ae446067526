"""Models of the user's folder in fp32, held against plain transformers on English prompts."""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from opro_local.engine.family_check import FamilyCheck, Probes, compare
from opro_local.engine.local import LocalEngine, load_engine
from opro_local.llm import ChoiceRequest, Message, TokenIds

TEXT = (
    "In the autumn of 1889 a clerk of the harbour office counted 1,204 crates of oranges, twice, and wrote "
    "in the margin that the ship's papers said 1,240. Nobody asked him why. The captain, who had sailed that "
    "morning, never learned that 36 crates of his cargo had been lost between two columns of figures."
)
QUESTIONS = (
    "Is the sentiment of this review positive or negative? The plot is thin, but I laughed all the way home.",
    "Which word is the odd one out: apple, pear, hammer, plum?",
    "A train has 12 cars with 48 seats each. How many seats are there?",
)
ANSWERS = ("positive", "negative", "The answer is 576.", "hammer")


def check_stored(name: str, folder: Path) -> FamilyCheck:
    """Raises ModelError if the folder is no model to load."""
    engine = load_engine(folder, digest=name, quantize="fp32", device="cpu")
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    return compare(name, engine, plain, english_probes(engine))


def english_probes(engine: LocalEngine) -> Probes:
    """Questions with answers of several tokens, and a text of some sentences."""
    prompts = [engine.encode([Message("user", question)]) for question in QUESTIONS]
    answered = [
        engine.encode_each([Message("user", question)], ["", *(f" {answer}" for answer in ANSWERS)])
        for question in QUESTIONS
    ]
    return Probes(
        choices=tuple(_request(ids) for ids in answered),
        text=engine.encode([Message("user", TEXT)]),
        prompts=tuple(prompts),
    )


def _request(encoded: list[TokenIds]) -> ChoiceRequest:
    low, high = min(encoded), max(encoded)
    shared = next((at for at, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    return ChoiceRequest(context=low[:shared], choices=tuple(ids[shared:] for ids in encoded[1:]))
