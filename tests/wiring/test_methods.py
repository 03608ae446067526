"""Which proposers the portfolio has, and that each of them can be left out."""

from typing import get_args

import pytest
from mail_task import mail_model, mail_task, row
from resolved import instruction_problem, scorer_of, searching

from opro_local.config import ScoringSettings
from opro_local.config.choices import Arm
from opro_local.proposers.portfolio import Portfolio
from opro_local.tasks.split import Split
from opro_local.testing import ScriptedEngine
from opro_local.wiring.methods import proposer_for

ARMS = get_args(Arm)


def arms(*without: str) -> set[str]:
    engine, task = ScriptedEngine(log_prob=mail_model({})), mail_task()
    split = Split(train=(row(0), row(1)), validation=(row(2),), test=(row(3),), pool=(row(4),))
    scorer = scorer_of(engine, task, ScoringSettings())
    found = proposer_for(
        "portfolio", instruction_problem(scorer, task, split, searching(without=without)), engine, 1
    )
    assert isinstance(found, Portfolio)
    return set(found.arms)


def test_every_proposer_has_a_name_by_which_it_can_be_left_out() -> None:
    assert arms() == set(ARMS)


@pytest.mark.parametrize("name", ARMS)
def test_the_others_stay(name: str) -> None:
    assert arms(name) == set(ARMS) - {name}
