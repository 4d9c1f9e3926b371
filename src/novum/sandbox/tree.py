"""A tree of files that somebody made who means ill: all that is in it, and its removal.

It may be deeper than a path can name and than Python can recurse, and locked, and may change
while it is looked at.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_LONGEST = 4000  # bytes of a path that every system takes at once


def everything(tree: Path) -> Iterator[os.stat_result]:
    """The facts of a tree and all in it, whatever its depth; what cannot be seen is left out."""
    waiting = [os.fsencode(tree)]
    with suppress(OSError):
        yield os.lstat(tree)
    while waiting:
        path = waiting.pop()
        with suppress(OSError):  # it changes while we look, or is locked
            for entry in _entries(path):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path + b"/" + os.fsencode(entry.name))
                yield entry.stat(follow_symlinks=False)


def _entries(path: bytes) -> Iterator["os.DirEntry[str]"]:
    descriptor = _open(path)
    try:
        with os.scandir(descriptor) as entries:
            yield from entries
    finally:
        os.close(descriptor)


def _open(path: bytes) -> int:
    """A directory's descriptor; a path that is too long for the system is walked in pieces."""
    inside: int | None = None
    while True:
        cut = len(path) if len(path) <= _LONGEST else path.rindex(b"/", 0, _LONGEST)
        try:
            descriptor = os.open(path[:cut], os.O_RDONLY | os.O_DIRECTORY, dir_fd=inside)
        finally:
            if inside is not None:
                os.close(inside)
        inside, path = descriptor, path[cut:].lstrip(b"/")
        if not path:
            return descriptor


def discard(directory: Path) -> None:
    """Remove a tree as far as that can be done now: another time is good enough."""
    with suppress(OSError):
        erase(directory)


def erase(directory: Path) -> None:
    """Remove a tree, also one that was made hard to remove; what is not there is no error.

    Raises:
        OSError: if something of it is left.
    """
    if directory.is_symlink() or not directory.is_dir():
        directory.unlink(missing_ok=True)
        return
    try:
        shutil.rmtree(directory)
    except FileNotFoundError:
        return
    except (OSError, RecursionError) as error:
        # Locked, or deeper than a path can name: the system's own tools know how.
        for command in (["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
            subprocess.run([*command, "--", str(directory)], capture_output=True, check=False)
        if directory.exists():
            raise OSError(f"{directory} cannot be removed: {error}") from None
