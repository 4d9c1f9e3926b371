"""The lab's lock: one machine at a time; the system frees it when the process ends."""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from novum.errors import UsageError

ATTEMPTS, PAUSE = 20, 0.02  # seconds between attempts


@contextlib.contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold the lock for as long as the context lasts.

    Raises:
        UsageError: if another process holds it.
    """
    with path.open("a+") as file:
        if not _taken(file, path):
            pid, _ = _written(path)
            raise UsageError(
                f"a campaign is already running in this lab (process {pid}); "
                "see `novum status`, end it with `novum stop`"
            )
        file.truncate(0)
        file.write(f"{os.getpid()} {time.time()}\n")
        file.flush()
        yield


def _taken(file: TextIO, path: Path) -> bool:
    """Take the lock; somebody who only looks (`is_held`) has it for a moment, so try again."""
    for _ in range(ATTEMPTS):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _end_heirs(path)
            time.sleep(PAUSE)
        else:
            return True
    return False


def _end_heirs(path: Path) -> None:
    """End what a dead holder had forked, and that was stopped before it became a program.

    It has all of the holder's files, so the lock too, and would have it for ever.
    """
    pid, _ = _written(path)
    if not pid or Path(f"/proc/{pid}").exists():
        return
    for heir in Path("/proc").glob("[0-9]*"):
        try:
            stopped = (heir / "stat").read_text().rpartition(")")[2].split()[0] == "T"
            if stopped and any(fd.readlink() == path.resolve() for fd in (heir / "fd").iterdir()):
                os.kill(int(heir.name), signal.SIGKILL)
        except OSError:  # it has ended, or is somebody else's
            continue


def is_held(path: Path) -> bool:
    """Whether some process holds the lock."""
    try:
        with path.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def holder(path: Path) -> tuple[int, float] | None:
    """The process that holds the lock, and since when; None if nobody does."""
    return _written(path) if is_held(path) else None


def _written(path: Path) -> tuple[int, float]:
    """What the holder wrote, which it may be about to do."""
    words = path.read_text().split()
    return (int(words[0]), float(words[1])) if len(words) == 2 else (0, 0.0)
