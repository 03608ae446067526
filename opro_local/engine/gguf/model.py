"""What a GGUF file holds, as the families read it, and what a family makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch

from opro_local.catalogue.gguf_header import GgufHeader, GgufTensor
from opro_local.engine.gguf.metadata import Config, Keys
from opro_local.engine.gguf.rope import rope_parameters
from opro_local.engine.gguf.tensors import check_inside, read, same_bytes
from opro_local.errors import ModelError

ROPE_TENSORS = ("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight")
"""Tensors that become numbers of config.json."""

HARMLESS = ("vocab_size", "rope.scaling.finetuned", "tensor_data_layout")
"""Keys that change no number of a causal model: vocab_size is checked against the embedding instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """How a family's file becomes a transformers model.

    config is that of model_type. names gives the GGUF name of each module, {} for the layer; of two
    names, both tensors are stacked. interleaved: llama.cpp turns neighbouring dimensions, so that the rows of
    q and k were rearranged. shifted_norms: norms are stored with the 1 that the model adds itself.
    """

    model_type: str
    config: Config
    names: Mapping[str, str | tuple[str, str]]
    interleaved: bool = False
    shifted_norms: bool = False


@dataclass(frozen=True)
class GgufModel:
    """The keys and the tensors of a file."""

    header: GgufHeader

    @cached_property
    def architecture(self) -> str:
        return self.header.text("general.architecture") or ""

    @cached_property
    def keys(self) -> Keys:
        return Keys(self.architecture, self.header.metadata)

    @cached_property
    def tensors(self) -> dict[str, GgufTensor]:
        return {tensor.name: tensor for tensor in self.header.tensors}

    @cached_property
    def head_size(self) -> int:
        """Dimensions of a query, key or value head. Raises ModelError where they differ."""
        heads = self.keys.integer("attention.head_count")
        if heads <= 0:
            raise self.keys.refused("attention.head_count", "a model has heads")
        size = self.keys.integer("attention.key_length", self.keys.integer("embedding_length") // heads)
        self.keys.expect("attention.value_length", size)
        return size

    def tensor(self, name: str) -> GgufTensor:
        """A tensor by name. Raises ModelError when it is missing."""
        if name not in self.tensors:
            raise ModelError(
                f"{name} is missing; the file is not whole, or of a variant that is not understood."
                " Fetch it again, or use the model's safetensors folder instead."
            )
        return self.tensors[name]

    def rope(self) -> Config:
        """transformers' rope_parameters; see rope."""
        factors = {
            name.removesuffix(".weight"): self._numbers(name) for name in ROPE_TENSORS if name in self.tensors
        }
        return rope_parameters(self.keys, factors, head_size=self.head_size)

    def whole_rope(self) -> Config:
        """The same for a family that turns all dimensions of a head. Raises ModelError for others."""
        self.keys.expect("rope.dimension_count", self.head_size)
        return self.rope()

    def base_config(self, *, key_heads: int | None = None) -> Config:
        """What the configurations of all families hold, rope_parameters excepted."""
        keys = self.keys
        keys.expect("attention.causal", True)
        self._check_layers()
        if key_heads is None:
            key_heads = keys.integer("attention.head_count_kv", keys.integer("attention.head_count"))
        return {
            "vocab_size": self._vocabulary(),
            "hidden_size": keys.integer("embedding_length"),
            "num_hidden_layers": keys.integer("block_count"),
            "num_attention_heads": keys.integer("attention.head_count"),
            "num_key_value_heads": key_heads,
            "head_dim": self.head_size,
            "max_position_embeddings": keys.integer("context_length"),
            "tie_word_embeddings": self._is_tied(),
        }

    def dense_config(self) -> Config:
        """base_config, with the feed-forward width and the epsilon of RMS norms."""
        return self.base_config() | {
            "intermediate_size": self.keys.integer("feed_forward_length"),
            "rms_norm_eps": self.keys.real("attention.layer_norm_rms_epsilon"),
        }

    def has(self, name: str) -> bool:
        """Whether the first layer has a tensor of this name."""
        return f"blk.0.{name}" in self.tensors

    def _check_layers(self) -> None:
        """Raise ModelError for more layers than the file has, before a skeleton of them is built."""
        numbers = (name.split(".")[1] for name in self.tensors if name.startswith("blk."))
        found = {number for number in numbers if number.isdigit()}
        if self.keys.integer("block_count") > len(found):
            raise self.keys.refused("block_count", f"the file has tensors of {len(found)} layers")

    def _vocabulary(self) -> int:
        rows = self.tensor("token_embd.weight").shape[0]
        tokens = self.header.metadata.get("tokenizer.ggml.tokens", [])
        if isinstance(tokens, list) and len(tokens) > rows:
            raise ModelError(f"The file has {len(tokens)} tokens and an embedding for {rows}.")
        self.keys.expect("vocab_size", rows)
        return rows

    def _is_tied(self) -> bool:
        """Whether the output layer is the embedding: left out, or stored twice."""
        output = self.tensors.get("output.weight")
        return output is None or same_bytes(output, self.tensor("token_embd.weight"))

    def _numbers(self, name: str) -> list[float]:
        check_inside(self.tensors[name])
        numbers: list[float] = read(self.tensors[name], torch.float32).flatten().tolist()
        return numbers
