"""One bench: who takes part, which steps are run, and the rows that come of it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click

from bench.contestants import Contestant
from bench.measuring import Reference, race, references
from bench.ours import Ours
from bench.peers import LmEval, Transformers
from bench.rows import Row, Subject, our_rows, peer_rows
from bench.vllm_peer import vllm
from bench.workloads import MADE_UP, Size, Step, generation_step, made_up_steps, steps_of_file
from opro_local.engine.allocator import keep_freed_buffers
from opro_local.engine.limits import measure_peaks, read_cost
from opro_local.engine.loading import Loaded, load_folder
from opro_local.engine.local import LocalEngine
from opro_local.engine.probe import Level
from opro_local.engine.profile import Quantize
from opro_local.engine.work import Work
from opro_local.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is asked for. Without a workload all are run, without a level the highest that holds."""

    workloads: tuple[str, ...]
    steps: tuple[int, ...]
    data: Path | None
    size: Size
    levels: tuple[Level | None, ...]
    compiled: bool
    peers: tuple[str, ...]
    vllm_python: Path | None
    repeat: int
    seconds: float | None
    profile: bool
    reference_pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Everybody who runs a step, and what its scores should be."""

    ours: list[Ours]
    peers: list[Contestant]
    reference: Reference


def bench(
    folder: Path, quantize: Quantize, plan: Plan, show: Callable[[Row], None]
) -> tuple[list[Row], Subject]:
    """All rows of all steps, each shown as soon as it is there. Raises OproError."""
    keep_freed_buffers()
    loaded = load_folder(folder, quantize=quantize, device="auto")
    ours = [
        Ours(engine=LocalEngine(loaded, digest="bench", level=level, compiled=plan.compiled), work=Work())
        for level in plan.levels
    ]
    steps = chosen_steps(plan, ours[0].engine, loaded)
    right = references(folder, steps, plan.reference_pairs)
    subject = subject_of(folder, loaded)
    with ExitStack() as stack:
        peers = peers_of(plan, folder, loaded, stack)
        rows = []
        for step, reference in zip(steps, right, strict=True):
            field = Field(ours=ours, peers=peers, reference=reference)
            for row in step_rows(plan, subject, step, field):
                show(row)
                rows.append(row)
    return rows, subject


def step_rows(plan: Plan, subject: Subject, step: Step, field: Field) -> Iterator[Row]:
    """Everybody's rows of one step, told on stderr as it goes on."""
    click.echo(
        f"{step.workload}, step {step.number}: {step.pairs} pairs,"
        f" {len(field.reference)} of them compared with the fp32 reference",
        err=True,
    )
    results = race(
        [*field.ours, *field.peers],
        step,
        repeat=plan.repeat,
        reference=field.reference,
        seconds=plan.seconds,
    )
    yield from peer_rows(subject, step, results)
    for one in field.ours:
        rate = one.product_rate(step, subject.cost) if plan.profile else None
        yield from our_rows(subject, step, one, results, product_rate=rate)


def chosen_steps(plan: Plan, engine: LocalEngine, loaded: Loaded) -> list[Step]:
    """Raises SettingsError for a workload that does not exist."""
    files = {path.stem: path for path in sorted(plan.data.glob("*.jsonl"))} if plan.data else {}
    names = plan.workloads or (*files, *MADE_UP, "generation")
    steps: list[Step] = []
    for name in names:
        if name in files:
            steps += steps_of_file(files[name], plan.size)
        elif name in MADE_UP:
            vocabulary = loaded.model.config.get_text_config().vocab_size
            steps += made_up_steps(name, MADE_UP[name], plan.size, vocabulary=vocabulary)
        elif name == "generation":
            steps.append(generation_step(engine.encode, plan.size))
        else:
            known = ", ".join([*files, *MADE_UP, "generation"])
            raise SettingsError(
                f"No workload {name!r}. There are: {known}. --data names a folder with files."
            )
    return [step for step in steps if step.number in plan.steps]


def peers_of(plan: Plan, folder: Path, loaded: Loaded, stack: ExitStack) -> list[Contestant]:
    """Raises SettingsError where vLLM cannot run what we run."""
    made: dict[str, Contestant] = {"transformers": Transformers(loaded), "lm-eval": LmEval(loaded)}
    peers = [made[name] for name in plan.peers]
    if plan.vllm_python:
        if loaded.quantize != "none":
            raise SettingsError("vLLM cannot run weights that are quantised here; leave out --vllm-python.")
        dtype = str(loaded.model.dtype).removeprefix("torch.")
        peers.append(stack.enter_context(vllm(plan.vllm_python, folder=folder, dtype=dtype)))
    return peers


def subject_of(folder: Path, loaded: Loaded) -> Subject:
    held = f"/{loaded.quantize}" if loaded.quantize != "none" else ""
    return Subject(
        model=folder.name,
        dtype=str(loaded.model.dtype).removeprefix("torch.") + held,
        cost=read_cost(loaded.model),
        peaks=measure_peaks(loaded.model),
    )
