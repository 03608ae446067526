"""What people ask of a running search: own instructions, texts that are banned, a longer or shorter search.

Another process puts these into the run's file; the loop hears them between two blocks of a step, and then
scores the step again with what was asked: what is scored already is not scored twice. What a step has heard
is recorded with it, so that a resumed run hears the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from opro_local.config import BudgetSettings
from opro_local.patterns import compiled, in_time
from opro_local.problem import Problem, Watcher
from opro_local.proposers.admission import Admission
from opro_local.recording import Event, RunStore
from opro_local.records import S, Scored, Step, Trajectory

STOPPED = "stopped by a person"
BANS = ("ban", "ban pattern")
LIMITS: Mapping[str, str] = {
    "steps": "steps",
    "pairs": "max_pairs",
    "tokens": "max_tokens",
    "seconds": "max_seconds",
}
"""What can be extended, and its field of BudgetSettings."""
PAUSE = 0.5
"""Seconds between two looks at whether a paused run is to go on."""


def heard(store: RunStore[S], number: int, watcher: Watcher) -> list[Event]:
    """All that people have asked, in order; step number hears what is new. Waits while the run is paused."""
    events = store.hear(number)
    if is_paused(event.kind for event in events):
        watcher.paused()
    while is_paused(event.kind for event in events):
        store.idle(PAUSE)
        events = store.hear(number)
    return events


def asks_to_score(events: Sequence[Event], number: int) -> bool:
    """Whether this step has heard an instruction, which is scored even where the search is over."""
    return any(event.kind == "add" and event.step == number for event in events)


def is_paused(kinds: Iterable[str]) -> bool:
    """Of all events in order. The last word on it counts; a run that is to stop goes on to its end."""
    words = [kind for kind in kinds if kind in ("pause", "continue", "stop")]
    return words[-1:] == ["pause"]


def extended(budget: BudgetSettings, events: Sequence[Event]) -> BudgetSettings:
    """The budget with what people have added to its limits; what has no limit has none."""
    more: dict[str, float] = {}
    for event in events:
        if event.kind == "extend":
            amount, limit = event.text.split()
            name = LIMITS[limit]
            so_far = more.get(name, getattr(budget, name))
            if so_far is not None:
                more[name] = so_far + (float(amount) if limit == "seconds" else int(amount))
    return budget.model_copy(update=more)


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
    """The step with the instructions that people gave it first, and without what is banned or there twice.

    It may be a step that some of them are part of already.
    """
    if not events:
        return step
    admission, bans = Admission.after(problem, trajectory), _bans(events)
    own = [admission.person(e.text) for e in events if e.kind == "add" and e.step == step.number]
    rest = [
        admission.again(proposal, banned=lambda solution: _is_banned(problem.shown(solution), bans))
        for proposal in step.proposals
        if proposal.author != "human"
    ]
    return replace(step, proposals=(*own, *rest))


def _bans(events: Sequence[Event]) -> list[Event]:
    """Those that a step has heard, without what was taken back later, heard or not."""
    bans: list[Event] = []
    for event in events:
        if event.kind in BANS and event.step is not None:
            bans.append(event)
        if event.kind == "unban":
            bans = [ban for ban in bans if ban.text != event.text]
    return bans


def _is_banned(text: str, bans: Sequence[Event]) -> bool:
    return any(
        _matches(ban.text, text) if ban.kind == "ban pattern" else _plain(ban.text) == _plain(text)
        for ban in bans
    )


def _matches(pattern: str, text: str) -> bool:
    with in_time(pattern) as timeout:
        return compiled(pattern, ignore_case=True).search(text, timeout=timeout) is not None


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
