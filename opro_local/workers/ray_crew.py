"""Workers as actors of Ray Core, on this host or on the nodes of a cluster that a site runs.

A Ray of our own listens on the loopback only, asks for a token, reports nothing, has no dashboard, and keeps
its files in a folder that goes when it ends. Ray's sockets are those of C++ code and of other processes: the
audit hook of offline.py does not see them.
"""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import psutil

from opro_local.errors import OproError, SettingsError
from opro_local.workers.crew import Died, Task
from opro_local.workers.holder import ModelHolder, OpenModels
from opro_local.workers.jobs import About, Done, Job

INSTALL = "Several workers need Ray: pip install 'opro-local[ray]'."

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # as on those systems, a node is known by its loopback address
    "RAY_AUTH_MODE": "token",
    "RAY_worker_niceness": "0",  # 15 by itself: beside other work its workers would wait for ever
}
STORE_BYTES = 80 * 2**20
"""Shared memory for what is sent; blocks are far below the 100 kB from which Ray takes it."""

LONGEST_FOLDER = 32
"""Letters of the path to Ray's folder: its own name and those of its sockets come on top, and 107 is all."""

CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A node, by its address, and how many workers it may have: its GPUs, or its cores."""

    address: str
    gpus: int
    cores: int


class RayCrew:
    """A Crew of actors, each with a ModelHolder of its own."""

    def __init__(self, open_models: OpenModels, *, size: int, gpus: int, cores: int) -> None:
        import ray

        # Deaths are counted by the pool, which gives the work of a dead worker to others.
        actor = ray.remote(num_cpus=0 if gpus else cores, num_gpus=gpus, max_restarts=-1, max_task_retries=0)(
            ModelHolder
        )
        self._ray = ray
        self._actors: list[Any] = [actor.remote(open_models) for _ in range(size)]

    @property
    def size(self) -> int:
        return len(self._actors)

    def run(self, worker: int, job: Job) -> Task:
        return self._actors[worker].run.remote(job)

    def about(self, worker: int) -> Task:
        return self._actors[worker].about.remote()

    def ready(self, tasks: Sequence[Task], seconds: float) -> Sequence[Task]:
        found, _others = self._ray.wait(list(tasks), num_returns=1, timeout=seconds)
        return list(found)

    def answer(self, task: Task) -> Done | About | OproError:
        try:
            return cast(Done | About | OproError, self._ray.get(task))
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from None  # our own fault; Ray's text would hold what was worked on
        except self._ray.exceptions.RayError as error:
            raise Died(_why(error)) from None

    def begin_anew(self, worker: int) -> None:
        self._ray.kill(self._actors[worker], no_restart=False)

    def give_up(self, worker: int) -> None:
        self._ray.kill(self._actors[worker])


@contextmanager
def own_ray(folder: Path, *, cores: int) -> Iterator[None]:
    """A Ray on this host for as long as the context lasts, for workers that take so many cores together.

    Its files lie below folder.
    """
    ray_folder = _short(folder)
    before = dict(os.environ)
    token = ray_folder / "token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32))
    os.environ.update(QUIET | {"RAY_AUTH_TOKEN_PATH": str(token)})
    try:
        ray = _quiet_ray()
        _without_api_server()
        ray.init(
            address="local",
            num_cpus=cores,
            include_dashboard=False,
            log_to_driver=False,
            configure_logging=False,
            object_store_memory=STORE_BYTES,
            namespace="opro-local",
            _temp_dir=str(ray_folder),
        )
        yield
    finally:
        _end(ray_folder, before)


@contextmanager
def joined_ray(address: str) -> Iterator[None]:
    """Part of a cluster for as long as the context lasts. Raises SettingsError where none answers."""
    _check_answers(address)
    before = dict(os.environ)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        ray = _quiet_ray()
        try:
            ray.init(address=address, log_to_driver=False, configure_logging=False, namespace="opro-local")
        except (ConnectionError, RuntimeError, ValueError, SystemExit) as error:
            raise SettingsError(
                f"--ray {address}: the cluster was not joined ({type(error).__name__}). Check that it runs "
                "the same version of Ray, and its token."
            ) from None
        yield
    finally:
        _end(None, before)


def _quiet_ray() -> Any:
    """Ray, which would print the death of an actor on stdout; the pool tells it, on stderr."""
    import ray
    import ray._private.worker

    ray._private.worker.print_to_stdstream = lambda _data, _ignore_prefix=False, **_: None
    return ray


def _without_api_server() -> None:
    """Without a dashboard, and told not to report usage, its process would still ask for the cloud's name.

    It asks 169.254.169.254 and a name server (Ray 2.60), which are not on this host.
    """
    import ray._private.services

    ray._private.services.start_api_server = lambda *_, **__: (None, None)


def places() -> list[Place]:
    """The living nodes of the Ray that was begun or joined."""
    import ray

    return [
        Place(
            address=node["NodeManagerAddress"],
            gpus=int(node["Resources"].get("GPU", 0)),
            cores=int(node["Resources"].get("CPU", 0)),
        )
        for node in ray.nodes()
        if node["Alive"]
    ]


def check_installed() -> None:
    """Raises SettingsError without Ray."""
    if find_spec("ray") is None:
        raise SettingsError(INSTALL)


def _check_answers(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise SettingsError(f"--ray {address}: an address is HOST:PORT, as `ray start --head` prints it.")
    # Ray itself waits for more than a minute, and then ends the process. This one's network may be shut.
    code = f"from socket import create_connection; create_connection(({host!r}, {port}), {CONNECT_SECONDS})"
    if subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode:
        raise SettingsError(
            f"--ray {address}: nothing answers there. Check the address, and that the cluster runs: "
            "ray status."
        )


def _short(folder: Path) -> Path:
    """A folder of our own below folder, or below the system's where sockets would have too long a name."""
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    _clear(folder)
    able = (str(each) for each in (folder, tempfile.gettempdir()) if len(str(each)) <= LONGEST_FOLDER)
    return Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=next(able, "/tmp")))


def _clear(folder: Path) -> None:
    """Remove what processes left behind that were killed."""
    for left in folder.iterdir():
        pid = left.name.partition("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)


def _end(folder: Path | None, environment: dict[str, str]) -> None:
    import ray

    ray.shutdown()
    os.environ.clear()
    os.environ.update(environment)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


def _why(error: Exception) -> str:
    return "died" if "Unavailable" in type(error).__name__ or "Died" in type(error).__name__ else "was lost"
