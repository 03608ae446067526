"""Every causal language model that transformers builds tiny and random, held against transformers itself.

python scripts/sweep_architectures.py [--only TYPE ...] [--variant NAME ...]: a line a model type and variant
with the level that was chosen, the largest gap of a choice's log-likelihood to the model itself in fp32,
whether greedy replies are equal, or why it was refused or could not be built. Exits 1 if a number is wrong.
"""

import random
import sys
import time
import warnings
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import transformers.utils.logging
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from opro_local.engine.decode import Decoder
from opro_local.engine.forward import Body
from opro_local.engine.generation import SharedGeneration, WholeGeneration
from opro_local.engine.head import read_head
from opro_local.engine.likelihood import SharedLikelihood, WholeLikelihood
from opro_local.engine.prefix_store import PrefixStore
from opro_local.engine.prefixes import Prefixes
from opro_local.engine.probe import check_head, choose_level
from opro_local.errors import ModelError
from opro_local.llm import ChoiceRequest, GenerationRequest, TokenIds

VOCABULARY = 97
WRONG = 1e-4
WRONG_SHARE = 1e-5
NOISE_FACTOR = 8
"""A gap is wrong above WRONG, this share of the numbers' size and so many times the model's own noise."""

MOST_PARAMETERS = 20_000_000

SMALL: Mapping[str, object] = {
    "vocab_size": VOCABULARY,
    "vocab_size_per_layer_input": VOCABULARY,
    "hidden_size": 48,
    "d_model": 48,
    "n_embd": 48,
    "embedding_size": 48,
    "word_embed_proj_dim": 48,
    "intermediate_size": 96,
    "ffn_dim": 96,
    "n_inner": 96,
    "ffn_hidden_size": 96,
    "num_hidden_layers": 6,
    "n_layer": 6,
    "num_layers": 6,
    "num_attention_heads": 6,
    "n_head": 6,
    "num_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "global_head_dim": 16,
    "max_position_embeddings": 512,
    "n_positions": 512,
    "max_seq_len": 512,
    "num_experts": 4,
    "num_local_experts": 4,
    "n_routed_experts": 4,
    "moe_num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_topk": 2,
    "top_k_experts": 2,
    "moe_k": 2,
    "moe_intermediate_size": 32,
    "shared_expert_intermediate_size": 32,
    "shared_intermediate_size": 32,
    "expert_ffn_hidden_size": 32,
    "n_group": 1,
    "topk_group": 1,
    "kv_lora_rank": 16,
    "q_lora_rank": 24,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 8,
    "hidden_size_per_layer_input": 16,
    "num_kv_shared_layers": 2,
    "laurel_rank": 8,
    "state_size": 8,
    "mamba_d_state": 8,
    "ssm_state_size": 8,
    "mamba_n_heads": 6,
    "mamba_num_heads": 6,
    "mamba_d_head": 16,
    "mamba_head_dim": 16,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "query_pre_attn_scalar": 8,
    "rotary_dim": 4,
    "index_head_dim": 8,
    "index_n_heads": 2,
    "index_topk": 128,
    "num_global_key_value_heads": 1,
    "swa_num_attention_heads": 6,
    "swa_num_key_value_heads": 2,
    "swa_head_dim": 8,
    "swa_v_head_dim": 8,
    "decoder_layers": 3,
    "encoder_layers": 2,
    "decoder_ffn_dim": 96,
    "encoder_ffn_dim": 96,
    "decoder_attention_heads": 6,
    "encoder_attention_heads": 6,
}
"""What a key becomes where a configuration has it."""

VARIANTS: Mapping[str, Mapping[str, object]] = {
    "as it is": {},
    "window 8": {"sliding_window": 8, "attention_chunk_size": 8},
    "window 8 switched on": {"sliding_window": 8, "use_sliding_window": True, "max_window_layers": 1},
}
"""Set whether an architecture knows the key or not: what it ignores must be ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What came out for one model type: a state, and the facts."""

    state: str
    facts: str


def tiny(model_type: str, variant: Mapping[str, object]) -> PreTrainedModel:
    """The model type small and random. Raises whatever its code raises on that."""
    failed: Exception | None = None
    latent = hasattr(CONFIG_MAPPING[model_type]().get_text_config(), "kv_lora_rank")
    ways = [(), ("head_dim",), ("num_key_value_heads",), ("num_key_value_heads", "head_dim")]
    for left_out in reversed(ways) if latent else ways:
        for unset in (False, True):
            try:
                model = _tiny(model_type, variant, left_out, unset=unset)
                noise(model, (1, 2, 3), (4,))
            except Exception as error:
                failed = failed or error
            else:
                return model
    assert failed is not None
    raise failed


def _tiny(
    model_type: str, variant: Mapping[str, object], left_out: Sequence[str], *, unset: bool
) -> PreTrainedModel:
    """Without some of SMALL; unset tells to set keys too that are None by default."""
    of: Any = CONFIG_MAPPING[model_type]
    config = of()
    text: Any = config.get_text_config()
    facts = text.to_dict()
    known = set(facts) | set(text.attribute_map)
    chosen: dict[str, Any] = {
        key: value
        for key, value in SMALL.items()
        if key in known and key not in left_out and (unset or facts.get(key, 0) is not None)
    }
    for key, value in facts.items():  # lists with an entry a layer are made anew, or cut
        if isinstance(value, list) and len(value) == facts.get("num_hidden_layers") and key not in chosen:
            chosen[key] = None if key in ("layer_types", "no_rope_layers") else value[:6]
    if chosen.get("num_kv_shared_layers"):  # every kind of layer must be among those that share
        chosen["layer_types"] = ["sliding_attention", "sliding_attention", "full_attention"] * 2
    made = type(text)(**chosen, **{k: v for k, v in variant.items() if k in known}, pad_token_id=0)
    if text is not config:
        name = next(key for key, value in vars(config).items() if value is text)
        config = of(**{name: made.to_dict()})
        made = config.get_text_config()
    else:
        config = made
    for key, value in variant.items():
        setattr(made, key, value)
    if hasattr(made, "is_decoder"):
        made.is_decoder = True
    return _random(config, made)


def _random(config: PretrainedConfig, text: PretrainedConfig) -> PreTrainedModel:
    """A random model with sharp logits: with the usual start a wrong mask changes hardly anything."""
    with torch.device("meta"):
        size = AutoModelForCausalLM.from_config(config).num_parameters()  # type: ignore[no-untyped-call]
    if size > MOST_PARAMETERS:
        raise ValueError(f"{size:,} parameters are not tiny")
    capped = getattr(text, "attn_logit_softcapping", None) is not None
    torch.manual_seed(0)
    model: Any = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
        config, attn_implementation="eager" if capped else None
    )
    for weight in model.parameters():
        if weight.dim() >= 2:
            weight.data *= 5
    result: PreTrainedModel = model.eval()
    return result


def ids(draw: random.Random, n: int) -> TokenIds:
    return tuple(draw.randrange(1, VOCABULARY) for _ in range(n))


def workload() -> list[ChoiceRequest]:
    """Two instructions behind a header, three questions behind each, choices that part early and late."""
    draw = random.Random(1)
    header = ids(draw, 7)
    stem = ids(draw, 2)
    choices = (ids(draw, 1), (*stem, 5), (*stem, 6, 7), ids(draw, 3))
    contexts = [
        header + instruction + ids(draw, n)
        for instruction in (ids(draw, 6), ids(draw, 15))
        for n in (1, 9, 20)
    ]
    return [ChoiceRequest(context=context, choices=choices) for context in contexts]


def plain(model: PreTrainedModel, context: TokenIds, choice: TokenIds) -> float:
    """A choice's log-likelihood by the model itself, without cache and padding."""
    logits = model(input_ids=torch.tensor([context + choice]), use_cache=False).logits[0]
    log_probs = logits[len(context) - 1 : -1].double().log_softmax(-1)
    return sum(float(log_probs[i, token]) for i, token in enumerate(choice))


def noise(model: PreTrainedModel, context: TokenIds, choice: TokenIds) -> float:
    """How far a choice's log-likelihood moves where the same row stands in the batch twice."""
    rows = torch.tensor([context + choice] * 2)
    logits = model(input_ids=rows, use_cache=False).logits[0, len(context) - 1 : -1]
    log_probs = logits.double().log_softmax(-1)
    twice = sum(float(log_probs[i, token]) for i, token in enumerate(choice))
    return abs(twice - plain(model, context, choice))


def plain_greedy(model: PreTrainedModel, prompt: TokenIds, n: int) -> tuple[TokenIds, float]:
    """The model's own greedy reply, and the smallest margin by which a token was the likeliest."""
    row, margin = list(prompt), float("inf")
    for _ in range(n):
        best = model(input_ids=torch.tensor([row]), use_cache=False).logits[0, -1].topk(2)
        margin = min(margin, float(best.values[0] - best.values[1]))
        row.append(int(best.indices[0]))
    return tuple(row[len(prompt) :]), margin


def examine(model: PreTrainedModel) -> Finding:
    """Hold the engine against the model itself."""
    requests = workload()
    with torch.inference_mode():
        expected = [[plain(model, r.context, c) for c in r.choices] for r in requests]
        body, head = Body(model), read_head(model)
        whole = WholeLikelihood(body=body, head=head, token_budget=4096)
        check_head(model, body, head)
        verdict = choose_level(whole, None)
        decoder = Decoder(head=head, ends=frozenset(), text=lambda _: "")
        score: WholeLikelihood | SharedLikelihood = whole
        generation: WholeGeneration | SharedGeneration
        generation = WholeGeneration(body=body, decoder=decoder, token_budget=4096)
        if verdict.reuse:
            prefixes = Prefixes(reuse=verdict.reuse, store=PrefixStore(2**20), pass_overhead=0)
            score = SharedLikelihood(head=head, prefixes=prefixes)
            generation = SharedGeneration(body=body, decoder=decoder, prefixes=prefixes)
        replies = score(requests)
        gap = max(
            abs(a - b)
            for reply, row in zip(replies, expected, strict=True)
            for a, b in zip(reply.log_probs, row, strict=True)
        )
        asked = [
            GenerationRequest(prompt=r.context, max_tokens=12, final=lambda _: False, drafts=r.choices[2:])
            for r in requests[1:4]
        ]
        own = [plain_greedy(model, request.prompt, 12) for request in asked]
        written = [reply.ids for reply in generation.greedy(asked)]
        own_noise = max(noise(model, r.context, r.choices[2]) for r in requests)
    same = all(a == b or margin < 1e-3 for a, (b, margin) in zip(written, own, strict=True))
    size = max(abs(value) for row in expected for value in row)
    allowed = max(WRONG, WRONG_SHARE * size, NOISE_FACTOR * own_noise)
    state = "right" if gap <= allowed and same else "WRONG"
    return Finding(
        state=state,
        facts=f"{verdict.level} gap {gap:.1e} noise {own_noise:.0e} greedy {same} {verdict.reason}",
    )


def swept(only: list[str], variants: list[str]) -> Iterator[tuple[str, str, Finding]]:
    for model_type in only or list(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES):
        for name in variants:
            try:
                model = tiny(model_type, VARIANTS[name])
            except Exception as error:  # whatever their code raises
                said = f"{type(error).__name__}: {error}".splitlines()[0]
                yield model_type, name, Finding(state="not built", facts=said[:110])
                continue
            try:
                yield model_type, name, examine(model)
            except ModelError as refused:
                yield model_type, name, Finding(state="refused", facts=str(refused)[:150])
            except Exception as error:
                yield model_type, name, Finding(state="CRASH", facts=f"{type(error).__name__}: {error}"[:150])


def main() -> None:
    parser = ArgumentParser()
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--variant", nargs="*", default=list(VARIANTS))
    chosen = parser.parse_args()
    transformers.utils.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    warnings.simplefilter("ignore")
    bad = 0
    for model_type, variant, finding in swept(chosen.only, chosen.variant):
        print(f"{model_type:24} {variant:21} {finding.state:9} {finding.facts}", flush=True)
        bad += finding.state in ("WRONG", "CRASH")
    print(f"{bad} wrong", time.strftime("%H:%M"))
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
