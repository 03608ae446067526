import math
from dataclasses import replace

import pytest

from opro_local.prompt_form import PromptForm
from opro_local.records import (
    Candidate,
    Example,
    Proposal,
    Score,
    Scored,
    Step,
    Trajectory,
    Usage,
    content_hash,
    derived_seed,
)

SHOT = Example(id="1", text='She said "no"\n', target="café")


def trajectory(*values: float, direction: str = "maximize") -> Trajectory[int]:
    """One step a value; the solution is the step's number."""
    steps = tuple(
        Step(
            number=i,
            proposals=(Proposal(text=str(i), solution=i), Proposal(text="?", reason="empty")),
            scored=(Scored(solution=i, score=Score(value=value), step=i),),
        )
        for i, value in enumerate(values)
    )
    return Trajectory(direction="maximize" if direction == "maximize" else "minimize", steps=steps)


def test_a_content_hash_is_that_of_canonical_json() -> None:
    # printf '{"a":["é"],"b":1}' | sha256sum
    digest = "cde3c54c1d323a37b399fbf0246d2a68a66d3f4c8b57844aaab17ee6cddfdc07"
    assert content_hash("x", {"b": 1, "a": ["é"]}) == content_hash("x", {"a": ["é"], "b": 1})
    assert content_hash("x", {"b": 1, "a": ["é"]}) == f"x:sha256:{digest}"


def test_a_content_hash_takes_text_that_is_no_unicode() -> None:
    assert content_hash("x", "\ud800") != content_hash("x", "\ud801")


def test_seeds_differ_by_each_part_and_fit_in_63_bits() -> None:
    seeds = {derived_seed(s, n, purpose) for s in (0, 1) for n in (0, 1) for purpose in ("a", "b")}
    assert len(seeds) == 8
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derived_seed(0, 1, "a") == derived_seed(0, 1, "a")


def test_a_candidate_survives_its_json() -> None:
    candidate = Candidate(instruction="Say {x}\n", shots=(SHOT,), calibration=(0.1, -1e-300))
    assert Candidate.from_json(candidate.to_json()) == candidate


def test_a_form_and_words_survive_their_json_and_defaults_are_not_written() -> None:
    form = PromptForm(field="", cue="Label:", begun=True, apart=True)
    candidate = Candidate(instruction="Sort.", form=form, verbalizer=("good", "bad"))
    assert Candidate.from_json(candidate.to_json()) == candidate
    assert Candidate(instruction="Sort.").to_json() == (
        '{"instruction": "Sort.", "shots": [], "calibration": []}'
    )


def test_the_default_form_has_the_key_that_candidates_had_without_forms() -> None:
    shots = [[SHOT.id, SHOT.text, SHOT.target]]
    candidate = Candidate(instruction="Sort.", shots=(SHOT,))
    assert candidate.key == content_hash("candidate", ["Sort.", shots])


@pytest.mark.parametrize(
    "form",
    [
        PromptForm(field=""),
        PromptForm(field="Text"),
        PromptForm(cue="Label:"),
        PromptForm(begun=True),
        PromptForm(apart=True),
    ],
)
def test_another_form_is_another_candidate(form: PromptForm) -> None:
    assert Candidate(instruction="Sort.", form=form).key != Candidate(instruction="Sort.").key


def test_other_words_for_labels_are_another_candidate() -> None:
    keys = {Candidate(instruction="", verbalizer=words).key for words in ((), ("a", "b"), ("b", "a"))}
    assert len(keys) == 3


def test_a_candidate_is_known_by_instruction_and_shots_not_by_calibration() -> None:
    plain = Candidate(instruction="Sort.")
    assert plain.key == Candidate(instruction="Sort.", calibration=(1.0, 2.0)).key
    assert plain.key != Candidate(instruction="sort.").key
    assert plain.key != Candidate(instruction="Sort.", shots=(SHOT,)).key


@pytest.mark.parametrize(
    ("direction", "worst_to_best"), [("maximize", [1, 2, 0, 3]), ("minimize", [3, 2, 0, 1])]
)
def test_ascending_runs_from_worst_to_best_and_the_earlier_of_two_equal_ones_is_better(
    direction: str, worst_to_best: list[int]
) -> None:
    found = trajectory(0.5, 0.1, 0.5, 0.9, direction=direction)
    assert [entry.solution for entry in found.ascending()] == worst_to_best
    assert found.best is not None
    assert found.best.solution == worst_to_best[-1]


@pytest.mark.parametrize("unmeasured", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_what_could_not_be_measured_is_never_the_best(unmeasured: float, direction: str) -> None:
    assert trajectory(unmeasured, unmeasured, direction=direction).best is None
    found = trajectory(unmeasured, 2.0, unmeasured, 2.0, direction=direction)
    assert found.best is not None and found.best.solution == 1
    assert [entry.solution for entry in found.ascending()][2:] == [3, 1]


def test_an_empty_trajectory_has_no_best() -> None:
    assert trajectory().best is None
    assert trajectory().ascending() == []


def test_a_trajectory_lists_accepted_and_rejected_proposals_in_order() -> None:
    assert [p.text for p in trajectory(0.1, 0.2).proposals()] == ["0", "?", "1", "?"]
    assert trajectory(0.1).steps[0].solutions == (0,)


def test_usage_counts_the_tokens_of_both_roles() -> None:
    assert Usage(scorer_tokens=3, optimizer_tokens=4).tokens == 7


def test_a_scored_solution_is_known_by_its_key_whatever_it_scored() -> None:
    plain = Candidate(instruction="Sort.")
    with_shot = Candidate(instruction="Sort.", shots=(SHOT,))
    found = [Scored(solution=each, score=Score(value=0.5), step=1) for each in (plain, with_shot)]
    again = Scored(solution=replace(plain, calibration=(0.1,)), score=Score(value=0.7), step=2)
    assert found[0].key == again.key == plain.key
    assert found[1].key == with_shot.key != found[0].key
    numbers = [Scored(solution=each, score=Score(value=0.0), step=0) for each in ((1.0, 2.0), (2.0, 1.0))]
    assert numbers[0].key != numbers[1].key
