"""The two ways to get an answer out of a model: by likelihood of every label, or by a reply that is read.

A mode says what to ask, how to ask it, and what the model's reply comes to; asking is the scorer's business.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Protocol, TypeVar

from opro_local.answers import AnswerKind
from opro_local.config import ScoringSettings
from opro_local.errors import ModelError, SettingsError
from opro_local.llm import ChoiceReply, ChoiceRequest, Engine, GenerationReply, GenerationRequest, TokenIds
from opro_local.reading.replies import own_part
from opro_local.records import Example, Outcome
from opro_local.scoring.render import ScorerPrompt
from opro_local.scoring.stopping import AnswerIsFinal, grader
from opro_local.scoring.thinking import behind_thought, end_of_open_thought, unended
from opro_local.tasks.task import Task
from opro_local.wording import quoted

REMEMBERED_REPLIES = 2
DRAFT_TOKENS = 32
"""Tokens of drafts that a prompt takes with it; most of them are run for nothing."""

CUE = "\n\nSo the final answer is"
"""What a reply without an answer is asked to go on from."""
CUE_TOKENS = 50
"""Most tokens of the second reply; the cue itself has fewer."""

NOT_FINITE = "no finite log-probability"
EMPTY = "an empty prompt"
"""A pre-trained model without a start token has nothing to go on from where all texts are empty."""

Request = ChoiceRequest | GenerationRequest
Reply = ChoiceReply | GenerationReply
Q = TypeVar("Q", bound=Request)
R = TypeVar("R", bound=Reply)


class Mode(Protocol[Q, R]):
    """One way to get an answer out of the model: what to ask, how to ask it, how to read the reply."""

    def request(self, prompt: ScorerPrompt, example: Example, words: Sequence[str] = ()) -> Q | None:
        """words are what the labels are called; () is for their own names.

        None where there is no token to go on from. Raises ModelError as the engine does.
        """
        ...

    def key(self, request: Q) -> object:
        """What the reply depends on besides the model."""
        ...

    def longest(self, request: Q) -> int:
        """Tokens of the longest sequence that the request asks for, its reply included."""
        ...

    def run(self, requests: Sequence[Q]) -> Sequence[R]: ...
    def outcome(self, example: Example, request: Q, reply: R) -> Outcome: ...
    def again(self, prompt: ScorerPrompt, example: Example, outcome: Outcome) -> Q | None:
        """What to ask after an outcome without an answer, if anything."""
        ...

    def amended(self, example: Example, outcome: Outcome, request: Q, reply: R) -> Outcome:
        """The outcome of both replies."""
        ...


@dataclass(frozen=True, slots=True)
class LikelihoodMode:
    """The model's log-probability of each alternative, or its wording; the kind says what they predict."""

    engine: Engine
    kind: AnswerKind

    def request(
        self, prompt: ScorerPrompt, example: Example, words: Sequence[str] = ()
    ) -> ChoiceRequest | None:
        """Raises ModelError for labels that are the same to the model, or one the beginning of another."""
        words = words or self.kind.alternatives
        texts = [prompt.answered(word) for word in words]
        opened, *answers = self.engine.encode_each(prompt.messages, [prompt.prefill, *texts])
        if _prefixes(answers):
            answers = self.engine.encode_each(prompt.messages, texts, closed=True)
            _check_apart(answers, words)
        # Joint encoding may merge the prompt's last characters into a label's first token; the scored span
        # then starts there for all labels of the row. A thought that the prompt opens is closed ahead of the
        # labels: its end is no part of them.
        thinks = end_of_open_thought(self.engine, opened) is not None
        context = _common_prefix(answers if thinks else [opened, *answers])
        if not context:
            return None
        return ChoiceRequest(context=context, choices=tuple(ids[len(context) :] for ids in answers))

    def key(self, request: ChoiceRequest) -> object:
        return ["choices", request.context, request.choices]

    def longest(self, request: ChoiceRequest) -> int:
        return len(request.context) + max(map(len, request.choices))

    def run(self, requests: Sequence[ChoiceRequest]) -> Sequence[ChoiceReply]:
        return self.engine.loglikelihood(requests)

    def outcome(self, example: Example, request: ChoiceRequest, reply: ChoiceReply) -> Outcome:
        log_probs = reply.log_probs
        failed = not all(map(math.isfinite, log_probs))
        prediction = None if failed else self.kind.predicted(log_probs)
        right = self.kind.right_places(example.target)
        return Outcome(
            example_id=example.id,
            target=example.target,
            prediction=prediction,
            score=0.0 if prediction is None else self.kind.worth(prediction, example),
            reason=NOT_FINITE if failed else None,
            choice_log_probs=() if failed else log_probs,
            gold_log_likelihood=None if failed else sum(log_probs[place] for place in right),
            prompt_tokens=request.tokens,
        )

    def again(self, prompt: ScorerPrompt, example: Example, outcome: Outcome) -> None:
        """A likelihood has its answer."""

    def amended(
        self, example: Example, outcome: Outcome, request: ChoiceRequest, reply: ChoiceReply
    ) -> Outcome:
        return outcome


@dataclass(slots=True)
class GenerationMode:
    """A greedy reply, read as the task's kind of answer is.

    The engine is given what the reply may be: the last replies to the same question under other instructions
    (earlier, by example), and the labels, if there are any.
    """

    engine: Engine
    task: Task
    settings: ScoringSettings
    earlier: dict[str, tuple[TokenIds, ...]] = field(default_factory=dict)
    labels: tuple[TokenIds, ...] | None = None

    def request(
        self, prompt: ScorerPrompt, example: Example, words: Sequence[str] = ()
    ) -> GenerationRequest | None:
        """Raises SettingsError for words: a reply is read as the labels themselves."""
        if words:
            raise SettingsError("This prompt has other words for the labels: it needs --scoring likelihood.")
        ids = self.engine.encode(prompt.messages, prompt.prefill)
        if not ids:
            return None
        if self.labels is None:
            # After another prompt a label's ids could differ: then its draft does not hold, and that is all.
            self.labels = self._label_drafts(prompt, ids)
        end = end_of_open_thought(self.engine, ids)
        return GenerationRequest(
            prompt=ids,
            max_tokens=self.settings.answer_tokens + (self.settings.thinking_tokens if end else 0),
            final=self._final(example, thought_end=end),
            drafts=_within(DRAFT_TOKENS, (*self.earlier.get(example.id, ()), *self.labels)),
            constraint=None if end else self._constraint(prompt.lead),
        )

    def _constraint(self, lead: str) -> str | None:
        """The form that a reply is held to; a thought ahead of it would have none."""
        form = self.task.kind.constraint if self.settings.grammar == "on" else None
        return None if form is None else re.escape(lead) + form

    def _final(self, example: Example, *, thought_end: str | None = None, begun: str = "") -> AnswerIsFinal:
        return AnswerIsFinal(
            kind=self.task.kind,
            grading=self.settings.grading,
            question=example.text,
            thought_end=thought_end,
            begun=begun,
        )

    def _label_drafts(self, prompt: ScorerPrompt, ids: TokenIds) -> tuple[TokenIds, ...]:
        texts = [prompt.answered(label) for label in self.task.kind.classes]
        answers = self.engine.encode_each(prompt.messages, texts)
        return tuple(answer[len(ids) :] for answer in answers if answer[: len(ids)] == ids)

    def key(self, request: GenerationRequest) -> object:
        task = self.task
        # The prompt holds the question; the rest of what decides where a reply ends is here.
        form = [task.answer, task.labels, task.pattern, task.decimal, self.settings.grading]
        held = [request.constraint] if request.constraint else []
        return ["generation", request.prompt, request.max_tokens, form, *held]

    def longest(self, request: GenerationRequest) -> int:
        return request.tokens

    def run(self, requests: Sequence[GenerationRequest]) -> Sequence[GenerationReply]:
        return self.engine.generate(requests)

    def outcome(self, example: Example, request: GenerationRequest, reply: GenerationReply) -> Outcome:
        if reply.ids:
            others = (ids for ids in self.earlier.get(example.id, ()) if ids != reply.ids)
            self.earlier[example.id] = (reply.ids, *others)[:REMEMBERED_REPLIES]
        outcome = Outcome(
            example_id=example.id,
            target=example.target,
            prediction=None,
            score=0.0,
            reason=NOT_FINITE,
            reply=reply.text,
            prompt_tokens=len(request.prompt),
            generated_tokens=reply.tokens,
        )
        if reply.ended == "nan":
            return outcome
        return self._graded(outcome, example, reply, end_of_open_thought(self.engine, request.prompt))

    def again(self, prompt: ScorerPrompt, example: Example, outcome: Outcome) -> GenerationRequest | None:
        unread = outcome.reply is None or outcome.reason in (NOT_FINITE, unended(outcome.generated_tokens))
        held = self._constraint("") is not None  # what has a form lacks an answer only where it was cut
        if not self.settings.second_round or outcome.prediction is not None or unread or held:
            return None
        begun = _cued(outcome)
        return GenerationRequest(
            prompt=self.engine.encode(prompt.messages, prompt.answered(begun)),
            max_tokens=CUE_TOKENS,
            final=self._final(example, begun=begun),
        )

    def amended(
        self, example: Example, outcome: Outcome, request: GenerationRequest, reply: GenerationReply
    ) -> Outcome:
        both = replace(
            outcome,
            reply=_cued(outcome) + reply.text,
            prompt_tokens=outcome.prompt_tokens + len(request.prompt),
            generated_tokens=outcome.generated_tokens + reply.tokens,
        )
        return (
            replace(both, reason=NOT_FINITE) if reply.ended == "nan" else self._graded(both, example, reply)
        )

    def _graded(
        self, outcome: Outcome, example: Example, last: GenerationReply, end: str | None = None
    ) -> Outcome:
        answer = behind_thought(outcome.reply or "", end)
        if answer is None:
            return replace(outcome, reason=unended(outcome.generated_tokens))
        graded = grader(self.task.kind, self.settings.grading).grade(
            answer, example, cut=last.ended == "length"
        )
        return replace(
            outcome,
            prediction=graded.prediction,
            score=graded.score,
            feedback=graded.feedback,
            reason=graded.reason,
        )


def _cued(outcome: Outcome) -> str:
    """The first reply, up to where it goes on to a question of its own, and the cue for the second one."""
    return own_part(behind_thought(outcome.reply or "") or "") + CUE


def _within(tokens: int, drafts: Sequence[TokenIds]) -> tuple[TokenIds, ...]:
    """The drafts, without those for which the ones before leave no room."""
    taken: list[TokenIds] = []
    for draft in drafts:
        if sum(map(len, taken)) + len(draft) <= tokens:
            taken.append(draft)
    return tuple(taken)


def _check_apart(answers: Sequence[TokenIds], words: Sequence[str]) -> None:
    for short, longer in _prefixes(answers):
        one, other = (quoted(words[i]) for i in (short, longer))
        raise ModelError(
            f"To this model's tokenizer the label {one} is the same as {other}, or its beginning: their "
            "likelihoods cannot be compared. Rename one of them or use --scoring generation."
        )


def _prefixes(sequences: Sequence[TokenIds]) -> list[tuple[int, int]]:
    """Pairs of places where one sequence is the beginning of the other, or the same.

    There the log-probability of one label would include that of the other. Not all such pairs: one at least.
    """
    ordered = sorted(range(len(sequences)), key=sequences.__getitem__)
    return [
        (short, longer)
        for short, longer in pairwise(ordered)
        if sequences[longer][: len(sequences[short])] == sequences[short]
    ]


def _common_prefix(sequences: Sequence[TokenIds]) -> TokenIds:
    low, high = min(sequences), max(sequences)  # all others lie between these two
    shared = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    return low[:shared]
