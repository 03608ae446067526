"""What a report is made of: a list of sections, which every form prints."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from opro_local.report.chart import Chart
from opro_local.report.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A text of several lines that is shown as it is, a prompt for instance; copied: to be used elsewhere."""

    title: str
    text: str
    copied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A stretch of words: "same", "added" or "removed"."""

    change: str
    text: str


def word_diff(before: str, after: str) -> Iterator[Words]:
    """What was removed from before and added to reach after, in reading order."""
    old, new = before.split(), after.split()
    for tag, a, b, c, d in difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Words(change="same", text=" ".join(old[a:b]))
            continue
        if a < b:
            yield Words(change="removed", text=" ".join(old[a:b]))
        if c < d:
            yield Words(change="added", text=" ".join(new[c:d]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of a report: sentences, texts, tables, charts, a text with its changes.

    details stand behind a click on a page, and not on a terminal.
    """

    title: str
    lines: Sequence[str] = ()
    blocks: Sequence[Block] = ()
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()
    changes: Sequence[Words] = ()
    details: Sequence[Block | Table] = ()

    def all_tables(self) -> list[Table]:
        """Those of the charts, of the changes and of the details too."""
        changes = [(words.change, words.text) for words in self.changes]
        return [
            *self.tables,
            *(chart.table for chart in self.charts if chart.table is not None),
            *([Table(title=self.title, columns=("change", "words"), rows=changes)] if changes else []),
            *(detail for detail in self.details if isinstance(detail, Table)),
        ]

    def all_blocks(self) -> list[Block]:
        return [*self.blocks, *(detail for detail in self.details if isinstance(detail, Block))]
