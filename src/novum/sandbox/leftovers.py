"""What a machine that was killed could not remove: control groups, and temporary directories.

Both bear the name of the machine that made them, so that a later one knows whose they are: the
namespace that its number is of, the number, and when it started, for numbers are used again.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from novum.sandbox import group
from novum.sandbox.supervisor import read_bytes, send
from novum.sandbox.tree import discard

_NAME = re.compile(r"novum-(\d+-(\d+)-\d+)-\w+")
_SIGKILL = 9
_START_TIME = 19  # fields of /proc/PID/stat after the program's name


def own_name() -> str:
    """What the names of all that this process makes begin with."""
    return f"novum-{_identity(os.getpid())}-"


def marked(bubblewrap: str) -> list[str]:
    """The sandbox's program, with words of no effect by which `sweep` knows whose it is."""
    return [bubblewrap, "--unsetenv", own_name()]


def sweep() -> None:
    """Remove what machines left that run no more, and end what still runs of them."""
    for parent in group.parents():
        for path in _abandoned(parent):
            group.remove(path)
    for pid in _orphans():
        send(pid, _SIGKILL)
    for path in _abandoned(Path(tempfile.gettempdir())):
        discard(path)


def _abandoned(directory: Path) -> Iterator[Path]:
    return (path for path in directory.glob("novum-*") if _is_dead(path.name))


def _orphans() -> Iterator[int]:
    """Commands whose machine was killed just before their lives were tied to its own.

    Until then the machine's name is among their words.
    """
    for path in Path("/proc").glob("[0-9]*"):
        words = read_bytes(f"{path}/cmdline").decode(errors="replace").split("\0")
        if any(word.endswith("-") and _is_dead(f"{word}0") for word in words):
            yield int(path.name)


def _is_dead(name: str) -> bool:
    """Whether what bears this name was made by a machine of this system that runs no more."""
    ours = _identity(os.getpid()).partition("-")[0]
    found = _NAME.fullmatch(name)
    if found is None or not found[1].startswith(f"{ours}-"):
        return False
    return _identity(int(found[2])) != found[1]


def _identity(pid: int) -> str:
    """A process by its namespace, its number, and when it started; zeros where that is unknown."""
    try:
        namespace = os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116  quicker
    except OSError:
        return f"0-{pid}-{int(_runs(pid))}"
    fields = read_bytes(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return f"{namespace}-{pid}-{int(fields[_START_TIME]) if fields else 0}"


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
