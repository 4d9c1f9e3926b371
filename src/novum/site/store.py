"""Where site, evaluator and person meet: experiments, what visitors saw and did, the audit log.

One SQLite file, which several processes use at once, and any of them may be killed with.
Experiments are in `novum.site.experiments`, events and what is counted of them in
`novum.site.visits`.
"""

import json
import time
from pathlib import Path
from sqlite3 import Connection, Row

from novum.database import Database, Remedy
from novum.errors import SiteError
from novum.ledger.home import CACHE, make_home
from novum.site.clock import REAL, Clock
from novum.site.experiments import Experiments
from novum.site.records import Copy, Variant
from novum.site.schema import MARK, STEPS

FILE = "site.db"  # in the lab's cache
REMEDY = Remedy(
    SiteError,
    foreign="move it away",
    unusable="make it and its directory writable",
    damaged="move it away, and put back a copy of it",
)


def store_of(lab: Path) -> "Store":
    """The store of a lab's site, made if there is none.

    Raises:
        SiteError: if it cannot be used.
    """
    directory = make_home(lab) / CACHE
    directory.mkdir(exist_ok=True)
    return Store(directory / FILE)


class Store(Experiments):
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
        self._require_known(db, digest)
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

    def _read_clock(self) -> Clock:
        with self._file.reading() as db:
            row = db.execute("SELECT start, origin, speed FROM clock").fetchone()
        return REAL if row is None else Clock(*row)
