"""A part of the ledger: some tables of it, read and written through the ledger's own connection."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager


class Part:
    """What the parts share: the ledger's way to read rows, and to write in a transaction."""

    def __init__(
        self,
        rows: Callable[..., list[sqlite3.Row]],
        write: Callable[[], AbstractContextManager[sqlite3.Connection]],
    ) -> None:
        self._rows, self._write = rows, write
