"""Consultations in the ledger: each question to a researcher, what it cost, what came of it.

Who may change which state: the campaign alone. `thinking` becomes `waiting` (a proposal is there),
`nothing` (there is none) or `failed`; `waiting` becomes `taken` (it is an experiment), `repeated`
(an earlier experiment's result answers it) or `stale` (it fits the present code no more).
"""

import json
import sqlite3
import time
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from novum.ledger.part import Part
from novum.ledger.rows import read_proposal
from novum.records import Proposal, Usage
from novum.terminal import storable

THINKING, WAITING, TAKEN = "thinking", "waiting", "taken"
REPEATED, STALE, NOTHING, FAILED = "repeated", "stale", "nothing", "failed"
CANCELLED, INTERRUPTED = "cancelled: the campaign stopped", "the machine was interrupted"
_USAGE = "requests, input_tokens, cached_tokens, output_tokens, usd, unpriced"
_FACTS = "id, researcher, started, ended, parent, request, state, experiment, detail"
_COLUMNS = f"{_FACTS}, proposal, {_USAGE}"

Transcript = Sequence[tuple[str, str]]
"""Names, and the texts that were sent or answered under them, in their order."""


@dataclass(frozen=True, slots=True)
class Consultation:
    """A row of `consultation`, without its campaign and its transcript."""

    id: int
    researcher: str
    started: float
    ended: float | None
    parent: str
    request: int | None  # the person's idea that it was to work out
    state: str
    proposal: Proposal | None
    experiment: int | None
    detail: str
    usage: Usage


class Consultations(Part):
    """The part of the ledger that consultations are kept in."""

    def open(self, campaign: int, researcher: str, parent: str, request: int | None = None) -> int:
        """Record that a researcher begins to think; returns the consultation's id."""
        with self._write() as db:
            cursor = db.execute(
                f"INSERT INTO consultation (campaign, researcher, started, parent, request, state,"
                f" detail, {_USAGE}) VALUES (?, ?, ?, ?, ?, ?, '', 0, 0, 0, 0, 0.0, 0)",
                (campaign, researcher, time.time(), parent, request, THINKING),
            )
            return int(cursor.lastrowid or 0)

    def spend(self, consultation: int, usage: Usage) -> None:
        """Add what a request cost, as soon as it is known."""
        with self._write() as db:
            db.execute(
                "UPDATE consultation SET requests = requests + ?, input_tokens = input_tokens + ?,"
                " cached_tokens = cached_tokens + ?, output_tokens = output_tokens + ?,"
                " usd = usd + ?, unpriced = unpriced + ? WHERE id = ?",
                (
                    usage.requests,
                    usage.input_tokens,
                    usage.cached_tokens,
                    usage.output_tokens,
                    usage.usd,
                    usage.unpriced,
                    consultation,
                ),
            )

    def keep(self, consultation: int, transcript: Transcript) -> None:
        """Replace the transcript, which grows while a researcher thinks."""
        blob = zlib.compress(json.dumps(list(transcript)).encode())
        with self._write() as db:
            db.execute("UPDATE consultation SET transcript = ? WHERE id = ?", (blob, consultation))

    def close(
        self, consultation: int, state: str, proposal: Proposal | None, detail: str = ""
    ) -> None:
        """Record what a researcher answered: `waiting`, `nothing` or `failed`."""
        text = None if proposal is None else json.dumps(asdict(proposal))
        name = None if proposal is None else storable(proposal.researcher) or None
        with self._write() as db:
            db.execute(
                "UPDATE consultation SET state = ?, ended = ?, proposal = ?, detail = ?,"
                " researcher = COALESCE(?, researcher) WHERE id = ? AND state = ?",
                (state, time.time(), text, storable(detail), name, consultation, THINKING),
            )

    def settle(
        self, consultation: int, state: str, experiment: int | None, detail: str = ""
    ) -> None:
        """Record what became of a waiting proposal: `taken`, `repeated` or `stale`."""
        with self._write() as db:
            db.execute(
                "UPDATE consultation SET state = ?, experiment = ?, detail = ?"
                " WHERE id = ? AND state = ?",
                (state, experiment, detail, consultation, WAITING),
            )

    def end_lost(self, campaign: int) -> int:
        """Mark those whose machine died while they were thinking; returns how many there were."""
        with self._write() as db:
            return db.execute(
                "UPDATE consultation SET state = ?, ended = ?, detail = ?"
                " WHERE campaign = ? AND state = ?",
                (FAILED, time.time(), INTERRUPTED, campaign, THINKING),
            ).rowcount

    def thinking(self, campaign: int) -> Consultation | None:
        """The question that is being thought about, if there is one."""
        found = self._read("campaign = ? AND state = ?", campaign, THINKING)
        return found[-1] if found else None

    def waiting(self, campaign: int) -> list[Consultation]:
        """The proposals that became nothing yet, oldest first."""
        return self._read("campaign = ? AND state = ?", campaign, WAITING)

    def newest(self, campaign: int, count: int) -> list[Consultation]:
        """The newest so many of a campaign, oldest first."""
        where = "id IN (SELECT id FROM consultation WHERE campaign = ? ORDER BY id DESC LIMIT ?)"
        return self._read(where, campaign, count)

    def all(self, campaign: int) -> list[Consultation]:
        """All of a campaign, oldest first."""
        return self._read("campaign = ?", campaign)

    def of(self, experiment: int) -> list[Consultation]:
        """Those that an experiment came from, or whose repetition it answered; oldest first."""
        return self._read("experiment = ?", experiment)

    def transcript(self, consultation: int) -> list[tuple[str, str]]:
        """What was sent and answered."""
        rows = self._rows("SELECT transcript FROM consultation WHERE id = ?", consultation)
        if not rows or not rows[0][0]:
            return []
        return [(name, text) for name, text in json.loads(zlib.decompress(rows[0][0]))]

    def spent(self, campaign: int) -> Usage:
        """What all consultations of a campaign cost; money where the price is known."""
        totals = ", ".join(f"TOTAL({name}) AS {name}" for name in _USAGE.split(", "))
        query = f"SELECT {totals} FROM consultation WHERE campaign = ?"
        return _usage(self._rows(query, campaign)[0])

    def _read(self, condition: str, *values: object) -> list[Consultation]:
        query = f"SELECT {_COLUMNS} FROM consultation WHERE {condition} ORDER BY id"
        return [_consultation(row) for row in self._rows(query, *values)]


def _consultation(row: sqlite3.Row) -> Consultation:
    proposal = None if row["proposal"] is None else read_proposal(json.loads(row["proposal"]))
    values = {name: row[name] for name in _FACTS.split(", ")}
    return Consultation(**values, proposal=proposal, usage=_usage(row))


def _usage(row: sqlite3.Row) -> Usage:
    counts = {name: int(row[name]) for name in _USAGE.split(", ") if name != "usd"}
    return Usage(**counts, usd=row["usd"])
