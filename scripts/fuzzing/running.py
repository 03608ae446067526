"""Targets of a run: what an optimizer writes, prompts around hostile texts, and damaged run files."""

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from hypothesis import strategies as st
from mail_task import mail_task

from fuzzing.texts import damaged, texts
from fuzzing.trying import Target
from opro_local.api import optimize_task
from opro_local.config import (
    BlockOrder,
    Folders,
    Position,
    RunSettings,
    ScoreDisplay,
    TrajectoryOrder,
)
from opro_local.engine.chat import ChatPrompter, PlainPrompter
from opro_local.meta_prompt import STYLES, MetaPromptContent, TrajectoryLine
from opro_local.problem import Rejected
from opro_local.problems.objectives import objective_class, objective_names
from opro_local.prompt_form import PromptForm
from opro_local.records import Candidate, Example
from opro_local.results.result import read_result
from opro_local.scoring.render import Layout
from opro_local.store.header import ModelRecord
from opro_local.testing import ScriptedEngine
from opro_local.wiring.host import Host
from opro_local.wiring.models import Models

OLD_RUNS = Path(__file__).parents[2] / "tests" / "store" / "old_runs"


def running_targets() -> Iterator[Target]:
    calls = st.lists(st.lists(texts, min_size=3, max_size=3), min_size=2, max_size=2)
    yield Target(name="proposals", examples=st.tuples(calls, texts), work=_search)
    yield Target(name="objectives", examples=st.tuples(st.sampled_from(_objectives()), texts), work=_solution)
    yield Target(name="meta-prompts", examples=_contents(), work=_meta_prompt)
    yield Target(name="prompts", examples=_prompts(), work=_prompt)
    files = sorted(OLD_RUNS.glob("*.sqlite"))
    damage = st.sampled_from(files).flatmap(lambda file: damaged(file.read_bytes()))
    yield Target(name="run-files", examples=damage, work=_read_run)


def _search(example: tuple[Sequence[Sequence[str]], str]) -> object:
    """Two steps in which the optimizer writes these texts, then all that is told of the run."""
    calls, description = example
    samples = [[f"{text}</INS>" for text in call] for call in calls]
    engine = ScriptedEngine(log_prob=lambda text: -1.0 - len(text) % 7 / 10, samples=samples)
    record = ModelRecord(
        role="scorer", name="scripted", digest=engine.digest, source="-", numerics=engine.numerics
    )
    records = (record, replace(record, role="optimizer"))
    settings = {
        "models": {"scorer": "scripted"},
        "search": {"method": "opro", "proposals_per_step": 3, "headroom": 0, "sensitivity": 0},
        "scoring": {"calibration": "none"},
        "budget": {"steps": 2},
    }
    with TemporaryDirectory() as folder:
        path = optimize_task(
            replace(mail_task(12), description=description),
            RunSettings.model_validate(settings),
            host=Host(folders=Folders.of_user(Path(folder))),
            models=Models(scorer=engine, optimizer=engine, records=records),
        )
        return read_result(path, outcomes=True)


def _objectives() -> list[str]:
    return [name for name in objective_names() if name != "box"]  # needs code of the user's


def _solution(example: tuple[str, str]) -> object:
    name, text = example
    objective = objective_class(name)()
    with suppress(Rejected):
        solution = objective.parse(text)
        assert not math.isnan(objective.value(solution))
        return json.loads(json.dumps(solution)), objective.show(solution)
    return None


def _contents() -> st.SearchStrategy[tuple[str, MetaPromptContent]]:
    lines = st.builds(TrajectoryLine, instruction=texts, score=st.floats(0, 1))
    content = st.builds(
        MetaPromptContent,
        description=texts,
        position=st.sampled_from(get_args(Position)),
        qa=st.booleans(),
        shown=st.lists(lines, max_size=4),
        order=st.sampled_from(get_args(TrajectoryOrder)),
        display=st.sampled_from(get_args(ScoreDisplay)),
        exemplars=st.lists(_examples(), max_size=3),
        blocks=st.sampled_from(get_args(BlockOrder)),
    )
    return st.tuples(st.sampled_from(sorted(STYLES)), content)


def _examples() -> st.SearchStrategy[Example]:
    return st.builds(Example, id=texts, text=texts, target=texts)


def _meta_prompt(example: tuple[str, MetaPromptContent]) -> object:
    style, content = example
    prompt = STYLES[style](content)  # type: ignore[index]
    return [
        prompter.encode_each(prompt.messages, [prompt.prefill], closed=False) for prompter in _prompters()
    ]


def _prompts() -> st.SearchStrategy[tuple[Layout, Candidate, str]]:
    layouts = st.builds(
        Layout, position=st.sampled_from(get_args(Position)), qa=st.booleans(), chat=st.booleans()
    )
    names = st.none() | texts
    candidates = st.builds(
        Candidate,
        instruction=texts,
        shots=st.lists(_examples(), max_size=2).map(tuple),
        calibration=st.none(),
        form=st.builds(
            PromptForm,
            field=names,
            cue=names,
            begun=st.booleans(),
            apart=st.booleans(),
        ),
        verbalizer=st.sampled_from([(), ("a", "b")]),
    )
    return st.tuples(layouts, candidates, texts)


def _prompt(example: tuple[Layout, Candidate, str]) -> object:
    layout, candidate, text = example
    prompt = layout.prompt(candidate, text, ("yes", "no"))
    return [
        prompter.encode_each(prompt.messages, [prompt.prefill, prompt.answered(text)], closed=closed)
        for prompter in _prompters()
        for closed in (False, True)
    ]


@cache
def _prompters() -> tuple[ChatPrompter, PlainPrompter]:
    from tiny_models import byte_tokenizer

    return ChatPrompter(tokenizer=byte_tokenizer()), PlainPrompter(tokenizer=byte_tokenizer(chat=False))


def _read_run(content: bytes) -> object:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.sqlite"
        path.write_bytes(content)
        return read_result(path, outcomes=True)
