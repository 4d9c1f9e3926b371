"""A small disk of its own for a lab: it can be filled, made read-only, and cut off from its power.

An ext4 image, mounted in this process's own mount namespace; its power is cut by the file system's
own call for that, which forgets all that was not synchronised. Where such a disk cannot be had (no
root, no loop devices) it is a tmpfs, or just a directory, and `able` says what is left out.
"""

import ctypes
import fcntl
import os
import shutil
import struct
import subprocess
from pathlib import Path

SIZE_MB = 96
SHUTDOWN = 0x8004587D  # FS_IOC_SHUTDOWN
WITHOUT_LOG = 2
NEW_MOUNTS = 0x00020000
FULL, READ_ONLY, POWER = "full disk", "read-only disk", "power cut"


def in_own_namespace() -> bool:
    """Whether mounts made from now on are this process's own; else none are made."""
    done = ctypes.CDLL(None).unshare(NEW_MOUNTS) == 0  # `os.unshare` comes with Python 3.12
    return done and _run("mount", "--make-rprivate", "/")


def _run(*words: object) -> bool:
    try:
        return subprocess.run([str(w) for w in words], capture_output=True).returncode == 0
    except OSError:
        return False


class Disk:
    """Mounted at `place`."""

    def __init__(self, place: Path, private: bool) -> None:
        self.place = place
        self._image = place.with_suffix(".img")
        self._ballast = place / "ballast"
        self.able: frozenset[str] = frozenset()
        place.mkdir()
        if private and self._make_image() and self._mount():
            self.able = frozenset({FULL, READ_ONLY, POWER})
        elif private and _run("mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", place):
            self.able = frozenset({FULL, READ_ONLY})

    def _make_image(self) -> bool:
        with self._image.open("wb") as file:
            file.truncate(SIZE_MB << 20)
        return _run("mkfs.ext4", "-q", "-m", "0", "-b", "4096", self._image)

    def _mount(self) -> bool:
        return _run("mount", "-o", "loop", self._image, self.place)

    def synchronise(self) -> None:
        """What was written up to now is on the disk."""
        if self.able:
            subprocess.run(["sync", "-f", str(self.place)], check=True)

    def fill(self, leave_kb: int) -> None:
        """Fill it up to so many kilobytes."""
        free = shutil.disk_usage(self.place).free - (leave_kb << 10)
        descriptor = os.open(self._ballast, os.O_WRONLY | os.O_CREAT)
        try:
            os.posix_fallocate(descriptor, 0, max(1, free))
        except OSError:
            pass
        finally:
            os.close(descriptor)

    def read_only(self) -> None:
        """Let nothing be written; only while nobody has files open for writing."""
        assert _run("mount", "-o", "remount,ro", self.place)

    def cut_power(self) -> None:
        """From now on every access fails, and what was not synchronised is lost."""
        descriptor = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", WITHOUT_LOG))
        finally:
            os.close(descriptor)

    def mend(self, fault: str) -> None:
        """Undo a fault, once nobody uses the disk any more."""
        if fault == FULL:
            self._ballast.unlink(missing_ok=True)
            _run("sync", "--file-system", self.place)  # else a power cut brings it back
        elif fault == READ_ONLY:
            assert _run("mount", "-o", "remount,rw", self.place)
        elif fault == POWER:
            assert _run("umount", self.place), "somebody still uses the disk"
            assert self._mount()

    def close(self) -> None:
        """Unmount it, and remove it."""
        if self.able:
            _run("umount", "--lazy", self.place)  # our own git may still map its packs
        shutil.rmtree(self.place, ignore_errors=True)
        self._image.unlink(missing_ok=True)
