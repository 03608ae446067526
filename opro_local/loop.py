"""OPRO's loop (Yang et al. 2023, figure 2). Read this first: the rest of the package serves these lines.

A step is the unit of truth: its proposals are recorded, then its scores. Everything that is recorded is found
again, so that a run that was cut off anywhere goes on as if nothing had happened.
"""

from collections.abc import Sequence

from opro_local.budget import stop_reason
from opro_local.config import BudgetSettings
from opro_local.interventions import STOPPED, asks_to_score, extended, heard, with_people, without_banned
from opro_local.problem import Problem, Proposer, Watcher
from opro_local.recording import Event, EventArrived, RunStore
from opro_local.records import Proposal, S, Step, Trajectory, Usage


def optimize(
    problem: Problem[S],
    proposer: Proposer[S],
    *,
    proposals_per_step: int,
    budget: BudgetSettings,
    store: RunStore[S],
    watcher: Watcher,
) -> Trajectory[S]:
    """Propose and score until the budget stops it, then let the problem measure what it measures last.

    Goes on where the store ends. Raises Interrupted, with everything scored so far saved, when the user asks.
    """
    trajectory = store.trajectory()
    while store.stopped() is None:
        number = len(trajectory.steps)
        events = heard(store, number, watcher)
        seen = without_banned(problem, trajectory, events)
        step = recorded = store.open_step()
        if step is None:
            reason = _reason_to_stop(problem, budget, store.usage(), seen, events)
            if reason is not None and not asks_to_score(events, number):
                store.record_stop(reason)
                break
            step = _proposed(problem, proposer, seen, 0 if reason else proposals_per_step)
        step = with_people(problem, step, seen, events)
        if step != recorded:
            store.record_proposals(step)
        watcher.step_opened(step)
        try:
            scored = problem.evaluate(step, seen, store)
        except EventArrived:
            continue
        store.close_step(number, scored)
        trajectory = store.trajectory()
        watcher.step_closed(trajectory)
    trajectory = without_banned(problem, trajectory, store.events())
    problem.finish(trajectory, store)
    store.record_finish()
    return trajectory


def _reason_to_stop(
    problem: Problem[S],
    budget: BudgetSettings,
    usage: Usage,
    trajectory: Trajectory[S],
    events: Sequence[Event],
) -> str | None:
    """The starting solutions are scored in any case."""
    if not trajectory.steps:
        return None
    if any(event.kind == "stop" for event in events):
        return STOPPED
    if problem.solved(trajectory):
        return "solved"
    return stop_reason(extended(budget, events), usage, trajectory)


def _proposed(problem: Problem[S], proposer: Proposer[S], trajectory: Trajectory[S], count: int) -> Step[S]:
    """The next step; without proposals where the search is over and only people's are to be scored."""
    number = len(trajectory.steps)
    if number == 0:
        return starting_step(problem)
    return proposer.propose(trajectory, number, count) if count else Step(number=number, proposals=())


def starting_step(problem: Problem[S]) -> Step[S]:
    """Step 0: the starting solutions, proposed by the user or the problem."""
    proposals = (
        Proposal(text=problem.encode(s), solution=s, origin="start", author="start") for s in problem.starts()
    )
    return Step(number=0, proposals=tuple(proposals))
