"""What people ask of a running search: instructions of their own, texts that they do not want, to stop.

Another process puts these into the run's file; the loop hears them when it opens a step. What a step has
heard is recorded with it, so that a resumed run hears the same.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from opro_local.errors import Rejected
from opro_local.optimizer import proposed_keys
from opro_local.problem import Problem
from opro_local.records import Event, Proposal, S, Scored, Step, Trajectory

HUMAN = "human"
STOPPED = "stopped by a person"
BANS = ("ban", "ban pattern")


def without_banned(problem: Problem[S], trajectory: Trajectory[S], events: Sequence[Event]) -> Trajectory[S]:
    """The trajectory with what was banned marked as dropped: it is not shown, built upon or chosen."""
    bans = _bans(events)
    if not bans:
        return trajectory

    def marked(entry: Scored[S]) -> Scored[S]:
        banned = _is_banned(problem.shown(entry.solution), bans)
        return replace(entry, dropped=True) if banned else entry

    steps = tuple(replace(step, scored=tuple(map(marked, step.scored))) for step in trajectory.steps)
    return replace(trajectory, steps=steps)


def with_people(
    problem: Problem[S], step: Step[S], trajectory: Trajectory[S], events: Sequence[Event]
) -> Step[S]:
    """The step with the instructions that people gave it first, and without what is banned or there twice."""
    if not events:
        return step
    taken = proposed_keys(problem, trajectory)
    given = [event.text for event in events if event.kind == "add" and event.step == step.number]
    own = [_own(problem, text, taken) for text in given]
    rest = [_checked(problem, proposal, _bans(events), taken) for proposal in step.proposals]
    return replace(step, proposals=(*own, *rest))


def _bans(events: Sequence[Event]) -> list[Event]:
    """Those that a step has heard."""
    return [event for event in events if event.step is not None and event.kind in BANS]


def _own(problem: Problem[S], text: str, taken: set[str]) -> Proposal[S]:
    """Once it is proposed its key is taken."""
    try:
        solution = problem.parse(text)
    except Rejected as rejection:
        return Proposal(text=text, reason=rejection.reason, origin=HUMAN)
    key = problem.key(solution)
    if key in taken:
        return Proposal(text=text, reason="duplicate", origin=HUMAN)
    taken.add(key)
    return Proposal(text=text, solution=solution, origin=HUMAN)


def _checked(
    problem: Problem[S], proposal: Proposal[S], bans: Sequence[Event], taken: set[str]
) -> Proposal[S]:
    if proposal.solution is None:
        return proposal
    if _is_banned(problem.shown(proposal.solution), bans):
        return replace(proposal, solution=None, reason="banned")
    if problem.key(proposal.solution) in taken:
        return replace(proposal, solution=None, reason="duplicate")
    return proposal


def _is_banned(text: str, bans: Sequence[Event]) -> bool:
    return any(
        re.search(ban.text, text, re.IGNORECASE) is not None
        if ban.kind == "ban pattern"
        else _plain(ban.text) == _plain(text)
        for ban in bans
    )


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
