"""A model as its users run it, through transformers' generate: batches sorted by length, nothing shared.

The peers' side of the bench of optimizers; it runs under a Python that has no opro_local.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

ANSWER_TOKENS = 8
PROPOSAL_TOKENS = 128
"""About as long as the longest instruction that opro-local accepts, 500 characters."""
BATCH = 32


class Reply(NamedTuple):
    """A continuation, and the tokens of it and of its prompt."""

    text: str
    tokens: int


class Transformers:
    """A model in a folder through plain generate."""

    def __init__(self, *, folder: str, dtype: str, chat: bool) -> None:
        import torch
        from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

        # AutoTokenizer leaves out rules of tokenizer.json; peers get the ids that the file says.
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, padding_side="left")
        self.tokenizer.pad_token = self.tokenizer.pad_token or self.tokenizer.eos_token
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype))
        self.model = model.to(self.device).eval()
        self.chat = chat

    def answer(self, texts: Sequence[str]) -> list[Reply]:
        # A pre-trained model continues the text; this is how CAPO's shots go on.
        leads = [self._turn(text) if self.chat else f"{text}\nOutput:\n" for text in texts]
        return self._in_batches(leads, max_new_tokens=ANSWER_TOKENS, do_sample=False)

    def write(self, texts: Sequence[str], longest: int = PROPOSAL_TOKENS) -> list[Reply]:
        turns = [self._turn(text) if self.chat else text for text in texts]
        sampling = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0}
        ends = {"stop_strings": ["</prompt>"], "tokenizer": self.tokenizer}
        return self._in_batches(turns, max_new_tokens=longest, **sampling, **ends)

    def _turn(self, text: str) -> str:
        turns = [{"role": "user", "content": text}]
        return str(self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False))

    def _in_batches(self, texts: Sequence[str], **options: object) -> list[Reply]:
        ids = [self.tokenizer.encode(text, add_special_tokens=not self.chat) for text in texts]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        replies: dict[int, Reply] = {}
        for at in range(0, len(order), BATCH):
            batch = order[at : at + BATCH]
            replies |= zip(batch, self._generated([ids[i] for i in batch], options), strict=True)
        return [replies[i] for i in range(len(ids))]

    def _generated(self, ids: list[list[int]], options: dict[str, object]) -> list[Reply]:
        import torch

        inputs = self.tokenizer.pad({"input_ids": ids}, return_tensors="pt").to(self.device)
        with torch.inference_mode():
            found = self.model.generate(**inputs, pad_token_id=self.tokenizer.pad_token_id, **options)
        new = found[:, inputs["input_ids"].shape[1] :].tolist()
        return [self._reply(prompt, generated) for prompt, generated in zip(ids, new, strict=True)]

    def _reply(self, prompt: list[int], generated: list[int]) -> Reply:
        text = str(self.tokenizer.decode(generated, skip_special_tokens=True))
        padding = {self.tokenizer.pad_token_id, self.tokenizer.eos_token_id}
        return Reply(text, len(prompt) + sum(token not in padding for token in generated))
