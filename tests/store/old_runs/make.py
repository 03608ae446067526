"""Make the run files of the checkout that PYTHONPATH begins with, as README.md beside this says."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from old_runs import figures, mails, sums, writer
from scripted_models import play_roles

from opro_local import api
from opro_local.config import Folders, RunSettings
from opro_local.errors import Interrupted
from opro_local.store.schema import VERSION

HERE = Path(__file__).parent
SEARCH: dict[str, Any] = {"proposals_per_step": 2, "exemplars": 2, "block": 4, "finalists": 2}
SINCE: dict[int, dict[str, Any]] = {
    3: {"headroom": 4, "sensitivity": 1},
    4: {"proposals_per_step": 4, "max_shots": 3},
}
ASKED = {5: [("add", "Look at the money."), ("ban pattern", "^Think")], 6: [("extend", "1 steps")]}


def known(since: dict[int, Any]) -> list[Any]:
    return [each for version, each in since.items() if version <= VERSION]


class Run:
    """One run in a folder; a person asks things of it, if the version knows that."""

    def __init__(self, folder: Path) -> None:
        self.folders = Folders.of_user(folder)

    @property
    def path(self) -> Path:
        (path,) = self.folders.runs.glob("2*.sqlite")
        return path

    def settings(self) -> RunSettings:
        search = SEARCH
        for more in known(SINCE):
            search = search | more
        chosen = {"models": {"scorer": "scripted"}, "search": search, "budget": {"steps": 3}}
        return RunSettings.model_validate(chosen)

    def ask(self, kind: str, text: str) -> None:
        import_module("opro_local.store.events").ask(self.path, kind, text)

    def host(self, after_commit: Callable[[], None] = lambda: None) -> Any:
        return import_module("opro_local.api").Host(folders=self.folders, after_commit=after_commit)

    def finished(self) -> None:
        asked = [each for more in known(ASKED) for each in more]

        def ask() -> None:
            if asked:
                self.ask(*asked.pop(0))

        self.searched(self.host(ask))

    def cut_off(self) -> None:
        """In step 2, between two blocks; then a person asks something more."""
        self.stopped_at(11 if VERSION < 3 else 10 if VERSION == 3 else 8, self.searched)
        for kind, text in known({5: ("add", "Look at the money."), 6: ("pause", "")}):
            self.ask(kind, text)

    def cut_off_in_test(self) -> None:
        self.stopped_at(23, self.searched)

    def stopped_at(self, commit: int, begin: Callable[[Any], object]) -> None:
        commits = []

        def stop() -> None:
            commits.append(1)
            if len(commits) == commit:
                raise Interrupted("stopped")

        with pytest.raises(Interrupted):
            begin(self.host(stop))

    def searched(self, host: Any) -> None:
        api.optimize_task(mails(), self.settings(), host=host)

    def number(self) -> None:
        api.optimize_task(sums(), self.settings(), host=self.host())

    def regression(self) -> None:
        self.solved(self.host())

    def cut_off_regression(self) -> None:
        self.stopped_at(3, self.solved)

    def solved(self, host: Any) -> None:
        regression = import_module("opro_local.problems.objectives.linear_regression").LinearRegression()
        api.solve(regression, self.settings(), host=host)


KINDS: dict[str, tuple[range, Callable[[Run], None]]] = {
    "finished": (range(1, VERSION + 1), Run.finished),
    "cut-off": (range(1, VERSION + 1), Run.cut_off),
    "cut-off-in-test": (range(2, 3), Run.cut_off_in_test),
    "number": (range(4, VERSION + 1), Run.number),
    "regression": (range(4, VERSION + 1), Run.regression),
    "cut-off-regression": (range(4, 5), Run.cut_off_regression),
}
"""Each with the versions of which there is one."""


def make(kind: str, begin: Callable[[Run], None]) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        play_roles(patch, writer())
        run = Run(Path(folder))
        begin(run)
        found = import_module("opro_local").run_document(run.path, outcomes="regression" not in kind)
        copy = HERE / f"v{VERSION}-{kind}.sqlite"
        copy.write_bytes(run.path.read_bytes())
    text = json.dumps(figures(found), ensure_ascii=False, indent=1)
    copy.with_suffix(".json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    for kind, (versions, begin) in KINDS.items():
        if VERSION in versions:
            make(kind, begin)
