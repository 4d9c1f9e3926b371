"""Answers of oracles, remembered: no answer is paid for twice.

One SQLite file, which several processes may use at once and any of them may be killed with: an
answer is in it wholly or not at all. What took longer than a tenth of a second is on the disk when
it is kept, so that a power cut does not lose it; that costs some milliseconds (here 3.6, against
0.06), which for cheaper answers would be most of their price: of those the last few may be missing.
The key is the canonical molecule and all that changes its value: the oracle's name, version,
settings.
"""

import hashlib
import json
import struct
import time
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from novum.database import Database, Remedy
from novum.errors import CacheError
from novum.molecule.molecules import MoleculeError, canonical
from novum.molecule.oracles import each_answer
from novum.molecule.scores import Oracle, Score, Setting, Status
from novum.terminal import storable

MARK = 0x4E764F72  # SQLite's application_id of these files: "NvOr"
DEAR = 0.1  # seconds that answers took, from which on they are written to the disk at once
MOST = 500  # molecules that one query looks up
STEPS = (
    """\
CREATE TABLE question (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL, version TEXT NOT NULL, settings TEXT NOT NULL);

CREATE TABLE answer (
    question INTEGER NOT NULL, molecule TEXT NOT NULL,
    smiles TEXT NOT NULL, value REAL, status TEXT NOT NULL, reason TEXT NOT NULL,
    numbers TEXT NOT NULL, pose BLOB NOT NULL, seconds REAL NOT NULL,
    time REAL NOT NULL, proof INTEGER NOT NULL,
    UNIQUE (question, molecule))
""",
)
REMEDY = Remedy(
    CacheError,
    foreign="name another file for the cache",
    unusable="make it and its directory writable, or name another file for the cache",
    damaged="move it away, then answers are asked for anew",
)
Row = tuple[str, float | None, str, str, str, bytes, float]  # smiles ... seconds, as stored


def digest(name: str, version: str, settings: Mapping[str, Setting]) -> str:
    """One name for all that changes a value; the order of the settings does not.

    Raises:
        ValueError: for a setting that is not finite.
    """
    text = json.dumps([name, version, dict(settings)], sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class Cache:
    """A file of answers. It is made if there is none; its directory must be there.

    Raises:
        CacheError: if it is damaged, something else, of a newer Novum, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._questions: dict[str, int] = {}
        self._file = Database(path, MARK, STEPS, REMEDY)

    def answers(self, oracle: Oracle, molecules: Iterable[str]) -> dict[str, Score]:
        """What is remembered of some molecules, by the names that they were kept under."""
        question, wanted = self._question(oracle), list(molecules)
        found: dict[str, Score] = {}
        with self._file.reading() as db:
            for start in range(0, len(wanted), MOST):
                names = wanted[start : start + MOST]
                rows = db.execute(
                    "SELECT molecule, smiles, value, status, reason, numbers, pose, seconds, proof"
                    f" FROM answer WHERE question=? AND molecule IN ({','.join('?' * len(names))})",
                    (question, *names),
                )
                found |= {row[0]: self._read(row[0], row[1:-1], row[-1]) for row in rows}
        return found

    def keep(self, oracle: Oracle, answers: Iterable[tuple[str, Score]]) -> None:
        """Remember answers, by the names of their molecules, all in one transaction.

        Those that asking again may change are left out; one that is there already stays.
        """
        question, now = self._question(oracle), time.time()
        lasting = [(name, score) for name, score in answers if score.status.lasting]
        rows = [
            (question, name, *row, now, _proof(name, row))
            for name, score in lasting
            for row in (_stored(score),)
        ]
        is_dear = sum(score.seconds for _, score in lasting) > DEAR
        marks = ",".join("?" * 11)
        with self._file.writing(flushed=is_dear) as db:
            db.executemany(f"INSERT OR IGNORE INTO answer VALUES ({marks})", rows)

    def __len__(self) -> int:
        with self._file.reading() as db:
            return int(db.execute("SELECT count(*) FROM answer").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _question(self, oracle: Oracle) -> int:
        key = digest(oracle.name, oracle.version, oracle.settings)
        if key not in self._questions:
            settings = json.dumps(dict(oracle.settings), sort_keys=True)
            with self._file.writing() as db:
                db.execute(
                    "INSERT OR IGNORE INTO question (digest, name, version, settings)"
                    " VALUES (?,?,?,?)",
                    (key, oracle.name, oracle.version, settings),
                )
                query = "SELECT id FROM question WHERE digest=?"
                self._questions[key] = int(db.execute(query, (key,)).fetchone()[0])
        return self._questions[key]

    def _read(self, name: str, row: Row, proof: int) -> Score:
        if _proof(name, row) != proof:
            raise self._file.damage(f"the answer for {name} is not what was written")
        smiles, value, status, reason, numbers, pose, seconds = row
        return Score(
            smiles,
            value,
            Status(status),
            reason,
            json.loads(numbers),
            zlib.decompress(pose).decode() if pose else "",
            seconds,
        )


class Remembered:
    """An oracle that asks another one only for what is not in a cache, and keeps what it answers.

    A molecule that occurs several times in a batch, however written, is asked for once. The key is
    what the oracle's settings were at the start: where they change by themselves, as a plate's do
    with each import, what was answered before counts no more for who starts after.
    """

    def __init__(self, oracle: Oracle, cache: Cache) -> None:
        self.oracle = oracle
        self.cache = cache
        self.name = oracle.name
        self.version = oracle.version
        self.settings = oracle.settings
        self.better = oracle.better
        self.found = 0  # molecules whose answer was there already
        self.asked = 0  # molecules that the oracle was asked for

    def keep(self, molecule: str, score: Score) -> None:
        """Remember what somebody else found, for a molecule as it is written: it is not parsed."""
        self.cache.keep(self, [(_text(molecule), score)])

    def score(self, molecules: Sequence[str]) -> list[Score]:
        """One answer for each SMILES, in their order."""
        answers = dict(self.score_each(molecules))
        return [answers[position] for position in range(len(molecules))]

    def score_each(self, molecules: Sequence[str]) -> Iterator[tuple[int, Score]]:
        """Positions and answers as they come: first what is remembered.

        Raises:
            CacheError: if the cache cannot be read or written.
        """
        given = enumerate(molecules)
        places = _places((_text(text), position) for position, text in given)
        # What is already written canonically is found without being parsed.
        missing: dict[str, list[int]] = yield from self._known(places)
        renamed = [(_name(text), position) for text in missing for position in missing[text]]
        due = yield from self._known(_places(renamed))
        names = list(due)
        self.asked += len(names)
        for asked, score in each_answer(self.oracle, names):
            self.cache.keep(self, [(names[asked], score)])
            yield from ((position, score) for position in due[names[asked]])

    def _known(
        self, places: Mapping[str, list[int]]
    ) -> Generator[tuple[int, Score], None, dict[str, list[int]]]:
        answers = self.cache.answers(self, places)
        for name, score in answers.items():
            self.found += len(places[name])
            yield from ((position, score) for position in places[name])
        return {name: found for name, found in places.items() if name not in answers}


def _places(named: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for name, position in named:
        places.setdefault(name, []).append(position)
    return places


def _text(molecule: str) -> str:
    return storable(molecule.strip())


def _name(text: str) -> str:
    """The canonical SMILES; what cannot be read as a molecule of ours is known by its text."""
    try:
        return canonical(text)
    except MoleculeError:
        return text


def _stored(score: Score) -> Row:
    pose = zlib.compress(storable(score.pose).encode()) if score.pose else b""
    numbers = json.dumps(dict(score.numbers))
    smiles, reason = storable(score.smiles), storable(score.reason)
    return smiles, score.value, score.status.value, reason, numbers, pose, score.seconds


def _proof(name: str, row: Row) -> int:
    """A checksum: SQLite has none, and a value that changed on the disk must not be believed."""
    smiles, value, status, reason, numbers, pose, seconds = row
    texts = "\0".join((name, smiles, status, reason, numbers))
    amounts = struct.pack("<?dd", value is None, value or 0.0, seconds)
    return zlib.crc32(pose, zlib.crc32(amounts + texts.encode()))
