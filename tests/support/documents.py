"""What the README files and the guide show: blocks of code, commands, options, names of models, links."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
README = CHECKOUT / "README.md"
GUIDE = sorted((CHECKOUT / "opro_local" / "guide").glob("*.md"))
DEVELOPERS = [CHECKOUT / folder / "README.md" for folder in ("opro_local", "scripts", "tests")]
USERS = [README, *GUIDE]
DOCUMENTS = [*USERS, *DEVELOPERS]

FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^ {4}(.*)$", re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")
OPTION = re.compile(r"--[a-z][a-z-]*")
MODEL = re.compile(
    r"\b(?:deepseek|gemma|granite|lfm|llama|mistral|olmo|phi|qwen|smollm)[\w.]*-[\w.-]*\d\w*\b"
)
FILE = re.compile(r"(?:findings|models|opro_local|scripts|tests)/[\w./-]*")


def name(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def fenced(text: str, language: str) -> list[str]:
    return [code for found, code in FENCED.findall(text) if found == language]


def spans(text: str) -> list[str]:
    """What stands between backticks on a line of prose."""
    return INLINE.findall(FENCED.sub("", text))


def blocks(text: str) -> Iterator[str]:
    """Lines of shell or output: indented ones, and fenced ones of no language."""
    yield from INDENTED.findall(FENCED.sub("", text))
    for code in fenced(text, ""):
        yield from code.splitlines()


def commands(text: str) -> list[list[str]]:
    """The words after opro-local of each command that is shown in a block."""
    whole = text.replace("\\\n", " ")
    return [shlex.split(line, comments=True)[1:] for line in blocks(whole) if line.startswith("opro-local ")]


def mentioned(text: str) -> list[list[str]]:
    """The words after opro-local of each command that is named in a sentence; it may be in part."""
    return [shlex.split(span)[1:] for span in spans(text) if span.startswith("opro-local ")]


def options(text: str) -> set[str]:
    """Options of ours that are named by themselves."""
    return {flag for span in spans(text) if span.startswith("--") for flag in OPTION.findall(span)}


def models(text: str) -> set[str]:
    return {found for part in (*spans(text), *blocks(text)) for found in MODEL.findall(part)}


def links(text: str) -> list[str]:
    return [target for target in LINK.findall(text) if "://" not in target]


def files(text: str) -> set[str]:
    """Paths of this checkout that are named in a sentence, without what stands for several."""
    return {span for span in spans(text) if FILE.fullmatch(span) and not re.search(r"[*A-Z]{2,}", span)}
