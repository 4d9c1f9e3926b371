"""How much disk a command has filled in some directories, found out a little at a time.

What counts are files that were written or changed since the start, by the one time of a file that
no unprivileged process can set; so nothing needs to be measured before the command runs. If the
system's clock is set back meanwhile, files of just before the start may count too. Files that it
removed count while it has them open. What hides from both is bounded by what the disk has left.
"""

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from novum.sandbox.tree import everything

_BLOCK = 512
_ENTRY = 1024  # what a file costs the disk beside its blocks, so that empty ones run out, too
_STEP = 0.004
_TICK = 0.01  # a file system's clock may lag by so much
_SPARED = 0.25  # of what is free: this much is left to others, or `limit` if that is less


class DiskUsage:
    """The disk filled since this was made. Each `step` takes a few milliseconds at most.

    `family` gives the processes whose open files count; `limit` is in bytes.
    """

    def __init__(
        self,
        directories: Sequence[Path],
        family: Callable[[], Iterable[int]] = tuple,
        limit: int = 0,
    ) -> None:
        self._since = time.time() - _TICK
        self._started = time.monotonic()
        self._directories = directories
        self._devices = {directory.stat().st_dev for directory in directories}
        self._family = family
        self._spared = {
            directory: min(limit, int(_SPARED * _free(directory))) for directory in directories
        }
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

    def is_full(self) -> bool:
        """Whether hardly anything is left to others, whoever has filled the disk."""
        try:
            return any(_free(directory) < spared for directory, spared in self._spared.items())
        except OSError:
            return False  # a directory is gone, which is noticed elsewhere

    def _measure(self) -> Iterator[int]:
        size = 0
        start = time.time() - (time.monotonic() - self._started)  # by the clock as it is set now
        self._since = min(self._since, start - _TICK)
        for directory in self._directories:
            for facts in everything(directory):
                new = facts.st_ctime >= self._since
                size += facts.st_blocks * _BLOCK + _ENTRY if new else 0
                yield size
        removed: set[tuple[int, int]] = set()
        for facts in self._open_files():
            file = facts.st_dev, facts.st_ino
            gone = stat.S_ISREG(facts.st_mode) and not facts.st_nlink
            if gone and facts.st_dev in self._devices and file not in removed:
                removed.add(file)
                size += facts.st_blocks * _BLOCK
            yield size
        self.total = size

    def _open_files(self) -> Iterator[os.stat_result]:
        for pid in self._family():
            try:
                for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                    with suppress(OSError):
                        yield descriptor.stat()
            except OSError:
                continue  # it has ended


def _free(directory: Path) -> int:
    """Bytes that an ordinary user may still write where a directory is."""
    facts = os.statvfs(directory)
    return facts.f_bavail * facts.f_frsize
