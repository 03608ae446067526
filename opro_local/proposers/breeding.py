"""What the optimizer LLM reads to make one instruction of several: EvoPrompt's operators in our own words.

The reply is begun as the instructions above are written, as in meta_prompt.py, so that a small model writes
the child first and has seen how one ends.
"""

from opro_local.llm import Message
from opro_local.meta_prompt import PARAGRAPH_END, PLACEHOLDER
from opro_local.problem import MetaPrompt
from opro_local.records import Candidate
from opro_local.tasks.task import Task

CLOSE = "</INS>"


def bred(task: Task, first: Candidate, second: Candidate) -> MetaPrompt:
    """Crossover of two parents, then mutation."""
    return _meta_prompt(
        task,
        {"first": first, "second": second},
        "Make a new one of the two: take a part of the first and a part of the second, join them, and then "
        "put some of it in other words.",
    )


def differed(task: Task, first: Candidate, second: Candidate, best: Candidate, base: Candidate) -> MetaPrompt:
    """Mutation of what two differ in, within the best; crossover of that with the base."""
    return _meta_prompt(
        task,
        {"first": first, "second": second, "best": best, "base": base},
        "Make a new one: find what the first and the second say differently, change it into something else, "
        "and put that into the best in place of what fits worst there. Then take a part of the result and a "
        "part of the base, and join them.",
    )


def _meta_prompt(task: Task, parents: dict[str, Candidate], request: str) -> MetaPrompt:
    opening = task.position == "A_begin"
    what = "sentences that open the answer" if opening else "instructions"
    described = f" The task: {task.description}" if task.description else ""
    blocks = [
        f"Below are {what} for a language model that solves a task.{described}",
        *(f"{name}: {PLACEHOLDER}{parent.instruction}{CLOSE}" for name, parent in parents.items()),
        f"{request} It must serve the same task and be brief and clear. "
        f"Put only the new one between {PLACEHOLDER} and {CLOSE}.",
    ]
    return MetaPrompt(
        messages=(Message("user", "\n\n".join(blocks)),),
        prefill=f"\n\nnew: {PLACEHOLDER}",
        ends=(CLOSE, PARAGRAPH_END),
    )
