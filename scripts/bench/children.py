"""A child process under another Python: a JSON line there, a line back; its stderr is kept for last words."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from tempfile import TemporaryFile
from threading import Timer
from typing import Any, TextIO

from bench.deadline import Deadline
from opro_local.errors import ModelError


@contextmanager
def child_process(name: str, python: Path, script: Path, environment: Mapping[str, str]) -> Iterator["Child"]:
    """A child for as long as the context lasts; what it leaves open ends when its stdin is closed."""
    with (
        TemporaryFile("w+") as errors,
        Popen(
            [python, script],
            env=os.environ | environment,
            stdin=PIPE,
            stdout=PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        yield Child(name=name, process=process, errors=errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """Asks the child; errors is the file that its stderr goes to."""

    name: str
    process: Popen[str]
    errors: TextIO

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def ask(self, question: Mapping[str, object], deadline: Deadline | None = None) -> dict[str, Any]:
        """One line there, one line back. Raises ModelError with the child's last words.

        A child that has not answered at the deadline is killed. Raises TooSlow then.
        """
        timer = Timer(deadline.left, self.process.kill) if deadline and deadline.left is not None else None
        if timer is not None:
            timer.start()
        try:
            return self._asked(question)
        except ModelError:
            if deadline is not None and deadline.left == 0:
                self.process.wait()
                deadline.check()
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _asked(self, question: Mapping[str, object]) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        with suppress(BrokenPipeError):  # then the answer is missing too
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            self.errors.seek(0)
            last = (self.errors.read().strip().splitlines() or ["it said nothing"])[-1]
            raise ModelError(f"The {self.name} child ended: {last[-200:]}")
        result: dict[str, Any] = json.loads(answer)
        return result
