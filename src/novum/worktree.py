"""A directory that is made to hold exactly the files of a commit, again and again, cheaply.

It remembers what it wrote (inode, size, and the times that no unprivileged process can forge), so
bringing it from one commit to the next touches only what differs, and after a trial one scan
tells what the trial changed. Content is read again only where the remembered facts disagree.
"""

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from novum.repo import Entry, Repo
from novum.sandbox import erase

Signature = tuple[int, int, int, int, int]
LINK = 0o120000
PLAIN = 0o100644
DIRECTORY = 0o755
_ATTRIBUTES = ("user.", "system.posix_acl")  # what a file's owner may set


class Worktree:
    """Files of a commit under `directory`, which belongs to this object alone."""

    def __init__(self, repo: Repo, directory: Path) -> None:
        self.directory = directory
        self._repo = repo
        self.was_gone = False  # whether the last restore() had to make the directory again
        self._made: tuple[int, int] | None = None  # the device and inode of the directory
        self._commit: str | None = None  # None: what the directory holds is not known
        self._edited: dict[str, bytes] = {}
        self._wanted: dict[str, Entry] = {}
        self._seen: dict[str, Signature] = {}
        # Just written: a change within the same tick of the clock would leave the times as they
        # are, so the content of these is compared at the next restore.
        self._unsure: set[str] = set()

    def fill(self, commit: str, files: Mapping[str, str] | None = None) -> None:
        """Make the directory hold the commit's files, some replaced by `files`, and no others.

        Raises:
            OSError: if the disk does not take them; the next call starts afresh.
        """
        edited = {path: text.encode("utf-8") for path, text in (files or {}).items()}
        if self._commit is None or not self.is_there():
            self._start_over(commit, edited)
            return
        changed = self._repo.changed_entries(self._commit, commit)
        for path in {*self._edited, *edited} - changed.keys():
            changed[path] = self._repo.entry(commit, path)
        self._commit, self._edited = None, edited
        for path in changed:
            self._remove(path)
        self._drop_empty(changed)
        for path, entry in changed.items():
            if path in edited:
                self._write(path, entry or Entry("", PLAIN))
            elif entry is not None:
                self._write(path, entry)
        self._commit = commit

    def is_there(self) -> bool:
        """Whether the directory is the one that was made, and not gone or another."""
        try:
            facts = os.lstat(self.directory)
        except OSError:
            return False
        # A link may have got the number that the directory had.
        return stat.S_ISDIR(facts.st_mode) and self._made == (facts.st_dev, facts.st_ino)

    def restore(self) -> list[str]:
        """Undo what a trial did to the files; returns the commit's files that it had changed.

        Files that the trial added are removed, and are not reported: a program may leave files.
        If the directory itself is gone, all are damaged, and `was_gone` is set.
        """
        commit = self._commit
        assert commit is not None, "fill() comes first"
        try:
            if not self.is_there():
                raise NotADirectoryError(str(self.directory))
            damaged, repaired = self._repair(), True
        except (OSError, RecursionError):  # too deep, locked in odd ways, or gone altogether
            damaged = [path for path in self._wanted if not self._is_intact(path)]
            repaired = False
        self.was_gone = not self.is_there()  # asked last: it may go while its files are looked at
        if self.was_gone or not repaired:
            self._start_over(commit, self._edited)
        return damaged

    def _repair(self) -> list[str]:
        needed = self._directories()
        self._unlock(needed)
        found: dict[str, Signature] = {}
        directories: list[str] = []
        self._scan("", found, directories)
        for path in found.keys() - self._wanted.keys():
            self._remove(path)
        for path in sorted(set(directories) - needed, reverse=True):
            erase(self.directory / path)
        damaged: list[str] = []
        unsure, self._unsure = self._unsure, set()
        for path, entry in list(self._wanted.items()):
            if found.get(path) == self._seen[path] and path not in unsure:
                continue
            intact = self._is_intact(path)
            if not intact:
                damaged.append(path)
            if not intact or found[path] != self._seen[path]:
                # Anew, for beside its content a file could bear what the trial wrote for the next.
                self._remove(path)
                self._write(path, entry)
        return damaged

    def _unlock(self, needed: Iterable[str]) -> None:
        """Give the directories their permissions back, from the top down, and nothing else."""
        real = {""}  # a path below a link would lead out of here
        for path in ["", *sorted(needed)]:
            directory = self.directory / path
            if path.rpartition("/")[0] not in real or not os.path.lexists(directory):
                continue
            mode = os.lstat(directory).st_mode
            if stat.S_ISDIR(mode):
                real.add(path)
                if stat.S_IMODE(mode) != DIRECTORY:
                    directory.chmod(DIRECTORY)
                _strip(directory)

    def _start_over(self, commit: str, edited: dict[str, bytes]) -> None:
        self._commit, self._edited = None, edited
        erase(self.directory)
        self.directory.mkdir(parents=True)
        self.directory.chmod(DIRECTORY)
        facts = os.lstat(self.directory)
        self._made = facts.st_dev, facts.st_ino
        self._wanted, self._seen, self._unsure = {}, {}, set()
        entries = {path: Entry("", PLAIN) for path in edited} | self._repo.entries(commit)
        for path, entry in entries.items():
            self._write(path, entry)
        self._commit = commit

    def _write(self, path: str, entry: Entry) -> None:
        target = self.directory / path
        self._make_directory(path.rpartition("/")[0])
        content = self._content(path, entry)
        if entry.mode == LINK:
            target.symlink_to(content.decode("utf-8", "surrogateescape"))
        else:
            target.write_bytes(content)
        self._wanted[path] = entry
        self._settle(path, entry)
        self._unsure.add(path)

    def _settle(self, path: str, entry: Entry) -> None:
        """Give a file its permissions, and remember what it looks like."""
        target = self.directory / path
        if entry.mode != LINK:
            target.chmod(_permissions(entry))
        self._seen[path] = _signature(os.lstat(target))

    def _make_directory(self, path: str) -> None:
        directory = self.directory / path
        if path and not directory.is_dir():
            self._make_directory(path.rpartition("/")[0])
            directory.mkdir()
            directory.chmod(DIRECTORY)

    def _content(self, path: str, entry: Entry) -> bytes:
        edited = self._edited.get(path)
        return self._repo.blob(entry.blob) if edited is None else edited

    def _remove(self, path: str) -> None:
        self._wanted.pop(path, None)
        target = self.directory / path
        try:
            if target.is_dir() and not target.is_symlink():
                erase(target)
            else:
                target.unlink(missing_ok=True)
        except NotADirectoryError:
            pass  # what should be its directory is a file, so it is not there

    def _is_intact(self, path: str) -> bool:
        """Whether a file is what git would call unchanged: kind, executable bit and content."""
        entry, target = self._wanted[path], self.directory / path
        try:
            facts = os.lstat(target)
            content = self._content(path, entry)
            if entry.mode == LINK:
                return stat.S_ISLNK(facts.st_mode) and os.fsencode(target.readlink()) == content
            runs = bool(facts.st_mode & 0o100)
            if not stat.S_ISREG(facts.st_mode) or runs != bool(_permissions(entry) & 0o100):
                return False
            if stat.S_IMODE(facts.st_mode) != _permissions(entry):
                target.chmod(_permissions(entry))
            return facts.st_size == len(content) and target.read_bytes() == content
        except OSError:
            return False

    def _scan(self, prefix: str, files: dict[str, Signature], directories: list[str]) -> None:
        for item in _entries(self.directory / prefix):
            path = f"{prefix}/{item.name}" if prefix else item.name
            if item.is_dir(follow_symlinks=False):
                directories.append(path)
                self._scan(path, files, directories)
            else:
                files[path] = _signature(item.stat(follow_symlinks=False))

    def _directories(self) -> set[str]:
        """The directories that the commit's files lie in."""
        found: set[str] = set()
        for path in self._wanted:
            while (path := path.rpartition("/")[0]) and path not in found:
                found.add(path)
        return found

    def _drop_empty(self, paths: Iterable[str]) -> None:
        """Remove directories that git would not have, because their last file is gone."""
        needed = self._directories()
        for path in paths:
            while (path := path.rpartition("/")[0]) and path not in needed:
                self._remove(path)


def _strip(directory: Path) -> None:
    """Take away what somebody may have written beside a directory's content: notes, and times."""
    if hasattr(os, "listxattr"):
        for name in os.listxattr(directory):
            if name.startswith(_ATTRIBUTES):
                os.removexattr(directory, name)
    os.utime(directory)


def _permissions(entry: Entry) -> int:
    return 0o755 if entry.mode & 0o111 else 0o644


def _signature(facts: os.stat_result) -> Signature:
    return (facts.st_ino, facts.st_mode, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


def _entries(directory: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(directory) as items:
            return list(items)
    except PermissionError:
        directory.chmod(0o700)
        with os.scandir(directory) as items:
            return list(items)
