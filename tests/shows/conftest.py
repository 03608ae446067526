"""One set of tiny random models, one table and one finished run for all shows."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_models import save_tiny_model
from traced import following, permitted
from warm_python import WarmPython
from whole_command import ROWS, FinishedRun, TinyModels, call, environment, small_run


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyModels:
    folder = tmp_path_factory.mktemp("tiny")
    return TinyModels(
        chat=save_tiny_model(folder / "chat", "llama", seed=1),
        mistral=save_tiny_model(folder / "mistral", "mistral", seed=2),
        pretrained=save_tiny_model(folder / "pretrained", "gpt2", chat=False, seed=3),
    )


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As a spreadsheet program writes it: a byte order mark, CR LF, quotes only where needed."""
    path = tmp_path_factory.mktemp("table") / "letters.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([("the letter", "kind"), *ROWS])
    return path


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmPython]:
    python = WarmPython(environment(tmp_path_factory.mktemp("warm")))
    yield python
    python.close()


@pytest.fixture(scope="session")
def unbroken(tiny: TinyModels, table: Path, tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """The run that others are compared with: watched, and in a namespace without network, where permitted."""
    home, trace = tmp_path_factory.mktemp("unbroken"), tmp_path_factory.mktemp("watched") / "trace"
    arguments = [*small_run(tiny.chat, table), "--quantize", "fp32"]
    apart, follow = ["unshare", "-rn"], following(trace)
    offline = permitted(*apart, "true")
    done = call(*arguments, home=home, under=[*(apart if offline else []), *follow])
    watched = trace.read_text() if follow else None
    return FinishedRun(home=home, arguments=arguments, done=done, offline=offline, trace=watched)
