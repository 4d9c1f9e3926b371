"""The ledger's schema, brought up to date step by step when a ledger is opened."""

import sqlite3
from importlib import resources
from pathlib import Path

from novum.errors import LedgerError


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Run the scripts of `migrations/` that this ledger has not seen, each in one transaction.

    Raises:
        LedgerError: if the ledger comes from a newer Novum.
    """
    scripts = sorted(
        (
            item
            for item in (resources.files("novum") / "migrations").iterdir()
            if item.name.endswith(".sql")
        ),
        key=lambda item: item.name,
    )
    version = _version(db)
    if version > len(scripts):
        raise LedgerError(
            f"{path} was written by a newer Novum (its version is {version}, this one "
            f"knows {len(scripts)}); upgrade: pip install --upgrade novum"
        )
    for number, script in enumerate(scripts[version:], version + 1):
        text = script.read_text(encoding="utf-8")
        try:
            db.executescript(f"BEGIN IMMEDIATE;{text};PRAGMA user_version={number};COMMIT;")
        except sqlite3.OperationalError:
            if db.in_transaction:
                db.execute("ROLLBACK")
            if _version(db) < number:  # or else another process has just done it
                raise


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
