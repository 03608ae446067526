"""Models on several workers: begun, checked to be alike, and put behind the engines of a run."""

import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Literal

from opro_local.config import Folders, ModelSettings
from opro_local.errors import ModelError, SettingsError
from opro_local.llm import Engine
from opro_local.offline import close_network
from opro_local.wiring.host import Host
from opro_local.wiring.models import Models, by_digest, found_models, in_roles, load_stored
from opro_local.workers.holder import Opened
from opro_local.workers.jobs import About
from opro_local.workers.pool import Pool
from opro_local.workers.ray_crew import Place, RayCrew, check_installed, joined_ray, own_ray, places
from opro_local.workers.spread import SpreadEngine

RAY_FOLDER = "ray"
"""Below the folder of runs: what Ray keeps while it runs."""

Count = int | Literal["auto"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """How many workers, each with a GPU or so many threads of a CPU; those of one host share its memory."""

    count: int
    gpus: int
    threads: int | None
    share: int = 1

    def settled(self, settings: ModelSettings) -> ModelSettings:
        """The settings with what decides the numbers of a run with these workers."""
        return settings.model_copy(update={"repeatable": True, "threads": self.threads})


@contextmanager
def staffed(
    host: Host, settings: ModelSettings, *, count: Count | None, address: str | None
) -> Iterator[tuple[Host, ModelSettings]]:
    """The host with so many workers for as long as the context lasts, and the settings with them.

    address is that of a Ray cluster, where workers are taken from; without one they are processes of this
    host. A single one there is this process, without Ray, and with neither nothing changes. Raises
    SettingsError where Ray is missing, does not answer or has no room.
    """
    if count is None and address is None:
        yield host, settings
        return
    close_network()
    if address is None:
        staff = _staff_here(settings, count or 1)
        if staff.count == 1:
            yield host, staff.settled(settings)
            return
    check_installed()
    folder = host.folders.runs / RAY_FOLDER
    with joined_ray(address) if address else own_ray(folder, cores=staff.count * (staff.threads or 1)):
        if address:
            staff = _staff_there(settings, count or "auto", places())
        load = Workforce(staff, host.watcher.tell).load_models
        yield replace(host, load_models=load, searches=staff.count), staff.settled(settings)


def _staff_here(settings: ModelSettings, count: Count) -> Staff:
    """Workers of this host."""
    from opro_local.engine import gpu_count, thread_count

    gpus = 0 if settings.device == "cpu" else gpu_count()
    number = max(1, gpus) if count == "auto" else count
    if gpus and number > gpus:
        raise SettingsError(f"--workers {number}: this host has {gpus} GPUs, and each worker takes one.")
    threads = settings.threads or (None if gpus else max(1, thread_count() // number))
    return Staff(count=number, gpus=min(1, gpus), threads=threads, share=number)


def _staff_there(settings: ModelSettings, count: Count, nodes: Sequence[Place]) -> Staff:
    """Workers of a cluster: one a GPU, else one for so many cores, if not said those of the smallest node."""
    gpus = 0 if settings.device == "cpu" else sum(node.gpus for node in nodes)
    threads = settings.threads or (None if gpus else max(1, min(node.cores for node in nodes)))
    room = gpus or sum(node.cores // (threads or 1) for node in nodes)
    number = room if count == "auto" else count
    if number > room or not room:
        each = "a GPU" if gpus else f"{threads} cores"
        raise SettingsError(
            f"--workers {number}: the cluster has room for {room}, {each} each. Take fewer of them, or of "
            "--threads."
        )
    return Staff(count=number, gpus=min(1, gpus), threads=threads)


class Workforce:
    """Workers that begin when models are first asked for, and then serve all searches."""

    def __init__(self, staff: Staff, tell: Callable[[str], None]) -> None:
        self._staff, self._tell = staff, tell
        self._one_begins = Lock()
        self._begun: dict[ModelSettings, tuple[Pool, About]] = {}

    def load_models(self, settings: ModelSettings, models_folder: Path) -> Models:
        """The models of all roles, held by every worker, for one search: it counts what it takes.

        Raises ModelError, also where workers are not alike.
        """
        if not settings.repeatable:
            raise SettingsError(
                "the run was begun without --workers, whose last bits are others: go on without --workers."
            )
        stored = found_models(settings, models_folder)
        with self._one_begins:
            if settings not in self._begun:
                self._begun[settings] = self._begin(settings, models_folder)
            pool, about = self._begun[settings]
        if by_digest(stored).keys() - about.models.keys():
            raise ModelError("the workers' models of these names have other weights than those of this host.")
        from opro_local.engine import texts_of_folder

        engines: dict[str, Engine] = {}
        for digest, model in by_digest(stored).items():
            of = about.models[digest]
            engines[digest] = SpreadEngine(digest, of, texts_of_folder(model.path, chat=of.chat), pool)
        return in_roles(stored, engines, about.memory)

    def _begin(self, settings: ModelSettings, models_folder: Path) -> tuple[Pool, About]:
        opener = partial(open_models, settings, models_folder, share=self._staff.share)
        staff = self._staff
        crew = RayCrew(opener, size=staff.count, gpus=staff.gpus, cores=staff.threads or 1)
        pool = Pool(crew, tell=self._tell)
        return pool, alike(pool.begin())


def open_models(settings: ModelSettings, models_folder: Path, *, share: int) -> Opened:
    """What a worker does first: find the models on its own disk, verify and load them. Raises ModelError."""
    folder = models_folder if models_folder.is_dir() else Folders.of_user().models
    engines, plans = load_stored(by_digest(found_models(settings, folder)), settings, share=share)
    memory = tuple(map(str, plans.values()))
    from opro_local.engine import hardware_name

    device = next(iter(engines.values())).device
    return Opened(engines=engines, place=platform.node(), hardware=hardware_name(device), memory=memory)


def alike(abouts: Sequence[About]) -> About:
    """What the workers are, all the same; numerics name the kinds of hardware where these differ.

    Raises ModelError for one that has other weights, packages or numerics than the first.
    """
    first = abouts[0]
    for number, about in enumerate(abouts[1:], 2):
        for what, here, there in (
            ("packages", first.versions, about.versions),
            ("weights", sorted(first.models), sorted(about.models)),
            ("numerics", first.models, about.models),
        ):
            if here != there:
                raise ModelError(
                    f"worker {number} ({about.place}) has other {what} than worker 1 ({first.place}): "
                    f"{_difference(here, there)}. Their scores would be mixed."
                )
    kinds = sorted({about.hardware for about in abouts})
    if len(kinds) == 1:
        return first
    mixed = f"on {' and '.join(kinds)}"
    models = {key: replace(each, numerics=f"{each.numerics}/{mixed}") for key, each in first.models.items()}
    return replace(first, models=models)


def _difference(here: object, there: object) -> str:
    if isinstance(here, dict) and isinstance(there, dict):
        key = next(key for key in here if here[key] != there.get(key))
        return f"{there.get(key)}, not {here[key]}, for {key}"
    return f"{there}, not {here}"
