"""The lab's lock: one machine at a time; the system frees it when the process ends."""

import contextlib
import fcntl
import os
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
        if not _taken(file):
            file.seek(0)
            raise UsageError(
                f"a campaign is already running in this lab (process {file.read().strip()}); "
                "see `novum status`, end it with `novum stop`"
            )
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _taken(file: TextIO) -> bool:
    """Take the lock; somebody who only looks (`is_held`) has it for a moment, so try again."""
    for _ in range(ATTEMPTS):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(PAUSE)
        else:
            return True
    return False


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
