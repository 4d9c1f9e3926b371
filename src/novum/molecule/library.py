"""Files of molecules, read one after another: .smi, .csv, .sdf, each also as .gz.

Whatever a record holds, it becomes one entry: what cannot be read is found out by who scores it.
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rdkit import Chem

from novum.errors import NovumError, UsageError

KINDS = (".smi", ".smiles", ".txt", ".csv", ".tsv", ".sdf", ".sd")
SMILES = ("smiles", "canonical_smiles", "isomeric_smiles", "smi")  # headings, as files have them
NAMES = ("name", "id", "title", "compound", "molecule", "compound_id", "molecule_id", "zinc_id")
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
COMMENT = re.compile(r"\s+#(\s.*)?$")
LONGEST = 1_000_000  # characters of a line or a record


@dataclass(frozen=True, slots=True)
class Entry:
    """A molecule of a library, as it is written there."""

    number: int  # of the record, from 1
    smiles: str
    name: str


Reader = Callable[[Path, IO[str]], Iterator[Entry]]


def entries(path: Path) -> Iterator[Entry]:
    """The molecules of a file, in its order; only one is in memory.

    Raises:
        UsageError: if there is no such file, its kind is not known, or it has no column of SMILES.
        NovumError: if it is damaged, with the number of the last record that was sound.
    """
    name = path.name.lower().removesuffix(".gz")
    kind = next((kind for kind in KINDS if name.endswith(kind)), None)
    if kind is None:
        raise UsageError(f"{path}: molecules come as {', '.join(KINDS)}, or one of these with .gz")
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    read = {".csv": _table, ".tsv": _table, ".sdf": _blocks, ".sd": _blocks}.get(kind, _lines)
    return _guarded(path, read)


def _guarded(path: Path, read: Reader) -> Iterator[Entry]:
    count = 0
    try:
        with _opened(path) as text:
            for entry in read(path, text):
                yield entry
                count = entry.number
    except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeError, csv.Error) as error:
        raise NovumError(f"{path} is damaged after record {count}: {error}") from None


def _opened(path: Path) -> IO[str]:
    """The text of a file: UTF-8, or UTF-16 with its mark; a foreign byte becomes a mark of that."""
    packed = path.name.lower().endswith(".gz")
    with gzip.open(path) if packed else path.open("rb") as file:
        encoding = MARKS.get(file.read(2), "utf-8-sig")
    source = gzip.open(path) if packed else path.open("rb")  # noqa: SIM115  closed with its text
    return io.TextIOWrapper(source, encoding, "replace", newline="")


def _lines(path: Path, text: IO[str]) -> Iterator[Entry]:
    number = 0
    for line in _pieces(path, text):
        words = COMMENT.sub("", line.strip()).split(maxsplit=1)
        if not words or words[0].startswith("#"):
            continue
        if number == 0 and words[0].lower() in SMILES:
            continue  # a heading
        number += 1
        yield Entry(number, words[0], words[1].strip() if len(words) > 1 else "")


def _table(path: Path, text: IO[str]) -> Iterator[Entry]:
    lines = _pieces(path, text)
    first = next(lines, "")
    mark = max(",;\t", key=lambda mark: len(_cells(first, mark)))
    cells = _cells(first, mark)
    headings = [cell.strip().lower() for cell in cells]
    column = next((headings.index(name) for name in SMILES if name in headings), None)
    if column is None:
        raise UsageError(f"{path} has no column `smiles`; its columns: {', '.join(cells)}")
    named = next((headings.index(name) for name in NAMES if name in headings), None)
    rows = csv.reader(lines, delimiter=mark)
    for number, row in enumerate((row for row in rows if row), 1):
        cells = [*row, *[""] * (len(headings) - len(row))]
        name = "" if named is None else cells[named].strip()
        yield Entry(number, cells[column].strip(), name)


def _cells(line: str, mark: str) -> list[str]:
    return next(csv.reader([line], delimiter=mark), [])


def _blocks(path: Path, text: IO[str]) -> Iterator[Entry]:
    block: list[str] = []
    number = size = 0
    for line in _pieces(path, text):
        if not line.startswith("$$$$"):
            block.append(line)
            size += len(line)
            if size > LONGEST:
                raise NovumError(f"{path} is damaged after record {number}: it has no end")
            continue
        number += 1
        yield _entry(number, "".join(block))
        block.clear()
        size = 0
    if "".join(block).strip():
        yield _entry(number + 1, "".join(block))


def _entry(number: int, block: str) -> Entry:
    mol = Chem.MolFromMolBlock(block.replace("\r\n", "\n"))
    smiles = "" if mol is None else Chem.MolToSmiles(mol)
    return Entry(number, smiles, block.split("\n", 1)[0].strip())


def _pieces(path: Path, text: IO[str]) -> Iterator[str]:
    """The lines of a text; one without an end does not fill the memory."""
    while line := text.readline(LONGEST):
        if len(line) == LONGEST:
            raise NovumError(f"{path} has a line of more than {LONGEST} characters")
        yield line
