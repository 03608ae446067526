"""Replies that came from elsewhere, graded as a run would have."""

from collections.abc import Sequence
from pathlib import Path

from opro_local.records import Outcome
from opro_local.wiring.host import Host
from opro_local.wiring.task_run import prepare


def judged_answers(path: Path, outcomes: Sequence[Outcome], *, host: Host) -> list[Outcome]:
    """Replies to the test rows of a judged run, in their order, with what its judge makes of them.

    Raises ModelError where the run's weights are not there any more.
    """
    from opro_local.results.winner import load_winner

    found = load_winner(path)
    run = prepare(found.own_task, found.settings, host)
    judge = run.measurement.scorer.judge
    assert judge is not None, "a run without a judge"
    return judge.graded(run.measurement.split.test, outcomes)
