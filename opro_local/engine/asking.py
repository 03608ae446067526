"""What a model's attention is like, asked of the model itself: who sees whom, and how it takes masks.

A pass over a few tokens runs with an attention that computes nothing and takes notes. transformers hands it
the rule by which each layer's mask is made, which can be held against ours at any length without running a
long prompt. Another pass tells whether masks from outside reach the layers, and under which names. A key of
the configuration proves neither: architectures carry keys that they ignore.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, PretrainedConfig, PreTrainedModel

from opro_local.engine.masks import FULL, AttentionKinds, NoReuse, Reach

ASKING = "opro_asking"
"""The name under which transformers finds the attention that takes notes."""

TOKENS = 3

LONGEST = 2**20
"""No window is looked for beyond it."""

KEYS = ("full_attention", "sliding_attention", "chunked_attention")
"""Names by which models take a mask for each kind of layer."""

WINDOW_WORDS = ("window", "chunk", "local", "block_size", "attention_types", "layer_types")
"""Keys of a configuration that may limit what a layer sees."""

CPU = torch.device("cpu")

Rule = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""transformers' rule of a mask: batch, head, query and key positions to whether the query sees the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """Query heads of a layer, of which grouped ones share a key head."""

    query: int
    grouped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """What was found: how far the layers see and what heads they have; no heads if they could not be seen."""

    kinds: AttentionKinds
    heads: tuple[Heads, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    layer: int
    mask: int | None
    heads: Heads


@dataclass(slots=True)
class _Notes:
    """Calls of the attention in order, the rules of masks by where these lie, and the masks, to keep them."""

    calls: list[_Seen] = field(default_factory=list)
    rules: dict[int, Rule] = field(default_factory=dict)
    masks: list[Tensor] = field(default_factory=list)

    def attend(
        self,
        module: torch.nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: object,
        **_: object,
    ) -> tuple[Tensor, None]:
        """Note a layer. query (B, H, T, D), key and value (B, Hkv, T, D) -> zeros (B, T, H, D)."""
        layer = getattr(module, "layer_idx", None)
        heads = Heads(query=query.shape[1], grouped=query.shape[1] // key.shape[1])
        where = _where(attention_mask) if isinstance(attention_mask, Tensor) else None
        self.calls.append(_Seen(layer=-1 if layer is None else layer, mask=where, heads=heads))
        return query.new_zeros(query.shape[0], query.shape[2], query.shape[1], value.shape[3]), None

    def mask(
        self,
        *,
        batch_size: int,
        q_length: int,
        kv_length: int,
        mask_function: Rule,
        device: torch.device,
        **_: object,
    ) -> Tensor:
        """Note the rule of a mask; the mask itself is never looked into."""
        mask = torch.zeros(batch_size, 1, q_length, kv_length, device=device)
        self.masks.append(mask)
        self.rules[_where(mask)] = mask_function
        return mask


def ask_attention(model: PreTrainedModel, run: Callable[..., object]) -> Attention:
    """Find out by a few passes of the model's body, which run does. Raises NoReuse if it is no plain one."""
    config = model.config.get_text_config()
    ids = torch.zeros((1, TOKENS), dtype=torch.long, device=model.device)

    def pass_with(mask: object) -> object:
        return run(input_ids=ids, attention_mask=mask, use_cache=False)

    notes = _watched(config, lambda: pass_with(torch.ones_like(ids)))
    if not notes.calls:
        return _unseen(config)
    if [call.layer for call in notes.calls] != list(range(config.num_hidden_layers)):
        raise NoReuse("not every layer of it is a plain attention layer")
    if any(call.mask not in notes.rules for call in notes.calls):
        raise NoReuse("it makes masks in a way not known here")
    limit = min(int(getattr(config, "max_position_embeddings", None) or LONGEST), LONGEST)
    known = {where: reach_of(rule, limit, device=model.device) for where, rule in notes.rules.items()}
    reaches = tuple(known[call.mask] for call in notes.calls if call.mask is not None)
    keys = _keys_taken(config, pass_with, reaches, model.device)
    return Attention(
        kinds=AttentionKinds(layers=reaches, keys=keys), heads=tuple(call.heads for call in notes.calls)
    )


def windows_named(config: PretrainedConfig) -> set[int]:
    """Lengths of windows and chunks that the configuration names, whether the model uses them or not."""
    facts = config.to_dict().items()
    return {n for key, n in facts if isinstance(n, int) and any(word in key for word in ("window", "chunk"))}


def reach_of(rule: Rule, limit: int, *, device: torch.device) -> Reach:
    """How far a rule lets tokens see among limit positions. Raises NoReuse if none known here."""

    def seen(at: int) -> Tensor:
        try:
            return _row(rule, at, at + 2, CPU)
        except RuntimeError:  # it holds tensors of its own
            return _row(rule, at, at + 2, device)

    first = _first(seen(limit - 1))
    reaches = [FULL]
    if 0 < first < limit:
        reaches += [Reach(window=limit - first), Reach(chunk=max(1, first - _first(seen(first - 1))))]
    for reach in reaches:
        if all(torch.equal(seen(at), _expected(reach, at)) for at in _borders(reach, limit)):
            return reach
    raise NoReuse("its masks follow a rule not known here")


def _first(sees: Tensor) -> int:
    """The first of the keys that are seen."""
    return int(sees.int().argmax())


def _borders(reach: Reach, limit: int) -> list[int]:
    """Tokens before, at and behind every border of a reach, and some far from any."""
    size = reach.window or reach.chunk or limit
    near = [n * size + off for n in (0, 1, 2, 3) for off in (-2, -1, 0, 1, 2)]
    return sorted({at for at in (*near, limit // 2, limit - 1) if 0 <= at < limit})


def _expected(reach: Reach, at: int) -> Tensor:
    """What a token sees up to the one behind it, by a reach."""
    near = reach.sees(torch.arange(at + 1)[None], torch.tensor([[at]]))
    own = torch.ones(at + 1, dtype=torch.bool) if near is None else near[0, 0]
    return torch.cat([own, torch.zeros(1, dtype=torch.bool)])


def _row(rule: Rule, at: int, keys: int, device: torch.device) -> Tensor:
    """Which of the first keys a token sees, by a rule of transformers. -> (keys,)."""
    zero = torch.zeros(1, 1, 1, 1, dtype=torch.long, device=device)
    sees = rule(zero, zero, zero + at, torch.arange(keys, device=device)[None, None, None])
    return torch.as_tensor(sees).expand(1, 1, 1, keys)[0, 0, 0].cpu()


def _keys_taken(
    config: PretrainedConfig,
    run: Callable[[object], object],
    reaches: Sequence[Reach],
    device: torch.device,
) -> tuple[str, ...] | None:
    """The name under which each layer takes its mask; see AttentionKinds.keys."""
    named = {key: torch.zeros(1, 1, TOKENS, TOKENS, device=device) for key in KEYS}
    by_name = _arrived(config, lambda: run(named))
    names = {_where(mask): key for key, mask in named.items()}
    keys = tuple(names[where] for where in by_name if where in names)
    served = {(key, reach) for key, reach in zip(keys, reaches, strict=False)}
    if len(keys) == len(reaches) and len({key for key, _ in served}) == len(served):
        return keys
    single = torch.zeros(1, 1, TOKENS, TOKENS, device=device)
    same = set(_arrived(config, lambda: run(single))) == {_where(single)}
    return () if same and len(set(reaches)) == 1 else None


def _arrived(config: PretrainedConfig, run: Callable[[], object]) -> list[int | None]:
    """The masks that reached the layers; none if the model does not take them."""
    try:
        return [call.mask for call in _watched(config, run).calls]
    except (RuntimeError, ValueError, TypeError, AttributeError, IndexError, KeyError):
        return []


def _unseen(config: PretrainedConfig) -> Attention:
    """Models whose attention is all their own code take one mask; what may limit their sight refuses."""
    limits = [
        key for key, value in config.to_dict().items() if value and any(word in key for word in WINDOW_WORDS)
    ]
    if limits:
        raise NoReuse(f"it may have windows of its own ({limits[0]})")
    return Attention(kinds=AttentionKinds(layers=(FULL,) * config.num_hidden_layers, keys=()), heads=())


def _watched(config: PretrainedConfig, run: Callable[[], object]) -> _Notes:
    """Run with the attention that takes notes."""
    notes = _Notes()
    with _registered(notes), using(config, ASKING):
        run()
    return notes


@contextmanager
def using(config: PretrainedConfig, attention: str) -> Iterator[None]:
    """The model of this config runs with an attention known to transformers by name."""
    own = config._attn_implementation
    config._attn_implementation = attention
    try:
        yield
    finally:
        config._attn_implementation = own


@contextmanager
def _registered(notes: _Notes) -> Iterator[None]:
    AttentionInterface.register(ASKING, notes.attend)
    AttentionMaskInterface.register(ASKING, notes.mask)
    try:
        yield
    finally:
        for interface in (AttentionInterface, AttentionMaskInterface):
            interface._global_mapping.pop(ASKING, None)


def _where(mask: Tensor) -> int:
    """Where a tensor's numbers lie: a view of a mask is that mask."""
    return int(mask.untyped_storage()._cdata)
