"""How values of results are written: figures, intervals, prompts and solutions, each in one way."""

from collections.abc import Mapping, Sequence

from opro_local.prompt_form import DEFAULT_FORM, PromptForm
from opro_local.results.events import AskedEvent
from opro_local.results.overview import Numbers, Prompt, ProposedPrompt, Solution
from opro_local.store.header import ModelRecord

EMPTY = "(empty)"
KEY_DIGITS = 8


def figure(value: float | None) -> str:
    return "not available" if value is None else f"{value:.3f}"


def with_interval(value: float | None, interval: Sequence[float] | None, *, signed: bool = False) -> str:
    """0.625 [0.306, 0.863], or +0.250 [-0.083, +0.583] where signed."""
    if value is None:
        return figure(value)
    sign = "+" if signed else ""
    ends = "" if interval is None else f" [{interval[0]:{sign}.3f}, {interval[1]:{sign}.3f}]"
    return f"{value:{sign}.3f}{ends}"


def p_text(value: float) -> str:
    return "p<0.001" if value < 0.001 else f"p={value:.3f}"


def instruction_text(instruction: str) -> str:
    return instruction or EMPTY


def short_key(key: str) -> str:
    """The first digits of a candidate's key: enough to tell those of a run apart."""
    return key.rpartition(":")[2][:KEY_DIGITS]


def manner_text(form: PromptForm | None, verbalizer: Sequence[str] | None) -> str:
    """In one line how a prompt differs from the layout's own, "" where it does not."""
    form = form or DEFAULT_FORM
    told = {
        f"rows as {form.field + ':' if form.field else 'they are'}": form.field is not None,
        f"cue {form.cue or 'none'}": form.cue is not None,
        "the cue opens the answer": form.begun,
        "instruction apart": form.apart,
        f"labels as {', '.join(verbalizer or ())}": bool(verbalizer),
    }
    return "; ".join(text for text, holds in told.items() if holds)


def numbers_text(solution: Numbers) -> str:
    return ", ".join(f"{number:g}" for number in solution)


def solution_text(solution: Prompt | Solution | ProposedPrompt | Numbers) -> str:
    """The instruction of a prompt, the numbers of a mathematical solution."""
    match solution:
        case Prompt() | ProposedPrompt():
            return instruction_text(solution.instruction)
        case Solution():
            return numbers_text(solution.solution)
        case _:
            return numbers_text(solution)


def counts_text(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def heard_text(event: AskedEvent) -> str:
    """Which step and block heard what people asked, and why an instruction was not scored."""
    if event.step is None:
        return "waiting"
    rejected = f"; rejected: {event.reason}" if event.reason else ""
    return f"step {event.step}, block {event.block or 0}{rejected}"


def files_read(model: ModelRecord) -> str:
    """What the digest of a model rests on."""
    if model.checked_before is None:
        return "read whole when the run began"
    return f"read whole at {model.checked_before}; unchanged since by size, times and inode"
