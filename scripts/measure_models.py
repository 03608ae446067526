#!/usr/bin/env python
"""How exactly models are scored: every family of the catalogue, real models, and GGUF imports.

Families are built tiny and random, real models are those that are stored; both are held against plain
transformers in fp32. GGUF files are imported and held against llama.cpp, if there is a Python with xllamacpp
(pip install xllamacpp). Writes a report.

    python scripts/measure_models.py --gguf model.gguf --llama-python /path/to/python
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from opro_local.catalogue import load_catalogue, resolve
from opro_local.config import Folders
from opro_local.errors import OproError
from opro_local.offline import close_network

if TYPE_CHECKING:
    from exactness.imports import ImportCheck

REAL = ("smollm2-135m", "gemma-3-270m", "qwen2.5-coder-0.5b")
FIGURES = Path(__file__).with_name("figures")

EventArrived = ParamSpec("EventArrived")
Winner = TypeVar("Winner")


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--home", type=click.Path(path_type=Path), envvar="OPRO_LOCAL_HOME", help="As for opro-local.")
@click.option("--model", "models", multiple=True, default=REAL, help="A stored model, or a folder.")
@click.option("--gguf", "files", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--llama-python",
    type=click.Path(exists=True, path_type=Path),
    default=Path(sys.executable),
    help="A Python that has xllamacpp.",
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=FIGURES)
def main(
    *, home: Path | None, models: tuple[str, ...], files: tuple[Path, ...], llama_python: Path, out: Path
) -> None:
    close_network()  # before the model libraries are imported
    from exactness.report import heading, import_table, stored_table
    from exactness.stored import check_stored

    shelf = Folders.of_user(home).models
    stored = {name: _said(name, check_stored, name, resolve(name, shelf).path) for name in models}
    report = [heading(), _families(), stored_table(stored), import_table(_imports(files, llama_python))]
    out.mkdir(parents=True, exist_ok=True)
    (out / "models.md").write_text("".join(report), encoding="utf-8")
    click.echo(f"{out / 'models.md'} written")


def _families() -> str:
    from exactness.report import family_table

    from opro_local.engine.family_check import check_family

    aliases: dict[str, list[str]] = {}
    for alias, spec in load_catalogue().items():
        aliases.setdefault(spec.family, []).append(alias)
    return family_table(
        (_said(family, check_family, family), ", ".join(of_family))
        for family, of_family in sorted(aliases.items())
    )


def _imports(files: tuple[Path, ...], python: Path) -> "dict[str, ImportCheck | str]":
    from exactness.llama_cpp import has_llama_cpp

    if not has_llama_cpp(python):
        click.echo(
            f"{python} has no xllamacpp: GGUF imports are not measured (pip install xllamacpp)", err=True
        )
        return {}
    with TemporaryDirectory() as work:
        return dict(_checked(files, python, Path(work)))


def _checked(files: tuple[Path, ...], python: Path, work: Path) -> "Iterator[tuple[str, ImportCheck | str]]":
    from exactness.gguf_files import tiny_variants, write_dense, write_tiny
    from exactness.imports import check_import

    for variant in tiny_variants():
        file = work / f"{variant}.gguf"
        write_tiny(variant, file)
        yield f"tiny {variant}", _said(variant, check_import, variant, file, python, prose=False)
    for file in files:
        yield file.name, _said(file.name, check_import, file.name, file, python, prose=True)
        dense = work / file.name
        write_dense(file, dense)
        name = f"{file.stem}, written anew"
        yield name, _said(name, check_import, name, dense, python, prose=True)
        dense.unlink()


def _said(
    name: str, check: Callable[EventArrived, Winner], *args: EventArrived.args, **options: EventArrived.kwargs
) -> Winner | str:
    """The result, or in one line why there is none."""
    click.echo(f"{name} ...", err=True)
    try:
        return check(*args, **options)
    except OproError as error:
        return str(error)


if __name__ == "__main__":
    main()
