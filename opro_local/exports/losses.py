"""What a prompt loses in another program, in sentences: they hold for runs that had what is lost."""

from collections.abc import Callable

from opro_local.exports.use import Use
from opro_local.results.words import figure

Loss = Callable[[Use], str | None]
"""None where the run had no such thing."""


def comparison(use: Use) -> str | None:
    kept = "the run compared the log-probabilities of the labels; here the model writes, and has to be read"
    return f"Likelihood scoring: {kept}." if use.compares else None


def whole_labels(use: Use) -> str | None:
    kept = "the run compared whole labels; here a grammar leaves nothing else to be written, token by token"
    return f"Likelihood scoring: {kept}." if use.compares else None


def calibration(use: Use) -> str | None:
    plain = use.answering.uncalibrated
    measured = f"; without it {use.measure} on test was {figure(plain.value)}" if plain else ""
    kept = f"the fitted biases cannot be applied here{measured}"
    return f"Calibration: {kept}." if use.answering.biases or plain else None


def wordings(use: Use) -> str | None:
    """For a program that reads what is written, or shows it to people."""
    kept = "the model answers in the prompt's words; put the labels back in their place"
    return f"Wordings: {kept}." if use.answering.wordings else None


def stopping(use: Use) -> str | None:
    kept = f"a reply ends with its turn or after {use.answer_tokens} tokens, not where its answer is final"
    return f"Stop rules: {kept}." if not use.compares else None


def form(use: Use) -> str | None:
    kept = "a grammar left the scorer no other reply than one of its form; here nothing does"
    return f"Form of a reply: {kept}." if use.answering.form else None


def second_round(use: Use) -> str | None:
    kept = "a reply without an answer was asked once more for it; here it stays without"
    return f"Second round: {kept}." if use.second_round else None


def turns(use: Use) -> str | None:
    kept = "the shots were turns of their own; give each [role] part to the model as a turn"
    return f"Shots: {kept}." if any(turn.role == "assistant" for turn in use.turns) else None


def place(use: Use) -> str | None:
    """For a program that takes no words around a row."""
    if use.turns or not use.before.strip():
        return None
    return "Place of the instruction: the run put it right ahead of each text, not into a system prompt."


def prefill(use: Use) -> str | None:
    begun = "the last turn is the assistant's and has to be continued; many servers begin a new one behind it"
    return f"Begun answer: {begun}." if use.prefill else None


def running_text(use: Use) -> str | None:
    kept = "the scorer read one running text without a chat template; turns are put into one here"
    return f"Running text: {kept}." if not use.chat else None


def judging(use: Use) -> str | None:
    """For a program that would have to compare."""
    kept = "the run's judge graded the replies by the rubric; here nothing does, every reply passes"
    return f"Judging: {kept}." if use.judged else None


def reading(use: Use) -> str | None:
    """For a program with a reader of its own."""
    if use.judged:
        return None
    return (
        "Reading: a reply counts if it holds the right answer as the table writes it, whatever else it says; "
        "the run reads replies otherwise, as told above."
    )
