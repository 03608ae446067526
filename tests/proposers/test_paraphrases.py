"""Near-paraphrases and wording, worked out by hand."""

import pytest

from opro_local.proposers.paraphrases import Wording, paraphrases, style_of


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        (
            "Sort the mails carefully.",
            [
                "Sort the mails attentively.",
                "Please sort the mails carefully.",
                "Sort the mails carefully",
                "You should sort the mails carefully.",
                "Can you sort the mails carefully?",
                "sort the mails carefully.",
                "Sort the mails carefully.\nSort the mails carefully.",
            ],
        ),
        (
            "Let's think step by step.",
            [
                "Let's reason step by step.",
                "Let's think step by step",
                "You should think step by step.",
                "Can we think step by step?",
                "let's think step by step.",
                "Let us think step by step.",
                "Let's think step by step.\nLet's think step by step.",
            ],
        ),
        (
            "Please, very simply: which is it",
            [
                "Please, very simply: which is it.",
                "please, very simply: which is it",
                "Please, simply: which is it",
                "Please, very simply: which is it\nPlease, very simply: which is it",
            ],
        ),
        (
            "Which of these is it: seed, fintech?",
            [
                "Which of these is it: seed, fintech",
                "Answer this: Which of these is it: seed, fintech?",
                "which of these is it: seed, fintech?",
                "Which of these is it: seed, fintech?\nWhich of these is it: seed, fintech?",
            ],
        ),
    ],
)
def test_an_instruction_has_these_near_paraphrases(instruction: str, expected: list[str]) -> None:
    assert paraphrases(instruction) == expected


@pytest.mark.parametrize(
    ("instruction", "other"),
    [
        ("Please sort it.", "Sort it."),
        ("You should sort it.", "Sort it."),
        ("please sort it.", "Sort it."),
        ("Don't guess!", "Do not guess!"),
        ("Don\u2019t guess!", "Do not guess!"),
        ("Don't guess!", "Don't guess"),
        ("Let\u2019s sort it.", "You should sort it."),
        ("Let\u2019s sort it.", "Can we sort it?"),
        ("The answer is", "The answer is."),
        ("The answer is:", "The answer is"),
        ("Step by step, we go", "One step at a time, we go"),
        ("Read it. Sort it.", "Can you read it? Sort it."),
        ("Use 1.5 as e.g. a rate.", "Can you use 1.5 as e.g. a rate?"),
        ("é", "É"),
    ],
)
def test_one_edit_gives(instruction: str, other: str) -> None:
    assert other in paraphrases(instruction)


@pytest.mark.parametrize(
    ("instruction", "never"),
    [
        ("AI mails are fintech.", "aI mails are fintech."),
        ("I sort mails.", "i sort mails."),
        ("Sort by:\n- seed\n- fintech", "Can you sort by:\n- seed\n- fintech?"),
        ("The context decides", "The conpassage decides"),
        ("Labels help.", "Please labels help."),
    ],
)
def test_an_edit_that_does_not_fit_is_left_out(instruction: str, never: str) -> None:
    assert never not in paraphrases(instruction)


@pytest.mark.parametrize(
    "instruction", ["", "  \n", "?", "A", "Sort.", " Sort. ", "\u8bf7\u5206\u7c7b\u3002"]
)
def test_they_differ_from_each_other_and_from_the_instruction_and_are_never_empty(instruction: str) -> None:
    found = paraphrases(instruction)
    assert bool(found) == bool(instruction.strip())
    assert len({*found, instruction, instruction.strip()}) == len(found) + len(
        {instruction, instruction.strip()}
    )


def test_an_empty_paraphrase_is_none() -> None:
    assert "" not in paraphrases("?")


def test_the_wording_of_instructions() -> None:
    texts = ["", "Sort it. Then stop!", "Please sort it:\n- a\n- b", "Which is it? Say why.", "1.5 is a rate"]
    assert style_of(texts) == Wording(
        instructions=5,
        words=(0, 7),
        characters=(0, 23),
        sentences=(0, 3),
        questions=1,
        requests=2,
    )
    assert style_of(texts[3:4]) == Wording(
        instructions=1, words=(5, 5), characters=(21, 21), sentences=(2, 2), questions=1, requests=0
    )
