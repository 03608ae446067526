"""The frozen records that rooms hand to each other; what they compute follows from their fields alone."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Generic, Literal, NewType, TypeVar

from opro_local.prompt_form import DEFAULT_FORM, PromptForm

S = TypeVar("S")  # a solution: a Candidate for a task, (w, b) for linear regression, a tour for the TSP

Direction = Literal["maximize", "minimize"]
SplitName = Literal["train", "validation", "test", "must_stay"]


def content_hash(tag: str, value: Any) -> str:
    """SHA-256 of the canonical JSON of value (sorted keys, no spaces, UTF-8), prefixed by what was hashed."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return f"{tag}:sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def derived_seed(seed: int, step: int, purpose: str) -> int:
    """A 63-bit seed of its own for each use of randomness: one more draw changes nothing elsewhere."""
    return int(content_hash("seed", [seed, step, purpose])[-16:], 16) >> 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One labelled row of the user's table."""

    id: str
    text: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledRow:
    """A usable row, its place in the file as messages name it; id is None where the file has no ids."""

    where: str
    text: str
    target: str
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What is optimised for a task: an instruction, its shots (few-shot examples), their form, calibration.

    verbalizer holds a wording a label, which stands for it in prompts, and calibration one additive bias in
    nats an alternative (AnswerKind.alternatives; most often the labels), then the numbers of the kind's rule,
    if it has one. Both follow the task's order; empty means none. The calibration is fitted to the rest on
    the rows of a search, so two candidates are the same when all else is.
    """

    instruction: str
    shots: tuple[Example, ...] = ()
    calibration: tuple[float, ...] = ()
    form: PromptForm = DEFAULT_FORM
    verbalizer: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        shots = [[shot.id, shot.text, shot.target] for shot in self.shots]
        return content_hash("candidate", [self.instruction, shots, *self.manner])

    @property
    def manner(self) -> list[object]:
        """Form and verbalizer, where they are not the default: older records have neither."""
        changes = self.form.changes()
        return [changes, self.verbalizer] if changes or self.verbalizer else []

    def to_json(self) -> str:
        """What the store keeps; Candidate.from_json(c.to_json()) == c."""
        record = asdict(self) | {"form": self.form.changes()}
        if not self.manner:
            del record["form"], record["verbalizer"]
        return json.dumps(record)

    @classmethod
    def from_json(cls, text: str) -> "Candidate":
        fields = json.loads(text)
        return cls(
            instruction=fields["instruction"],
            shots=tuple(Example(**shot) for shot in fields["shots"]),
            calibration=tuple(fields["calibration"]),
            form=PromptForm(**fields.get("form", {})),
            verbalizer=tuple(fields.get("verbalizer", ())),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One candidate on one example, before calibration.

    prediction is None exactly when reason says why there is none ("no answer", "several answers", ...). score
    is what the prediction is worth, from 0 to 1 (1: right); feedback is what the grader says of it, if it
    says anything.
    choice_log_probs follow the alternatives of its kind (nats); reply is the raw text of generation mode.
    prompt_tokens and generated_tokens count what the request asked for, whether or not it was cached.
    """

    example_id: str
    target: str
    prediction: str | None
    score: float
    feedback: str | None = None
    reason: str | None = None
    choice_log_probs: tuple[float, ...] = ()
    gold_log_likelihood: float | None = None
    reply: str | None = None
    prompt_tokens: int = 0
    generated_tokens: int = 0

    @property
    def correct(self) -> bool:
        return self.score == 1


Answer = NewType("Answer", Outcome)
"""An Outcome as the calibrated candidate has it: prediction, score and log-probabilities with the biases in.

Runs store Outcomes; scores, comparisons and reports are made of Answers: scoring/marking.py turns one into
the other.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """An aggregate. For a mathematical problem only the value.

    interval is the 95 % interval of value where one is known; metrics are secondary figures by name;
    reasons count the outcomes without a prediction; prompt_tokens is the mean length of what was asked.
    """

    value: float
    n: int = 1
    interval: tuple[float, float] | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    prompt_tokens: float | None = None

    def rank(self, direction: Direction) -> tuple[float, float]:
        """Larger is better; between equal values the right answers' likelihood decides, if it is known.

        A value that is no number is the worst.
        """
        larger = self.value if direction == "maximize" else -self.value
        return larger if math.isfinite(larger) else -math.inf, -self.metrics.get("log_loss", math.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored(Generic[S]):
    """A solution with the score that the meta-prompt shows for it.

    One that left a race early is dropped: its score is of the rows that it saw, and is compared with none.
    """

    solution: S
    score: Score
    step: int
    dropped: bool = False

    @property
    def key(self) -> str:
        """Tells the solution from all others: a candidate's own, which also finds its outcomes."""
        solution = self.solution
        return solution.key if isinstance(solution, Candidate) else content_hash("solution", solution)


_OfReply = Literal["no finite log-probability", "too long", "cut off"]
_OfText = Literal[
    "empty",
    "contains a tag",
    "refusal",
    "contains a digit",
    "goes on with the examples",
    "lacks words to keep",
]
_OfLeak = Literal["copies a row", "copies most of a short row", "copies an answer", "copies a labelled row"]
_OfNumbers = Literal["wrong number of numbers", "outside the limits"]
_OfTour = Literal[
    "not a list of points", "wrong number of points", "a point twice or unknown", "does not begin with 0"
]
_OfFilter = Literal["near-duplicate", "wrong language", "repetition", "nonsense"]
_OfSearch = Literal["prompt too long", "duplicate", "banned"]
Reason = Literal[_OfReply, _OfText, _OfLeak, _OfNumbers, _OfTour, _OfFilter, _OfSearch]
"""Why a proposal is rejected; proposers/admission.py is where."""

Author = Literal["start", "human", "model", "paraphrase", "program"]
"""Who wrote a proposal: the user or the problem at the start, a person later on, the optimizer, a program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal(Generic[S]):
    """A solution that was proposed, or the reason why it was rejected.

    origin says by whom: "start", "human" or the name of a proposer.
    """

    text: str
    solution: S | None = None
    reason: Reason | None = None
    origin: str = "opro"
    author: Author = "model"

    def rejected(self, reason: Reason) -> "Proposal[S]":
        """The same text, and why there is no solution in it or none that is scored."""
        return replace(self, solution=None, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerCall:
    """A meta-prompt that the optimizer read, how replies to it were sampled, and the tokens of all."""

    meta_prompt: str
    seed: int
    temperature: float
    prompt_tokens: int
    generated_tokens: int
    exemplar_ids: tuple[str, ...] = ()

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.generated_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Generic[S]):
    """One turn of the loop. Step 0 holds the starting solutions; scored is empty until the step is closed.

    calls are those of all who asked the optimizer for the proposals, in order; many proposals need none.
    """

    number: int
    proposals: tuple[Proposal[S], ...]
    calls: tuple[OptimizerCall, ...] = ()
    scored: tuple[Scored[S], ...] = ()

    @property
    def tokens(self) -> int:
        """What the optimizer read and wrote."""
        return sum(call.tokens for call in self.calls)

    @property
    def solutions(self) -> tuple[S, ...]:
        return tuple(p.solution for p in self.proposals if p.solution is not None)


@dataclass(frozen=True, kw_only=True)
class Trajectory(Generic[S]):
    """All closed steps of a run, in order."""

    direction: Direction
    steps: tuple[Step[S], ...] = ()

    @cached_property
    def scored(self) -> tuple[Scored[S], ...]:
        return tuple(entry for step in self.steps for entry in step.scored)

    def ascending(self) -> list[Scored[S]]:
        """Worst first, best last, without the dropped ones; of two equal ones the earlier is better."""
        entries = [entry for entry in self.scored if not entry.dropped]
        order = sorted(enumerate(entries), key=lambda item: (item[1].score.rank(self.direction), -item[0]))
        return [entry for _, entry in order]

    @property
    def best(self) -> Scored[S] | None:
        """Of those whose score is a number; what could not be measured is never the best."""
        return next((e for e in reversed(self.ascending()) if math.isfinite(e.score.value)), None)

    def proposals(self) -> Iterator[Proposal[S]]:
        for step in self.steps:
            yield from step.proposals


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a run has consumed so far.

    A cached answer counts like a computed one, so that a run is the same with a warm or a cold cache.
    """

    steps: int = 0
    pairs: int = 0
    scorer_tokens: int = 0
    optimizer_tokens: int = 0
    seconds: float = 0.0

    @property
    def tokens(self) -> int:
        return self.scorer_tokens + self.optimizer_tokens
