"""How many bytes this process may still take: what the device has, and no more than its group is allowed.

Linux kills a process that goes beyond what there is, so on the CPU the answer is asked for beforehand.
"""

from collections.abc import Iterator
from pathlib import Path

import psutil
import torch

MEMBERSHIP = Path("/proc/self/cgroup")
GROUPS = Path("/sys/fs/cgroup")

V1_NAMES = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
V2_NAMES = ("memory.max", "memory.current", "inactive_file")
"""A control group's limit, its usage, and the part of that (in memory.stat) that the system can take back."""


def free_bytes(device: torch.device) -> int:
    """What can still be taken on a device; devices without memory of their own have the machine's."""
    if device.type == "cuda":
        free: int = torch.cuda.mem_get_info(device)[0]
        cached: int = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return free + cached
    available: int = psutil.virtual_memory().available
    return min([available, *group_rooms(MEMBERSHIP, GROUPS)])


def resident_bytes(device: torch.device) -> int:
    """What this process holds already; on a GPU what torch holds, without the driver's own part."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    return int(psutil.Process().memory_info().rss)


def group_rooms(membership: Path, groups: Path) -> Iterator[int]:
    """What the process's control groups (versions 1 and 2), and those above them, leave it."""
    if not membership.exists():
        return
    for line in membership.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _rooms(groups, path, V2_NAMES)
        elif "memory" in controllers.split(","):
            yield from _rooms(groups / "memory", path, V1_NAMES)


def _rooms(mount: Path, path: str, names: tuple[str, str, str]) -> Iterator[int]:
    """One number a limited group. A container may see only the mount of the groups that its path names."""
    limit_name, usage_name, reclaimable = names
    own = mount / path.lstrip("/")
    for group in (own, *own.parents):
        if group.is_relative_to(mount) and (group / limit_name).exists():
            limit = (group / limit_name).read_text().strip()
            if limit != "max":
                usage = int((group / usage_name).read_text())
                yield max(0, int(limit) - usage + _statistics(group / "memory.stat").get(reclaimable, 0))


def _statistics(file: Path) -> dict[str, int]:
    lines = file.read_text().splitlines() if file.exists() else []
    return {name: int(value) for name, _, value in (line.partition(" ") for line in lines)}
