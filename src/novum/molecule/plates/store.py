"""What is out and what came in: plates, wells, files and values in one SQLite file.

Nothing is ever overwritten: a later file adds rows, and the newest row of a well is what counts.
"""

import math
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from novum.errors import NovumError
from novum.molecule.plates.layout import LEAD, SAMPLE, Content
from novum.molecule.plates.reading import Found, Reading
from novum.molecule.plates.results import Outcome, Sample, Value, Worth

STORE_FILE = "plates.db"
PATIENCE = 30.0  # seconds to wait for another process that writes
_FILE_FAULTS = (Found.OFF_PLATE, Found.UNUSED, Found.MISMATCH, Found.DUPLICATE, Found.WRONG_UNIT)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS plate (
    name TEXT PRIMARY KEY, created REAL NOT NULL, size INTEGER NOT NULL, seed INTEGER NOT NULL,
    unit TEXT NOT NULL, heading TEXT NOT NULL, series TEXT NOT NULL, lead TEXT NOT NULL,
    dropped REAL
);
CREATE TABLE IF NOT EXISTS molecule (
    smiles TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, title TEXT NOT NULL,
    hypothesis TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, source TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS well (
    plate TEXT NOT NULL REFERENCES plate (name), well TEXT NOT NULL, role TEXT NOT NULL,
    subject TEXT NOT NULL, replicate INTEGER NOT NULL, PRIMARY KEY (plate, well)
);
CREATE INDEX IF NOT EXISTS well_subject ON well (subject);
CREATE TABLE IF NOT EXISTS import (
    id INTEGER PRIMARY KEY, plate TEXT NOT NULL REFERENCES plate (name), file TEXT NOT NULL,
    digest TEXT NOT NULL, at REAL NOT NULL, who TEXT NOT NULL, assay TEXT NOT NULL,
    content BLOB NOT NULL, UNIQUE (plate, digest)
);
CREATE TABLE IF NOT EXISTS reading (
    import INTEGER NOT NULL REFERENCES import (id), plate TEXT NOT NULL, well TEXT NOT NULL,
    found TEXT NOT NULL, text TEXT NOT NULL, number REAL, above INTEGER, reason TEXT NOT NULL,
    PRIMARY KEY (import, well)
);
CREATE TABLE IF NOT EXISTS value (
    id INTEGER PRIMARY KEY, import INTEGER NOT NULL REFERENCES import (id), plate TEXT NOT NULL,
    well TEXT NOT NULL, worth TEXT NOT NULL, value REAL, above INTEGER, reason TEXT NOT NULL,
    supersedes INTEGER REFERENCES value (id)
);
CREATE INDEX IF NOT EXISTS value_well ON value (plate, well);
"""


@dataclass(frozen=True, slots=True)
class Plate:
    """A plate that went out. `series` is the text of the lead series then."""

    name: str
    created: float
    size: int
    seed: int
    unit: str
    heading: str
    series: str
    lead: str
    dropped: float | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A molecule that was put on a plate, and why; `name` is its own in this lab."""

    smiles: str
    name: str
    title: str = ""
    hypothesis: str = ""
    key: str = ""
    kind: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Import:
    """A file that came in."""

    id: int
    plate: str
    file: str
    digest: str
    at: float
    who: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What a plate comes to with a file taken in, and the wells whose values it corrected."""

    outcome: Outcome
    corrected: tuple[str, ...]


class PlateStore:
    """The plates of one lab. Any process may open it; one writes at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise NovumError(f"{path} cannot be used: {error}") from None

    def close(self) -> None:
        """Let the file go."""
        self._db.close()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While this lasts, no other process writes here."""
        with self._write():
            yield

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # Plates

    def plates(self) -> list[Plate]:
        """All plates, oldest first."""
        rows = self._db.execute("SELECT * FROM plate ORDER BY created, name")
        return [Plate(**dict(row)) for row in rows]

    def plate(self, name: str) -> Plate | None:
        """One plate by its name; capitals do not count."""
        return next((one for one in self.plates() if one.name.lower() == name.lower()), None)

    def layout(self, plate: str) -> tuple[Content, ...]:
        """What its wells hold."""
        rows = self._db.execute(
            "SELECT well, role, subject, replicate FROM well WHERE plate = ? ORDER BY well",
            (plate,),
        )
        return tuple(Content(*row) for row in rows)

    def add_plate(
        self, plate: Plate, layout: Sequence[Content], molecules: Iterable[Known]
    ) -> Plate | None:
        """Remember a plate before anybody sees it; None if its name was taken meanwhile."""
        with self._write() as db:
            if db.execute("SELECT 1 FROM plate WHERE name = ?", (plate.name,)).fetchone():
                return None
            _insert(db, "plate", [_fields(plate)])
            db.executemany(
                "INSERT OR IGNORE INTO molecule VALUES (?, ?, ?, ?, ?, ?, ?)",
                [tuple(_fields(one).values()) for one in molecules],
            )
            db.executemany(
                "INSERT INTO well VALUES (?, ?, ?, ?, ?)",
                [(plate.name, one.well, one.role, one.subject, one.replicate) for one in layout],
            )
        return plate

    def drop(self, plate: str) -> None:
        """Expect no more results of a plate; such as come are taken all the same."""
        with self._write() as db:
            db.execute(
                "UPDATE plate SET dropped = ? WHERE name = ? AND dropped IS NULL",
                (time.time(), plate),
            )

    # Molecules

    def molecules(self) -> dict[str, Known]:
        """Every molecule that was ever on a plate, by its canonical SMILES."""
        rows = self._db.execute("SELECT * FROM molecule")
        return {row["smiles"]: Known(**dict(row)) for row in rows}

    def samples(self, smiles: str, open_since: float | None = None) -> list[Sample]:
        """All wells that a molecule ever had, as sample or as lead, in a fixed order.

        A plate takes results until it is dropped, or was made before `open_since`.
        """
        rows = self._db.execute(
            "SELECT well.plate, well.replicate, plate.created, plate.dropped, import.at, newest.*"
            " FROM well JOIN plate ON plate.name = well.plate"
            " LEFT JOIN value AS newest ON newest.id = (SELECT max(id) FROM value"
            "  WHERE value.plate = well.plate AND value.well = well.well)"
            " LEFT JOIN import ON import.id = newest.import"
            " WHERE well.subject = ? AND well.role IN (?, ?)"
            " ORDER BY plate.created, well.plate, well.replicate",
            (smiles, SAMPLE, LEAD),
        )
        return [_sample(row, open_since) for row in rows]

    def parent(self, smiles: str) -> Plate | None:
        """The plate that a molecule was first a sample of: its lead is what it was made from."""
        row = self._db.execute(
            "SELECT plate.* FROM plate JOIN well ON well.plate = plate.name"
            " WHERE well.subject = ? AND well.role = ? ORDER BY plate.created LIMIT 1",
            (smiles, SAMPLE),
        ).fetchone()
        return None if row is None else Plate(**dict(row))

    def corrected_at(self, smiles: str) -> float:
        """When a file last changed a number of a molecule; minus infinity if none ever did."""
        row = self._db.execute(
            "SELECT max(import.at) FROM value JOIN well"
            " ON well.plate = value.plate AND well.well = value.well"
            " JOIN import ON import.id = value.import"
            " WHERE value.supersedes IS NOT NULL AND well.subject = ? AND well.role IN (?, ?)",
            (smiles, SAMPLE, LEAD),
        ).fetchone()
        return -math.inf if row[0] is None else float(row[0])

    # Files

    def imports(self, plate: str | None = None) -> list[Import]:
        """The files that came in, oldest first."""
        rows = self._db.execute(
            "SELECT id, plate, file, digest, at, who FROM import"
            " WHERE ? IS NULL OR plate = ? ORDER BY id",
            (plate, plate),
        )
        return [Import(**dict(row)) for row in rows]

    def readings(self, plate: str) -> dict[str, Reading]:
        """What each well says: the newest file that says something of it counts.

        A fault of a file (another molecule there, two results) takes no earlier number away.
        """
        rows = self._db.execute(
            "SELECT well, found, text, number, above, reason FROM reading WHERE plate = ?"
            " AND found != ? ORDER BY import",
            (plate, Found.EMPTY),
        )
        known: dict[str, Reading] = {}
        for row in rows:
            merge(known, [_reading(row)])
        return known

    def values(self, plate: str) -> dict[str, Value]:
        """What each well of a plate is worth now."""
        rows = self._db.execute(
            "SELECT well, worth, value, above, reason FROM value WHERE plate = ? ORDER BY id",
            (plate,),
        )
        return {row["well"]: _value(row) for row in rows}

    def version(self) -> int:
        """A number that changes whenever a value does."""
        return int(self._db.execute("SELECT max(id) FROM value").fetchone()[0] or 0)

    def add_import(
        self,
        came: Import,
        assay: str,
        content: bytes,
        readings: Sequence[Reading],
        worth: Callable[[Mapping[str, Reading]], Outcome],
    ) -> Taken | None:
        """Take a file in, all of it or nothing; None, and nothing, if it is in already.

        `worth` says what all readings of the plate come to, those of earlier files too; if it
        raises, nothing is changed.
        """
        with self._write() as db:
            known = "SELECT 1 FROM import WHERE plate = ? AND digest = ?"
            if db.execute(known, (came.plate, came.digest)).fetchone():
                return None
            merged = self.readings(came.plate)
            merge(merged, readings)
            outcome = worth(merged)
            number = db.execute(
                "INSERT INTO import (plate, file, digest, at, who, assay, content)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (came.plate, came.file, came.digest, came.at, came.who, assay, content),
            ).lastrowid
            _insert(
                db,
                "reading",
                [{"import": number, "plate": came.plate, **_fields(one)} for one in readings],
            )
            changed = list(_changed(db, came.plate, number, outcome.values))
            _insert(db, "value", changed)
        corrected = [str(one["well"]) for one in changed if one["supersedes"] is not None]
        return Taken(outcome, tuple(corrected))


def merge(known: dict[str, Reading], new: Iterable[Reading]) -> None:
    """Let newer readings count, where they say something of the well."""
    for one in new:
        if one.found is Found.EMPTY or one.found in {Found.OFF_PLATE, Found.UNUSED}:
            continue
        if one.found in _FILE_FAULTS and one.well in known:
            continue
        known[one.well] = one


def _changed(
    db: sqlite3.Connection, plate: str, number: int | None, values: Iterable[Value]
) -> Iterator[dict[str, object]]:
    """The values that are not what they were, each with what it takes the place of."""
    for one in values:
        row = db.execute(
            "SELECT * FROM value WHERE plate = ? AND well = ? ORDER BY id DESC LIMIT 1",
            (plate, one.well),
        ).fetchone()
        if row is None or _value(row) != one:
            before = None if row is None else row["id"]
            yield {"import": number, "plate": plate, **_fields(one), "supersedes": before}


def _insert(db: sqlite3.Connection, table: str, rows: Sequence[Mapping[str, object]]) -> None:
    if rows:
        names = ", ".join(f'"{name}"' for name in rows[0])
        marks = ", ".join("?" * len(rows[0]))
        values = [tuple(row.values()) for row in rows]
        db.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)


def _fields(one: object) -> dict[str, object]:
    return {name: getattr(one, name) for name in type(one).__dataclass_fields__}  # type: ignore[attr-defined]


def _flag(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def _reading(row: sqlite3.Row) -> Reading:
    return Reading(
        row["well"], Found(row["found"]), row["text"], row["number"], _flag(row["above"]),
        row["reason"],
    )  # fmt: skip


def _value(row: sqlite3.Row) -> Value:
    return Value(row["well"], Worth(row["worth"]), row["value"], _flag(row["above"]), row["reason"])


def _sample(row: sqlite3.Row, open_since: float | None) -> Sample:
    expired = open_since is not None and row["created"] < open_since
    is_open = row["dropped"] is None and not expired
    worth = None if row["worth"] is None else Worth(row["worth"])
    reason = row["reason"] or ""
    at = row["at"] or row["created"]
    # The join names some columns twice; by place, the first two are the well's own.
    return Sample(row[0], row[1], is_open, at, worth, row["value"], _flag(row["above"]), reason)
