"""How xdist divides the tests: file by file, but those of the real models as one, which loads them once."""

from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]


class RealModelsTogether(LoadFileScheduling):  # type: ignore[misc]
    """Knows the tests of the real models by their names; loading the two takes 18 s of a processor."""

    def _split_scope(self, nodeid: str) -> str:
        return "real models" if "real_models" in nodeid else super()._split_scope(nodeid)
