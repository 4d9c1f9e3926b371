"""Control groups of the kernel, where we may make them: as root, mostly.

They bound memory and the number of tasks exactly, and miss no processor time. Watching alone loses
against a fork bomb, and does not see children that are gone at once and that nobody waits for; the
kernel's limit on the processes of a user does not hold for root.
"""

import itertools
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from novum.sandbox.supervisor import send

_ROOT = Path("/sys/fs/cgroup")
_SIGKILL = 9
_ACCOUNTS = ("cpu.stat", "cpuacct.usage")  # where the processor time of all members stands
_numbers = itertools.count()


class Group:
    """The groups of one command: none where we may not make any."""

    def __init__(self, memory_bytes: int, tasks: int) -> None:
        name = f"novum-{os.getpid()}-{next(_numbers)}"
        old = {"memory.limit_in_bytes": memory_bytes, "pids.max": tasks}
        new = {"memory.max": memory_bytes, "pids.max": tasks}
        self._paths = [
            path
            for parent, old_style in _parents()
            if (path := _make(parent / name, old if old_style else new))
        ]

    @property
    def joining(self) -> str:
        """The files into which a process writes 0 to become a member, for a shell."""
        # In the older hierarchies moving a single task is much quicker than a whole process.
        files = [path / "tasks" for path in self._paths]
        return " ".join(
            f"'{file if file.exists() else file.with_name('cgroup.procs')}'" for file in files
        )

    def cpu_seconds(self) -> float:
        """The processor time of all members so far; 0 where the kernel does not count it."""
        for path in self._paths:
            for line in _read(path / "cpu.stat").splitlines():
                if line.startswith("usage_usec "):
                    return int(line.split()[1]) / 1e6
            if nanoseconds := _read(path / "cpuacct.usage"):
                return int(nanoseconds) / 1e9
        return 0.0

    def ran_out_of_memory(self) -> bool:
        """Whether the kernel ended a member for its memory."""
        for path in self._paths:
            for name in ("memory.events", "memory.oom_control"):
                for line in _read(path / name).splitlines():
                    if line.startswith("oom_kill ") and line != "oom_kill 0":
                        return True
        return False

    def extinguish(self) -> None:
        """End all members, wherever they hang in the tree of processes."""
        for path in self._paths:
            while members := _read(path / "cgroup.procs").split():
                for pid in members:
                    send(int(pid), _SIGKILL)
                time.sleep(0.0005)

    def close(self) -> None:
        """End what is left, and remove the groups."""
        self.extinguish()
        for path in self._paths:
            for _ in range(200):
                try:
                    path.rmdir()
                    break
                except OSError:
                    time.sleep(0.001)
        self._paths = []


def _parents() -> Iterator[tuple[Path, bool]]:
    """Our own groups in the hierarchies that matter, and whether they are of the older kind."""
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        _, controllers, path = line.split(":", 2)
        for name in {"pids", "memory", "cpuacct"}.intersection(controllers.split(",")):
            yield _ROOT / name / path.lstrip("/"), True
        if not controllers and (_ROOT / "cgroup.controllers").exists():
            yield _ROOT / path.lstrip("/"), False


def _make(path: Path, limits: Mapping[str, int]) -> Path | None:
    """A new group with those limits that its controllers know; None if it would do nothing."""
    try:
        path.mkdir()
    except OSError:
        return None
    set_limits = [_set(path / name, value) for name, value in limits.items()]
    if any(set_limits) or any((path / name).exists() for name in _ACCOUNTS):
        return path
    path.rmdir()
    return None


def _set(file: Path, value: int) -> bool:
    try:
        descriptor = os.open(file, os.O_WRONLY)
    except OSError:
        return False
    try:
        return os.write(descriptor, str(value).encode()) > 0
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
