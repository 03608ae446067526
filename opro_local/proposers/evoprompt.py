"""EvoPrompt (Guo et al. 2023, arXiv 2309.08532): evolution with a language model as its operator.

ga  Genetic algorithm: of two parents, drawn by roulette, the model makes a child (crossover, then mutation);
    the population are the best of all.
de  Differential evolution: each member in turn is a base. What two others differ in is mutated, put into the
    best so far and crossed with the base; the child takes the base's place if it is better.

The population begins with the starts and the shipped instructions, which are the first step: they are scored
on the budget like children. It is as large as a step, four at least, and follows from the trajectory alone,
so that a resumed run goes on with the same one. What left a race early never joins it. Unlike the published
prompts ours name the operators' steps but ask for the result alone: small models do not come back from an
intermediate one.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from opro_local.optimizer import Optimizer
from opro_local.problem import MetaPrompt, Proposer
from opro_local.proposers.admission import Admission
from opro_local.proposers.breeding import bred, differed
from opro_local.records import Candidate, Scored, Step, Trajectory, derived_seed
from opro_local.tasks.task import Task

FEWEST = 4
"""A base and three that are not it."""

Population = list[Scored[Candidate]]
Matching = Callable[[Trajectory[Candidate], int, int, random.Random], Sequence[MetaPrompt]]
"""(trajectory, size of the population, children, draw) -> what is asked of the model for each child."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvoPrompt:
    """opro_local.problem.Proposer; first proposes what the population begins with beside the starts."""

    name: str
    optimizer: Optimizer[Candidate]
    first: Proposer[Candidate]
    matching: Matching

    def propose(self, trajectory: Trajectory[Candidate], number: int, count: int) -> Step[Candidate]:
        """One child a meta-prompt."""
        if number == 1:
            return self.first.propose(trajectory, number, count)
        seed = derived_seed(self.optimizer.settings.seed, number, self.name)
        asked = self.matching(trajectory, max(count, FEWEST), count, random.Random(seed))
        admission = Admission.after(self.optimizer.problem, trajectory)
        parts = [
            self.optimizer.replies(
                [prompt], number, 1, seed=derived_seed(seed, place, "child"), admission=admission
            )
            for place, prompt in enumerate(asked)
        ]
        return Step(
            number=number,
            proposals=tuple(replace(p, origin=self.name) for part in parts for p in part.proposals),
            calls=tuple(call for part in parts for call in part.calls),
        )


def genetic(task: Task, fitness: Callable[[Scored[Candidate]], float]) -> Matching:
    """fitness is from 0 to 1; a parent is drawn in proportion to it."""

    def matching(
        trajectory: Trajectory[Candidate], size: int, children: int, draw: random.Random
    ) -> list[MetaPrompt]:
        population = trajectory.ascending()[-size:]
        pairs = (_roulette(population, fitness, draw) for _ in range(children))
        return [bred(task, first.solution, second.solution) for first, second in pairs]

    return matching


def _roulette(
    population: Population, fitness: Callable[[Scored[Candidate]], float], draw: random.Random
) -> tuple[Scored[Candidate], Scored[Candidate]]:
    """Two different members, or the only one twice."""
    (first,) = _drawn(population, fitness, draw)
    others = [entry for entry in population if entry.key != first.key] or population
    (second,) = _drawn(others, fitness, draw)
    return first, second


def _drawn(
    population: Population, fitness: Callable[[Scored[Candidate]], float], draw: random.Random
) -> Population:
    weights = [fitness(entry) for entry in population]
    return draw.choices(population, weights if sum(weights) > 0 else None)


def differential(task: Task) -> Matching:
    """A step goes on with the bases where the last one ended."""

    def matching(
        trajectory: Trajectory[Candidate], size: int, children: int, draw: random.Random
    ) -> list[MetaPrompt]:
        population = survivors(trajectory, size)
        best = trajectory.ascending()[-1]
        made = sum(len(step.proposals) for step in trajectory.steps[2:])
        asked = []
        for child in range(made, made + children):
            base = population[child % len(population)]
            others = [entry for entry in population if entry.key != base.key]
            one, other = draw.sample(others, 2) if len(others) > 1 else draw.choices(population, k=2)
            asked.append(differed(task, one.solution, other.solution, best.solution, base.solution))
        return asked

    return matching


def survivors(trajectory: Trajectory[Candidate], size: int) -> Population:
    """Each place of the population with its best so far; the first two steps fill it, the best first."""
    begun = replace(trajectory, steps=trajectory.steps[:2])
    population = begun.ascending()[: -size - 1 : -1]
    child = 0
    for step in trajectory.steps[2:]:
        scored = iter(step.scored)
        for proposal in step.proposals:
            place = child % len(population)
            child += 1
            if proposal.solution is None:
                continue
            entry = next(scored)
            if not entry.dropped and _is_better(entry, population[place], trajectory):
                population[place] = entry
    return population


def _is_better(entry: Scored[Candidate], other: Scored[Candidate], trajectory: Trajectory[Candidate]) -> bool:
    return entry.score.rank(trajectory.direction) > other.score.rank(trajectory.direction)
