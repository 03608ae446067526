#!/usr/bin/env python
"""What a step costs: seconds against the tokens that it needs at least.

M instructions, N examples, C choices and the length of the prompts are varied one at a time. If everything
that prompts share is computed once, all points lie near one line through the origin, while against the tokens
that go through without sharing they scatter. Writes cost.md and cost.svg into --out.

    python scripts/bench_cost.py --out scripts/figures
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from bench.plot import svg

from opro_local.catalogue import resolve
from opro_local.config import Folders
from opro_local.errors import OproError
from opro_local.offline import close_network

if TYPE_CHECKING:
    from opro_local.engine.local import LocalEngine


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A made-up step; its prompts have a header, an instruction and a question, 10 + 30 + question tokens."""

    varied: str
    instructions: int = 4
    examples: int = 12
    choices: int = 2
    question: int = 40


VARIED = {
    "instructions": (1, 2, 8, 16),
    "examples": (3, 6, 24, 48),
    "choices": (1, 4, 8, 16),
    "question": (10, 20, 80, 160),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One step, measured. naive_tokens would go through without sharing."""

    varied: str
    instructions: int
    examples: int
    choices: int
    question: int
    naive_tokens: int
    unique_tokens: int
    tokens_run: int
    seconds: float
    milliseconds_a_unique_token: float
    milliseconds_a_naive_token: float
