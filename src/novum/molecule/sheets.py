"""Scores as files: a CSV of all, an SDF of the poses; each is there wholly or not at all."""

import csv
import fcntl
import json
import os
from pathlib import Path

from novum.errors import UsageError
from novum.export import cell, one_line
from novum.molecule.library import Entry
from novum.molecule.listing import field
from novum.molecule.molecules import LONGEST
from novum.molecule.scores import Score
from novum.terminal import storable

COLUMNS = ("number", "name", "smiles", "value", "status", "reason", "seconds")


class Part:
    """A file that is being written beside its place, and put there when it is complete.

    Raises:
        UsageError: if another process is writing it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.partial = path.with_name(f".{path.name}.part")
        self.file = self.partial.open("a+", encoding="utf-8", newline="")
        if not self._is_ours():
            self.file.close()
            raise UsageError(f"another process is writing {path}; wait, or write elsewhere")
        self.file.truncate(0)  # what a killed run left

    def _is_ours(self) -> bool:
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Else it was put in its place between our opening and our locking it.
            return os.fstat(self.file.fileno()).st_ino == self.partial.stat().st_ino
        except OSError:
            return False

    def put(self) -> None:
        """Put the file in its place."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.partial.replace(self.path)
        self.file.close()

    def drop(self) -> None:
        """Forget it, if it was not put in its place."""
        if not self.file.closed:
            self.partial.unlink(missing_ok=True)
            self.file.close()


class Sheet:
    """The CSV: a row for each record, in the library's order.

    What else an oracle found is known when all is scored; then each name becomes a column.
    """

    def __init__(self, path: Path) -> None:
        self._raw = Part(path.with_name(f"{path.name}.rows"))
        try:
            self._part = Part(path)
        except UsageError:
            self._raw.drop()
            raise
        self._rows = csv.writer(self._raw.file, lineterminator="\n")
        self._names: dict[str, None] = {}

    def write(self, entry: Entry, score: Score) -> None:
        """Add a row."""
        self._names.update(dict.fromkeys(score.numbers))
        value = "" if score.value is None else repr(score.value)
        texts = (cell(entry.name), cell(score.smiles, LONGEST), value, score.status.value)
        rest = (cell(score.reason), f"{score.seconds:.6g}", json.dumps(dict(score.numbers)))
        self._rows.writerow((entry.number, *texts, *rest))

    def put(self) -> None:
        """Put the file in its place."""
        rows = csv.writer(self._part.file, lineterminator="\n")
        rows.writerow((*COLUMNS, *map(cell, self._names)))
        self._raw.file.seek(0)
        for *row, numbers in csv.reader(self._raw.file):
            found = json.loads(numbers)
            rows.writerow((*row, *(found.get(name, "") for name in self._names)))
        self._part.put()
        self._raw.drop()

    def drop(self) -> None:
        """Forget it, if it was not put in its place."""
        self._part.drop()
        self._raw.drop()


class Poses:
    """The SDF: a record for each molecule that was placed somewhere, in the library's order."""

    def __init__(self, path: Path) -> None:
        self._part = Part(path)
        self.count = 0

    def write(self, entry: Entry, score: Score) -> None:
        """Add a pose, with its score; an answer without one is left out."""
        if not score.pose or score.value is None:
            return
        self.count += 1
        title = one_line(entry.name or str(entry.number), 80)
        _, _, block = score.pose.split("$$$$", 1)[0].partition("\n")
        values = {"number": entry.number, "smiles": score.smiles, "value": score.value}
        fields = [field(name, str(value)) for name, value in {**values, **score.numbers}.items()]
        self._part.file.write(storable(f"{title}\n{block.rstrip()}\n{''.join(fields)}$$$$\n"))

    def put(self) -> None:
        """Put the file in its place."""
        self._part.put()

    def drop(self) -> None:
        """Forget it, if it was not put in its place."""
        self._part.drop()


def open_files(out: Path, sdf: Path | None) -> list[Sheet | Poses]:
    """The files of a run; either all are ours, or none."""
    sheet = Sheet(out)
    try:
        return [sheet, Poses(sdf)] if sdf else [sheet]
    except (UsageError, OSError):
        sheet.drop()
        raise
