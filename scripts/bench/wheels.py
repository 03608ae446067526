"""Wheels of what a machine with torch lacks, in the versions of constraints.txt, small enough to carry."""

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import click

LACKING = (
    *("transformers", "tokenizers", "huggingface_hub", "httpcore2", "httpx2", "h11", "anyio", "idna"),
    *("truststore", "typer", "shellingham", "annotated-doc", "hf-xet", "PyYAML", "regex", "packaging"),
    *("bitsandbytes", "gguf", "accelerate", "safetensors", "apsw", "platformdirs", "click", "rich"),
    *("markdown-it-py", "mdurl", "Pygments", "pydantic", "pydantic_core", "annotated-types", "fsspec"),
    *("typing-inspection", "typing_extensions", "python-calamine", "XlsxWriter", "tqdm", "filelock"),
)
"""What may be missing or too old there; torch, numpy, scikit-learn, scipy and matplotlib are not."""

PLATFORMS = tuple(f"manylinux_2_{version}_x86_64" for version in (17, 24, 27, 28))


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--python-version", required=True)
@click.option("--cuda", required=True)
def main(folder: Path, *, python_version: str, cuda: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", python_version]
    command += [word for platform in PLATFORMS for word in ("--platform", platform)]
    command += ["--constraint", "constraints.txt", "--dest", str(folder), *LACKING]
    subprocess.run(command, check=True)
    for wheel in folder.glob("bitsandbytes-*.whl"):
        slim(wheel, {"libbitsandbytes_cpu.so", f"libbitsandbytes_cuda{cuda}.so"})
    megabytes = sum(wheel.stat().st_size for wheel in folder.iterdir()) / 2**20
    click.echo(f"{folder}: {len(list(folder.iterdir()))} wheels, {megabytes:.0f} MiB")


def slim(wheel: Path, libraries: set[str]) -> None:
    """Leave only these of a wheel's shared libraries in it. Raises ClickException if one is missing."""
    whole = wheel.with_suffix(".whole")
    wheel.rename(whole)
    with ZipFile(whole) as old, ZipFile(wheel, "w", ZIP_DEFLATED) as new:
        names = [Path(name).name for name in old.namelist()]
        if missing := sorted(libraries - set(names)):
            raise click.ClickException(f"{wheel.name} has no {missing[0]}. Name another CUDA version.")
        for entry, name in zip(old.infolist(), names, strict=True):
            if not name.endswith(".so") or name in libraries:
                new.writestr(entry, old.read(entry))
    whole.unlink()


if __name__ == "__main__":
    main()
