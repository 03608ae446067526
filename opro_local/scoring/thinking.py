"""Replies of models that think first: whether a prompt has opened a thought, and what stands behind it.

A template that can be told so writes no thought (the engine tells it), and a prefilled reply is put behind a
closed one. What is left are models that always think: their reply begins inside the thought that the prompt
opened, or opens one itself. A thought is never read for an answer.
"""

from opro_local.llm import THOUGHT_MARKS, Engine, TokenIds

TAIL_TOKENS = 16
"""A mark that opens a thought is within so many last tokens of a prompt, or it does not end the prompt."""


def end_of_open_thought(engine: Engine, prompt: TokenIds) -> str | None:
    """The mark that will end the thought in which a prompt ends; None if it ends in none."""
    text = engine.decode(prompt[-TAIL_TOKENS:]).rstrip()
    return next((end for opening, end in THOUGHT_MARKS if text.endswith(opening)), None)


def behind_thought(reply: str, end: str | None = None) -> str | None:
    """What a reply says behind its thought, or all of it if it has none; None if the thought has not ended.

    end is the mark for which a thought is open already where the reply begins.
    """
    for opening, closing in THOUGHT_MARKS:
        if closing in reply:
            return reply.rpartition(closing)[2]
        if closing == end or reply.lstrip().startswith(opening):
            return None
    return reply


def unended(tokens: int) -> str:
    """The reason why a reply of so many tokens has no answer."""
    return f"the thought did not end within {tokens} tokens"
