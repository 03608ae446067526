"""The ways to search by name, each a proposer, and what they leave open in the settings.

portfolio  instructions, shots and their changes share the budget (proposers/portfolio.py); OPRO's
           optimizer takes part in three styles, the others know nothing of language models
opro       Yang et al. 2023 alone: no racing, no calibration unless asked for, no shots but fixed ones
evoprompt-ga, evoprompt-de
           Guo et al. 2023 alone, in the same way: the optimizer breeds instructions (proposers/evoprompt.py)
one-step   the optimizer without its trajectory
random     random words
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from opro_local.config import Method, RunSettings, SearchSettings, Style
from opro_local.llm import Engine
from opro_local.meta_prompt import STYLES
from opro_local.optimizer import Optimizer
from opro_local.problem import Proposer
from opro_local.problems.instruction import InstructionProblem
from opro_local.proposers.bandit import Tally
from opro_local.proposers.baselines import OneStep, random_search, words_of
from opro_local.proposers.evoprompt import EvoPrompt, differential, genetic
from opro_local.proposers.filters import InstructionFilter
from opro_local.proposers.library import STEP_BY_STEP, direct_instructions
from opro_local.proposers.portfolio import Portfolio
from opro_local.proposers.stream import Stream, StreamProposer, parsed
from opro_local.proposers.variations import crossed, paraphrased
from opro_local.proposers.wrappers import Filtered, WithShots
from opro_local.records import Author, Candidate

DRAWS = {"shot sets": "exemplar sets", "shot moves": "exemplar moves"}
"""What the draws of an arm are named by where it once had another name: a resumed run draws the same."""
EXPECTED = {"shot sets": Tally(paid=4, pulls=4)}
"""Small models gain most by shots (CAPO, arXiv 2504.16005): the portfolio begins with them."""
PUBLISHED: Sequence[Method] = ("opro", "evoprompt-ga", "evoprompt-de")
"""Methods of papers, alone: what we added to the search is off unless it is asked for."""
META_PROMPT_TOKENS = 1024
"""Most tokens of the portfolio's meta-prompts: small models read long ones badly, and slowly."""


def with_method(settings: RunSettings) -> RunSettings:
    """The settings with what the method decides filled in where the user said nothing."""
    search, scoring = settings.search, settings.scoring
    published = search.method in PUBLISHED
    racing = search.racing or ("off" if published else "on")
    calibration = scoring.calibration or ("none" if published else "auto")
    tokens = META_PROMPT_TOKENS if search.method == "portfolio" else None
    return settings.model_copy(
        update={
            "search": search.model_copy(
                update={"racing": racing, "meta_prompt_tokens": search.meta_prompt_tokens or tokens}
            ),
            "scoring": scoring.model_copy(update={"calibration": calibration}),
        }
    )


def proposer_for(
    method: Method, problem: InstructionProblem, engine: Engine, settings: RunSettings
) -> Proposer[Candidate]:
    """engine is the optimizer's; the settings are complete."""
    search = settings.search
    optimizer = Optimizer(engine, problem, search, settings.budget.steps)
    if method == "portfolio":
        return _portfolio(problem, optimizer, search)
    if method == "one-step":
        return OneStep(optimizer)
    if method in ("evoprompt-ga", "evoprompt-de"):
        return _evoprompt(method, problem, optimizer)
    return _random_words(problem, search) if method == "random" else optimizer


def _portfolio(
    problem: InstructionProblem, optimizer: Optimizer[Candidate], search: SearchSettings
) -> Portfolio:
    guard = InstructionFilter(problem.scorer.engine, problem.task)
    styles: list[Style] = [search.style] if search.style else list(STYLES)
    sampled = {
        f"opro {style}": Filtered(
            inner=replace(optimizer, problem=replace(problem, style=style)), guard=guard
        )
        for style in styles
    }
    written: Mapping[str, Proposer[Candidate]] = {
        **sampled,
        "library": _library(problem),
        "random words": _random_words(problem, search),
    }
    streams: Mapping[str, Stream[Candidate]] = {
        "paraphrases": paraphrased,
        "crossover": crossed,
        "shot sets": problem.shot_sets.drawn,
        "shot moves": problem.shot_sets.moved,
    }
    return Portfolio(
        arms={name: WithShots(inner=inner, seed=search.seed) for name, inner in written.items()}
        | {name: _drawn(DRAWS.get(name, name), problem, stream) for name, stream in streams.items()},
        expected=EXPECTED,
        seed=search.seed,
        fits=problem.fits,
        sampled=frozenset(sampled),
    )


def _evoprompt(method: Method, problem: InstructionProblem, optimizer: Optimizer[Candidate]) -> EvoPrompt:
    task = problem.task
    if method == "evoprompt-de":
        matching = differential(task)
    else:
        matching = genetic(task, lambda entry: problem.measurement.marking.normalised(entry.score.value))
    return EvoPrompt(name=method, optimizer=optimizer, first=_library(problem), matching=matching)


def _library(problem: InstructionProblem) -> StreamProposer[Candidate]:
    texts = [STEP_BY_STEP, *direct_instructions(problem.task)]
    return _drawn("library", problem, lambda _t, _d: parsed(problem, texts))


def _drawn(name: str, problem: InstructionProblem, stream: Stream[Candidate]) -> StreamProposer[Candidate]:
    author: Author = "paraphrase" if stream is paraphrased else "program"
    return StreamProposer(name=name, problem=problem, seed=problem.search.seed, stream=stream, author=author)


def _random_words(problem: InstructionProblem, search: SearchSettings) -> StreamProposer[Candidate]:
    rows = (*problem.split.train, *problem.split.pool)
    vocabulary = words_of([*direct_instructions(problem.task), *(row.text for row in rows)])
    return random_search(problem, vocabulary, search.seed)
