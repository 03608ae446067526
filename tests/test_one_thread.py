"""What is changed for the whole process is put back as it was, also where several threads change it."""

import os
import re
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from opro_local.engine.faults import printing_to_stderr
from opro_local.patterns import compiled
from opro_local.reading.several import texts_in
from opro_local.user_code import find_function, load_function

CHANGES = re.compile(r"catch_warnings|redirect_std|os\.dup2|os\.chdir|chdir\(")
PACKAGE = Path(__file__).parent.parent / "opro_local"


def overlapping(work: Callable[[float], object]) -> None:
    """One begins before the other has ended, and ends before it."""
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(work, 0.1)
        time.sleep(0.05)
        second = threads.submit(work, 0.2)
        first.result(), second.result()


def test_standard_output_is_the_same_after_models_were_read_in_threads() -> None:
    before = os.fstat(1)

    def read(seconds: float) -> None:
        with printing_to_stderr():
            time.sleep(seconds)

    overlapping(read)
    after = os.fstat(1)
    assert (before.st_dev, before.st_ino) == (after.st_dev, after.st_ino)


def test_standard_output_is_the_same_after_graders_ran_in_threads(tmp_path: Path) -> None:
    file = tmp_path / "grader.py"
    file.write_text("import time\ngrade = time.sleep\n")
    grade, before = load_function(find_function(f"{file}:grade", folder=tmp_path)), sys.stdout
    overlapping(grade)
    assert sys.stdout is before


def test_filters_of_warnings_are_the_same_after_cells_were_read_in_threads() -> None:
    before, interval = list(warnings.filters), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda n: (texts_in(f"['a', '{n}']"), compiled(f"a{n}")), range(60)))
    finally:
        sys.setswitchinterval(interval)
    assert list(warnings.filters) == before


def test_every_such_change_is_made_alone() -> None:
    sources = {path: path.read_text() for path in PACKAGE.rglob("*.py")}
    changes = [
        (path.name, line.strip())
        for path, source in sources.items()
        for line in source.splitlines()
        if CHANGES.search(line) and not line.startswith(("import", "from"))
        if "with alone" not in line and "with alone" not in source.partition(line)[0][-200:]
    ]
    assert not changes
    assert sum("with alone" in source for source in sources.values()) >= 4
