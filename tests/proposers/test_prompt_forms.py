"""Moves of forms: one respect at a time or all anew, and none that makes the same prompt."""

import random
from dataclasses import asdict
from itertools import islice

import pytest
from candidates import LABELS, candidate, of

from opro_local.prompt_form import DEFAULT_FORM, PromptForm
from opro_local.proposers.prompt_forms import GRAMMAR, Forms
from opro_local.records import Candidate
from opro_local.scoring.render import Layout, ScorerPrompt

BASE = candidate("Sort.", 1, 2)


def forms(*, chat: bool) -> Forms:
    layout = Layout(position="Q_begin", qa=not chat, chat=chat)

    def rendered(base: Candidate, text: str) -> ScorerPrompt:
        return layout.prompt(base, text, LABELS)

    return Forms(rendered=rendered)


def drawn(count: int, *, chat: bool = True, base: Candidate = BASE) -> list[Candidate]:
    return list(islice(forms(chat=chat).varied(of((base, 0.5)), random.Random(0)), count))


@pytest.mark.parametrize("chat", [True, False])
def test_nothing_but_the_form_changes_and_the_prompt_with_it(chat: bool) -> None:
    rendered = forms(chat=chat).rendered
    for other in drawn(200, chat=chat):
        assert (other.instruction, other.shots, other.calibration) == (BASE.instruction, BASE.shots, ())
        assert rendered(other, "x") != rendered(BASE, "x")


def test_most_moves_change_one_respect_and_some_draw_all() -> None:
    base = Candidate(instruction="Sort.", form=PromptForm(field="Text", cue="Answer:"))
    changes = [
        sum(new != old for new, old in zip(asdict(c.form).values(), asdict(base.form).values(), strict=True))
        for c in drawn(300, base=base)
    ]
    assert 150 < changes.count(1) < 290
    assert max(changes) > 2


def test_every_value_of_the_grammar_is_tried() -> None:
    seen = {(name, value) for c in drawn(2000) for name, value in asdict(c.form).items()}
    assert seen == {(name, value) for name, values in GRAMMAR.items() for value in values}


def test_the_grammar_is_of_the_fields_of_a_form_the_default_first() -> None:
    assert {name: values[0] for name, values in GRAMMAR.items()} == asdict(DEFAULT_FORM)


def test_where_a_model_reads_running_text_a_begun_turn_is_no_move_of_its_own() -> None:
    base = Candidate(instruction="Sort.", form=PromptForm(cue="Label:"))
    only_begun = PromptForm(cue="Label:", begun=True)
    assert all(c.form != only_begun for c in drawn(500, chat=False, base=base))
    assert any(c.form == only_begun for c in drawn(500, base=base))
