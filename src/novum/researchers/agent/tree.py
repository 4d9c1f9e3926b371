"""The throw-away directory in which an agent works, and what it really changed there.

It is a git repository of its own, for the agent's use. We never run git in it once the agent was
there, because a repository's own settings can run programs: the files are compared by ourselves.
No link is followed, and no more is read than a bounded size.
"""

import hashlib
import os
import re
import stat
import subprocess
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TypeVar

from novum.errors import ResearcherError
from novum.patch import edits_between
from novum.records import Edit
from novum.repo import Entry, Repo
from novum.researchers.agent.words import NOTE
from novum.sandbox import erase
from novum.worktree import LINK, Worktree

BRIEFING = ".novum-briefing.md"
PROMPT = ".novum-prompt.md"
OURS = (BRIEFING, PROMPT, NOTE)
LARGEST = 2 * 1024 * 1024  # bytes of an editable file
_LARGEST_FROZEN = 64 * 1024 * 1024
_MOST_FILES = 200_000
_SHOWN = 4000  # characters of what may not be changed at all
_UNDECODED = re.compile(r"[\udc80-\udcff]")
_LITTER = ("__pycache__", "*.pyc", ".pytest_cache", ".ruff_cache", ".mypy_cache", ".DS_Store")
_GIT = ("git", "-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", "-c", "commit.gpgsign=false")

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs from the parent: `edits` of editable files, and what is refused, with why.

    `foreign` are the refused changes as edits, as far as edits can say them: they never apply,
    and the machine says why.
    """

    edits: tuple[Edit, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    foreign: tuple[Edit, ...] = ()


class Tree:
    """The agent's directory, at one parent commit."""

    def __init__(
        self, repo: Repo, directory: Path, editable: Collection[str], litter: Collection[str] = ()
    ) -> None:
        self.directory = directory
        self._repo = repo
        self._editable = frozenset(editable)
        self._litter = (*_LITTER, *litter)
        self._entries: dict[str, Entry] = {}

    def make(self, parent: str, briefing: str) -> None:
        """Fill it anew with the parent's files, whatever it held before.

        Raises:
            OSError: if the disk does not take it.
            ResearcherError: if git is not there.
        """
        self._entries = self._repo.entries(parent)
        Worktree(self._repo, self.directory).fill(parent)
        self._make_repository()
        self.write(BRIEFING, briefing)

    def write(self, name: str, text: str) -> None:
        """Put a text of ours beside the files."""
        put(self.directory / name, text)

    def note(self) -> str:
        """What the agent wrote about its change; empty if it wrote nothing."""
        content = read_beneath(self.directory, NOTE, 65536)
        return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""

    def forget_note(self) -> None:
        """Remove the agent's note."""
        erase(self.directory / NOTE)

    def changes(self) -> Changes:
        """What differs now from the parent. For a verdict, the agent must have ended."""
        before: dict[str, str] = {}
        after: dict[str, str] = {}
        refused: list[tuple[str, str]] = []
        foreign: list[Edit] = []
        for path, found in self._found():
            if path in self._editable:
                old = self._entries.get(path)
                if old is not None:
                    before[path] = self._repo.blob(old.blob).decode("utf-8", "surrogateescape")
                text, why = _text(found)
                if not why:
                    after[path] = text
                    continue
                refused.append((path, why))
                foreign += [Edit(path, None, text)] if text else []
            elif why := self._trespass(path, found):
                refused.append((path, why))
                shown = found.decode("utf-8", "replace") if isinstance(found, bytes) else ""
                foreign.append(Edit(path, None, shown[:_SHOWN]))
        return Changes(edits_between(before, after), tuple(refused), tuple(foreign))

    def _found(self) -> Iterator[tuple[str, "bytes | str | None"]]:
        """Each file that may differ: its content, None if it is gone, or why it is no file."""
        seen: set[str] = set()
        for path, facts in _walk(self.directory):
            if len(seen) > _MOST_FILES:
                break
            seen.add(path)
            if path in self._editable:
                yield path, _content(self.directory, path, facts, LARGEST)
            elif path in self._entries or not self._is_litter(path):
                most = _LARGEST_FROZEN if path in self._entries else _SHOWN
                yield path, _content(self.directory, path, facts, most)
        for path in sorted(self._entries.keys() - seen):
            yield path, None

    def _trespass(self, path: str, found: "bytes | str | None") -> str:
        """Why this state of a file that is not editable is refused; empty if it is as it was."""
        entry = self._entries.get(path)
        if entry is None:
            return "is new"
        if found is None:
            return "is gone"
        if entry.mode == LINK:
            target = read_link(self.directory, path)
            return "" if target == self._repo.blob(entry.blob) else "is changed"
        if isinstance(found, str):
            return found
        return "" if _blob_id(found) == entry.blob else "is changed"

    def _is_litter(self, path: str) -> bool:
        """Whether a new file is none of the change: what programs leave, what git ignores."""
        parts = path.split("/")
        if path in OURS or any(fnmatch(p, pattern) for p in parts for pattern in self._litter):
            return True
        return ".git" not in parts and self._repo.ignores(path)

    def _make_repository(self) -> None:
        _git(self.directory, "init", "-q", "--template=", "-b", "main", ".")
        exclude = self.directory / ".git" / "info" / "exclude"
        exclude.parent.mkdir(exist_ok=True)
        exclude.write_text("".join(f"/{name}\n" for name in OURS))
        for name, value in (("user.name", "agent"), ("user.email", "agent@localhost")):
            _git(self.directory, "config", name, value)
        _git(self.directory, "add", "-A", "-f", ".")
        _git(self.directory, "commit", "-q", "--allow-empty", "--no-verify", "-m", "the parent")


def _git(directory: Path, *arguments: str) -> None:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    quiet = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    try:
        done = subprocess.run(
            [*_GIT, *arguments],
            cwd=directory,
            env=inherited | quiet,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise ResearcherError("git is not installed, and the agent's tree needs it") from None
    if done.returncode != 0:
        told = done.stderr.strip() or "it gave no reason"
        raise ResearcherError(f"git could not make the agent's tree in {directory}: {told}")


def put(target: Path, text: str) -> None:
    """Write a file of ours in a directory where anything may be in its place."""
    erase(target)
    with target.open("x", encoding="utf-8", errors="replace") as file:
        file.write(text)


# -- reading what somebody else made --------------------------------------------------------------


def _walk(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """All that is no directory, by its path; links are not followed, the top `.git` is left out."""
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        try:
            with os.scandir(root / prefix) as items:
                entries = sorted(items, key=lambda item: item.name)
        except OSError:
            continue  # locked, too deep, or gone: what should be in it counts as gone
        for item in entries:
            path = prefix + item.name
            if path == ".git":
                continue
            try:
                facts = item.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(facts.st_mode):
                waiting.append(path + "/")
            else:
                yield _named(path), facts


def _named(path: str) -> str:
    """A path as text that can be stored: what is no UTF-8 in it is replaced."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _content(root: Path, path: str, facts: os.stat_result, most: int) -> bytes | str:
    if stat.S_ISLNK(facts.st_mode):
        return "is a link"
    if not stat.S_ISREG(facts.st_mode):
        return "is no ordinary file"
    if facts.st_size > most > _SHOWN:
        return f"is larger than {most // (1024 * 1024)} MB"
    return read_beneath(root, path, most)


def _text(found: "bytes | str | None") -> tuple[str, str]:
    """The text of an editable file, and why it is refused, if it is. One that is gone is empty."""
    if found is None:
        return "", ""
    if isinstance(found, str):
        return "", found
    text = found.decode("utf-8", "surrogateescape")
    wrong = _UNDECODED.search(text)
    if wrong is None:
        return text, ""
    return text[max(0, wrong.start() - 40) : wrong.end() + 40], "is not UTF-8 text"


def _blob_id(content: bytes) -> str:
    """The name that git gives to a content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def read_beneath(root: Path, path: str, most: int) -> bytes | str:
    """The beginning of an ordinary file below a directory; in words why not, if it is none.

    No link is followed on the way, so nothing outside can be reached, whoever makes links now.
    """
    try:
        descriptor = open_beneath(root, path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return "is no ordinary file"
        return file.read(most)


def read_link(root: Path, path: str) -> bytes:
    """Where a link below a directory points; empty if it is none."""
    head, _, name = path.rpartition("/")
    try:
        return _in_directory(root, head, lambda where: _link(name, where))
    except OSError:
        return b""


def _link(name: str, directory: int) -> bytes:
    return os.fsencode(os.readlink(name, dir_fd=directory))


def open_beneath(root: Path, path: str, flags: int, mode: int = 0o644) -> int:
    """Open a file below a directory, following no link.

    Raises:
        OSError: if that is not possible.
    """
    head, _, name = path.rpartition("/")
    flags |= os.O_NOFOLLOW | os.O_CLOEXEC
    return _in_directory(root, head, lambda where: os.open(name, flags, mode, dir_fd=where))


def _in_directory(root: Path, head: str, act: Callable[[int], Result]) -> Result:
    where = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in filter(None, head.split("/")):
            if part == "..":
                raise PermissionError(1, "it lies outside")
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=where)
            os.close(where)
            where = below
        return act(where)
    finally:
        os.close(where)


_ESCAPED = re.compile(r"[\x00-\x1f]")


def in_words(refused: Collection[tuple[str, str]]) -> str:
    """The first refused changes, in a line."""
    shown = [f"{_ESCAPED.sub('?', path)} {why}" for path, why in list(refused)[:5]]
    more = len(refused) - len(shown)
    return ", ".join(shown) + (f", and {more} more" if more else "")
