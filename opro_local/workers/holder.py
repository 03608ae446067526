"""The side of a worker: models loaded once, jobs done one after the other."""

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from opro_local.errors import OproError
from opro_local.llm import ChoiceRequest, Engine, GenerationRequest
from opro_local.workers.jobs import About, Done, Job, ModelAbout, Reply

PACKAGES = ("opro-local", "torch", "transformers", "bitsandbytes", "llguidance")
"""What decides numbers and replies; a worker has what the others have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Loaded models by digest, on which host and hardware, and what they were planned to take."""

    engines: Mapping[str, Engine]
    place: str
    hardware: str
    memory: tuple[str, ...] = ()


OpenModels = Callable[[], Opened]
"""Finds, verifies and loads the models of a run, where a worker is; pickle takes it. Raises OproError."""


class ModelHolder:
    """Loads its models when it is first asked for anything, and again after it was started anew.

    What goes wrong on purpose is its reply: an error that crosses a process as an exception brings a
    traceback with it.
    """

    def __init__(self, open_models: OpenModels) -> None:
        self._open_models = open_models
        self._opened: Opened | None = None

    def about(self) -> About | OproError:
        """What the worker is, its models loaded."""
        try:
            opened = self._models()
        except OproError as error:
            return error
        return About(
            place=opened.place,
            hardware=opened.hardware,
            versions={"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
            models={digest: ModelAbout.of(engine) for digest, engine in opened.engines.items()},
            memory=opened.memory,
        )

    def run(self, job: Job) -> Done | OproError:
        """The replies to a job."""
        try:
            engine = self._models().engines[job.digest]
            return done(engine, job)
        except OproError as error:
            return error

    def _models(self) -> Opened:
        if self._opened is None:
            self._opened = self._open_models()
        return self._opened


def done(engine: Engine, job: Job) -> Done:
    """A job done by an engine. Raises what its methods raise."""
    before, tokens = engine.effort(), engine.tokens_run  # the first time, the machine's peaks are measured
    start = time.perf_counter()
    replies = _replies(engine, job)
    seconds = time.perf_counter() - start
    return Done(
        replies=replies,
        tokens_run=engine.tokens_run - tokens,
        seconds=seconds,
        effort=engine.effort().since(before),
    )


def _replies(engine: Engine, job: Job) -> Sequence[Reply]:
    choices = [request for request in job.requests if isinstance(request, ChoiceRequest)]
    if choices:
        return engine.loglikelihood(choices)
    written = [request for request in job.requests if isinstance(request, GenerationRequest)]
    if job.draw is None:
        return engine.generate(written)
    (request,) = written
    draw = job.draw
    return engine.sample(request, draw.n, temperature=draw.temperature, seed=draw.seed)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
