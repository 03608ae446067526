"""Targets of models: folders with one or two things made odd, and GGUF files with damaged headers."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import strategies as st
from odd_folders import ask, odd_copy, odd_folders

from fuzzing.texts import damaged
from fuzzing.trying import Target
from opro_local.catalogue.gguf_parts import gguf_sha256, read_gguf
from opro_local.engine.gguf.conversion import import_gguf

HEADER_BYTES = 6_000
"""What of a tiny GGUF file is damaged: its metadata and its list of tensors."""

ODD = odd_folders()


def model_targets(work_folder: Path) -> Iterator[Target]:
    """work_folder holds the right models that are made wrong."""
    from tiny_models import save_tiny_model

    right = save_tiny_model(work_folder / "tiny", "llama")
    changes = st.lists(st.sampled_from(sorted(ODD)), min_size=1, max_size=2)
    each = [[name] for name in ODD]
    yield Target(name="model-folders", examples=changes, work=_folder_work(right), sure=each, share=6)
    yield Target(name="gguf-headers", examples=_gguf(work_folder), work=_gguf_work(_header))
    yield Target(name="gguf-imports", examples=_gguf(work_folder), work=_gguf_work(_import))


def _folder_work(right: Path) -> Callable[[Sequence[str]], None]:
    def work(names: Sequence[str]) -> None:
        with TemporaryDirectory() as folder:
            copy = Path(folder) / "tiny"
            first, *more = names
            odd_copy(right, copy, ODD[first])
            for name in more:
                try:
                    ODD[name](copy)
                except Exception:  # the two changes cannot both be made
                    return
            ask(copy)

    return work


@cache
def _right_gguf(folder: Path) -> bytes:
    from tiny_gguf import write_tiny_gguf

    return write_tiny_gguf(folder / "tiny.gguf", "llama").read_bytes()


def _gguf(folder: Path) -> st.SearchStrategy[bytes]:
    whole = _right_gguf(folder)
    return damaged(whole[:HEADER_BYTES]).map(lambda header: header + whole[HEADER_BYTES:])


def _gguf_work(work: Callable[[Path, Path], object]) -> Callable[[bytes], object]:
    def tried(content: bytes) -> object:
        with TemporaryDirectory() as folder:
            file, target = Path(folder) / "tiny.gguf", Path(folder) / "target"
            target.mkdir()
            file.write_bytes(content)
            return work(file, target)

    return tried


def _header(file: Path, _target: Path) -> object:
    return read_gguf(file), gguf_sha256(file)


def _import(file: Path, target: Path) -> None:
    import_gguf(file, target)
