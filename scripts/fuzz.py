#!/usr/bin/env python
"""Gives the program what nobody should: does it refuse it in time, with an error of its own?

Readers of tables, task files and settings, graders, an optimizer's proposals, prompts, damaged run files, odd
model folders, damaged GGUF files. A row of JSON a target: examples, how many were refused, tracebacks, hangs.
What was found goes to --finds, an object a line: the seed, the smallest example, where it ended. Exit code 1
if anything was found.

    python scripts/fuzz.py --minutes 10
    python scripts/fuzz.py --minutes 1 --target csv --target model-folders --seed 7
"""

import argparse
import faulthandler
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from opro_local.offline import close_network

close_network()  # before any model library is imported
sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from fuzzing.trying import Find, Tally, Target, try_target  # noqa: E402

STUCK_SECONDS = 120
"""What a target may take beyond its time: a library that never comes back hears no clock of ours."""


def main(targets: Iterable[Target] | None = None) -> int:
    """Try all targets, or those that are given, and print. -> The exit code."""
    options = _options()
    with TemporaryDirectory() as folder:
        known = list(targets or all_targets(Path(folder)))
        chosen = [target for target in known if not options.target or target.name in options.target]
        if not chosen:
            raise SystemExit(f"no such target; there are {', '.join(target.name for target in known)}")
        tallies = list(_tried(chosen, options))
    finds = [find for tally in tallies for find in tally.finds]
    if finds:
        _write(options.finds, finds)
        print(f"{len(finds)} finds in {options.finds}", file=sys.stderr)
    return 1 if finds else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="in all, the same for each target")
    parser.add_argument("--target", action="append", help="only this one; repeat it for several")
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--limit", type=float, default=8.0, help="seconds that one example may take")
    parser.add_argument("--finds", type=Path, default=Path(gettempdir()) / "opro-local-finds.jsonl")
    return parser.parse_args()


def all_targets(work_folder: Path) -> Iterator[Target]:
    """Every target; the models that some need are written into work_folder."""
    from fuzzing.models import model_targets
    from fuzzing.reading import reading_targets
    from fuzzing.running import running_targets

    yield from reading_targets()
    yield from running_targets()
    yield from model_targets(work_folder)


def _tried(targets: Sequence[Target], options: argparse.Namespace) -> Iterator[Tally]:
    share = options.minutes * 60 / sum(target.share for target in targets)
    for target in targets:
        seconds = share * target.share
        faulthandler.dump_traceback_later(seconds + STUCK_SECONDS, exit=True, file=sys.__stderr__ or 2)
        tally = try_target(target, seconds=seconds, first_seed=options.seed, limit=options.limit)
        print(json.dumps(tally.row()), flush=True)
        yield tally
    faulthandler.cancel_dump_traceback_later()


def _write(path: Path, finds: Sequence[Find]) -> None:
    path.write_text("".join(f"{json.dumps(asdict(find))}\n" for find in finds), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
