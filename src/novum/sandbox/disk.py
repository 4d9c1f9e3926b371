"""How much disk a command has filled in some directories, found out a little at a time.

What counts are files that were written or changed since the start, by the one time of a file that
no unprivileged process can set; so nothing needs to be measured before the command runs. If the
system's clock is set back meanwhile, files of just before the start may count too.
"""

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

_BLOCK = 512
_ENTRY = 1024  # what a file costs the disk beside its blocks, so that empty ones run out, too
_STEP = 0.004
_TICK = 0.01  # a file system's clock may lag by so much


class DiskUsage:
    """The disk filled since this was made. Each `step` takes a few milliseconds at most."""

    def __init__(self, directories: Sequence[Path]) -> None:
        self._since = time.time() - _TICK
        self._started = time.monotonic()
        self._directories = [str(directory) for directory in directories]
        self._walk = self._measure()
        self.total = 0  # in bytes, as of the last complete walk, or more if that is known

    def step(self, seconds: float = _STEP) -> bool:
        """Look a little further; whether a walk has been completed."""
        end = time.monotonic() + seconds
        for size in self._walk:
            self.total = max(self.total, size)
            if time.monotonic() >= end:
                return False
        self._walk = self._measure()
        return True

    def _measure(self) -> Iterator[int]:
        size = 0
        start = time.time() - (time.monotonic() - self._started)  # by the clock as it is set now
        self._since = min(self._since, start - _TICK)
        waiting = list(self._directories)
        while waiting:
            for part in self._list(waiting.pop(), waiting):
                size += part
                yield size
        self.total = size

    def _list(self, directory: str, waiting: list[str]) -> Iterator[int]:
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    facts = entry.stat(follow_symlinks=False)
                    new = facts.st_ctime >= self._since
                    yield facts.st_blocks * _BLOCK + _ENTRY if new else 0
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:
            return  # it changes while we look
