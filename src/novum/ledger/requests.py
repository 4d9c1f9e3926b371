"""Requests in the ledger: what other processes ask of a campaign. Anybody may add."""

import json
import time
from collections.abc import Mapping
from typing import Any

from novum.ledger.part import Part
from novum.ledger.rows import Request, read_request


class Requests(Part):
    """The part of the ledger that requests are kept in."""

    def ask(self, kind: str, body: Mapping[str, Any]) -> int:
        """Ask something of the campaign; returns the request's id. Any process may."""
        with self._write() as db:
            cursor = db.execute(
                "INSERT INTO request (created, kind, body) VALUES (?, ?, ?)",
                (time.time(), kind, json.dumps(body)),
            )
            return int(cursor.lastrowid or 0)

    def waiting(self, *kinds: str) -> list[Request]:
        """Requests of these kinds that nobody has taken, oldest first."""
        marks = ", ".join("?" * len(kinds))
        query = f"SELECT * FROM request WHERE taken IS NULL AND kind IN ({marks}) ORDER BY id"
        return [read_request(row) for row in self._rows(query, *kinds)]

    def newest(self, kind: str, count: int) -> list[Request]:
        """The newest requests of a kind, taken or not, oldest first."""
        query = "SELECT * FROM request WHERE kind = ? ORDER BY id DESC LIMIT ?"
        return [read_request(row) for row in reversed(self._rows(query, kind, count))]

    def get(self, request: int) -> Request | None:
        """One request by its id."""
        rows = self._rows("SELECT * FROM request WHERE id = ?", request)
        return read_request(rows[0]) if rows else None

    def answer(self, request: int, answer: str) -> None:
        """Mark a request as taken, with what came of it."""
        with self._write() as db:
            db.execute(
                "UPDATE request SET taken = ?, answer = ? WHERE id = ?",
                (time.time(), answer, request),
            )

    def withdraw(self, request: int, why: str) -> bool:
        """Answer a request that nobody has taken; if somebody has, change nothing: False."""
        with self._write() as db:
            done = db.execute(
                "UPDATE request SET taken = ?, answer = ? WHERE id = ? AND taken IS NULL",
                (time.time(), why, request),
            )
            return done.rowcount == 1
