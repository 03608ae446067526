"""Sentences that every instruction must contain, word for word, because somebody else decided on them."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from opro_local.proposers.stream import Stream
from opro_local.records import Candidate, Scored, Trajectory
from opro_local.tasks.task import Task


def lacking(text: str, sentences: Sequence[str]) -> list[str]:
    """The sentences that are not in the text."""
    return [sentence for sentence in sentences if sentence not in text]


def without(text: str, sentences: Sequence[str]) -> str:
    """What is left of the text, its blanks where a sentence was made one."""
    for sentence in sentences:
        before, found, behind = text.partition(sentence)
        text = f"{before.rstrip()} {behind.lstrip()}".strip() if found else text
    return text


def with_kept(text: str, sentences: Sequence[str]) -> str:
    """The text with the sentences that it lacks behind it."""
    return " ".join([*([text] if text else []), *lacking(text, sentences)])


def beside(sentences: Sequence[str], stream: Stream[Candidate]) -> Stream[Candidate]:
    """The stream as it is without the sentences: it changes what is beside them."""
    if not sentences:
        return stream

    def changed(trajectory: Trajectory[Candidate], draw: random.Random) -> Iterator[Candidate]:
        for candidate in stream(_without(trajectory, sentences), draw):
            yield replace(candidate, instruction=with_kept(candidate.instruction, sentences))

    return changed


def _without(trajectory: Trajectory[Candidate], sentences: Sequence[str]) -> Trajectory[Candidate]:
    def bare(entry: Scored[Candidate]) -> Scored[Candidate]:
        instruction = without(entry.solution.instruction, sentences)
        return replace(entry, solution=replace(entry.solution, instruction=instruction))

    steps = (replace(step, scored=tuple(map(bare, step.scored))) for step in trajectory.steps)
    return replace(trajectory, steps=tuple(steps))


def told_to_keep(task: Task, sentences: Sequence[str]) -> Task:
    """With a description that says what must not be left out."""
    told = [f'Every instruction must contain, word for word: "{sentence}"' for sentence in sentences]
    return replace(task, description=" ".join([task.description, *told]).strip())
