"""An SQLite file that several processes use at once, and any of them may be killed with."""

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from novum.errors import NovumError

PATIENCE = 60.0  # seconds to wait for another process that is writing


@dataclass(frozen=True, slots=True)
class Remedy:
    """What is raised where a file cannot be used, and what the person is told to do then."""

    error: type[NovumError]
    foreign: str  # it is a database of something else
    unusable: str
    damaged: str


class Database:
    """A file with a mark (SQLite's application_id) and steps from empty to its present schema.

    What was committed stays, power cuts included, where it was flushed to the disk.

    Raises:
        NovumError: that of the remedy, if it is damaged, something else, of a newer Novum, or
            cannot be written.
    """

    def __init__(self, path: Path, mark: int, steps: Sequence[str], remedy: Remedy) -> None:
        self.path = path
        self._remedy = remedy
        self._mutex = threading.RLock()
        with self._explained():
            self._db = sqlite3.connect(
                path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
            )
        try:
            with self._explained():
                self._open(mark, steps)
            self._file = _identity(path)
        except NovumError:
            self._db.close()
            raise

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one query or several."""
        with self._mutex, self._explained():
            yield self._db

    @contextlib.contextmanager
    def writing(self, *, flushed: bool = True) -> Iterator[sqlite3.Connection]:
        """The connection within a transaction: all of it, or nothing if it fails.

        Unless it is flushed, which takes milliseconds, a power cut may undo it.
        """
        if _identity(self.path) != self._file:  # SQLite would write into what nobody reads
            raise self._remedy.error(f"{self.path} was removed while it was in use; start again")
        with self._mutex, self._explained():
            self._db.execute(f"PRAGMA synchronous={'FULL' if flushed else 'NORMAL'}")
            with _transaction(self._db):
                yield self._db

    def version(self) -> int:
        """A number that is another one after any other connection has written. Quick."""
        try:
            with self._mutex:
                return int(self._db.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error as error:
            raise self._remedy.error(f"{self.path} cannot be read: {error}") from None

    def close(self) -> None:
        """Close the file."""
        with self._mutex:
            self._db.close()

    def _open(self, mark: int, steps: Sequence[str]) -> None:
        found = self._db.execute("PRAGMA application_id").fetchone()[0]
        is_empty = not self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if found != mark and not is_empty:
            raise self._remedy.error(
                f"{self.path} is a database of something else; {self._remedy.foreign}"
            )
        version = self._version()
        if version > len(steps):
            raise self._remedy.error(
                f"{self.path} was written by a newer Novum; upgrade: pip install --upgrade novum"
            )
        _patiently(self._db, "PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        with _transaction(self._db):  # which fails at once where nothing could be written later
            for step, script in enumerate(steps[self._version() :], self._version() + 1):
                for statement in script.split(";\n\n"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version={step}")
                self._db.execute(f"PRAGMA application_id={mark}")

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def damage(self, how: str) -> NovumError:
        """The error to raise for what cannot have been written so."""
        return self._remedy.error(f"{self.path} is damaged ({how}); {self._remedy.damaged}")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        error = self._remedy.error
        try:
            yield
        except sqlite3.OperationalError as problem:
            if "full" in str(problem):
                raise error(f"the disk is full: {self.path} could not be written") from None
            raise error(f"{self.path} cannot be used: {problem}; {self._remedy.unusable}") from None
        except sqlite3.DatabaseError as problem:
            raise self.damage(str(problem)) from None


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file lies there; None if there is none (one in memory has none)."""
    try:
        found = os.stat(path)  # noqa: PTH116  ":memory:" is no Path
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    _patiently(db, "BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _patiently(db: sqlite3.Connection, statement: str) -> None:
    """Run what SQLite may refuse at once, without its own patience, while another process opens."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            db.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.02)
