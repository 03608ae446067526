"""OPRO's proposer: meta-prompt -> samples -> admission (Yang et al. 2023, section 3.1).

It serves every Problem: what the meta-prompt says and what counts as a solution is the problem's business.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic

from opro_local.config import ResolvedSearch
from opro_local.errors import DataError
from opro_local.llm import Engine, GenerationReply, GenerationRequest, TokenIds
from opro_local.problem import MetaPrompt, Problem, solution_end
from opro_local.proposers.admission import Admission
from opro_local.recording import ReplyCache
from opro_local.records import OptimizerCall, S, Step, Trajectory, content_hash, derived_seed


@dataclass(frozen=True, slots=True)
class Optimizer(Generic[S]):
    """The optimizer LLM in its role as proposer.

    steps is how many the search has at most; a temperature may change from step to step. cache keeps what was
    sampled, so that a run that was killed before it recorded a step samples no reply of it anew.
    """

    engine: Engine
    problem: Problem[S]
    settings: ResolvedSearch
    steps: int
    cache: ReplyCache | None = None

    def propose(
        self, trajectory: Trajectory[S], number: int, count: int, *, shown: Trajectory[S] | None = None
    ) -> Step[S]:
        """Sample count replies to the meta-prompt; each becomes a solution or a reason.

        shown is what the meta-prompt may show of the trajectory, all of it if not given.
        """
        meta_prompts = self.problem.meta_prompts(shown or trajectory, number)
        seed = derived_seed(self.settings.seed, number, "proposals")
        admission = Admission.after(self.problem, trajectory)
        return self.replies(meta_prompts, number, count, seed=seed, admission=admission)

    def replies(
        self,
        meta_prompts: Iterable[MetaPrompt],
        number: int,
        count: int,
        *,
        seed: int,
        admission: Admission[S],
    ) -> Step[S]:
        """A step of count replies to the first of meta_prompts that fits."""
        meta_prompt, ids = self._fitting(meta_prompts)
        whole = SolutionIsWhole(ends=meta_prompt.ends, longest=self.problem.longest_reply())
        longest = min(self.settings.proposal_tokens, self.engine.context_length - len(ids))
        temperature = self._temperature(number)
        replies = self._sampled(ids, longest, whole, count, temperature=temperature, seed=seed)
        call = OptimizerCall(
            meta_prompt=meta_prompt.text,
            seed=seed,
            temperature=temperature,
            prompt_tokens=len(ids),
            generated_tokens=sum(reply.tokens for reply in replies),
            exemplar_ids=meta_prompt.exemplar_ids,
        )
        proposals = tuple(admission.reply(reply, meta_prompt) for reply in replies)
        return Step(number=number, proposals=proposals, calls=(call,))

    def _sampled(
        self,
        ids: TokenIds,
        longest: int,
        whole: "SolutionIsWhole",
        count: int,
        *,
        temperature: float,
        seed: int,
    ) -> Sequence[GenerationReply]:
        """The replies that model, prompt, limits and seed decide, from the cache where it has them all."""
        model = (self.engine.digest, self.engine.numerics)
        asked = [*model, ids, longest, whole.ends, whole.longest, count, temperature, seed]
        keys = [content_hash("sample", [*asked, number]) for number in range(count)]
        known = self.cache.find(keys) if self.cache else {}
        kept = [reply for key in keys if isinstance(reply := known.get(key), GenerationReply)]
        if len(kept) == count:
            return kept
        request = GenerationRequest(prompt=ids, max_tokens=longest, final=whole)
        replies = self.engine.sample(request, count, temperature=temperature, seed=seed)
        if self.cache:
            self.cache.keep(dict(zip(keys, replies, strict=True)))
        return replies

    def _temperature(self, number: int) -> float:
        """Linear over the steps, as published: the first has the start's, those after the last the end's."""
        start, end = self.settings.temperature, self.settings.temperature_end
        return start + min(1.0, (number - 1) / max(1, self.steps)) * (end - start)

    def _fitting(self, meta_prompts: Iterable[MetaPrompt]) -> tuple[MetaPrompt, TokenIds]:
        """The fullest meta-prompt within the cap, or else the shortest, that leaves room for a reply."""
        context = self.engine.context_length
        room = context - min(self.settings.proposal_tokens, context // 4)
        most = min(room, self.settings.meta_prompt_tokens)
        for meta_prompt in meta_prompts:
            ids = self.engine.encode(meta_prompt.messages, meta_prompt.prefill)
            if len(ids) <= most:
                break
        if len(ids) > room:
            raise DataError(
                f"Even the shortest meta-prompt has {len(ids)} tokens; the optimizer model has room for "
                f"{room}. Choose an optimizer with a longer context."
            )
        return meta_prompt, ids


@dataclass(frozen=True, slots=True, kw_only=True)
class SolutionIsWhole:
    """opro_local.llm.StopRule: the text has come to its end, or has more characters than a solution may."""

    ends: tuple[str, ...]
    longest: int

    def __call__(self, text: str) -> bool:
        return len(text) > self.longest or solution_end(text, self.ends) is not None
