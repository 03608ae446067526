"""Which models, and how they are loaded."""

from pydantic import Field

from opro_local.config.choices import Quantize
from opro_local.config.settings import Settings


class ModelSettings(Settings):
    """Which models play the two roles, and how they are loaded."""

    scorer: str = Field(description="Model that answers: an alias, a folder or a GGUF file.")
    optimizer: str | None = Field(None, description="Model that writes instructions; the same if not given.")
    judge: str | None = Field(
        None, description="Model that grades judged answers; the optimizer if not given."
    )
    quantize: Quantize = Field("auto", description="Weights in memory; auto follows model and device.")
    device: str = Field("auto", description="cpu, cuda, cuda:1, ...; auto takes a GPU when there is one.")
    compiled: bool | None = Field(
        None,
        description="Compile the model first. If not given: for searches of medium size and more, on a CPU "
        "that multiplies bf16.",
    )
    repeatable: bool = Field(
        False,
        description="Cut what is asked for into blocks whose numbers are the same with any number of "
        "workers, to the last bit on like hardware; --workers sets it.",
    )
    threads: int | None = Field(
        None,
        ge=1,
        description="CPU threads of a model. If not given: as torch chooses, or the share of a worker.",
    )
    verify: bool = Field(
        False,
        description="Read and hash every file of the models, also those unchanged since they last were.",
    )

    @property
    def optimizer_name(self) -> str:
        return self.optimizer or self.scorer

    @property
    def judge_name(self) -> str:
        return self.judge or self.optimizer_name
