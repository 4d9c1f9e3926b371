"""A command to run: what it may see, what it may use."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from novum.errors import SandboxError

_SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")
_PASSED_ON = ("CUDA_VISIBLE_DEVICES",)
_MB = 1024 * 1024
Value = str | Path | tuple[str | Path, ...]


def search_path() -> str:
    """Where commands are looked for: beside the Python that runs Novum, then in the system."""
    return os.pathsep.join((str(Path(sys.executable).parent), *_SYSTEM_PATH))


@dataclass(frozen=True, slots=True)
class Limits:
    """What a command may use. Seconds are wall time."""

    seconds: float
    memory_mb: float = 16000
    disk_mb: float = 4000  # what it adds to its writable directories
    log_mb: float = 16
    processes: int = 512

    @property
    def file_bytes(self) -> int:
        """The largest single file."""
        return int(self.disk_mb * _MB)

    @property
    def tasks(self) -> int:
        """The kernel's backstop for processes and their threads together."""
        return 4 * self.processes + 256

    @property
    def group_bytes(self) -> int:
        """The memory at which the kernel ends the command; a little more than what is allowed.

        This is exact, but counts files in memory too, so we look first.
        """
        return int((1.05 * self.memory_mb + 32) * _MB)

    @property
    def data_bytes(self) -> int:
        """The kernel's backstop for one process, against growth too quick to be seen.

        Wide, because thread stacks, arenas and copy-on-write mappings count in full; and about
        written memory only, because CUDA reserves addresses without end.
        """
        return int((2 * self.memory_mb + 4096) * _MB)


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or directory of ours, and where the command sees it when it is confined."""

    source: Path
    inside: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """One command. Paths are ours; the sandbox translates those in `cwd` and `environment`.

    Several paths in one variable are joined, as in PATH.
    """

    argv: tuple[str, ...]
    cwd: Path
    limits: Limits
    mounts: tuple[Mount, ...] = ()
    environment: Mapping[str, Value] = field(default_factory=dict)
    readable: tuple[str, ...] = ()  # further paths to read, seen where they are
    gpu: bool = False
    network: bool = False
    internet_sockets: bool = False  # within its own, empty network; with `network` anyway
    passed: tuple[str, ...] = ()  # variables of the person's that it gets, by name
    hidden: tuple[str, ...] = ()  # directories that it must not see, wherever they are mounted
    descriptors: tuple[int, ...] = ()  # of ours that it gets, under the same numbers
    talks: bool = False  # we speak to it by its standard input and output; it logs to the other

    def inside(self, path: Path) -> str:
        """Where a confined command sees a path of ours."""
        for mount in self.mounts:
            if path.is_relative_to(mount.source):
                rest = path.relative_to(mount.source)
                return mount.inside if rest == Path() else f"{mount.inside}/{rest}"
        raise ValueError(f"{path} is not mounted")

    def variables(self, confined: bool, temporary: str) -> dict[str, str]:
        """The whole environment: nothing of the person's is in it."""
        clean = {
            "PATH": search_path(),
            "HOME": temporary,
            "TMPDIR": temporary,
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        passed = {
            name: os.environ[name] for name in (*_PASSED_ON, *self.passed) if name in os.environ
        }

        def text(value: Value) -> str:
            if isinstance(value, str):
                return value
            if isinstance(value, tuple):
                return os.pathsep.join(map(text, value))
            return self.inside(value) if confined else str(value)

        return clean | passed | {name: text(value) for name, value in self.environment.items()}

    def program(self, path: str) -> str:
        """The program to run; `python` is the interpreter that runs Novum.

        Raises:
            SandboxError: if there is no such program on the command's own PATH.
        """
        name = self.argv[0]
        if name == "python":
            return sys.executable
        if "/" in name or shutil.which(name, path=path):
            return name
        raise SandboxError(
            f"`{name}` was not found on the trial's PATH ({path}): install it for all users, "
            f"or give its full path and add its directory to `readable` in [sandbox]"
        )
