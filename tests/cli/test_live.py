"""The live view on terminals of several sizes: nothing wraps, nothing steers the terminal."""

import io

import pytest
from rich.console import Console

from opro_local.cli.live import Picture, best_by_step, sparkline
from opro_local.records import Candidate, Direction, Proposal, Score, Scored, Step, Trajectory

LONG = "Read the whole mail twice and then say in one word which kind of company wrote it. " * 4


def step(number: int, values: list[float], text: str = LONG) -> Step[Candidate]:
    solutions = [Candidate(instruction=f"{number}.{i} {text}") for i in range(len(values))]
    return Step(
        number=number,
        proposals=(
            *(Proposal(text=s.instruction, solution=s, origin="opro tagged") for s in solutions),
            Proposal(text="", reason="near-duplicate"),
        ),
        scored=tuple(
            Scored(solution=s, score=Score(value=v), step=number)
            for s, v in zip(solutions, values, strict=True)
        ),
    )


def shown(picture: Picture, width: int) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width, force_terminal=True, color_system=None).print(picture)
    return file.getvalue().splitlines()


def picture(text: str = LONG) -> Picture:
    found = Picture()
    steps = tuple(step(n, [0.1 * n, 0.05 * n], text) for n in range(8))
    found.closed(Trajectory(direction="maximize", steps=steps))
    found.opened(step(8, [0.0, 0.0], text))
    return found


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_there_are_few(width: int) -> None:
    lines = shown(picture(), width)
    assert len(lines) == 7
    assert all(len(line) <= width for line in lines)
    assert "0.700" in lines[0] and "▁" in lines[0] and "█" in lines[0]
    assert [line.split()[0] for line in lines[1:6]] == ["0.700", "0.600", "0.500", "0.400", "0.350"]
    assert "opro tagged" in lines[1] and "7.0 Read" in lines[1]
    assert lines[6].startswith("being scored: 2; rejected: near-dupl")


def test_what_models_write_cannot_steer_the_terminal() -> None:
    text = "\x1b[2J\x1b]0;title\x07 [red]markup[/red]\nsecond line"
    joined = "\n".join(shown(picture(text), 200))
    assert "\x1b[2J" not in joined and "\x07" not in joined
    assert "[red]markup[/red] second line" in joined


def test_nothing_is_shown_before_anything_is_known() -> None:
    assert shown(Picture(), 80) == []


@pytest.mark.parametrize(
    ("direction", "expected"), [("maximize", [0.2, 0.4, 0.4]), ("minimize", [0.2, 0.2, 0.1])]
)
def test_the_best_is_followed_in_either_direction(direction: Direction, expected: list[float]) -> None:
    steps = (step(0, [0.2]), step(1, [0.4]), step(2, [0.1]))
    assert best_by_step(Trajectory(direction=direction, steps=steps)) == expected


def test_a_sparkline_goes_from_lowest_to_highest() -> None:
    assert sparkline([0.0, 0.5, 1.0]) == "▁▅█"
    assert sparkline([0.3, 0.3]) == "▁▁"
    assert sparkline([]) == ""
    assert len(sparkline([0.1 * n for n in range(100)])) == 40
