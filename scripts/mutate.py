#!/usr/bin/env python
"""Whether the tests notice when the program is made wrong: small changes of its source, one at a time.

    python scripts/mutate.py --count 40 --seed 0 --jobs 2

Places are drawn by the seed from opro_local/**/*.py: comparisons, arithmetic, numbers (off by one), True and
False, and/or, not, min/max, any/all, returned values. In a copy of the checkout one place is changed, and the
quick tests that look at its module are run: those of the room with the module's name and those that import
it. Where they pass, all others run. A run that takes far longer than the whole without a change counts as
noticed. What means the same after a change is left out where that is plain: docstrings, annotations, texts,
decorators, TYPE_CHECKING blocks, strict=True. Prints a line for each place, and a JSON line at the end:
{"mutants": 40, "noticed": 38, "survivors": [...]}. It takes minutes to hours and is no part of CI.
"""

import argparse
import ast
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

CHECKOUT = Path(__file__).parents[1]
PACKAGE = "opro_local"

SWAPS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: (r"is\s+not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: (r"not\s+in", "in"),
    ast.Add: (r"\+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: (r"\*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Pow: (r"\*\*", "*"),
    ast.And: ("and", "or"),
    ast.Or: ("or", "and"),
}
"""How an operator is written, as a pattern, and what takes its place."""
NO_TESTS = 5
"""pytest's exit status where all tests are left out."""
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}
SAME_MEANING = {"strict", "frozen", "slots", "kw_only", "repr", "exist_ok", "parents"}
"""Keywords whose value tests can hardly see."""


@dataclass(frozen=True, order=True)
class Mutant:
    """One change: the bytes from begin to end of a file become new."""

    path: str
    line: int
    begin: int
    end: int
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.old} -> {self.new}"

    def applied(self, source: bytes) -> bytes:
        return source[: self.begin] + self.new.encode() + source[self.end :]


class Finder(ast.NodeVisitor):
    """Collects the places of a file."""

    def __init__(self, path: str, source: bytes) -> None:
        self._path, self._source = path, source
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self.found: list[Mutant] = []
        self.visit(ast.parse(source))

    def visit_Compare(self, node: ast.Compare) -> None:
        operands = [node.left, *node.comparators]
        for op, left, right in zip(node.ops, operands, operands[1:], strict=False):
            self._swap(op, left, right)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if not any(isinstance(side, ast.JoinedStr) or _is_text(side) for side in (node.left, node.right)):
            self._swap(node.op, node.left, node.right)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        for left, right in zip(node.values, node.values[1:], strict=False):
            self._swap(node.op, left, right)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            written = re.match(rb"not\s*", self._source[self._begin(node) :])
            assert written
            self._replace(self._begin(node), self._begin(node) + written.end(), "")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self._replace(self._begin(node), self._end(node), str(not node.value))
        elif isinstance(node.value, int | float):
            self._replace(self._begin(node), self._end(node), repr(node.value + 1))

    def visit_Return(self, node: ast.Return) -> None:
        if node.value and not (isinstance(node.value, ast.Constant) and node.value.value is None):
            self._replace(self._begin(node.value), self._end(node.value), "None")
            self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in CALLS:
            self._replace(self._begin(node.func), self._end(node.func), CALLS[node.func.id])
        self.visit(node.func)
        for argument in [*node.args, *(each.value for each in node.keywords if each.arg not in SAME_MEANING)]:
            self.visit(argument)

    def visit_If(self, node: ast.If) -> None:
        if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value:
            self.visit(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default:
                self.visit(default)
        for statement in node.body:
            self.visit(statement)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        for statement in node.body:
            self.visit(statement)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for statement in node.body:
            self.visit(statement)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Texts are for people; before Python 3.12 what is inside has no place either."""

    def _swap(self, op: ast.AST, left: ast.expr, right: ast.expr) -> None:
        if type(op) in SWAPS:
            pattern, new = SWAPS[type(op)]
            begin = self._end(left)
            written = re.search(pattern.encode(), self._source[begin : self._begin(right)])
            assert written, ast.dump(op)
            self._replace(begin + written.start(), begin + written.end(), new)

    def _replace(self, begin: int, end: int, new: str) -> None:
        old = self._source[begin:end].decode()
        line = next(number for number, start in enumerate(self._starts) if start > begin)
        self.found.append(Mutant(path=self._path, line=line, begin=begin, end=end, old=old, new=new))

    def _begin(self, node: ast.expr) -> int:
        return self._starts[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.expr) -> int:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self._starts[node.end_lineno - 1] + node.end_col_offset


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def all_places(root: Path) -> list[Mutant]:
    paths = sorted(root.glob(f"{PACKAGE}/**/*.py"))
    return [
        mutant
        for path in paths
        for mutant in sorted(Finder(str(path.relative_to(root)), path.read_bytes()).found)
    ]


def near_tests(root: Path, path: str) -> list[str]:
    """Test files that look at a module: its namesake first, then those that import it, then its room's."""
    parts = Path(path).with_suffix("").parts
    dotted, room, name = ".".join(parts), parts[1], parts[-1]
    files = sorted(root.glob("tests/**/test_*.py"))
    namesakes = [file for file in files if file.stem == f"test_{name}"]
    importing = [file for file in files if re.search(rf"\b{re.escape(dotted)}\b", file.read_text("utf-8"))]
    of_room = [file for file in files if room in (file.parent.name, file.stem.removeprefix("test_"))]
    return list(dict.fromkeys(str(file.relative_to(root)) for file in (*namesakes, *importing, *of_room)))


@dataclass(frozen=True)
class Copy:
    """A copy of the checkout in which tests are run."""

    root: Path

    def passes(
        self, tests: Sequence[str], *, without: Sequence[str] = (), limit: float | None = None
    ) -> bool:
        """Whether quick tests pass within limit seconds; where there are none, they do."""
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-m", "not slow", "-p", "no:cacheprovider"]
        command += [*(f"--ignore={path}" for path in without), *(tests or ["tests"])]
        variables = os.environ | {"PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1"}
        quiet = subprocess.DEVNULL
        with subprocess.Popen(
            command, cwd=self.root, env=variables, stdout=quiet, stderr=quiet, start_new_session=True
        ) as process:
            try:
                code = process.wait(limit)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # with what the tests started
                return False
        return code in (0, NO_TESTS)

    def notices(self, mutant: Mutant, limit: float) -> bool:
        file = self.root / mutant.path
        source = file.read_bytes()
        file.write_bytes(mutant.applied(source))
        near = near_tests(self.root, mutant.path)
        try:
            if near and not self.passes(near, limit=limit):
                return True
            return not self.passes((), without=near, limit=limit)
        finally:
            file.write_bytes(source)


def copied(root: Path, target: Path) -> Copy:
    shutil.copytree(root, target, ignore=shutil.ignore_patterns(".*", "__pycache__", "dist", "node_modules"))
    return Copy(target)


def outcomes(
    copies: Sequence[Copy], mutants: Sequence[Mutant], limit: float
) -> Iterator[tuple[Mutant, bool]]:
    """Each mutant and whether it was noticed, in the order of the list."""
    free: Queue[Copy] = Queue()
    for copy in copies:
        free.put(copy)

    def tried(mutant: Mutant) -> bool:
        copy = free.get()
        try:
            return copy.notices(mutant, limit)
        finally:
            free.put(copy)

    with ThreadPoolExecutor(len(copies)) as pool:
        yield from zip(mutants, pool.map(tried, mutants), strict=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Change the program at random places; see what tests notice."
    )
    parser.add_argument("--count", type=int, default=40, help="how many places (40)")
    parser.add_argument("--seed", type=int, default=0, help="which places (0)")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time (1)")
    parser.add_argument("--root", type=Path, default=CHECKOUT, help="the checkout (this one)")
    asked = parser.parse_args(arguments)
    places = all_places(asked.root)
    mutants = random.Random(asked.seed).sample(places, min(asked.count, len(places)))
    survivors = []
    with tempfile.TemporaryDirectory(prefix="mutate-") as folder:
        copies = [copied(asked.root, Path(folder) / str(number)) for number in range(asked.jobs)]
        begun = time.monotonic()
        if not copies[0].passes(()):
            raise SystemExit("the tests fail without any change")
        limit = 60 + 3 * (time.monotonic() - begun)
        for mutant, noticed in outcomes(copies, mutants, limit):
            print("noticed " if noticed else "SURVIVED", mutant, flush=True)
            survivors += [] if noticed else [str(mutant)]
    print(
        json.dumps(
            {"mutants": len(mutants), "noticed": len(mutants) - len(survivors), "survivors": survivors}
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
