"""promptolution's OPRO and CAPO, and GEPA, on one task of the bench of optimizers, with their defaults.

They get the models and the predictor of peer_models.py, and nothing else of ours.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from bench.peer_models import Llm, Predictor, Spent

FINALISTS = 5
BLOCK = 30
"""Rows of a block in CAPO's races, promptolution's default."""
SHOTS = 5
"""Most shots of CAPO's first prompts, promptolution's default."""
COMPONENT = "instruction"
"""The one part of GEPA's candidates."""
GEPA_TOKENS = 512
"""Most of a reply: its instructions are pages where they can be."""
STEPS = 100_000
"""More than any budget allows."""


class Prompted(NamedTuple):
    """A prompt in full, its shots in it, and their number."""

    text: str
    shots: int


Found = tuple[list[Prompted], str]
"""The best prompts, best first, and why the search stopped."""


def optimized(optimizer: Any) -> Found:
    """promptolution's best prompts by its own scores, best first, and why it stopped."""
    stopped = "gave up"  # promptolution logs what goes wrong in a step, and returns
    try:
        optimizer.optimize(STEPS)
    except Spent:
        stopped = "budget"
    scores = optimizer.scores or [0.0] * len(optimizer.prompts)  # the budget may end before the first score
    ranked = sorted(zip(optimizer.prompts, scores, strict=True), key=lambda pair: pair[1], reverse=True)
    return [Prompted(str(prompt), len(prompt.few_shots)) for prompt, _ in ranked[:FINALISTS]], stopped


def gepa(task: dict[str, Any], llm: Llm, predictor: Predictor) -> Found:
    """GEPA's best prompts; it reads rows of all of train, and is scored on those that opro-local scores.

    Its result is lost if it is interrupted: an iteration that the budget ends in is finished.
    """
    from gepa import optimize

    limit, llm.longest = llm.meter.limit, GEPA_TOKENS
    llm.meter.limit = predictor.meter.limit = float("inf")
    result = optimize(
        seed_candidate={COMPONENT: task["starts"][-1]},
        trainset=distinct(task["train"]),
        valset=distinct(task["scored"]),
        adapter=Classification(predictor),
        reflection_lm=llm,
        stop_callbacks=lambda _: max(llm.meter.tokens, predictor.meter.tokens) >= limit,
        seed=task["seed"],
    )
    scored = zip(result.candidates, result.val_aggregate_scores, strict=True)
    ranked = sorted(scored, key=lambda pair: pair[1], reverse=True)
    return [Prompted(candidate[COMPONENT], 0) for candidate, _ in ranked[:FINALISTS]], "budget"


class Classification:
    """What GEPA calls an adapter: an instruction is right about a row or not, and told what was right."""

    propose_new_texts = None

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def evaluate(
        self, batch: list[Sequence[str]], candidate: dict[str, str], capture_traces: bool = False
    ) -> Any:
        from gepa import EvaluationBatch

        texts = [text for text, _ in batch]
        found, replies = self.predictor.predict([candidate[COMPONENT]] * len(texts), texts)
        scores = [float(said == label.lower()) for said, (_, label) in zip(found, batch, strict=True)]
        told = list(zip(batch, replies, scores, strict=True))
        return EvaluationBatch(outputs=replies, scores=scores, trajectories=told if capture_traces else None)

    def make_reflective_dataset(
        self, candidate: dict[str, str], eval_batch: Any, components: list[str]
    ) -> dict[str, list[dict[str, str]]]:
        records = [
            {
                "Inputs": text,
                "Generated Outputs": reply.removeprefix(text).strip(),
                "Feedback": "Right." if score else f"Wrong. The right answer is {label}.",
            }
            for (text, label), reply, score in eval_batch.trajectories
        ]
        return dict.fromkeys(components, records)


def opro(task: dict[str, Any], llm: Llm, predictor: Predictor) -> Found:
    """On the rows that opro-local scores, all of them."""
    from promptolution.optimizers import OPRO

    return optimized(
        OPRO(
            predictor=predictor,
            task=classification(task, task["scored"], block=BLOCK),
            meta_llm=llm,
            initial_prompts=task["starts"],
        )
    )


def capo(task: dict[str, Any], llm: Llm, predictor: Predictor) -> Found:
    """On all of train, a tenth of which it sets aside for shots itself."""
    from promptolution.optimizers import CAPO

    rows = distinct(task["train"])
    aside = len(rows) // 10
    return optimized(
        CAPO(
            predictor=predictor,
            task=classification(task, rows, block=min(BLOCK, len(rows) - aside)),
            meta_llm=llm,
            initial_prompts=task["starts"],
            upper_shots=min(SHOTS, aside),
        )
    )


def classification(task: dict[str, Any], rows: Sequence[Sequence[str]], *, block: int) -> Any:
    from pandas import DataFrame
    from promptolution.tasks import ClassificationTask

    return ClassificationTask(
        DataFrame(distinct(rows), columns=["x", "y"]),
        task_description=task["description"],
        n_subsamples=block,
        seed=task["seed"],
    )


def distinct(rows: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    """The rows whose text is new; promptolution gives the rows behind a repeated one the wrong labels."""
    first: dict[str, Sequence[str]] = {}
    for text, label in rows:
        first.setdefault(text, (text, label))
    return list(first.values())


SEARCHES: Mapping[str, Callable[[dict[str, Any], Llm, Predictor], Found]] = {
    "promptolution-opro": opro,
    "promptolution-capo": capo,
    "gepa": gepa,
}
