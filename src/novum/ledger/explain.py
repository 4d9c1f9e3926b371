"""What SQLite and the system say when something fails, turned into something for a person."""

import contextlib
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

from novum.errors import DamagedLedgerError, LedgerError
from novum.terminal import system_error


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise `LedgerError` for what goes wrong inside; `path` is the ledger's file."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "full" in str(error):
            raise LedgerError(
                f"the disk is full: {path} could not be written; "
                "free some space, then `novum resume`"
            ) from None
        raise LedgerError(f"{path}: {error}") from None
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.IntegrityError):
            raise
        raise DamagedLedgerError(
            f"{path} is damaged ({error}); `novum resume` keeps it aside, and goes on from its copy"
        ) from None
    except zlib.error as error:
        raise DamagedLedgerError(f"{path} is damaged: a log or curve cannot be read") from error
    except OSError as error:
        raise LedgerError(system_error(error, path)) from None
