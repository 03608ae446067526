"""What people asked of a run, and what became of it."""

from dataclasses import dataclass
from pathlib import Path

from opro_local.recording import Event, EventKind
from opro_local.store.reader import RunReader, reading


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedEvent:
    """An event with the step and the block that heard it, None until then.

    reason says why an instruction was not scored; it is None for one that is, or is going to be.
    """

    kind: EventKind
    text: str
    created: str
    step: int | None
    block: int | None
    reason: str | None


def read_asked(path: Path) -> list[AskedEvent]:
    """In the order in which they were asked. Raises StoreError."""
    with reading(path) as run:
        return [_asked(run, event) for event in run.events]


def _asked(run: RunReader, event: Event) -> AskedEvent:
    return AskedEvent(
        kind=event.kind,
        text=event.text,
        created=event.created,
        step=event.step,
        block=event.block,
        reason=_reason(run, event) if event.kind == "add" and event.step is not None else None,
    )


def _reason(run: RunReader, event: Event) -> str | None:
    proposals = [p for step in run.all_steps if step.number == event.step for p in step.proposals]
    for proposal in proposals:
        if (proposal.origin, proposal.text) == ("human", event.text):
            return proposal.reason
    return None if run.stop_reason is None else "the search had ended"
