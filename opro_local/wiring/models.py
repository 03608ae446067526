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
from opro_local.workers.spread import spread

if TYPE_CHECKING:
    from opro_local.engine import FamilyCheck, MemoryPlan


PAIRS_WORTH_COMPILING = 20_000
"""A search that scores so many takes ten minutes and more on a CPU, of which compiling saves a fifth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The roles; one and the same engine where several are played by the same weights.

    judge is None where the settings name none.
    """

    scorer: Engine
    optimizer: Engine
    records: tuple[ModelRecord, ...]
    memory: tuple[str, ...] = ()
    judge: Engine | None = None


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
    stored = found_models(settings, models_folder)
    engines, memory = load_stored(by_digest(stored), settings)
    return in_roles(stored, spread(engines) if settings.repeatable else engines, memory)


def found_models(settings: ModelSettings, models_folder: Path) -> dict[str, StoredModel]:
    """By role: found and verified, each once. Raises ModelError."""
    names = {"scorer": settings.scorer, "optimizer": settings.optimizer_name}
    names |= {"judge": settings.judge} if settings.judge else {}
    found = {
        name: resolve(name, models_folder, reread=settings.verify) for name in dict.fromkeys(names.values())
    }
    return {role: found[name] for role, name in names.items()}


def by_digest(stored: Mapping[str, StoredModel]) -> dict[str, StoredModel]:
    """Those in the roles, equal ones once."""
    return {model.digest: model for model in stored.values()}


def in_roles(
    stored: Mapping[str, StoredModel], engines: Mapping[str, Engine], memory: tuple[str, ...]
) -> Models:
    """The engines, by digest, in the roles of their models."""
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
            )
            for role, model in stored.items()
        ),
        memory=memory,
        judge=engines[stored["judge"].digest] if "judge" in stored else None,
    )


def load_stored(
    models: Mapping[str, StoredModel], settings: ModelSettings, *, share: int = 1
) -> tuple[dict[str, Engine], tuple[str, ...]]:
    """Engines by digest, and what each was planned to take in memory: all at once if they fit, else in turns.

    So many processes (share) divide the memory of a CPU. The network is shut before the engines' libraries
    are imported. Raises ModelError.
    """
    close_network()
    from opro_local.engine import LoadOptions, compiling_pays, load_engines

    quantize, device, compiled = settings.quantize, settings.device, settings.compiled
    if compiled is None:
        compiled = compiling_pays(quantize, device)
    options = LoadOptions(
        quantize=quantize,
        device=device,
        compiled=compiled,
        repeatable=settings.repeatable,
        threads=settings.threads,
        share=share,
    )
    engines, plans = load_engines({digest: model.path for digest, model in models.items()}, options)
    return engines, tuple(map(str, plans))


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
