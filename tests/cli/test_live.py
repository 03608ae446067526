"""The live view on terminals of several sizes: nothing wraps, nothing steers the terminal."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from opro_local.cli.live import Picture, sparkline
from opro_local.effort import NOTHING, WorkerStats
from opro_local.records import Candidate, Proposal, Score, Scored, Step, Trajectory
from opro_local.results.cost import staff_lines

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


def shown(picture: Picture, width: int, height: int = 24) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width, height=height, force_terminal=True, color_system=None).print(picture)
    return file.getvalue().splitlines()


def picture(text: str = LONG) -> Picture:
    found = Picture()
    steps = tuple(step(n, [0.1 * n, 0.05 * n], text) for n in range(8))
    found.closed(Trajectory(direction="maximize", steps=steps))
    found.opened(replace(step(8, [0.0, 0.0], text), scored=()))
    return found


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_there_are_few(width: int) -> None:
    lines = shown(picture(), width)
    assert len(lines) == 9
    assert all(len(line) <= width for line in lines)
    assert "0.700" in lines[0] and "▁" in lines[0] and "█" in lines[0]
    assert [line.split()[0] for line in lines[1:6]] == ["0.700", "0.600", "0.500", "0.400", "0.350"]
    assert "opro tagged" in lines[1] and "7.0 Read" in lines[1]
    assert lines[6].startswith("step 8, being scored: 2; rejected: near")
    assert [line.split("  ")[-1].strip()[:12] for line in lines[7:]] == ["8.0 Read the", "8.1 Read the"]
    assert not any(line[:5].strip() for line in lines[7:]), "they have no scores yet"


@pytest.mark.parametrize(("height", "candidates"), [(24, 8), (16, 7), (12, 3), (8, 0)])
def test_the_bar_below_stays_on_a_low_terminal(height: int, candidates: int) -> None:
    found = picture()
    found.opened(step(8, [0.1] * 12))
    lines = shown(found, 80, height)
    assert len(lines) == 7 + candidates and (height == 8 or len(lines) < height)


def test_a_step_that_is_scored_is_shown_with_its_scores() -> None:
    found = picture()
    left = Scored(solution=Candidate(instruction="Slow."), score=Score(value=0.2), step=8, dropped=True)
    proposals = (*step(8, [0.9]).proposals, Proposal(text="", solution=left.solution, origin="human"))
    closed = replace(step(8, [0.9]), proposals=proposals, scored=(*step(8, [0.9]).scored, left))
    found.closed(Trajectory(direction="maximize", steps=(step(7, [0.1]), closed)))
    heading, *rows = shown(found, 80)[-3:]
    assert heading.startswith("step 8, scored: 2; rejected: near-duplicate 1")
    assert [row.split()[:2] for row in rows] == [["0.900", "opro"], ["dropped", "human"]]


def test_what_models_write_cannot_steer_the_terminal() -> None:
    text = "\x1b[2J\x1b]0;title\x07 [red]markup[/red]\nsecond line"
    joined = "\n".join(shown(picture(text), 200))
    assert "\x1b[2J" not in joined and "\x07" not in joined
    assert "[red]markup[/red] second line" in joined


def test_nothing_is_shown_before_anything_is_known() -> None:
    assert shown(Picture(), 80) == []


def test_a_sparkline_goes_from_lowest_to_highest() -> None:
    assert sparkline([0.0, 0.5, 1.0]) == "▁▅█"
    assert sparkline([0.3, 0.3]) == "▁▁"
    assert sparkline([]) == ""
    assert len(sparkline([0.1 * n for n in range(100)])) == 40


def worker(requests: int, seconds: float, deaths: int = 0) -> WorkerStats:
    return WorkerStats(
        place="node1", requests=requests, tokens_run=0, seconds=seconds, deaths=deaths, present=10.0
    )


def test_workers_stand_below_with_their_rate_share_and_deaths() -> None:
    found = picture()
    found.staff(staff_lines(replace(NOTHING, workers=(worker(75, 9.0), worker(25, 3.0, deaths=1)))))
    lines = shown(found, 100)
    assert lines[-3:] == [
        "2 workers on node1: 100 requests in 12.0 s of work (60% of their time), 1 death",
        "worker 1: 75 requests (75%), 8.3 a second, 9.0 s of work, 0 deaths",
        "worker 2: 25 requests (25%), 8.3 a second, 3.0 s of work, 1 death",
    ]
    assert all(len(line) <= 40 for line in shown(found, 40))
    assert len(shown(found, 80, height=12)) <= 12 - 1


def test_many_workers_are_told_of_together() -> None:
    assert len(staff_lines(replace(NOTHING, workers=(worker(1, 1.0),) * 8))) == 9
    assert len(staff_lines(replace(NOTHING, workers=(worker(1, 1.0),) * 9))) == 1
    assert staff_lines(NOTHING) == []
