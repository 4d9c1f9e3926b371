"""Where everything of the machine is in a lab's directory."""

import os
from pathlib import Path

HOME = ".novum"
CACHE = "cache"  # below it: what evaluators remember from trial to trial


def make_home(lab: Path) -> Path:
    """The machine's directory in a lab, made if need be; the person's git does not see it.

    Nor do other users: held-out data is in it, and programs that candidates left as the person.
    """
    home = lab.resolve() / HOME
    home.mkdir(mode=0o700, exist_ok=True)
    ignored = home / ".gitignore"
    if not ignored.exists() or ignored.stat().st_size == 0:  # a full disk, or a kill, leaves it so
        with ignored.open("w") as file:
            file.write("*\n")
            file.flush()
            os.fsync(file.fileno())
        for directory in (home, home.parent):  # else the power may take away what is in them
            _synchronise(directory)
    return home


def _synchronise(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
