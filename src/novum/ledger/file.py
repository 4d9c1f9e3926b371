"""The ledger as a file: its connection, its transactions, the lab's lock, and its copy."""

import contextlib
import math
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from novum.errors import DamagedLedgerError
from novum.ledger.copy import EVERY, copy_of, damage, make_copy, take_copy
from novum.ledger.explain import explained
from novum.ledger.home import HOME, make_home
from novum.ledger.lock import hold, is_held
from novum.ledger.schema import migrate

FILE = "ledger.db"


class LedgerFile:
    """The ledger's file of one lab, opened."""

    def __init__(self, lab: Path) -> None:
        self._mutex = threading.RLock()  # a researcher notes its costs from a thread of its own
        self.home = lab.resolve() / HOME
        self.path = self.home / FILE
        self.mended = ""  # what was done about damage, in words
        self.locked = math.inf  # when this process became the one that works here
        self._copied = 0.0
        with explained(self.path):
            make_home(lab)
        try:
            self._open()
        except DamagedLedgerError:
            if self.is_running() or not copy_of(self.path).is_file():
                raise
            with hold(self.home / "lock"):
                self._restore()

    def _open(self) -> None:
        with explained(self.path):
            # autocommit; transactions are explicit, so that each is as large as it says
            self._db = sqlite3.connect(
                self.path, timeout=30, isolation_level=None, check_same_thread=False
            )
            try:
                self._db.row_factory = sqlite3.Row
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = FULL")
                self._db.execute("PRAGMA foreign_keys = ON")
                migrate(self._db, self.path)
            except BaseException:
                self._db.close()
                raise

    @staticmethod
    def exists(lab: Path) -> bool:
        """Whether this lab has a ledger; looking does not make one."""
        return (lab / HOME / FILE).is_file()

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Be the one machine that works on this lab, with a ledger that is sound.

        Raises:
            UsageError: if another process is.
            DamagedLedgerError: if the ledger is damaged, and so is its copy.
        """
        asked_from = time.time()
        with hold(self.home / "lock"):
            self.locked = asked_from
            with explained(self.path):
                is_damaged = damage(self._db) is not None
            if is_damaged:
                self._db.close()
                self._restore()
            self.keep_copy(0.0)
            yield

    def _restore(self) -> None:
        with explained(self.path):
            self.mended = take_copy(self.path)
        self._open()

    def keep_copy(self, older_than: float = EVERY) -> None:
        """Copy the ledger, if the last copy is older than so many seconds.

        Not in the midst of what is recorded together: the next one will hold it.
        """
        now = time.monotonic()
        with self._mutex:
            if now - self._copied >= older_than and not self._db.in_transaction:
                self._copied = now
                make_copy(self._db, self.path)

    def fold(self) -> None:
        """Write what is in the write-ahead log into the file, and empty the log."""
        with self._mutex, explained(self.path):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def is_running(self) -> bool:
        """Whether some process holds the lab's lock."""
        return is_held(self.home / "lock")

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """All that is recorded inside is recorded at once, or not at all."""
        with self._write():
            yield

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._mutex, self._transaction() as db:
            yield db

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if self._db.in_transaction:  # inside `together`
            yield self._db
            return
        with explained(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _rows(self, query: str, *values: Any) -> list[sqlite3.Row]:  # noqa: ANN401  what SQLite takes
        with self._mutex, explained(self.path):
            return self._db.execute(query, values).fetchall()
