"""Where site, evaluator and person meet: experiments, what visitors saw and did, the audit log.

One SQLite file, which several processes use at once, and any of them may be killed with. Events
and what is counted of them are in `novum.site.visits`.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from sqlite3 import Connection, Row
from types import MappingProxyType

from novum.database import Database, Remedy
from novum.errors import SiteError
from novum.ledger.home import CACHE, make_home
from novum.site.clock import REAL, Clock
from novum.site.records import Copy, Entry, Experiment, State, Variant
from novum.site.schema import MARK, STEPS
from novum.site.visits import Visits

FILE = "site.db"  # in the lab's cache
REMEDY = Remedy(
    SiteError,
    foreign="move it away",
    unusable="make it and its directory writable",
    damaged="move it away, and put back a copy of it",
)
NOTHING: Mapping[str, str | float | None] = MappingProxyType({})


def store_of(lab: Path) -> "Store":
    """The store of a lab's site, made if there is none.

    Raises:
        SiteError: if it cannot be used.
    """
    directory = make_home(lab) / CACHE
    directory.mkdir(exist_ok=True)
    return Store(directory / FILE)


class Store(Visits):
    """The file of a site. It is made if there is none; its directory must be there.

    Raises:
        SiteError: if it is damaged, something else, of a newer Novum, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(Database(path, MARK, STEPS, REMEDY))
        with self._file.reading() as db:
            db.row_factory = Row
        self._clock = self._read_clock()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def version(self) -> int:
        """A number that is another one after anybody else has written into the file."""
        return self._file.version()

    # ----- time

    @property
    def clock(self) -> Clock:
        """The site's clock: real, if no other was set."""
        return self._clock

    def set_clock(self, clock: Clock) -> None:
        """From now on the site's time passes so, in every process that opens the file."""
        with self._file.writing() as db:
            values = (clock.start, clock.origin, clock.speed)
            db.execute("INSERT OR REPLACE INTO clock VALUES (1,?,?,?)", values)
        self._clock = clock

    def beat(self) -> None:
        """A server says that it serves."""
        with self._file.writing() as db:
            db.execute("INSERT OR REPLACE INTO served VALUES (1,?)", (time.time(),))

    def served(self) -> float | None:
        """When a server said so last, in real seconds since 1970; None if it never did."""
        with self._file.reading() as db:
            row = db.execute("SELECT at FROM served").fetchone()
        return None if row is None else float(row["at"])

    # ----- copies

    def put_variant(self, copy: Copy) -> str:
        """Remember a copy; its digest."""
        text = json.dumps(
            [copy.headline, copy.subhead, copy.call_to_action, list(copy.body)], ensure_ascii=True
        )
        with self._file.writing() as db:
            values = (copy.digest, text, self._clock.now())
            db.execute("INSERT OR IGNORE INTO variant VALUES (?,?,?)", values)
        return copy.digest

    def variant(self, digest: str) -> Copy:
        """The copy of that digest.

        Raises:
            SiteError: if there is none.
        """
        return self.known_variant(digest).copy

    def known_variant(self, digest: str) -> Variant:
        """The copy of that digest, and since when it is known.

        Raises:
            SiteError: if there is none.
        """
        with self._file.reading() as db:
            row = db.execute("SELECT * FROM variant WHERE digest=?", (digest,)).fetchone()
        if row is None:
            raise SiteError(f"the site {self.path} knows no copy {digest}")
        headline, subhead, call, body = json.loads(row["copy"])
        return Variant(digest, Copy(headline, subhead, call, tuple(body)), row["time"])

    def incumbent(self) -> str:
        """The copy that is shown where no experiment is: the one that was promoted last.

        Raises:
            SiteError: if none ever was.
        """
        return self._promoted("DESC")

    def first(self) -> str:
        """The copy that the site began with, which the holdout group goes on to see.

        Raises:
            SiteError: if none was promoted yet.
        """
        return self._promoted("ASC")

    def begin(self, digest: str, who: str) -> str:
        """Show this copy if the site shows none yet; the incumbent."""
        with self._file.writing() as db:
            if db.execute("SELECT 1 FROM promotion").fetchone() is None:
                self._promote(db, digest, who)
        return self.incumbent()

    def promote(self, digest: str, who: str) -> None:
        """From the next page view on, this copy is the incumbent."""
        with self._file.writing() as db:
            self._promote(db, digest, who)

    def _promote(self, db: Connection, digest: str, who: str) -> None:
        if db.execute("SELECT 1 FROM variant WHERE digest=?", (digest,)).fetchone() is None:
            raise SiteError(f"the site {self.path} knows no copy {digest}")
        now = self._clock.now()
        db.execute("INSERT INTO promotion (variant, time) VALUES (?,?)", (digest, now))
        self._note(db, who, "promoted", variant=digest)

    def _promoted(self, order: str) -> str:
        with self._file.reading() as db:
            row = db.execute(
                f"SELECT variant FROM promotion ORDER BY id {order} LIMIT 1"
            ).fetchone()
        if row is None:
            raise SiteError("the site has no copy yet; start it: novum serve LAB")
        return str(row["variant"])

    # ----- experiments

    def open_experiment(
        self,
        candidate: str,
        control: str | None,
        *,
        claim: bool = False,
        approval: bool = False,
        who: str = "campaign",
    ) -> Experiment:
        """Show a candidate beside a control; the experiment of the same pair goes on.

        `control` None: the candidate alone. `claim`: the control is the holdout group. Where
        `approval` is required, a new one waits for it. One that was rolled back or stopped stays
        so. Another one that was running is done then: one is shown at a time.
        """
        for digest in (candidate, control):
            if digest is not None:
                self.variant(digest)
        with self._file.writing() as db:
            row = db.execute(
                "SELECT id, state FROM experiment WHERE candidate=? AND control IS ? AND claim=?",
                (candidate, control, claim),
            ).fetchone()
            if row is None:
                number = self._new_experiment(db, candidate, control, claim, who)
                state = State.WAITING if approval else State.RUNNING
                self._to(db, number, state, "opened", who)
            else:
                number = row["id"]
                if row["state"] == State.DONE:
                    self._to(db, number, State.RUNNING, "goes on", who)
        return self.experiment(number)

    def experiment(self, number: int) -> Experiment:
        """The experiment of that id.

        Raises:
            SiteError: if there is none.
        """
        with self._file.reading() as db:
            row = db.execute("SELECT * FROM experiment WHERE id=?", (number,)).fetchone()
        if row is None:
            raise SiteError(f"the site {self.path} has no experiment {number}")
        return _experiment(row)

    def experiments(self) -> list[Experiment]:
        """All of them, by their ids."""
        with self._file.reading() as db:
            return [_experiment(row) for row in db.execute("SELECT * FROM experiment ORDER BY id")]

    def running(self) -> Experiment | None:
        """The one that is shown now."""
        with self._file.reading() as db:
            query = "SELECT * FROM experiment WHERE state=?"
            row = db.execute(query, (State.RUNNING,)).fetchone()
        return None if row is None else _experiment(row)

    def set_state(self, number: int, state: State, reason: str, who: str) -> Experiment:
        """Change where an experiment stands: from the next page view on."""
        self.experiment(number)
        with self._file.writing() as db:
            self._to(db, number, state, reason, who)
        return self.experiment(number)

    def set_weight(self, number: int, weight: float, who: str) -> Experiment:
        """Change the candidate's share of the visitors, 0 to 1; those assigned stay."""
        if not 0 <= weight <= 1:
            raise SiteError(f"a weight is from 0 to 1, not {weight}")
        self.experiment(number)
        with self._file.writing() as db:
            db.execute("UPDATE experiment SET weight=? WHERE id=?", (weight, number))
            self._note(db, who, "weight", number, detail={"candidate": weight})
        return self.experiment(number)

    def _new_experiment(
        self, db: Connection, candidate: str, control: str | None, claim: bool, who: str
    ) -> int:
        now = self._clock.now()
        values = (candidate, control, claim, State.DONE, now, now)
        number = db.execute(
            "INSERT INTO experiment (candidate, control, claim, weight, state, reason, opened,"
            " changed) VALUES (?,?,?,0.5,?,'',?,?)",
            values,
        ).lastrowid
        assert number is not None
        detail = {"control": control, "claim": float(claim), "weight": 0.5}
        self._note(db, who, "opened", number, candidate, detail)
        return number

    def _to(self, db: Connection, number: int, state: State, reason: str, who: str) -> None:
        if state is State.RUNNING:
            query = "SELECT id FROM experiment WHERE state=? AND id<>?"
            for other in db.execute(query, (State.RUNNING, number)).fetchall():
                self._to(db, other["id"], State.DONE, f"experiment {number} is shown", who)
        values = (state, reason, self._clock.now(), number)
        db.execute("UPDATE experiment SET state=?, reason=?, changed=? WHERE id=?", values)
        self._note(db, who, state, number, detail={"reason": reason})

    # ----- the audit log

    def note(self, who: str, what: str, detail: Mapping[str, str | float | None]) -> None:
        """Write a line of the audit log about what is not the store's own."""
        with self._file.writing() as db:
            self._note(db, who, what, detail=detail)

    def audit(self) -> list[Entry]:
        """All that was changed, by whom, oldest first."""
        with self._file.reading() as db:
            rows = db.execute("SELECT * FROM audit ORDER BY id").fetchall()
        return [
            Entry(
                row["time"],
                row["who"],
                row["what"],
                row["experiment"],
                row["variant"],
                json.loads(row["detail"]),
            )
            for row in rows
        ]

    def _note(
        self,
        db: Connection,
        who: str,
        what: str,
        experiment: int | None = None,
        variant: str | None = None,
        detail: Mapping[str, str | float | None] = NOTHING,
    ) -> None:
        values = (self._clock.now(), who, what, experiment, variant, json.dumps(dict(detail)))
        db.execute(
            "INSERT INTO audit (time, who, what, experiment, variant, detail) VALUES (?,?,?,?,?,?)",
            values,
        )

    def _read_clock(self) -> Clock:
        with self._file.reading() as db:
            row = db.execute("SELECT start, origin, speed FROM clock").fetchone()
        return REAL if row is None else Clock(*row)


def _experiment(row: Row) -> Experiment:
    number, candidate, control, claim, weight, state, reason, opened, changed = row
    return Experiment(
        number, candidate, control, bool(claim), weight, State(state), reason, opened, changed
    )
