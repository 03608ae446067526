"""Several searches at once, each in a thread of its own, on the workers of one host."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from threading import Event
from typing import TypeVar

from opro_local.errors import Interrupted
from opro_local.wiring.host import Host

T = TypeVar("T")


def all_searched(searches: Sequence[Callable[[Host], T]], host: Host) -> list[T]:
    """What searches come to, in their order; as many go on at once as the host allows.

    The watcher is told how many are done. Where one fails, those under way stop when they have saved what
    they are at, and its error is raised.
    """
    return _one_by_one(searches, host) if host.searches == 1 else _in_threads(searches, host)


def _one_by_one(searches: Sequence[Callable[[Host], T]], host: Host) -> list[T]:
    results = []
    for search in searches:
        results.append(search(host))
        host.watcher.finished(len(results))
    return results


def _in_threads(searches: Sequence[Callable[[Host], T]], host: Host) -> list[T]:
    failed = Event()

    def after_commit() -> None:
        if failed.is_set():
            raise Interrupted("Stopped.")
        host.after_commit()

    own = replace(host, after_commit=after_commit)
    threads = ThreadPoolExecutor(host.searches)
    futures = [threads.submit(search, own) for search in searches]
    try:
        for number, future in enumerate(as_completed(futures), 1):
            future.result()
            host.watcher.finished(number)
    except BaseException as error:
        failed.set()
        threads.shutdown(wait=not isinstance(error, KeyboardInterrupt), cancel_futures=True)
        raise
    return [future.result() for future in futures]
