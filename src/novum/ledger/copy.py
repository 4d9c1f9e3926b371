"""The copy of the ledger: never much older, and sound, to take its place when it is damaged."""

import contextlib
import os
import shutil
import sqlite3
import time
from itertools import count
from pathlib import Path

from novum.errors import DamagedLedgerError

EVERY = 600.0  # seconds between two copies


def copy_of(ledger: Path) -> Path:
    """Where the copy lies."""
    return ledger.with_name("ledger.copy.db")


def make_copy(db: sqlite3.Connection, ledger: Path) -> None:
    """Replace the copy, at once or not at all. A failure is left for the next time."""
    partial = ledger.with_name("ledger.copy.partial")
    with contextlib.suppress(sqlite3.OperationalError, OSError):
        partial.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(partial)) as target:
            db.backup(target)
        partial.replace(copy_of(ledger))


def damage(db: sqlite3.Connection) -> str | None:
    """What is wrong with a ledger; None if it is sound."""
    try:
        found = str(db.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.OperationalError:
        raise  # a full disk, or a lock: nothing is known of the file
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if found == "ok" else " ".join(found.split())


def take_copy(ledger: Path) -> str:
    """Put the copy in the place of a damaged ledger, which is kept; says so. Nobody may use it.

    Raises:
        DamagedLedgerError: if there is no sound copy.
    """
    copy = copy_of(ledger)
    if not copy.is_file() or not _is_sound(copy):
        raise DamagedLedgerError(f"{ledger} is damaged, and there is no sound copy of it")
    kept = next(
        path
        for number in count(1)
        if not (path := ledger.with_name(f"ledger.damaged-{number}.db")).exists()
    )
    log = ledger.with_name(f"{ledger.name}-wal")
    partial = ledger.with_name("ledger.restored")
    shutil.copyfile(copy, partial)
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    os.link(ledger, kept)
    if log.exists():
        log.replace(kept.with_name(f"{kept.name}-wal"))
    ledger.with_name(f"{ledger.name}-shm").unlink(missing_ok=True)
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(copy.stat().st_mtime))
    partial.replace(ledger)  # until now the damaged one was in its place, so this can be repeated
    return f"the ledger was damaged; it is kept as {kept.name}, and its copy of {made} goes on"


def _is_sound(path: Path) -> bool:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as db:
        try:
            return damage(db) is None
        except sqlite3.OperationalError:
            return False
