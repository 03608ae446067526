"""Processes that run opro-local and need not import the model libraries first: forks of one that has.

Each is a process of its own, with its own variables, folder and outputs, and dies by SIGKILL like any other.
As a program this is the one that forks: it reads what to do from stdin, a JSON object a line, and answers
each with a line.
"""

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tried_here import try_here


class WarmPython:
    """Starts processes; close ends the one that forks."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        path = os.pathsep.join(filter(None, sys.path))
        self._forks = subprocess.Popen(
            [sys.executable, __file__],
            env={**variables, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, arguments: Sequence[str], *, variables: Mapping[str, str], folder: Path) -> "Warm":
        """Run opro-local with these arguments in folder, which its outputs are written to."""
        asked = {"arguments": arguments, "variables": variables, "folder": str(folder)}
        return Warm(pid=self.ask(**asked), folder=folder, python=self)

    def ask(self, **what: object) -> Any:
        assert self._forks.stdin is not None and self._forks.stdout is not None
        print(json.dumps(what), file=self._forks.stdin, flush=True)
        return json.loads(self._forks.stdout.readline())

    def close(self) -> None:
        self._forks.communicate()


@dataclass(frozen=True, slots=True, kw_only=True)
class Warm:
    """One process, with what is needed of subprocess.Popen."""

    pid: int
    folder: Path
    python: WarmPython

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        code: int | None = self.python.ask(ended=self.pid, options=os.WNOHANG)
        return code

    def wait(self) -> int:
        code: int = self.python.ask(ended=self.pid, options=0)
        return code

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def outputs(self) -> tuple[str, str]:
        """What it wrote to stdout and stderr."""
        out, err = ((self.folder / name).read_text(encoding="utf-8") for name in ("stdout", "stderr"))
        return out, err


def _forks_for_ever() -> None:
    from transformers import AutoModelForCausalLM, LlamaForCausalLM, PreTrainedTokenizerFast  # noqa: F401

    import opro_local.cli  # first: it keeps the libraries offline
    import opro_local.engine
    import opro_local.results.document
    import opro_local.wiring.task_run  # noqa: F401

    try_here(pytest.MonkeyPatch())

    codes: dict[int, int] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if "ended" in asked:
            print(json.dumps(_ended(codes, asked["ended"], asked["options"])), flush=True)  # noqa: T201
            continue
        pid = os.fork()
        if pid == 0:
            _become(asked["arguments"], asked["variables"], Path(asked["folder"]))
        print(pid, flush=True)  # noqa: T201


def _ended(codes: dict[int, int], pid: int, options: int) -> int | None:
    if pid not in codes:
        found, status = os.waitpid(pid, options)
        if found == 0:
            return None
        codes[pid] = os.waitstatus_to_exitcode(status)
    return codes[pid]


def _become(arguments: list[str], variables: dict[str, str], folder: Path) -> None:
    from opro_local.cli import main

    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    for number, name in ((0, os.devnull), (1, "stdout"), (2, "stderr")):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(name, flags, 0o600), number)
    code: object = 1
    try:
        main(arguments, prog_name="opro-local")
    except SystemExit as end:
        code = end.code or 0
    except BaseException:  # as Python itself would
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    _forks_for_ever()
