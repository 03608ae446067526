"""The host of a command that searches or measures: watched by a person, stopped by Ctrl-C, with workers."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opro_local.cli.interrupt import graceful_interrupt
from opro_local.cli.runs import find_run
from opro_local.cli.workers import WorkerFlags
from opro_local.config import Folders, RunSettings

if TYPE_CHECKING:
    from opro_local.wiring.host import Host


@contextmanager
def hosted(folders: Folders, *, shown: bool, opening: str = "", asking: bool = False) -> Iterator["Host"]:
    from opro_local.cli.progress import RunProgress
    from opro_local.wiring.host import Host

    def take(run_id: str, text: str) -> None:
        from opro_local.store.events import ask

        ask(find_run(folders.runs, run_id), "add", text)

    view = RunProgress(shown=shown, opening=opening, take=take if asking else None)
    with graceful_interrupt(view.tell) as after_commit, view as progress:
        yield Host(
            folders=folders,
            watcher=progress,
            after_commit=after_commit,
            go_on=lambda _found: not _at_terminal() or progress.ask("Search all the same?"),
        )


@contextmanager
def with_workers(
    host: "Host", settings: RunSettings, staff: WorkerFlags
) -> Iterator["tuple[Host, RunSettings]"]:
    """The host with the workers that were asked for, and the settings of a run that is begun with them."""
    from opro_local.wiring.workers import staffed

    with staffed(host, settings.models, count=staff.count, address=staff.address) as (own, models):
        yield own, settings.model_copy(update={"models": models})


@contextmanager
def hosted_searches(folders: Folders, searches: int, *, shown: bool, opening: str = "") -> Iterator["Host"]:
    """For so many searches, which are watched together; nobody is asked anything."""
    from opro_local.cli.searches import SearchesProgress
    from opro_local.wiring.host import Host

    progress = SearchesProgress(searches, shown=shown, opening=opening)
    with graceful_interrupt(progress.tell) as after_commit, progress:
        yield Host(folders=folders, watcher=progress, after_commit=after_commit)


def _at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
