"""What a process may take is what its control groups leave, in either version of them."""

from pathlib import Path

from opro_local.engine.free_memory import group_rooms


def group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def membership(folder: Path, text: str) -> Path:
    (folder / "cgroup").write_text(text)
    return folder / "cgroup"


def test_version_2_counts_every_limit_on_the_way_up_and_cached_files_as_free(tmp_path: Path) -> None:
    mount = tmp_path / "groups"
    group(
        mount / "app",
        memory__max="1000\n",
        memory__current="700\n",
        memory__stat="anon 400\ninactive_file 50\n",
    )
    group(mount / "app" / "run", memory__max="max\n", memory__current="600\n")
    own = membership(tmp_path, "0::/app/run\n")
    assert list(group_rooms(own, mount)) == [350]


def test_version_1_is_read_from_its_memory_controller(tmp_path: Path) -> None:
    mount = tmp_path / "groups"
    limit = {"memory__limit_in_bytes": "900", "memory__usage_in_bytes": "1000"}
    group(mount / "memory" / "box", **limit, memory__stat="total_inactive_file 300\ninactive_file 1\n")
    own = membership(tmp_path, "2:cpu,cpuacct:/box\n4:memory:/box\n")
    assert list(group_rooms(own, mount)) == [200]


def test_a_container_reads_the_mount_where_its_path_is_not_to_be_seen(tmp_path: Path) -> None:
    mount = tmp_path / "groups"
    group(mount, memory__max="500", memory__current="600")
    own = membership(tmp_path, "0::/outside/box\n")
    assert list(group_rooms(own, mount)) == [0]


def test_a_system_without_control_groups_sets_no_limit(tmp_path: Path) -> None:
    assert list(group_rooms(tmp_path / "none", tmp_path)) == []
