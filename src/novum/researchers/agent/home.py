"""The private home of an agent: of the person's own it holds what the agent needs, and no more.

Files are lent as copies, so that nothing of the agent's comes into the person's home. Credentials
are the exception: providers renew them while they are used, and the old ones become worthless. So
what the agent renewed is taken back, if the person's own is still the one that was lent.
"""

import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from novum.researchers.agent.tree import read_beneath
from novum.sandbox import erase

_LARGEST = 1024 * 1024  # bytes of one lent file
_MOST = 200  # files of a lent directory
_RECORD = "lent.json"


class Home:
    """The private home at `directory`/home; beside it is noted what was lent."""

    def __init__(self, directory: Path, own: Path) -> None:
        """`own` is the person's home."""
        self.path = directory / "home"
        self._record = directory / _RECORD
        self._own = own

    def lend(self, credentials: Iterable[str], config: Iterable[str]) -> None:
        """Put fresh copies of these of the person's files into it, as far as they exist.

        Raises:
            OSError: if the disk does not take them.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lent: dict[str, str] = {}
        for path in credentials:
            digest = self._copy(path)
            if digest:
                lent[path] = digest
        self._record.write_text(json.dumps(lent))
        for path in config:
            for file in self._files(path):
                self._copy(file)

    def take_back(self) -> None:
        """Give the person the credentials that were renewed, unless theirs changed meanwhile."""
        try:
            lent: Mapping[str, str] = json.loads(self._record.read_text())
        except (OSError, ValueError):
            return
        for path, digest in lent.items():
            renewed = read_beneath(self.path, path, _LARGEST + 1)
            if isinstance(renewed, bytes) and _credentials(renewed) and _digest(renewed) != digest:
                with suppress(OSError):
                    self._replace(path, renewed, digest)
        self._record.unlink(missing_ok=True)

    def _replace(self, path: str, content: bytes, lent: str) -> None:
        target = (self._own / path).resolve()
        if _digest(target.read_bytes()) != lent:
            return
        descriptor, name = tempfile.mkstemp(dir=target.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        shutil.copymode(target, name)
        Path(name).replace(target)

    def _files(self, path: str) -> list[str]:
        """The files that a path of the person's home stands for."""
        source = self._own / path
        if not source.is_dir():
            return [path]
        found = (file for file in sorted(source.rglob("*")) if "node_modules" not in file.parts)
        files = [file for file in found if file.is_file() and not file.is_symlink()]
        return [str(file.relative_to(self._own)) for file in files[:_MOST]]

    def _copy(self, path: str) -> str:
        """Copy one file; its digest, or nothing if it is not there or not what one would lend."""
        source, target = self._own / path, self.path / path
        try:
            facts = source.stat()
            if not stat.S_ISREG(facts.st_mode) or facts.st_size > _LARGEST:
                return ""
            content = source.read_bytes()
        except OSError:
            return ""
        self._make_room(target)
        target.write_bytes(content)
        target.chmod(0o600)
        return _digest(content)

    def _make_room(self, target: Path) -> None:
        """See that there is a place for a file: the agent may have put anything there."""
        for directory in reversed(target.relative_to(self.path).parents):
            place = self.path / directory
            if place.is_symlink() or (place.exists() and not place.is_dir()):
                place.unlink()
            place.mkdir(mode=0o700, exist_ok=True)
        erase(target)


def _credentials(content: bytes) -> bool:
    """Whether this can be a file of credentials: one JSON object, of an ordinary size."""
    try:
        return len(content) <= _LARGEST and isinstance(json.loads(content), dict)
    except (ValueError, RecursionError):
        return False


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
