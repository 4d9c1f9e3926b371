"""Where a program is installed, so that a sandbox can show it: its files, and its interpreter's.

Agents come as npm packages, as Python tools, and as single files, mostly below the person's home.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LINKS = 40
_INTERPRETERS = 4


@dataclass(frozen=True, slots=True)
class Installation:
    """A program: its path, what it needs to be read, and the directories for its PATH."""

    program: str
    readable: tuple[str, ...]
    path: tuple[str, ...]


def find(program: str, path: str) -> Installation | None:
    """Where a program is installed; None if it is not on this PATH.

    `python` is the interpreter that runs Novum, as in a lab's commands.
    """
    named = sys.executable if program == "python" else shutil.which(program, path=path)
    if named is None:
        return None
    found = str(Path(named).absolute())
    readable: list[str] = []
    directories: list[str] = []
    waiting: list[str] = [found]
    for _ in range(_INTERPRETERS):
        if not waiting:
            break
        file = waiting.pop()
        directories.append(str(Path(file).parent))
        readable += _parts(file)
        interpreter = _interpreter(file, path)
        waiting += [interpreter] if interpreter else []
    # Programs find their own files from where they really are, but a Python from where it is named.
    real = found if program == "python" else str(Path(found).resolve())
    return Installation(real, tuple(dict.fromkeys(readable)), tuple(dict.fromkeys(directories)))


def _parts(file: str) -> Iterator[str]:
    """What belongs to one program: each link on the way, and the package around its end."""
    path = Path(file)
    for _ in range(_LINKS):
        yield _package(path)
        if not path.is_symlink():
            break
        path = Path(os.path.normpath(path.parent / path.readlink()))
    yield _package(Path(file).resolve())
    environment = Path(file).parent.parent / "pyvenv.cfg"
    if environment.is_file():
        yield from _python_home(environment)


def _package(path: Path) -> str:
    """The smallest directory that holds a program's own files; the file, if there is none."""
    if "node_modules" in path.parts:
        return str(Path(*path.parts[: path.parts.index("node_modules") + 1]))
    around = path.parent.parent
    if path.parent.name == "bin" and not _is_shared(around):
        return str(around)
    return str(path)


def _is_shared(directory: Path) -> bool:
    """Whether more than one program's files lie here: a home, or what programs share."""
    home = Path.home()
    return home.is_relative_to(directory) or directory in {home / ".local", Path("/usr/local")}


def _python_home(environment: Path) -> Iterator[str]:
    """The Python below a virtual environment."""
    for line in environment.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "home":
            place = Path(value.strip())
            yield _package(place / "python3")
            yield _package((place / "python3").resolve())


def _interpreter(file: str, path: str) -> str:
    """The program that a script names in its first line."""
    try:
        with Path(file).open("rb") as script:
            first = script.readline(512)
    except OSError:
        return ""
    if not first.startswith(b"#!"):
        return ""
    words = first[2:].decode("utf-8", "replace").split()
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        found = shutil.which(words[0], path=path) if words else None
        return str(Path(found).absolute()) if found else ""
    return words[0] if words and Path(words[0]).is_file() else ""
