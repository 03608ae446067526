"""ShotSets for open answers: the model's own right replies."""

from dataclasses import replace

from memory_store import MemoryStore
from scripted_engine import ScriptedEngine

from opro_local.config import ScoringSettings, SearchSettings, SplitSettings
from opro_local.problem import NullWatcher
from opro_local.problems.instruction import InstructionProblem
from opro_local.problems.worked_shots import MOST_CHARACTERS
from opro_local.proposers.library import STEP_BY_STEP
from opro_local.records import Candidate, Example
from opro_local.scoring.scorer import Scorer
from opro_local.tasks.split import Split
from opro_local.tasks.task import Task


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
    engine = ScriptedEngine(reply=reply)
    return InstructionProblem(
        task=task,
        split=replace(SPLIT, pool=pool),
        scorer=Scorer(engine, task, ScoringSettings()),
        search=SearchSettings.model_validate({"method": method, "block": 3}),
        style="tagged",
        calibration="none",
        watcher=NullWatcher(),
    )


def test_right_replies_become_the_answers_of_their_rows() -> None:
    found = problem().with_worked_shots(MemoryStore[Candidate]())
    assert [shot.id for shot in found.shot_sets.pool] == ["s1", "s2", "s3", "s4", "s5"]
    assert found.shot_sets.pool[1].text == "2 and 2 are?"
    assert found.shot_sets.pool[1].target == "I add 2 twice.\nThe answer is 4."


def test_what_was_answered_once_is_not_asked_again() -> None:
    ledger: MemoryStore[Candidate] = MemoryStore()
    first = problem().with_worked_shots(ledger)
    blocks = [ids for _, _, ids in ledger.blocks]
    assert blocks == [("s1", "s2", "s3"), ("s4", "s5", "s6"), ("s7",)]
    assert problem().with_worked_shots(ledger).shot_sets.pool == first.shot_sets.pool
    assert len(ledger.blocks) == 3


def test_where_few_replies_are_right_the_table_answers() -> None:
    few = (POOL[0], POOL[1], POOL[2], POOL[5], POOL[6])
    assert problem(pool=few).with_worked_shots(MemoryStore[Candidate]()).shot_sets.pool == few


def test_nothing_is_worked_out_for_the_published_method_or_for_labels() -> None:
    ledger: MemoryStore[Candidate] = MemoryStore()
    published = problem(method="opro")
    assert published.with_worked_shots(ledger) is published
    labelled = problem()
    labelled = replace(labelled, task=replace(labelled.task, labels=("2", "4"), answer="label"))
    assert labelled.with_worked_shots(ledger) is labelled
    assert ledger.blocks == []
