"""Text, bytes and JSON that is hostile or nearly right."""

import json
from functools import partial

from hypothesis import strategies as st

PIECES = (
    *(
        "",
        " ",
        "\n",
        "\r\n",
        "\t",
        "\x1b[31m",
        "\u2028",
        "\ufeff",
        "\u202e",
        "\xa0",
        "e\u0301",
        "\U0001f600",
    ),
    *(",", ";", "|", '"', '""', "'", "\\", "sep=;", "=1+1", "@", "#N/A", "-", "--", "..."),
    *(
        "(A)",
        "(B) x",
        "Options:",
        "A)",
        "**Answer:**",
        "\\boxed{7}",
        "\\boxed{\\text{B}}",
        "####",
        "the answer is",
    ),
    *(
        "yes",
        "no",
        "not",
        "true",
        "False",
        "urgent",
        "spam",
        "7",
        "-7.5",
        "1,234.5",
        "1.234,5",
        "1e400",
        "10:30",
    ),
    *(
        "<INS>",
        "</INS>",
        "[",
        "]",
        "{",
        "}",
        "{{",
        "{%",
        "%}",
        "<TEXT>",
        "</TEXT>",
        "Q:",
        "A:",
        "text:",
        "score: 9",
    ),
    *(
        "<|start|>",
        "<|end|>",
        "<think>",
        "</think>",
        "```",
        "\\begin{x}",
        "²",
        "½",
        "٣",
        "\uff19",
        "∞",
        "nan",
        "inf",
    ),
)

texts = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join),
    st.tuples(st.sampled_from(PIECES), st.integers(1, 2_000)).map(lambda pair: pair[0] * pair[1]),
)
names = st.sampled_from(("text", "label", "id", "x"))

scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | texts, inner, max_size=3),
    max_leaves=10,
)
objects = st.dictionaries(names | texts, values, max_size=5)
json_text = values.map(partial(json.dumps, ensure_ascii=False))


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """The content with a few bytes changed, put in or cut off."""
    place = st.integers(0, max(0, len(content) - 1))
    change = st.tuples(st.sampled_from(("set", "insert", "cut")), place, st.binary(min_size=1, max_size=9))
    return st.lists(change, min_size=1, max_size=4).map(lambda changes: _changed(content, changes))


def _changed(content: bytes, changes: list[tuple[str, int, bytes]]) -> bytes:
    for how, place, new in changes:
        if how == "cut":
            content = content[: max(8, len(content) - place % 97)]
        else:
            content = content[:place] + new + content[place + (len(new) if how == "set" else 0) :]
    return content
