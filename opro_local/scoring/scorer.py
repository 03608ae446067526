"""Candidates x examples -> Outcomes, through one engine call a block.

The scorer sends whole prompts and leaves what they share to the engine. Replies are looked up in a cache
first (key: model, numerics, token ids, kind of request); failures are never kept there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from statistics import fmean
from typing import Protocol

from opro_local.config import ScoringMode, ScoringSettings
from opro_local.llm import ChoiceReply, ChoiceRequest, Engine, GenerationReply, GenerationRequest, TokenIds
from opro_local.recording import ReplyCache
from opro_local.records import Candidate, Example, Outcome, content_hash
from opro_local.scoring.graders import grade, is_final
from opro_local.scoring.render import Layout, ScorerPrompt
from opro_local.tasks.task import Task

REMEMBERED_REPLIES = 2
DRAFT_TOKENS = 32
"""Tokens of drafts that a prompt takes with it; most of them are run for nothing."""

Request = ChoiceRequest | GenerationRequest
Reply = ChoiceReply | GenerationReply


class Mode(Protocol):
    """One way to get an answer out of the model: what to ask, how to ask it, how to read the reply."""

    def request(self, prompt: ScorerPrompt, example: Example) -> Request: ...
    def key(self, request: Request) -> object:
        """What the reply depends on besides the model."""
        ...

    def longest(self, request: Request) -> int:
        """Tokens of the longest sequence that the request asks for, its reply included."""
        ...

    def run(self, requests: Sequence[Request]) -> Sequence[Reply]: ...
    def outcome(self, example: Example, request: Request, reply: Reply) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class LikelihoodMode:
    """The model's log-probability of every label; the largest is the prediction (ties: the first label)."""

    engine: Engine
    labels: tuple[str, ...]

    def request(self, prompt: ScorerPrompt, example: Example) -> ChoiceRequest:
        encode = partial(self.engine.encode, prompt.messages)
        answers = [encode(prompt.answered(label)) for label in self.labels]
        if _one_is_prefix_of_another(answers):
            answers = [encode(prompt.answered(label), closed=True) for label in self.labels]
        # Joint encoding may merge the prompt's last characters into a label's first token; the scored span
        # then starts there for all labels of the row.
        context = _common_prefix([encode(prompt.prefill), *answers])
        return ChoiceRequest(context=context, choices=tuple(ids[len(context) :] for ids in answers))

    def key(self, request: Request) -> object:
        assert isinstance(request, ChoiceRequest)
        return ["choices", request.context, request.choices]

    def longest(self, request: Request) -> int:
        assert isinstance(request, ChoiceRequest)
        return len(request.context) + max(map(len, request.choices))

    def run(self, requests: Sequence[Request]) -> Sequence[Reply]:
        return self.engine.loglikelihood([r for r in requests if isinstance(r, ChoiceRequest)])

    def outcome(self, example: Example, request: Request, reply: Reply) -> Outcome:
        assert isinstance(request, ChoiceRequest)
        assert isinstance(reply, ChoiceReply)
        log_probs = reply.log_probs
        failed = not all(map(math.isfinite, log_probs))
        prediction = None if failed else self.labels[max(range(len(log_probs)), key=log_probs.__getitem__)]
        return Outcome(
            example_id=example.id,
            target=example.target,
            prediction=prediction,
            correct=prediction == example.target,
            reason="no finite log-probability" if failed else None,
            choice_log_probs=() if failed else log_probs,
            gold_log_likelihood=None if failed else log_probs[self.labels.index(example.target)],
            prompt_tokens=request.tokens,
        )


@dataclass(slots=True)
class GenerationMode:
    """A greedy reply, read by the strict grader of the task's answer type.

    The engine is given what the reply may be: the last replies to the same question under other instructions
    (earlier, by example), and the labels, if there are any.
    """

    engine: Engine
    task: Task
    max_tokens: int
    earlier: dict[str, tuple[TokenIds, ...]] = field(default_factory=dict)
    labels: tuple[TokenIds, ...] | None = None

    def request(self, prompt: ScorerPrompt, example: Example) -> GenerationRequest:
        ids = self.engine.encode(prompt.messages, prompt.prefill)
        if self.labels is None:
            # After another prompt a label's ids could differ: then its draft does not hold, and that is all.
            self.labels = self._label_drafts(prompt, ids)
        return GenerationRequest(
            prompt=ids,
            max_tokens=self.max_tokens,
            final=partial(is_final, self.task),
            drafts=_within(DRAFT_TOKENS, (*self.earlier.get(example.id, ()), *self.labels)),
        )

    def _label_drafts(self, prompt: ScorerPrompt, ids: TokenIds) -> tuple[TokenIds, ...]:
        answers = [self.engine.encode(prompt.messages, prompt.answered(label)) for label in self.task.labels]
        return tuple(answer[len(ids) :] for answer in answers if answer[: len(ids)] == ids)

    def key(self, request: Request) -> object:
        assert isinstance(request, GenerationRequest)
        return ["generation", request.prompt, request.max_tokens, self.task.answer, self.task.labels]

    def longest(self, request: Request) -> int:
        assert isinstance(request, GenerationRequest)
        return request.tokens

    def run(self, requests: Sequence[Request]) -> Sequence[Reply]:
        return self.engine.generate([r for r in requests if isinstance(r, GenerationRequest)])

    def outcome(self, example: Example, request: Request, reply: Reply) -> Outcome:
        assert isinstance(request, GenerationRequest)
        assert isinstance(reply, GenerationReply)
        if reply.ids:
            others = (ids for ids in self.earlier.get(example.id, ()) if ids != reply.ids)
            self.earlier[example.id] = (reply.ids, *others)[:REMEMBERED_REPLIES]
        graded = grade(self.task, reply.text, example.target)
        failed = reply.ended == "nan"
        return Outcome(
            example_id=example.id,
            target=example.target,
            prediction=None if failed else graded.prediction,
            correct=graded.correct and not failed,
            reason="no finite log-probability" if failed else graded.reason,
            reply=reply.text,
            prompt_tokens=len(request.prompt),
            generated_tokens=reply.tokens,
        )


class Scorer:
    """Measures candidates on examples with one engine and one mode; caches what the model said."""

    def __init__(
        self, engine: Engine, task: Task, settings: ScoringSettings, cache: ReplyCache | None = None
    ) -> None:
        self.engine = engine
        self.cache = cache
        self.layout = Layout(
            position=task.position, qa=not engine.chat if task.qa is None else task.qa, chat=engine.chat
        )
        self.mode: Mode
        if scoring_mode(task, settings) == "likelihood":
            self.mode = LikelihoodMode(engine, task.labels)
        else:
            self.mode = GenerationMode(engine, task, settings.answer_tokens)

    def score(self, candidates: Sequence[Candidate], examples: Sequence[Example]) -> list[list[Outcome]]:
        """One list a candidate, in order, with one Outcome an example, in order."""
        requests = [self.mode.request(self.layout.prompt(c, e.text), e) for c in candidates for e in examples]
        replies = iter(self._replies([request for request in requests if self._fits(request)]))
        asked = iter(requests)

        def outcome(example: Example, request: Request) -> Outcome:
            if self._fits(request):
                return self.mode.outcome(example, request, next(replies))
            return _without_answer(example, "longer than the context")

        return [[outcome(example, next(asked)) for example in examples] for _ in candidates]

    def tokens_per_pair(self, candidates: Sequence[Candidate], examples: Sequence[Example]) -> float:
        """Mean tokens of a request, the longest possible reply included."""
        return fmean(
            self.mode.request(self.layout.prompt(c, e.text), e).tokens for c in candidates for e in examples
        )

    def _fits(self, request: Request) -> bool:
        return self.mode.longest(request) <= self.engine.context_length

    def _replies(self, requests: Sequence[Request]) -> list[Reply]:
        keys = [self._key(request) for request in requests]
        wanted = dict(zip(keys, requests, strict=True))
        known = dict(self.cache.find(list(wanted))) if self.cache else {}
        missing = {key: request for key, request in wanted.items() if key not in known}
        if missing:
            fresh = dict(zip(missing, self.mode.run(list(missing.values())), strict=True))
            if self.cache:
                self.cache.keep(fresh)
            known.update(fresh)
        return [known[key] for key in keys]

    def _key(self, request: Request) -> str:
        return content_hash("reply", [self.engine.digest, self.engine.numerics, self.mode.key(request)])


def scoring_mode(task: Task, settings: ScoringSettings) -> ScoringMode:
    """The mode in use: likelihood for label sets, generation for the rest, unless settings say otherwise."""
    return settings.mode or ("likelihood" if task.answer == "label" else "generation")


def _within(tokens: int, drafts: Sequence[TokenIds]) -> tuple[TokenIds, ...]:
    """The drafts, without those for which the ones before leave no room."""
    taken: list[TokenIds] = []
    for draft in drafts:
        if sum(map(len, taken)) + len(draft) <= tokens:
            taken.append(draft)
    return tuple(taken)


def _without_answer(example: Example, reason: str) -> Outcome:
    return Outcome(
        example_id=example.id, target=example.target, prediction=None, correct=False, reason=reason
    )


def _one_is_prefix_of_another(sequences: Sequence[TokenIds]) -> bool:
    """Whether a label's log-probability would include that of a longer label."""
    ordered = sorted(sequences)
    return any(longer[: len(short)] == short for short, longer in pairwise(ordered))


def _common_prefix(sequences: Sequence[TokenIds]) -> TokenIds:
    low, high = min(sequences), max(sequences)  # all others lie between these two
    shared = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    return low[:shared]
