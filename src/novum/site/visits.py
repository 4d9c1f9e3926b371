"""What visitors saw and did, and what is counted of it: the store's tables of events.

Events are idempotent: whatever is told twice counts once. Batches follow the order in which
visitors were first seen, never a clock, which may jump.
"""

from collections import Counter
from collections.abc import Sequence
from sqlite3 import Connection

from novum.database import Database
from novum.site.records import (
    NOWHERE,
    Arm,
    Batch,
    Conversion,
    Count,
    Counts,
    Event,
    Exposure,
    LeftOut,
    Shown,
    Signal,
    Traffic,
)

DAY = 86400.0
SLACK = 60.0  # seconds by which a conversion may come before its exposure: messages overtake
# Each exposure with its visitor's conversion, if that lies within the window.
CONVERTED = f"""exposure e LEFT JOIN conversion c
    ON c.experiment = e.experiment AND c.visitor = e.visitor
    AND c.time >= e.time - {SLACK} AND c.time <= e.time + :window"""


class Visits:
    """The events of a site, in its file."""

    def __init__(self, file: Database) -> None:
        self._file = file

    def record(self, events: Sequence[Event]) -> None:
        """Write events, all or none; they are on the disk when this returns."""
        exposures = [e for e in events if isinstance(e, Exposure)]
        conversions = [e for e in events if isinstance(e, Conversion)]
        signals = [e for e in events if isinstance(e, Signal)]
        left_out = Counter(e.reason for e in events if isinstance(e, LeftOut))
        with self._file.writing() as db:
            db.executemany(
                "INSERT OR IGNORE INTO exposure (experiment, visitor, arm, variant, time)"
                " VALUES (?,?,?,?,?)",
                [(e.experiment, e.visitor, e.arm, e.variant, e.time) for e in exposures],
            )
            db.executemany(
                "INSERT OR IGNORE INTO conversion VALUES (?,?,?)",
                [(e.experiment, e.visitor, e.time) for e in conversions],
            )
            db.executemany(
                "INSERT OR IGNORE INTO signal VALUES (?,?,?,?,?)",
                [(e.experiment, e.visitor, e.kind, e.value, e.time) for e in signals],
            )
            db.executemany(
                "INSERT INTO left_out VALUES (?,?)"
                " ON CONFLICT (reason) DO UPDATE SET visits = visits + excluded.visits",
                left_out.items(),
            )

    def batch(self, experiment: int, name: str, visitors: int) -> Batch:
        """The next so many visitors of an experiment, of both arms together, under a name.

        They are those first exposed after the batch before; asked again by the same name, it is
        the same batch, with whoever has come meanwhile. A batch that was not full when the next
        one began stays as it was then.
        """
        with self._file.writing() as db:
            key = {"experiment": experiment, "name": name}
            found = "SELECT * FROM batch WHERE experiment=:experiment AND name=:name"
            row = db.execute(found, key).fetchone()
            if row is None:
                values = (experiment, name, visitors, _end_of_last(db, experiment))
                insert = "INSERT INTO batch (experiment, name, wanted, after) VALUES (?,?,?,?)"
                db.execute(insert, values)
                row = db.execute(found, key).fetchone()
            until = row["until"]
            if until is None:
                until = _full_at(db, experiment, row["after"], row["wanted"])
                if until is not None:
                    query = "UPDATE batch SET until=? WHERE experiment=? AND name=?"
                    db.execute(query, (until, experiment, name))
            seen, last = db.execute(
                "SELECT count(*), max(time) FROM exposure"
                " WHERE experiment=? AND number>? AND number<=ifnull(?, number)",
                (experiment, row["after"], until),
            ).fetchone()
        return Batch(name, experiment, row["wanted"], seen, row["after"], until, last)

    def end(self, batch: Batch) -> None:
        """Let nobody join a batch any more who was not seen until now."""
        with self._file.writing() as db:
            query = "UPDATE batch SET until=? WHERE experiment=? AND name=? AND until IS NULL"
            db.execute(query, (newest(db), batch.experiment, batch.name))

    def counts(self, batch: Batch, window: float) -> Counts:
        """Visitors and conversions of a batch; a conversion counts within `window` seconds."""
        with self._file.reading() as db:
            rows = db.execute(
                f"SELECT e.arm, count(*), count(c.time) FROM {CONVERTED}"
                " WHERE e.experiment=:experiment AND e.number>:after"
                " AND e.number<=ifnull(:until, e.number) GROUP BY e.arm",
                {**_limits(batch), "window": window},
            ).fetchall()
        arms = {Arm(arm): Count(visitors, conversions) for arm, visitors, conversions in rows}
        control = arms.get(Arm.CONTROL) or arms.get(Arm.HOLDOUT) or Count()
        return Counts(arms.get(Arm.CANDIDATE, Count()), control)

    def values(self, batch: Batch, kind: str) -> list[tuple[bool, float | None]]:
        """Of each visitor of a batch in their order: whether the candidate was seen, the signal."""
        with self._file.reading() as db:
            rows = db.execute(
                "SELECT e.arm, s.value FROM exposure e LEFT JOIN signal s"
                " ON s.experiment = e.experiment AND s.visitor = e.visitor AND s.kind=:kind"
                " WHERE e.experiment=:experiment AND e.number>:after"
                " AND e.number<=ifnull(:until, e.number) ORDER BY e.number",
                {**_limits(batch), "kind": kind},
            ).fetchall()
        return [(arm == Arm.CANDIDATE, value) for arm, value in rows]

    def traffic(self, since: float, until: float, window: float = DAY) -> Traffic:
        """Who was first exposed from `since` to before `until`; conversions as in `counts`."""
        span = {"since": since, "until": until, "window": window}
        within = f"FROM {CONVERTED} WHERE e.time>=:since AND e.time<:until"
        with self._file.reading() as db:
            visitors, conversions = db.execute(
                "SELECT count(DISTINCT e.visitor), count(DISTINCT c.visitor) " + within, span
            ).fetchone()
            rows = db.execute(
                f"SELECT e.variant, e.arm, count(*), count(c.time) {within}"
                " GROUP BY e.variant, e.arm ORDER BY min(e.number)",
                span,
            ).fetchall()
        shown = (Shown(digest, Arm(arm), seen, bought) for digest, arm, seen, bought in rows)
        return Traffic(visitors, conversions, tuple(shown))

    def first_seen(self, visitor: str) -> float | None:
        """When a visitor was first exposed to anything; None if he never was."""
        with self._file.reading() as db:
            query = "SELECT min(time) FROM exposure WHERE visitor=?"
            found = db.execute(query, (visitor,)).fetchone()[0]
        return None if found is None else float(found)

    def last_joined(self, visitor: str) -> tuple[int, Arm] | None:
        """The experiment in which a visitor was last exposed for the first time, and his arm."""
        with self._file.reading() as db:
            row = db.execute(
                "SELECT experiment, arm FROM exposure WHERE visitor=? AND experiment<>?"
                " ORDER BY number DESC LIMIT 1",
                (visitor, NOWHERE),
            ).fetchone()
        return None if row is None else (row["experiment"], Arm(row["arm"]))

    def left_out(self) -> dict[str, int]:
        """How many visits did not count, by the reason."""
        with self._file.reading() as db:
            return dict(db.execute("SELECT * FROM left_out ORDER BY reason").fetchall())

    def forget(self, before: float) -> int:
        """Delete what is known of visitors first exposed before; how many exposures that were."""
        with self._file.writing() as db:
            gone = db.execute("DELETE FROM exposure WHERE time<?", (before,)).rowcount
            for table in ("conversion", "signal"):
                db.execute(f"DELETE FROM {table} WHERE time<?", (before,))
        return int(gone)


def _limits(batch: Batch) -> dict[str, int | None]:
    return {"experiment": batch.experiment, "after": batch.after, "until": batch.until}


def newest(db: Connection) -> int:
    """The number of the last exposure."""
    return int(db.execute("SELECT ifnull(max(number), 0) FROM exposure").fetchone()[0])


def _end_of_last(db: Connection, experiment: int) -> int:
    """The number of the last exposure of the newest batch, which ends here if it is not full."""
    last = db.execute(
        "SELECT rowid AS id, until FROM batch WHERE experiment=? ORDER BY rowid DESC", (experiment,)
    ).fetchone()
    if last is None:
        return 0
    if last["until"] is not None:
        return int(last["until"])
    now = newest(db)
    db.execute("UPDATE batch SET until=? WHERE rowid=?", (now, last["id"]))
    return now


def _full_at(db: Connection, experiment: int, after: int, wanted: int) -> int | None:
    """The number of the exposure with which a batch is full."""
    row = db.execute(
        "SELECT number FROM exposure WHERE experiment=? AND number>? ORDER BY number"
        " LIMIT 1 OFFSET ?",
        (experiment, after, wanted - 1),
    ).fetchone()
    return None if row is None else int(row[0])
