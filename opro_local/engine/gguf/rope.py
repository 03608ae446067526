"""Rotary embeddings of a GGUF file as transformers' rope_parameters.

llama.cpp keeps some scalings as keys and some as tensors of factors, by which the frequencies are divided.
Where a key is missing, its defaults hold, not those of transformers.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from opro_local.engine.gguf.metadata import Config, Keys
from opro_local.errors import ModelError

Factors = Mapping[str, Sequence[float]]
"""Tensors of factors by name: rope_freqs, rope_factors_long, rope_factors_short."""

DEFAULT_BASE = 10000.0
CLOSE = 1e-5
"""How near a formula must come to the stored fp32 factors, relatively."""


def rope_parameters(keys: Keys, factors: Factors, *, head_size: int) -> Config:
    """transformers' rope_parameters. Raises ModelError for a scaling that is not understood."""
    base = keys.real("rope.freq_base", DEFAULT_BASE)
    rotated = keys.integer("rope.dimension_count", head_size)
    kind, scaling = _scaling(keys, factors, base=base, rotated=rotated)
    parameters = {"rope_theta": base, "rope_type": kind, **scaling}
    if rotated != head_size:
        if not 0 < rotated < head_size:
            raise keys.refused("rope.dimension_count", f"a head has {head_size} dimensions")
        parameters["partial_rotary_factor"] = _share(rotated, head_size)
    return parameters


def _share(rotated: int, head_size: int) -> float:
    """The factor from which transformers computes this number of dimensions: it cuts off, and 44 * (30 / 44)
    is below 30."""
    share = rotated / head_size
    return share if int(head_size * share) == rotated else math.nextafter(share, 1.0)


def _scaling(keys: Keys, factors: Factors, *, base: float, rotated: int) -> tuple[str, Config]:
    """The kind of scaling and its own parameters."""
    kind, factor = keys.text("rope.scaling.type", ""), _factor(keys)
    if any(name.startswith("rope_factors") for name in factors):
        keys.expect("rope.scaling.type", "longrope", "none")
        keys.expect("rope.scaling.factor", 0.0, 1.0)  # llama.cpp would divide by it beside the factors
        return "longrope", _longrope(keys, factors)
    if "rope_freqs" in factors:
        keys.expect("rope.scaling.type", "none", "llama3")
        keys.expect("rope.scaling.factor", 0.0, 1.0)
        keys.expect("rope.scale_linear", 0.0, 1.0)
        return "llama3", _llama3(factors["rope_freqs"], base=base, rotated=rotated)
    # Without a kind llama.cpp scales linearly.
    if kind in ("", "linear") and factor not in (0.0, 1.0):
        return "linear", {"factor": factor}
    if kind == "yarn":
        return "yarn", _yarn(keys, factor)
    if kind not in ("", "none", "linear"):
        raise keys.refused("rope.scaling.type", "this scaling is not supported")
    # Without a factor it scales nothing.
    keys.optional("rope.scaling.original_context_length")
    keys.expect("rope.scaling.attn_factor", 1.0)
    return "default", {}


def _factor(keys: Keys) -> float:
    return keys.real("rope.scaling.factor", keys.real("rope.scale_linear", 0.0))


def _yarn(keys: Keys, factor: float) -> Config:
    """Peng et al. 2023. What llama.cpp skips or reads otherwise than transformers must change nothing."""
    if factor <= 1.0:
        raise keys.refused("rope.scaling.factor", "yarn needs a factor above 1")
    read = keys.architecture == "mistral3"  # here llama.cpp reads all keys
    attention = 0.1 * math.log(factor) + 1.0
    keys.expect("rope.scaling.yarn_ext_factor", 1.0)
    keys.expect("rope.scaling.attn_factor", 1.0)
    # transformers' attention_factor, which is the whole factor
    if not math.isclose(keys.real("rope.scaling.yarn_attn_factor", attention), attention, rel_tol=1e-5):
        raise keys.refused("rope.scaling.yarn_attn_factor", f"{attention:.4f} follows from the factor")
    if not read:
        keys.expect("rope.scaling.yarn_beta_fast", 32.0)
        keys.expect("rope.scaling.yarn_beta_slow", 1.0)
    # DeepSeek's multiplier of the logarithm in the denominator: 1 takes the attention factor away.
    keys.expect("rope.scaling.yarn_log_multiplier", 0.0, *([1.0] if read else []))
    without = keys.real("rope.scaling.yarn_log_multiplier", 0.0) == 1.0
    return {
        "factor": factor,
        "original_max_position_embeddings": keys.integer(
            "rope.scaling.original_context_length", keys.integer("context_length")
        ),
        "beta_fast": keys.real("rope.scaling.yarn_beta_fast", 32.0),
        "beta_slow": keys.real("rope.scaling.yarn_beta_slow", 1.0),
        "attention_factor": 1.0 if without else attention,
    }


def _longrope(keys: Keys, factors: Factors) -> Config:
    """Ding et al. 2024: factors for prompts up to the original context, and for longer ones."""
    if set(factors) != {"rope_factors_long", "rope_factors_short"}:
        raise ModelError(f"The file has {', '.join(sorted(factors))} only; rope factors come in pairs.")
    context = keys.integer("context_length")
    original = keys.integer("rope.scaling.original_context_length", context)
    return {
        "short_factor": list(factors["rope_factors_short"]),
        "long_factor": list(factors["rope_factors_long"]),
        "original_max_position_embeddings": original,
        "factor": context / original,
        "attention_factor": keys.real("rope.scaling.attn_factor", 1.0),
    }


def _llama3(factors: Sequence[float], *, base: float, rotated: int) -> Config:
    """The parameters of Llama 3.1's scaling that make these factors.

    Between both ends 1/factor is linear in 1/wavelength. Scaling all but the factor together changes nothing,
    so the low end is taken as 1. Raises ModelError where no parameters give the factors.
    """
    stored = np.array(factors, np.float64)
    wavelengths = 2 * math.pi * base ** (np.arange(0, rotated, 2) / rotated)
    if stored.shape != wavelengths.shape:
        raise ModelError(f"rope_freqs.weight has {stored.size} factors, {wavelengths.size} are needed.")
    for parameters in _llama3_guesses(stored, wavelengths):
        if np.allclose(_llama3_factors(parameters, wavelengths), stored, rtol=CLOSE, atol=0):
            return parameters
    raise ModelError(
        "rope_freqs.weight holds factors that follow no llama3 scaling, which is all that is understood."
        " Use the model's safetensors folder instead."
    )


def _llama3_guesses(stored: np.ndarray, wavelengths: np.ndarray) -> list[Config]:
    """Meta's own parameters, then those that fit the factors between both ends."""
    largest = float(stored.max())
    guesses = [(1.0, 4.0, 8192.0)]
    between = (stored > 1 + CLOSE) & (stored < largest * (1 - CLOSE))
    if between.sum() >= 2:
        share = (1 / stored[between] - 1 / largest) / (1 - 1 / largest)
        slope, intercept = np.polyfit(1 / wavelengths[between], share, 1)
        high = 1 - 1 / intercept
        guesses.append((1.0, high, slope * (high - 1)))
    elif between.sum() == 1:
        only = (1 / float(stored[between][0]) - 1 / largest) / (1 - 1 / largest)
        guesses.append((1.0, 4.0, float(wavelengths[between][0]) * (1 + 3 * only)))
    return [
        {
            "factor": largest,
            "low_freq_factor": low,
            "high_freq_factor": high,
            "original_max_position_embeddings": round(context),
        }
        for low, high, context in guesses
    ]


def _llama3_factors(parameters: Mapping[str, float], wavelengths: np.ndarray) -> np.ndarray:
    low, high = parameters["low_freq_factor"], parameters["high_freq_factor"]
    share = (parameters["original_max_position_embeddings"] / wavelengths - low) / (high - low)
    share = np.clip(share, 0.0, 1.0)
    return np.asarray(1 / ((1 - share) / parameters["factor"] + share))
