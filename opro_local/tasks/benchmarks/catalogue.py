"""The benchmarks by name: who reads them, and what the paper says of their splits and answers."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from opro_local.config import Position, SplitSettings, TaskSettings
from opro_local.errors import DataError, SettingsError
from opro_local.tasks.benchmarks import aqua, bbh, gsm8k, mmlu, multiarith
from opro_local.tasks.benchmarks.files import BenchmarkFolder
from opro_local.tasks.labelled_rows import LabelledRows, conflicts_of
from opro_local.wording import counted, listed, quoted

GSM8K_SPLIT = SplitSettings(train=0.035, validation=0.035, max_train=261, max_test=1319)
"""Train is 3.5 % of the train file (261 of 7,473 rows), validation as many others, test the test file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A benchmark with the names of its parts, if it has any."""

    read: Callable[[BenchmarkFolder, str], LabelledRows]
    answer: Callable[[str], str]
    split: SplitSettings = field(default_factory=SplitSettings)
    parts: Collection[str] = ()


def _searched(share: float) -> SplitSettings:
    """The split with a published train share: a third of that is kept back as validation."""
    return SplitSettings(train=share * 2 / 3, validation=share / 3, test=1 - share)


FAMILIES: Mapping[str, Family] = {
    "bbh": Family(read=bbh.read, answer=bbh.ANSWER.__getitem__, split=_searched(0.2), parts=bbh.ANSWER),
    "gsm8k": Family(read=gsm8k.read, answer=lambda _: "number", split=GSM8K_SPLIT),
    "mmlu": Family(read=mmlu.read, answer=lambda _: "choice", split=_searched(0.8), parts=mmlu.PARTS),
    "aqua": Family(read=aqua.read, answer=lambda _: "choice"),
    "multiarith": Family(read=multiarith.read, answer=lambda _: "number"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One task of a benchmark. settings: what holds where the user sets nothing.

    Instructions stand before the question for chat scorers, at the start of the answer for pre-trained ones.
    """

    name: str
    settings: TaskSettings
    pretrained_position: Position = "A_begin"

    def rows(self, folder: Path, encoding: str) -> LabelledRows:
        """The rows of the original files in a folder. Raises DataError naming file and row."""
        family, _, part = self.name.partition(":")
        source = BenchmarkFolder(path=folder, benchmark=family, encoding=encoding)
        found = FAMILIES[family].read(source, part)
        if not found.lines:
            raise DataError(f"{self.name}: no rows in {folder}. Restore the original files.")
        conflicts = conflicts_of(found.all)
        if not conflicts:
            return found
        told = f"{counted(len(conflicts), 'row')} contradicting an earlier one stay: {listed(conflicts)}."
        return replace(found, warnings=(*found.warnings, told))


def find_benchmark(name: str) -> Benchmark:
    """The benchmark of a name as "gsm8k", "bbh:snarks" or "mmlu:social sciences". Raises SettingsError."""
    first, _, second = name.partition(":")
    family, part = _plain(first), _plain(second)
    if family not in FAMILIES:
        raise SettingsError(f"no benchmark {quoted(name)}. Known are {', '.join(FAMILIES)}.")
    known = FAMILIES[family].parts
    if part not in (known or ("",)):
        choices = f"{family}: and one of {', '.join(sorted(known))}" if known else f"{family} alone"
        raise SettingsError(f"no benchmark {quoted(name)}. Name {choices}.")
    return Benchmark(
        name=f"{family}:{part}" if part else family,
        settings=TaskSettings(answer=FAMILIES[family].answer(part), split=FAMILIES[family].split),
    )


def _plain(name: str) -> str:
    """As the files write it."""
    return name.strip().casefold().replace("-", "_").replace(" ", "_")
