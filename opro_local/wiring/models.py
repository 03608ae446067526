"""The models that play the two roles: found, verified, planned for and loaded.

Torch is imported when a model is planned for or loaded, not before.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opro_local.catalogue import StoredModel, resolve, stored_names
from opro_local.config import ModelSettings
from opro_local.llm import Engine
from opro_local.offline import close_network
from opro_local.store.header import ModelRecord

if TYPE_CHECKING:
    from opro_local.engine import FamilyCheck, MemoryPlan


PAIRS_WORTH_COMPILING = 20_000
"""A search that scores so many takes ten minutes and more on a CPU, of which compiling saves a fifth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The roles; one and the same engine where several are played by the same weights.

    judge is None where the settings name none. stored_tokens are those of prompts whose keys and values the
    scorer may keep, 0 where nobody has counted them.
    """

    scorer: Engine
    optimizer: Engine
    records: tuple[ModelRecord, ...]
    memory: tuple[str, ...] = ()
    judge: Engine | None = None
    stored_tokens: int = 0

    @property
    def optimizer_parameters(self) -> int | None:
        """The numbers that the optimizer's weights are; None where nobody has counted them."""
        return next((record.parameters for record in self.records if record.role == "optimizer"), None)


def anchored(settings: ModelSettings, models_folder: Path) -> ModelSettings:
    """Folders and files made absolute, so that a run can be resumed from anywhere; stored names stay."""

    def absolute(name: str) -> str:
        return (
            str(Path(name).resolve())
            if name not in stored_names(models_folder) and Path(name).exists()
            else name
        )

    others = {role: (name := getattr(settings, role)) and absolute(name) for role in ("optimizer", "judge")}
    return settings.model_copy(update={"scorer": absolute(settings.scorer), **others})


def load_models(settings: ModelSettings, models_folder: Path) -> Models:
    """Find, verify and load the models of all roles; equal weights are loaded once. Raises ModelError."""
    names = {"scorer": settings.scorer, "optimizer": settings.optimizer_name}
    names |= {"judge": settings.judge} if settings.judge else {}
    found = {
        name: resolve(name, models_folder, reread=settings.verify) for name in dict.fromkeys(names.values())
    }
    stored = {role: found[name] for role, name in names.items()}
    engines, plans = load_stored({model.digest: model for model in found.values()}, settings)
    return Models(
        scorer=engines[stored["scorer"].digest],
        optimizer=engines[stored["optimizer"].digest],
        records=tuple(
            ModelRecord(
                role=role,
                name=model.name,
                digest=model.digest,
                source=model.source,
                numerics=engines[model.digest].numerics,
                checked_before=model.checked_before,
                parameters=plans[model.digest].parameters,
            )
            for role, model in stored.items()
        ),
        memory=tuple(map(str, plans.values())),
        judge=engines[stored["judge"].digest] if settings.judge else None,
        stored_tokens=plans[stored["scorer"].digest].stored_tokens,
    )


def load_stored(
    models: Mapping[str, StoredModel], settings: ModelSettings
) -> tuple[dict[str, Engine], "dict[str, MemoryPlan]"]:
    """Engines and their plans of memory by digest: all at once if they fit, else in turns.

    The network is shut before their libraries are imported. Raises ModelError.
    """
    close_network()
    from opro_local.engine import LoadOptions, compiling_pays, load_engines

    quantize, device, compiled = settings.quantize, settings.device, settings.compiled
    if compiled is None:
        compiled = compiling_pays(quantize, device)
    options = LoadOptions(quantize=quantize, device=device, compiled=compiled)
    engines, plans = load_engines({digest: model.path for digest, model in models.items()}, options)
    return engines, dict(zip(engines, plans, strict=True))


def for_pairs(settings: ModelSettings, pairs: int) -> ModelSettings:
    """The settings for a load that may score so many pairs: left open, compiled stays so only for many."""
    if settings.compiled is None and pairs < PAIRS_WORTH_COMPILING:
        return settings.model_copy(update={"compiled": False})
    return settings


def plan_memory(folder: Path, settings: ModelSettings) -> "MemoryPlan":
    """What a model would take in memory on this machine; its weights are not read. Raises ModelError."""
    close_network()
    from opro_local.engine import plan_folder

    return plan_folder(folder, quantize=settings.quantize, device=settings.device)


def check_family(family: str) -> "FamilyCheck":
    """How a tiny random model of the family scores on this machine; see the engine. Raises ModelError."""
    close_network()
    from opro_local.engine import check_family as build_and_compare

    return build_and_compare(family)


def token_counter(name: str, models_folder: Path) -> Callable[[str], int]:
    """A function that counts tokens as this model does; its weights are not loaded. Raises ModelError."""
    model = resolve(name, models_folder)
    close_network()
    from opro_local.engine import token_counter as of_folder

    return of_folder(model.path)
