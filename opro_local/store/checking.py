"""Whether the records of a run that is to go on make sense together: told before anything is asked anew."""

from collections import Counter

import apsw

from opro_local.records import Candidate, S, Step
from opro_local.store.events import read_events
from opro_local.store.rows import read, read_all_outcomes, read_evaluations
from opro_local.store.steps import Codec, read_steps


def check_records(database: apsw.Connection, codec: Codec[S]) -> None:
    """Raises ValueError and others of sound() where a part is missing or is something else."""
    steps = list(read_steps(database, codec, closed=True))
    ahead = list(read_steps(database, codec, closed=False))
    ((count,),) = read(database, "SELECT count(*) FROM step")
    if [step.number for step in (*steps, *ahead)] != list(range(count)) or len(ahead) > 1:
        raise ValueError("steps that do not follow each other")
    read_events(database)
    read_evaluations(database)
    ((winner,),) = read(database, "SELECT winner FROM run")
    if winner is not None:
        Candidate.from_json(winner)
    _check_answered(database, steps)


def _check_answered(database: apsw.Connection, steps: list[Step[S]]) -> None:
    """Each candidate has the answers that its score on train was made of."""
    answers = Counter(key for key, split, _ in read_all_outcomes(database) if split == "train")
    for entry in (entry for step in steps for entry in step.scored):
        if isinstance(entry.solution, Candidate) and answers[entry.solution.key] < entry.score.n:
            raise ValueError("a score without its answers")
