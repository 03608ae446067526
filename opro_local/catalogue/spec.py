"""The catalogue: one TOML file a model, and what its keys mean.

It holds what is known about a model before anything is downloaded. What a pull finds (revision, hashes) is
recorded beside the weights, never here.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from opro_local.config import Quantize, Settings
from opro_local.config.checking import parse_settings, read_toml
from opro_local.errors import ModelError

SourceKind = Literal["hub", "package"]
Thinking = Literal["no", "switchable", "always"]


class HubSource(Settings):
    """A snapshot of the model's repository on the Hugging Face Hub."""

    kind: Literal["hub"]


class PackageSource(Settings):
    """A GGUF file inside Python packages, whole or in parts named FILE.part00, FILE.part01, ...

    packages are pip requirements with exact versions; sha256 is that of the joined file.
    """

    kind: Literal["package"]
    packages: tuple[str, ...] = Field(min_length=1)
    file: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class DefaultQuantize(Settings):
    """How the model is loaded when --quantize is auto."""

    gpu: Quantize
    cpu: Quantize


class ModelSpec(Settings):
    """One catalogue entry.

    family is transformers' model_type; licence is the identifier on the model card; gated means that the hub
    asks to accept terms first; context_length is in tokens, without rope scaling by the user. thinking tells
    whether it writes a thought ahead of its answer: switchable means that its chat template takes
    enable_thinking, which is set to False.
    """

    alias: str
    name: str
    hub: str
    chat: bool
    thinking: Thinking = "no"
    family: str
    licence: str
    gated: bool
    context_length: int = Field(gt=0)
    parameters_billions: float = Field(gt=0)
    quantize: DefaultQuantize
    sources: tuple[Annotated[HubSource | PackageSource, Field(discriminator="kind")], ...] = Field(
        min_length=1
    )

    def source(self, kind: SourceKind | None) -> HubSource | PackageSource:
        """The source of this kind, or the first one. Raises ModelError when there is none of this kind."""
        for source in self.sources:
            if kind in (None, source.kind):
                return source
        kinds = ", ".join(source.kind for source in self.sources)
        raise ModelError(f"{self.alias} has no source of kind {kind}; it can be pulled from: {kinds}.")


def load_catalogue() -> dict[str, ModelSpec]:
    """Every known model by alias, in alphabetical order."""
    specs = (
        parse_settings(ModelSpec, read_toml(path), source=path.name)
        for path in sorted(_catalogue_folder().glob("*.toml"), key=lambda path: path.stem)
    )
    return {spec.alias: spec for spec in specs}


def _catalogue_folder() -> Path:
    """models/ inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"
