"""What the benchmarks score: lengths, sharing and steps of the workloads."""

import json
from pathlib import Path

import pytest
from bench.vllm_peer import scored_nodes
from bench.workloads import MADE_UP, STOP, Shape, Size, generation_step, made_up_steps, steps_of_file

from opro_local.errors import DataError
from opro_local.llm import ChoiceRequest, common_length

SIZE = Size(instructions=4, examples=2)


def write_rows(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_file_is_scored_whole_and_its_later_half_after_the_earlier(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"instruction": i, "example": e, "context": [1, i, e], "choices": [[7], [8, 9]], "gold": 0}
        for i in range(3)
        for e in range(3)
    ]
    first, second = steps_of_file(write_rows(tmp_path / "ids.jsonl", rows), Size(instructions=2, examples=2))

    def contexts(requests: tuple[ChoiceRequest, ...]) -> list[tuple[int, ...]]:
        assert all(request.choices == ((7,), (8, 9)) for request in requests)
        return [request.context for request in requests]

    assert (first.workload, first.number, second.number) == ("ids", 1, 2)
    assert (first.before, contexts(first.choices)) == ((), [(1, 0, 0), (1, 0, 1), (1, 1, 0), (1, 1, 1)])
    assert contexts(second.before) == [(1, 0, 0), (1, 0, 1)]
    assert contexts(second.choices) == [(1, 1, 0), (1, 1, 1)]


def test_a_row_that_is_none_is_named_by_its_line(tmp_path: Path) -> None:
    good = {"instruction": 0, "example": 0, "context": [1], "choices": [[2]]}
    file = write_rows(tmp_path / "ids.jsonl", [good, {"instruction": 0, "example": 1}])
    with pytest.raises(DataError, match=r"^ids\.jsonl line 2: not a row of ids"):
        steps_of_file(file, SIZE)


@pytest.mark.parametrize(
    ("name", "same_instruction", "same_question", "whole"),
    [
        ("single-token", 25 + 40, 25, 133),
        ("few-shot", 415, 375, 483),
        ("after-question", 25, 25 + 60, 133),
    ],
)
def test_made_up_prompts_share_what_they_should(
    name: str, same_instruction: int, same_question: int, whole: int
) -> None:
    step = made_up_steps(name, MADE_UP[name], SIZE, vocabulary=10**6)[0]
    here, other_question, other_instruction = (step.choices[i].context for i in (0, 1, SIZE.examples))
    assert common_length(here, other_question) == same_instruction
    assert common_length(here, other_instruction) == same_question
    assert len(here) == whole


def test_made_up_ids_are_below_the_vocabulary_and_the_same_every_time() -> None:
    shape = Shape(question=3, choices=2, choice_tokens=3)
    step = made_up_steps("any", shape, SIZE, vocabulary=5)[0]
    assert step == made_up_steps("any", shape, SIZE, vocabulary=5)[0]
    assert set(step.choices[0].context) == set(range(5))
    assert [len(choice) for choice in step.choices[0].choices] == [3, 3]


def test_answers_are_generated_for_every_instruction_and_example_up_to_the_line_end() -> None:
    step = generation_step(lambda messages: tuple(messages[0].content.encode()), SIZE)
    assert step.pairs == 4 * 2
    assert len({request.prompt for request in step.prompts}) == 4 * 2
    assert [step.prompts[0].final(text) for text in ("12", f"12{STOP}")] == [False, True]


def test_a_place_is_scored_once_for_all_tokens_asked_for_there() -> None:
    requests = [
        ChoiceRequest(context=(5,), choices=((1, 2), (1, 3), (4,))),
        ChoiceRequest(context=(5, 1), choices=((2,),)),
    ]
    assert scored_nodes(requests) == {(5,): [1, 4], (5, 1): [2, 3]}
