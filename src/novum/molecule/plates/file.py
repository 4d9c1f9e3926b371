"""The bytes of an instrument's file, as cells: encodings, separators, and where the table is."""

import codecs
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from novum.errors import UsageError
from novum.molecule.plates import units
from novum.molecule.plates.layout import ROWS, SHAPES, well_called

LARGEST = 20 * 1024 * 1024  # bytes; a plate's results are a few thousand
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATORS = "\t;,"
_WELL_NAMES = {"well", "wells", "wellid", "wellname", "wellposition", "position", "pos", "wellpos"}
_ROW_NAMES, _COLUMN_NAMES = {"row", "wellrow"}, {"column", "col", "wellcolumn", "wellcol"}
_PLATE_NAMES = {"plate", "plateid", "platename", "platebarcode", "barcode", "assayplate"}

Row = tuple[int, Sequence[str]]
"""A line's number in the file, from 1, and its cells."""


class FileError(UsageError):
    """The file as a whole cannot be used; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Cells:
    """What a file holds: for each line that speaks of a well, what each column says.

    `headings` are as they were written; of a matrix there is one column. `preamble` is what stood
    before, `ignored` how many lines after the table were not read.
    """

    headings: tuple[str, ...]
    wells: tuple[tuple[int, str, tuple[str, ...]], ...]  # line, well, cells
    preamble: tuple[Row, ...]
    ignored: tuple[int, ...]
    separator: str
    shape: tuple[int, int] | None = None  # rows and columns, of a matrix

    def plates(self) -> set[str]:
        """The plates that the file itself names, in a column or above the table."""
        named = set()
        for number, heading in enumerate(self.headings):
            if bare(heading) in _PLATE_NAMES:
                named |= {cells[number].strip() for _, _, cells in self.wells}
        for _, cells in self.preamble:
            named |= set(_plate_in(cells))
        return named - {""}

    def units_above(self, readout: str) -> set[str]:
        """What stands as a unit behind the readout's name in the lines above the table."""
        said = (units.parted(cell) for _, cells in self.preamble for cell in cells)
        return {written for name, _, written in said if bare(name) == bare(readout) and written}


def bare(text: str) -> str:
    """A heading without what people write differently: case, blanks, dots, dashes."""
    return re.sub(r"[\s._#:-]+", "", text).lower()


def read_cells(content: bytes, name: str) -> Cells:
    """The table or the matrix in an instrument's file.

    Raises:
        FileError: if there is none, or more than one.
    """
    text = decoded(content, name)
    found = [cells for mark in _SEPARATORS if (cells := _cells(text, mark, name)) is not None]
    if not found:
        raise FileError(
            f"{name} has no table that can be read: a line of headings with a column `well`, or a "
            "matrix with the rows A, B, ... and the columns 1, 2, ..."
        )
    return max(found, key=lambda cells: (len(cells.headings), len(cells.wells)))


def decoded(content: bytes, name: str) -> str:
    """The text of a file: UTF-8, UTF-16 or else Windows-1252, which instruments write.

    Raises:
        FileError: if it holds no text.
    """
    if len(content) > LARGEST:
        raise FileError(f"{name} is larger than 20 MB, and so it is no plate's results")
    if not content.strip():
        raise FileError(f"{name} is empty")
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise FileError(f"{name} is a spreadsheet; save it as CSV, and import that")
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return _decoded(content, encoding, name)
    if content[1::2].count(0) > len(content) / 4:
        return _decoded(content, "utf-16-le", name)
    if content[::2].count(0) > len(content) / 4:
        return _decoded(content, "utf-16-be", name)
    if 0 in content:
        raise FileError(f"{name} is no text")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _decoded(content: bytes, encoding: str, name: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise FileError(f"{name} is damaged: it begins as {encoding}, and does not go on so") from (
            None
        )


def _cells(text: str, separator: str, name: str) -> Cells | None:
    """What the file holds if cells are parted by this; None if that makes no sense."""
    reader = csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=separator)
    try:
        rows: list[Row] = [(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        raise FileError(f"{name} is damaged near line {reader.line_num}: {error}") from None
    starts = [number for number, (_, cells) in enumerate(rows) if _well_columns(cells)]
    matrices = [number for number, (_, cells) in enumerate(rows) if _matrix_columns(cells)]
    if len(starts) > 1 or len(matrices) > 1 or (starts and matrices):
        lines = ", ".join(str(rows[number][0]) for number in sorted(starts + matrices))
        raise FileError(f"{name} holds several tables (lines {lines}); leave one, and import that")
    if starts:
        return _table(rows, starts[0], separator, name)
    return _matrix(rows, matrices[0], separator, name) if matrices else None


def _well_columns(cells: Sequence[str]) -> tuple[int, ...] | None:
    """Where a line of headings says that wells are named: one column, or row and column."""
    names = [bare(cell) for cell in cells]
    if len(names) < 2:
        return None
    for number, name in enumerate(names):
        if name in _WELL_NAMES:
            return (number,)
    rows = [number for number, name in enumerate(names) if name in _ROW_NAMES]
    columns = [number for number, name in enumerate(names) if name in _COLUMN_NAMES]
    return (rows[0], columns[0]) if rows and columns else None


def _table(rows: list[Row], start: int, separator: str, name: str) -> Cells:
    headings = tuple(cell.strip() for cell in rows[start][1])
    where = _well_columns(headings)
    assert where is not None
    wells, ignored = [], []
    for line, cells in rows[start + 1 :]:
        said = "".join(cells[number].strip() for number in where if number < len(cells))
        well = well_called(said)
        if well is not None:
            _require_no_more(cells[len(headings) :], line, name)
            padded = (*cells, *[""] * (len(headings) - len(cells)))
            wells.append((line, well, padded))
        elif any(cell.strip() for cell in cells):
            ignored.append(line)
    return Cells(headings, tuple(wells), tuple(rows[:start]), tuple(ignored), separator)


def _require_no_more(cells: Sequence[str], line: int, name: str) -> None:
    """A line that is longer than its headings may be `12,5` torn in two."""
    if any(cell.strip() for cell in cells):
        raise FileError(
            f"{name}: line {line} has more cells than the headings; if its numbers have decimal "
            "commas, part the cells with semicolons"
        )


def _matrix_columns(cells: Sequence[str]) -> list[int] | None:
    """Where a line of headings has the columns 1, 2, ... of a plate, all of them."""
    places = [number for number, cell in enumerate(cells) if cell.strip()]
    said = [cells[number].strip().lstrip("0") for number in places]
    if said and not said[0].isdigit() and said[0].upper() not in ROWS:  # a corner, such as <>
        places, said = places[1:], said[1:]
    complete = len(said) in {columns for _, columns in SHAPES.values()}
    good = complete and said == [str(number) for number in range(1, len(said) + 1)]
    return places if good and places[0] > 0 else None


def _matrix(rows: list[Row], start: int, separator: str, name: str) -> Cells:
    places = _matrix_columns(rows[start][1])
    assert places is not None
    wells, ignored, letters = [], [], ""
    for line, cells in rows[start + 1 :]:
        label = "".join(cells[: places[0]]).strip().upper()
        if len(label) == 1 and label in ROWS and label not in letters:
            letters += label
            behind = [cell for cell in cells[places[-1] + 1 :] if cell.strip().upper() != label]
            _require_no_more(behind, line, name)
            for number, place in enumerate(places, 1):
                said = cells[place] if place < len(cells) else ""
                wells.append((line, f"{label}{number:02}", (said,)))
        elif any(cell.strip() for cell in cells):
            ignored.append(line)
    shape = (len(letters), len(places))
    if shape not in SHAPES.values() or letters != ROWS[: len(letters)]:
        raise FileError(
            f"{name} has a matrix of {shape[1]} columns with the rows {letters or '(none)'}: that "
            "is no plate of 24, 96 or 384 wells"
        )
    above = tuple(rows[:start])
    return Cells(("",), tuple(wells), above, tuple(ignored), separator, shape)


def _plate_in(cells: Sequence[str]) -> list[str]:
    """The plate that a line above the table names: `Plate,P001`, or `Plate: P001`."""
    said = [cell.strip() for cell in cells if cell.strip()]
    if len(said) > 1 and bare(said[0]) in _PLATE_NAMES:
        return [said[1]]
    if len(said) == 1 and ":" in said[0]:
        name, _, value = said[0].partition(":")
        return [value.strip()] if bare(name) in _PLATE_NAMES else []
    return []
