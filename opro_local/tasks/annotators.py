"""Several annotators' labels of one text -> one label, by the rule that the user names."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from opro_local.config import Annotators
from opro_local.errors import DataError
from opro_local.records import LabelledRow
from opro_local.wording import counted, listed

RULES = "--annotators first, agree or majority"


def settled(rows: Sequence[LabelledRow], rule: Annotators | None) -> tuple[list[LabelledRow], list[str]]:
    """One row for each record, with a rule one for each text; and what the user should know about it.

    Raises DataError where the labels of one record differ and no rule is named.
    """
    groups: dict[str, list[LabelledRow]] = defaultdict(list)
    for row in rows:
        groups[row.where if rule is None else row.text].append(row)
    several = [group for group in groups.values() if len(group) > 1]
    torn = [group for group in several if len({row.target for row in group}) > 1]
    if torn and rule is None:
        raise DataError(
            f"{counted(len(torn), 'row')} with several labels that differ: "
            f"{listed([group[0].where for group in torn])}. A row has one label: correct them, or, "
            f"where they are several annotators', pass {RULES}."
        )
    kept = [chosen for group in groups.values() if (chosen := _chosen(group, rule)) is not None]
    return kept, _notes(len(several), len(torn), len(groups) - len(kept), rule)


def _chosen(group: Sequence[LabelledRow], rule: Annotators | None) -> LabelledRow | None:
    """The first row with the label that holds; None where the annotators are of too many minds."""
    votes = Counter(row.target for row in group).most_common()
    if rule == "agree" and len(votes) > 1:
        return None
    if rule == "majority":
        if len(votes) > 1 and votes[0][1] == votes[1][1]:
            return None
        return next(row for row in group if row.target == votes[0][0])
    return group[0]


def _notes(several: int, torn: int, left_out: int, rule: Annotators | None) -> list[str]:
    if not several:
        return []
    told = f"{counted(several, 'text')} with several annotators, {torn} of them with different labels"
    if not torn:
        return [f"{told}."]
    dropped = f"; {counted(left_out, 'text')} left out" if left_out else ""
    words = {
        "first": "the first holds",
        "agree": "only where all agree",
        "majority": "the most frequent holds",
    }
    return [f"{told}: {words[rule or 'first']}{dropped}."]
