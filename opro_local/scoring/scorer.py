"""Candidates x examples -> Outcomes, through one engine call a block.

The scorer sends whole prompts and leaves what they share to the engine. Replies are looked up in a cache
first (key: model, numerics, token ids, kind of request); failures are never kept there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Protocol

from opro_local.config import ResolvedScoring, ScoringMode, ScoringSettings
from opro_local.errors import ModelError, SettingsError
from opro_local.llm import Engine, TokenIds
from opro_local.recording import ReplyCache
from opro_local.records import Candidate, Example, Outcome, content_hash
from opro_local.scoring.modes import (
    CUE_TOKENS,
    EMPTY,
    GenerationMode,
    LikelihoodMode,
    Mode,
    Reply,
    Request,
)
from opro_local.scoring.render import Layout, ScorerPrompt
from opro_local.tasks.task import Task

TOO_LONG = "longer than the context"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A candidate's question; reason tells why it is not put to the model, if it is not."""

    example: Example
    prompt: ScorerPrompt
    request: Request | None
    reason: str | None


class ReplyJudge(Protocol):
    """Says what replies are worth that nothing but another model can tell."""

    def graded(self, rows: Sequence[Example], outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The outcomes of rows, all at once, with their scores."""
        ...

    def tokens(self, rows: Sequence[Example]) -> float:
        """Mean tokens of what it is asked for a row, the reply aside."""
        ...


class Scorer:
    """Measures candidates on examples with one engine and one mode; caches what the model said."""

    def __init__(
        self,
        engine: Engine,
        task: Task,
        settings: ResolvedScoring,
        cache: ReplyCache | None = None,
        judge: ReplyJudge | None = None,
    ) -> None:
        self.engine = engine
        self.cache = cache
        self.judge = judge
        self.second_round = settings.second_round
        self.layout = Layout(
            position=task.position, qa=not engine.chat if task.qa is None else task.qa, chat=engine.chat
        )
        self.kind = task.kind
        self.mode: Mode[Any, Any]
        if settings.mode == "likelihood":
            self.mode = LikelihoodMode(engine, task.kind)
        else:
            self.mode = GenerationMode(engine, task, settings)

    def score(self, candidates: Sequence[Candidate], examples: Sequence[Example]) -> list[list[Outcome]]:
        """One list a candidate, in order, with one Outcome an example, in order."""
        asked = [self._asked(candidate, example) for candidate in candidates for example in examples]
        requests = [pair.request for pair in asked if pair.request and not pair.reason]
        replies = iter(self._replies(requests))
        outcomes = [
            self.mode.outcome(pair.example, pair.request, next(replies))
            if pair.request and not pair.reason
            else _without_answer(pair.example, pair.reason)
            for pair in asked
        ]
        amended = iter(self._judged(asked, self._asked_again(asked, outcomes)))
        return [[next(amended) for _ in examples] for _ in candidates]

    @property
    def compares(self) -> bool:
        """Whether the likelihoods of labels are compared: else answers are written, and read."""
        return isinstance(self.mode, LikelihoodMode)

    def prompt(self, candidate: Candidate, text: str) -> ScorerPrompt:
        return self.layout.prompt(candidate, text, self.kind.classes, self.kind.shown)

    def _asked(self, candidate: Candidate, example: Example) -> _Asked:
        prompt = self.prompt(candidate, example.text)
        request = self.mode.request(prompt, example, candidate.verbalizer)
        reason = EMPTY if request is None else None if self._fits(request) else TOO_LONG
        return _Asked(example=example, prompt=prompt, request=request, reason=reason)

    def _asked_again(self, asked: Sequence[_Asked], outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The outcomes, those without an answer after a second round where there is one."""
        amended = list(outcomes)
        requests = {
            i: request
            for i, (pair, outcome) in enumerate(zip(asked, outcomes, strict=True))
            if (request := self.mode.again(pair.prompt, pair.example, outcome)) and self._fits(request)
        }
        replies = self._replies(list(requests.values()))
        for (i, request), reply in zip(requests.items(), replies, strict=True):
            amended[i] = self.mode.amended(asked[i].example, outcomes[i], request, reply)
        return amended

    def _judged(self, asked: Sequence[_Asked], outcomes: list[Outcome]) -> list[Outcome]:
        return self.judge.graded([pair.example for pair in asked], outcomes) if self.judge else outcomes

    def tokens_per_pair(self, candidates: Sequence[Candidate], examples: Sequence[Example]) -> float:
        """Mean tokens of what is asked for a pair, the longest possible replies included."""
        requests = (self._asked(c, e).request for c in candidates for e in examples)
        tokens = fmean(request.tokens if request else 0 for request in requests)
        asked = 2 * tokens + 2 * CUE_TOKENS if self.second_round else tokens
        return asked + (self.judge.tokens(examples) if self.judge else 0)

    def prompt_tokens(self, candidate: Candidate) -> int:
        """Tokens of a prompt beside the text of the row."""
        return len(self.prompt_ids(candidate))

    def prompt_ids(self, candidate: Candidate) -> TokenIds:
        """A prompt around an empty row."""
        prompt = self.prompt(candidate, "")
        return self.engine.encode(prompt.messages, prompt.prefill)

    def too_long(self, candidates: Sequence[Candidate], examples: Sequence[Example]) -> list[Example]:
        """The examples that the longest of the candidates' prompts leaves the model no room for.

        A text that has not half as many bytes as there is room for tokens is not tokenised: it fits.
        """
        longest = max(candidates, key=self.prompt_tokens)
        request = self._asked(longest, Example(id="", text="", target=examples[0].target)).request
        room = self.engine.context_length - (self.mode.longest(request) if request else 0)
        long = [example for example in examples if 2 * len(example.text.encode()) > room]
        return [example for example in long if self._asked(longest, example).reason == TOO_LONG]

    def tells_apart(self, words: Sequence[str]) -> bool:
        """Whether the model's tokenizer tells these wordings of the labels from each other."""
        worded = Candidate(instruction="", verbalizer=tuple(words))
        try:
            self._asked(worded, Example(id="", text="", target=self.kind.classes[0]))
        except ModelError:
            return False
        return True

    def fits(self, candidate: Candidate, example: Example) -> bool:
        """Whether the candidate's prompt for an example leaves the model room to answer."""
        return self._asked(candidate, example).reason is None

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
    """The mode in use: likelihood for label sets, generation for the rest, unless settings say otherwise.

    Raises SettingsError for settings that need replies where likelihood has none.
    """
    reads = settings.grading == "official" or settings.second_round
    if reads and settings.mode == "likelihood":
        raise SettingsError(
            "likelihood scoring has no replies to read: leave out --grading and --second-round."
        )
    return settings.mode or ("likelihood" if task.kind.alternatives and not reads else "generation")


def _without_answer(example: Example, reason: str | None) -> Outcome:
    return Outcome(example_id=example.id, target=example.target, prediction=None, score=0.0, reason=reason)
