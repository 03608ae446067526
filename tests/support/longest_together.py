"""How xdist divides the tests: file by file, but those as one that share what takes long to make.

The real models are loaded once, 18 s of a processor; so are the run and the warm process of tests/shows made.
These two are the longest, so they are begun first, and so is the longest file of those that would come last:
no worker is left with one of them when the others are done.
"""

from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]
from xdist.workermanage import WorkerController  # type: ignore[import-untyped]

FIRST = ("real_models", "tests/shows/", "tests/test_portfolio_run.py")
"""What the names of such tests hold, in the order in which they are begun."""


class LongestTogether(LoadFileScheduling):  # type: ignore[misc]
    """Knows these tests by their names."""

    def _split_scope(self, nodeid: str) -> str:
        return next((part for part in FIRST if part in nodeid), super()._split_scope(nodeid))

    def _assign_work_unit(self, node: WorkerController) -> None:
        for scope in FIRST[::-1]:
            if scope in self.workqueue:
                self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)
