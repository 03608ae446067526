"""ShotSets for open answers: the model's own right replies."""

from dataclasses import replace

from memory_store import MemoryStore
from resolved import instruction_problem, scorer_of, searching

from opro_local.config import FieldSettings, ScoringSettings, SplitSettings
from opro_local.problems.instruction import InstructionProblem
from opro_local.problems.worked_shots import MOST_CHARACTERS, worked_shots
from opro_local.proposers.library import STEP_BY_STEP
from opro_local.records import Candidate, Example
from opro_local.tasks.split import Split
from opro_local.tasks.task import Task
from opro_local.testing import ScriptedEngine


def sum_row(number: int) -> Example:
    return Example(id=f"s{number}", text=f"{number} and {number} are?", target=str(2 * number))


POOL = tuple(map(sum_row, range(1, 8)))
SPLIT = Split(train=(sum_row(20), sum_row(21)), validation=(sum_row(30),), test=(sum_row(40),), pool=POOL)


def reply(text: str) -> str:
    """Right up to 5, wrong on 6, endless on 7; a question of its own behind each."""
    question = text.rsplit("[user] ", 1)[1].split("\n[assistant]", 1)[0]
    assert question.startswith(f"{STEP_BY_STEP}\n")
    number = int(question.rsplit("\n", 1)[1].split()[0])
    answer = 2 * number if number != 6 else 13
    work = "again " * MOST_CHARACTERS if number == 7 else f"I add {number} twice."
    return f"{work}\nThe answer is {answer}.\nQ: And 9?\nA: 18"


def problem(*, method: str = "portfolio", pool: tuple[Example, ...] = POOL) -> InstructionProblem:
    task = Task(
        name="sums",
        examples=(*POOL, *SPLIT.train, *SPLIT.validation, *SPLIT.test),
        answer="number",
        labels=(),
        description="",
        position="Q_begin",
        qa=None,
        metric="accuracy",
        split=SplitSettings(),
    )
    scorer = scorer_of(ScriptedEngine(reply=reply), task, ScoringSettings())
    search = searching(method=method, block=3)
    return instruction_problem(scorer, task, replace(SPLIT, pool=pool), search)


def worked(found: InstructionProblem, ledger: MemoryStore[Candidate]) -> tuple[Example, ...]:
    return worked_shots(found.measurement, found.space.to_be_worked_out(), ledger)


def test_right_replies_become_the_answers_of_their_rows() -> None:
    found = worked(problem(), MemoryStore[Candidate]())
    assert [shot.id for shot in found] == ["s1", "s2", "s3", "s4", "s5"]
    assert found[1].text == "2 and 2 are?"
    assert found[1].target == "I add 2 twice.\nThe answer is 4."


def test_what_was_answered_once_is_not_asked_again() -> None:
    ledger: MemoryStore[Candidate] = MemoryStore()
    first = worked(problem(), ledger)
    blocks = [ids for _, _, ids in ledger.blocks]
    assert blocks == [("s1", "s2", "s3"), ("s4", "s5", "s6"), ("s7",)]
    assert worked(problem(), ledger) == first
    assert len(ledger.blocks) == 3


def test_where_few_replies_are_right_there_are_none() -> None:
    few = (POOL[0], POOL[1], POOL[2], POOL[5], POOL[6])
    assert worked(problem(pool=few), MemoryStore[Candidate]()) == ()


def test_nothing_is_worked_out_for_the_published_method_for_labels_or_where_answers_have_a_form() -> None:
    assert problem().space.to_be_worked_out() == POOL
    assert problem(method="opro").space.to_be_worked_out() == ()
    space = problem().space
    labelled = replace(space, task=replace(space.task, labels=("2", "4"), answer="label"))
    assert labelled.to_be_worked_out() == ()
    fields = (FieldSettings(name="sum", answer="number"),)
    of_a_form = replace(space, task=replace(space.task, fields=fields, answer="fields"))
    assert of_a_form.to_be_worked_out() == ()
    ledger: MemoryStore[Candidate] = MemoryStore()
    assert worked_shots(problem().measurement, (), ledger) == ()
    assert ledger.blocks == []
