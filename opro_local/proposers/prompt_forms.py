"""The form of a prompt as part of what is searched: what stands before a row and its answer, and where.

Small models' scores move by tens of points with it (Sclar et al. 2024, arXiv 2310.11324). A form of the best
candidates is changed in one respect, or drawn anew.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from opro_local.prompt_form import PromptForm
from opro_local.proposers.elite import elite
from opro_local.records import Candidate, Trajectory
from opro_local.scoring.render import ScorerPrompt

FRESH = 0.25
"""Share of forms that are drawn anew."""

GRAMMAR: Mapping[str, Sequence[object]] = {
    "field": (None, "", "Text", "Input"),
    "cue": (None, "", "Label:", "Answer:", "Output:"),
    "begun": (False, True),
    "apart": (False, True),
}
"""The values of each field of a PromptForm, its default first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """rendered gives a candidate's prompt for a row: forms that make the same prompt are one."""

    rendered: Callable[[Candidate, str], ScorerPrompt]

    def varied(self, trajectory: Trajectory[Candidate], draw: random.Random) -> Iterator[Candidate]:
        """The best candidates in other forms, without end."""
        while True:
            base = replace(draw.choice(elite(trajectory)).solution, calibration=())
            other = replace(base, form=_drawn(draw) if draw.random() < FRESH else _changed(base.form, draw))
            if self.rendered(other, "") != self.rendered(base, ""):
                yield other


def _drawn(draw: random.Random) -> PromptForm:
    return _form({name: draw.choice(values) for name, values in GRAMMAR.items()})


def _changed(form: PromptForm, draw: random.Random) -> PromptForm:
    name = draw.choice(list(GRAMMAR))
    others = [value for value in GRAMMAR[name] if value != getattr(form, name)]
    return _form(asdict(form) | {name: draw.choice(others)})


def _form(values: Mapping[str, object]) -> PromptForm:
    return PromptForm(**values)  # type: ignore[arg-type]
