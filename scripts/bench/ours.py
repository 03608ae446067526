"""The engine at one level, timed; and once more under the profiler, which slows it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter

import torch
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile

from bench.contestants import Trial
from bench.deadline import UNBOUNDED, Deadline
from bench.workloads import Step
from opro_local.engine.counts import Counts, Decoding, count, count_generation
from opro_local.engine.limits import ModelCost
from opro_local.engine.local import LocalEngine
from opro_local.engine.work import Work
from opro_local.llm import GenerationReply

PRODUCTS = frozenset({"aten::linear", "aten::mm", "aten::addmm", "mkldnn::_linear_pointwise"})
"""Matrix products by weights as the profiler names them; those of quantised weights are bitsandbytes' own."""


@dataclass(slots=True, kw_only=True)
class Ours:
    """Remembers of its last run what went through the model, and the answers that were generated."""

    engine: LocalEngine
    work: Work
    answers: tuple[GenerationReply, ...] = ()

    @property
    def name(self) -> str:
        return self.engine.level

    def takes(self, step: Step) -> bool:
        return True

    def run(self, step: Step, deadline: Deadline = UNBOUNDED) -> Trial:
        self._prepare(step)
        before, start = self.engine.work, perf_counter()
        replies = self.engine.loglikelihood(step.choices)
        answers = self.engine.generate(step.prompts)
        seconds = perf_counter() - start
        self.work = _difference(self.engine.work, before)
        self.answers = tuple(answers)
        return Trial(seconds=seconds, scores=tuple(reply.log_probs for reply in replies))

    def product_rate(self, step: Step, cost: ModelCost) -> float:
        """FLOP/s inside the matrix products by weights, pads included."""
        self._prepare(step)
        before = self.engine.work
        seconds = _profiled_seconds(
            lambda: (self.engine.loglikelihood(step.choices), self.engine.generate(step.prompts)),
            self.engine.device,
        )
        work = _difference(self.engine.work, before)
        flops = 2 * (cost.body_parameters * work.tokens_padded + cost.head_parameters * work.head_rows)
        return flops / seconds

    def least(self, step: Step, cost: ModelCost) -> Decoding:
        """What the last run could not avoid; all that was scored before the step might have been kept."""
        if step.choices:
            known = {request.context + choice[:-1] for request in step.before for choice in request.choices}
            scored = count(step.choices, tuple(known), window=cost.window)
            return Decoding(prompts=scored, steps=Counts.nothing())
        return count_generation(step.prompts, self.answers, window=cost.window)

    def _prepare(self, step: Step) -> None:
        self.engine.forget()
        self.engine.loglikelihood(step.before)


def _difference(after: Work, before: Work) -> Work:
    return Work(
        tokens_run=after.tokens_run - before.tokens_run,
        tokens_padded=after.tokens_padded - before.tokens_padded,
        head_rows=after.head_rows - before.head_rows,
        passes=after.passes - before.passes,
    )


def _profiled_seconds(work: Callable[[], object], device: str) -> float:
    """How long the matrix products took, on the device where they ran."""
    on_cpu = device == "cpu"
    activities = [ProfilerActivity.CPU] if on_cpu else [ProfilerActivity.CPU, ProfilerActivity.CUDA]
    with profile(activities=activities, acc_events=True) as profiler:
        work()
        if not on_cpu:
            torch.accelerator.synchronize()
    events = profiler.events() or []
    micros = sum(event.cpu_time_total if on_cpu else event.device_time_total for event in _products(events))
    return float(micros) / 1e6


def _products(events: Iterable[FunctionEvent]) -> Iterable[FunctionEvent]:
    """The outermost ones: a linear layer's event holds those of what it calls."""

    def is_product(event: FunctionEvent) -> bool:
        return event.name in PRODUCTS or event.name.startswith("bitsandbytes::")

    def is_inside(event: FunctionEvent) -> bool:
        parent = event.cpu_parent
        return parent is not None and (is_product(parent) or is_inside(parent))

    return (event for event in events if is_product(event) and not is_inside(event))
