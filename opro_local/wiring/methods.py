"""The ways to search by name, each a proposer, and what they leave open in the settings.

portfolio  instructions, shots, forms, wordings of labels and their changes share the budget
           (proposers/portfolio.py); OPRO's optimizer takes part in three styles, the others know nothing of
           language models
opro       Yang et al. 2023 alone: no racing, no calibration unless asked for, no shots but fixed ones
evoprompt-ga, evoprompt-de
           Guo et al. 2023 alone, in the same way: the optimizer breeds instructions (proposers/evoprompt.py)
one-step   the optimizer without its trajectory
random     random words
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from opro_local.config import Method
from opro_local.llm import Engine
from opro_local.optimizer import Optimizer
from opro_local.problem import Proposer
from opro_local.problems.instruction import InstructionProblem
from opro_local.problems.kept import beside
from opro_local.problems.meta_prompts import with_one_answer
from opro_local.proposers.bandit import Tally
from opro_local.proposers.baselines import OneStep, random_search, words_of
from opro_local.proposers.evoprompt import EvoPrompt, Matching, differential, genetic
from opro_local.proposers.filters import InstructionFilter
from opro_local.proposers.growth import ShotGrowth
from opro_local.proposers.library import STEP_BY_STEP, direct_instructions
from opro_local.proposers.portfolio import Portfolio
from opro_local.proposers.prompt_forms import Forms
from opro_local.proposers.reflection import Reflection
from opro_local.proposers.stream import Stream, StreamProposer, parsed
from opro_local.proposers.variations import crossed, paraphrased
from opro_local.proposers.verbalizers import Verbalizers
from opro_local.proposers.wrappers import Filtered, WithShots
from opro_local.records import Author, Candidate

EXPECTED = {"shot sets": Tally(paid=4, pulls=4)}
"""Small models gain most by shots (CAPO, arXiv 2504.16005): the portfolio begins with them."""


def proposer_for(
    method: Method, problem: InstructionProblem, engine: Engine, steps: int
) -> Proposer[Candidate]:
    """engine is the optimizer's; steps are those of the whole search."""
    optimizer = Optimizer(engine, problem, problem.search, steps, problem.space.scorer.cache)
    return METHODS[method].build(problem, optimizer)


def _portfolio(problem: InstructionProblem, optimizer: Optimizer[Candidate]) -> Portfolio:
    """Two arms draw by the names that they once had: a resumed run draws the same."""
    space, seed, keep = problem.space, problem.search.seed, problem.search.keep
    growth = ShotGrowth(sets=space.shot_sets, rows=space.split.train, doubts=problem.wrong_answers.doubts)
    guard = InstructionFilter(space.scorer.engine, space.task)
    sampled = {
        f"opro {style}": Filtered(
            inner=replace(optimizer, problem=replace(problem, style=style)), guard=guard
        )
        for style in problem.search.styles
    }
    written: Mapping[str, Proposer[Candidate]] = {
        **sampled,
        "library": _library(problem),
        "random words": _random_words(problem, optimizer),
    }
    drawn: dict[str, Proposer[Candidate]] = {
        "paraphrases": _drawn("paraphrases", problem, beside(keep, paraphrased), author="paraphrase"),
        "crossover": _drawn("crossover", problem, beside(keep, crossed)),
        "shot sets": _drawn("exemplar sets", problem, space.shot_sets.drawn),
        "shot moves": _drawn("exemplar moves", problem, space.shot_sets.moved),
        "shot growth": _drawn("shot growth", problem, growth.grown),
    }
    if optimizer.engine.chat and problem.search.reflects:
        drawn["reflection"] = Filtered(inner=_reflection(problem, optimizer), guard=guard)
    if space.scorer.compares:
        drawn["form"] = _drawn("form", problem, Forms(rendered=space.scorer.prompt).varied)
    if space.task.kind.classes and space.scorer.compares:
        drawn["wording"] = _drawn("wording", problem, _verbalizers(problem).varied)
    arms = {name: WithShots(inner=inner, seed=seed) for name, inner in written.items()} | drawn
    return Portfolio(
        arms={name: arm for name, arm in arms.items() if name not in problem.search.without},
        expected=EXPECTED,
        seed=seed,
        fits=problem.fits,
        sampled=frozenset([*sampled, "reflection"]),
    )


def _reflection(problem: InstructionProblem, optimizer: Optimizer[Candidate]) -> Reflection:
    wrong, kind = problem.wrong_answers, problem.space.task.kind
    return Reflection(
        optimizer=optimizer,
        task=problem.told_task,
        rows=[with_one_answer(row, kind) for row in problem.measurement.split.train],
        mistakes=wrong.mistakes,
        doubts=wrong.doubts,
    )


def _verbalizers(problem: InstructionProblem) -> Verbalizers:
    space = problem.space
    return Verbalizers(
        labels=space.task.kind.classes,
        rows=(*space.split.train, *space.split.pool),
        told_apart=space.scorer.tells_apart,
    )


def _genetic(problem: InstructionProblem, optimizer: Optimizer[Candidate]) -> EvoPrompt:
    marking = problem.measurement.marking
    matching = genetic(problem.told_task, lambda entry: marking.normalised(entry.score.value))
    return _evoprompt("evoprompt-ga", problem, optimizer, matching)


def _differential(problem: InstructionProblem, optimizer: Optimizer[Candidate]) -> EvoPrompt:
    return _evoprompt("evoprompt-de", problem, optimizer, differential(problem.told_task))


def _evoprompt(
    name: Method, problem: InstructionProblem, optimizer: Optimizer[Candidate], matching: Matching
) -> EvoPrompt:
    return EvoPrompt(name=name, optimizer=optimizer, first=_library(problem), matching=matching)


def _library(problem: InstructionProblem) -> StreamProposer[Candidate]:
    texts = [STEP_BY_STEP, *direct_instructions(problem.space.task)]
    completing = replace(problem, completes=True)
    return _drawn("library", problem, lambda _t, _d: parsed(completing, texts))


def _drawn(
    name: str, problem: InstructionProblem, stream: Stream[Candidate], *, author: Author = "program"
) -> StreamProposer[Candidate]:
    return StreamProposer(
        name=name,
        problem=problem,
        seed=problem.search.seed,
        stream=stream,
        author=author,
    )


def _random_words(problem: InstructionProblem, _optimizer: Optimizer[Candidate]) -> StreamProposer[Candidate]:
    split = problem.space.split
    rows = (*split.train, *split.pool)
    vocabulary = words_of([*direct_instructions(problem.space.task), *(row.text for row in rows)])
    return random_search(replace(problem, completes=True), vocabulary, problem.search.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodSpec:
    """A way to search.

    published: a paper's, alone; what we added to the search is off unless it is asked for. searches_shots:
    which shots a prompt has is part of the search. reflects: an arm shows the optimizer wrong answers.
    meta_prompt_tokens: most of a meta-prompt, if not what
    the optimizer's context holds: small models read long ones badly, and slowly.
    """

    build: Callable[[InstructionProblem, Optimizer[Candidate]], Proposer[Candidate]]
    published: bool = False
    searches_shots: bool = False
    reflects: bool = False
    meta_prompt_tokens: int | None = None


METHODS: Mapping[Method, MethodSpec] = {
    "portfolio": MethodSpec(build=_portfolio, searches_shots=True, reflects=True, meta_prompt_tokens=1024),
    "opro": MethodSpec(build=lambda _problem, optimizer: optimizer, published=True),
    "evoprompt-ga": MethodSpec(build=_genetic, published=True),
    "evoprompt-de": MethodSpec(build=_differential, published=True),
    "one-step": MethodSpec(build=lambda _problem, optimizer: OneStep(optimizer)),
    "random": MethodSpec(build=_random_words),
}
