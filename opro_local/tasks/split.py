"""Examples -> train, validation and test, by seeded hash of the example ids.

Stratified by label: within a label the texts stand in hash order and are cut by largest remainder; what a
label's rounding owes to a part is carried on to the next label, so that small classes meet the shares too.
Rows with the same text move as one, and so do twins, unless the settings
keep them apart. A new row shifts only texts next to a cut; the rest keeps its part.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from opro_local.config import SplitSettings, Twins
from opro_local.errors import DataError, SettingsError
from opro_local.records import Example, content_hash
from opro_local.tasks.task import Task
from opro_local.tasks.twins import key_of
from opro_local.wording import counted

SHARE_OF_POOL = 4
"""At least one train row in so many is kept for shots."""

FEWEST_TEXTS = 5
FEWEST_TEXTS_OF_A_LABEL = 2
TRAIN, TEST, VALIDATION, UNUSED = range(4)  # where rounding leaves two equal claims, the first wins

Ranks = Mapping[str, str]  # example id -> its place in hash order
Stratum = Callable[[Example], str]
"""What a split keeps in proportion: the label; the same for all where answers are open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The three parts, disjoint, each in hash order: any first rows of a part are a random sample of it.

    pool holds rows of train that exemplars are drawn from, a text once; none of its texts is in the rest of
    train, which is what candidates are scored on. must_stay are rows apart from the table's.
    """

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    pool: tuple[Example, ...] = ()
    must_stay: tuple[Example, ...] = ()


def split_examples(
    examples: Sequence[Example],
    settings: SplitSettings,
    seed: int,
    *,
    stratum: Stratum,
    test: Sequence[Example] = (),
) -> Split:
    """Cut the examples by the shares of their different texts, then drop what exceeds the caps.

    With several folds, every text is in test in one of them. Every stratum (label) has a row in train if
    max_train allows it; no part is ever empty. Rows given as test are the test part, examples with the text
    of one are left out, and the two other shares need not use all that are left. Raises DataError when there
    are too few texts for that, SettingsError when the shares do not add up.
    """
    shares = _shares(settings, fixed_test=bool(test))
    key = key_of(settings.twins)
    ranks = {example.id: content_hash("split", [seed, example.id]) for example in (*examples, *test)}
    parts: tuple[list[Example], ...] = ([], list(test), [], [])
    tested = {key(row.text) for row in test}
    strata = _strata([row for row in examples if key(row.text) not in tested], ranks, stratum, key)
    if settings.folds > 1:
        parts[TEST].extend(row for rows in _take_fold(strata, settings) for row in rows)
        shares = (settings.train, 0.0, settings.validation)
    for texts, count in zip(strata, _counts([len(texts) for texts in strata], shares), strict=True):
        queue = iter(texts)
        for part, size in zip(parts, count, strict=False):  # without a share nothing stays unused
            for _ in range(size):
                part += next(queue)
    caps = (settings.max_train, settings.max_test, settings.max_validation)
    train, kept_test, validation = (
        _capped(part, cap, ranks, stratum) for part, cap in zip(parts[:UNUSED], caps, strict=True)
    )
    return Split(train=train, validation=validation, test=kept_test)


def _shares(settings: SplitSettings, *, fixed_test: bool) -> tuple[float, ...]:
    """Of train, test and validation; with a test of its own, what is left of the examples comes last."""
    if fixed_test:
        unused = 1 - settings.train - settings.validation
        if unused < -1e-6:
            raise SettingsError("split: the shares of train and validation exceed 1; make them smaller.")
        return (settings.train, 0.0, settings.validation, max(0.0, unused))
    shares = (settings.train, settings.test, settings.validation)
    if abs(sum(shares) - 1) > 1e-6:
        raise SettingsError(
            f"split: the shares add up to {sum(shares):g}; make train, validation and test 1."
        )
    return shares


def set_aside(split: Split, *, scored: int, pool: int, stratum: Stratum, twins: Twins) -> Split:
    """The split with at most scored rows left in train, the labels in proportion, and the rest in the pool.

    The pool has pool different texts at least, but leaves one to score.
    """
    key = key_of(twins)
    ranks = {row.id: f"{place:09d}" for place, row in enumerate(split.train)}
    firsts: dict[str, Example] = {}
    for row in split.train:
        firsts.setdefault(key(row.text), row)
    kept = _capped(list(firsts.values()), max(1, min(scored, len(firsts) - pool)), ranks, stratum)
    texts = {key(row.text) for row in kept}
    return replace(
        split,
        train=tuple(row for row in split.train if key(row.text) in texts)[:scored],
        pool=tuple(row for text, row in firsts.items() if text not in texts),
    )


def _strata(
    examples: Sequence[Example], ranks: Ranks, stratum: Stratum, key: Callable[[str], str]
) -> list[list[list[Example]]]:
    """The rows by label, within a label by text, the texts in hash order of their first row."""
    texts: dict[str, list[Example]] = defaultdict(list)
    for example in sorted(examples, key=lambda example: ranks[example.id]):
        texts[key(example.text)].append(example)
    strata: dict[str, list[list[Example]]] = defaultdict(list)
    for rows in texts.values():
        strata[stratum(rows[0])].append(rows)
    if len(texts) < FEWEST_TEXTS or min(map(len, strata.values())) < FEWEST_TEXTS_OF_A_LABEL:
        found = counted(len(texts), "different text")
        labels = f" with {len(strata)} labels" if len(strata) > 1 else ""
        needed = f", and {FEWEST_TEXTS_OF_A_LABEL} of each label" if labels else ""
        raise DataError(f"{found}{labels}: a split needs {FEWEST_TEXTS} texts at least{needed}. Add rows.")
    return [strata[label] for label in sorted(strata)]


def _take_fold(strata: list[list[list[Example]]], settings: SplitSettings) -> list[list[Example]]:
    """Remove the texts of a fold from the strata: every so manieth, counted through all of them."""
    taken: list[list[Example]] = []
    before = 0
    for number, texts in enumerate(strata):
        in_fold = [(before + i) % settings.folds == (settings.fold or 0) for i in range(len(texts))]
        taken += [text for text, chosen in zip(texts, in_fold, strict=True) if chosen]
        strata[number] = [text for text, chosen in zip(texts, in_fold, strict=True) if not chosen]
        before += len(texts)
    if not taken or not all(strata):
        raise DataError(
            f"Fold {settings.fold or 0} of {settings.folds} leaves test or a label without a text. "
            "Take fewer folds, or add rows."
        )
    return taken


def _counts(sizes: Sequence[int], shares: Sequence[float]) -> list[list[int]]:
    """How many texts of each stratum go to each part; shares need not add up to 1, a part may have none."""
    owed = [0.0 for _ in shares]
    counts = []
    for size in sizes:
        quotas = [share / sum(shares) * size for share in shares]
        count = _largest_remainder(quotas, size, owed)
        if not count[TRAIN]:
            count[count.index(max(count))] -= 1
            count[TRAIN] = 1
        owed = [debt + quota - n for debt, quota, n in zip(owed, quotas, count, strict=True)]
        counts.append(count)
    for part, other in ((TEST, VALIDATION), (VALIDATION, TEST)):
        if shares[part] and not any(count[part] for count in counts):
            # Before train on a tie: then train may be down to one text of each label.
            donors = (other, TRAIN, *range(UNUSED, len(shares)))
            donor = max(donors, key=lambda p: sum(count[p] for count in counts))
            giver = max(counts, key=lambda count: count[donor])
            giver[donor] -= 1
            giver[part] += 1
    return counts


def _largest_remainder(quotas: Sequence[float], total: int, owed: Sequence[float]) -> list[int]:
    """Whole numbers next to the quotas that add up to total; what is owed from before counts as remainder."""
    counts = [int(quota + 1e-9) for quota in quotas]
    claims = [round(q - n + debt, 9) for q, n, debt in zip(quotas, counts, owed, strict=True)]
    largest = sorted(range(len(quotas)), key=lambda i: -claims[i])
    for i in largest[: total - sum(counts)]:
        counts[i] += 1
    return counts


def _capped(rows: Sequence[Example], cap: int, ranks: Ranks, stratum: Stratum) -> tuple[Example, ...]:
    """At most cap rows in hash order, the labels in proportion and none lost if cap allows it."""
    ordered = sorted(rows, key=lambda example: ranks[example.id])
    if len(rows) <= cap:
        return tuple(ordered)
    labels: dict[str, list[Example]] = defaultdict(list)
    for example in ordered:
        labels[stratum(example)].append(example)
    sure = 1 if cap >= len(labels) else 0
    spare = cap - sure * len(labels)
    rest = len(rows) - sure * len(labels)
    groups = [labels[label] for label in sorted(labels)]
    quotas = [(len(group) - sure) * spare / rest for group in groups]
    counts = _largest_remainder(quotas, spare, [0.0 for _ in groups])
    kept = [example for group, n in zip(groups, counts, strict=True) for example in group[: sure + n]]
    return tuple(sorted(kept, key=lambda example: ranks[example.id]))


def split_task(task: Task, *, seed: int, shots: int, search_shots: bool, train_rows: int) -> Split:
    """Train, validation and test as a run with these settings sees them. Raises DataError, SettingsError.

    seed is the search's; the split may have one of its own.
    """
    sizes, stratum = task.split, task.kind.strata(task.rows)
    own = seed if sizes.seed is None else sizes.seed
    split = split_examples(task.examples, sizes, own, stratum=stratum, test=task.test)
    split = replace(split, must_stay=task.must_stay)
    rows = len(split.train)
    chosen = rows // SHARE_OF_POOL if search_shots else 0
    if shots >= rows:
        raise SettingsError(f"Train has {rows} rows; --shots must leave some of them to score.")
    return set_aside(
        split,
        scored=min(rows, train_rows),
        pool=max(shots, chosen),
        stratum=stratum,
        twins=sizes.twins,
    )
