"""The lead series: the file that is edited in a molecule lab, one molecule a line.

    # a comment
    NC(=O)c1cccc2[nH]c(-c3ccccc3)nc12  lead  # where the campaign begins
    NC(=O)c1cccc2[nH]c(-c3ccncc3)nc12  m1  # a pyridine is less greasy than a phenyl

The last molecule is the lead. A `#` begins a comment only after blank space, for it is a triple
bond in a SMILES. Text only: what a SMILES means is told by `novum.molecule.molecules`.
"""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 256_000
MOST_ENTRIES = 2_000
LONGEST_LINE = 2_000  # characters
LONGEST_NAME = 80  # characters
LONGEST_REASON = 400  # characters, of one that we write ourselves

_COMMENT = re.compile(r"(?:^|\s)#(.*)")
_ENTRY = re.compile(r"(\S+)\s+(\S+)")


class SeriesError(ValueError):
    """A lead series cannot be read; the message names the line. One line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One molecule of a series, as it is written."""

    smiles: str
    name: str
    reason: str
    line: int  # counted from 1


def parse(text: str) -> tuple[Entry, ...]:
    """The molecules of a series, in its order; there is at least one, and the last is the lead.

    Raises:
        SeriesError: if a line is not `SMILES name  # reason`, or the series is too large or empty.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise SeriesError(f"the series is larger than {MOST_BYTES // 1000} kB")
    entries = [
        entry
        for number, line in enumerate(text.split("\n"), 1)
        if (entry := _entry(line.removesuffix("\r"), number)) is not None
    ]
    if not entries:
        raise SeriesError("the series holds no molecule")
    if len(entries) > MOST_ENTRIES:
        raise SeriesError(f"the series holds {len(entries)} molecules; at most {MOST_ENTRIES}")
    return tuple(entries)


def read_series(path: Path) -> tuple[Entry, ...]:
    """The series in a file that may be anything: no link is followed, no pipe waited for.

    Raises:
        SeriesError: if it is no series of ordinary size in UTF-8.
    """
    return parse(read_text(path))


def read_text(path: Path) -> str:
    """The text of a series' file; see `read_series`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:  # noqa: PTH123
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise SeriesError(f"{path.name} is not an ordinary file")
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise SeriesError(f"{path.name}: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise SeriesError(f"{path.name} is larger than {MOST_BYTES // 1000} kB")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SeriesError(f"{path.name}, line {line}: this is not text in UTF-8") from None


def appended(text: str, smiles: str, name: str, reason: str) -> str:
    """A series with one more molecule at its end, as its new lead.

    The reason may be any text: what would break the line is written as blanks.

    Raises:
        SeriesError: if the name or the SMILES cannot stand in a series.
    """
    told = " ".join("".join(c if c.isprintable() else " " for c in reason).split())
    line = f"{smiles}  {name}" + (f"  # {told[:LONGEST_REASON]}" if told else "")
    entry = _entry(line, text.count("\n") + 1)
    if entry is None or (entry.smiles, entry.name) != (smiles, name):
        raise SeriesError(f"`{name}` cannot be the name of {smiles}")
    return (text if not text or text.endswith("\n") else text + "\n") + line + "\n"


def _entry(line: str, number: int) -> Entry | None:
    """The molecule on a line; None on a blank one, or one that holds a comment alone."""
    if len(line) > LONGEST_LINE:
        raise SeriesError(f"line {number}: {len(line)} characters; at most {LONGEST_LINE}")
    if strange := next((c for c in line if not c.isprintable() and c != "\t"), None):
        raise SeriesError(f"line {number}: a control character, U+{ord(strange):04X}")
    found = _COMMENT.search(line)
    body = line[: found.start()] if found else line
    if not body.strip():
        return None
    entry = _ENTRY.fullmatch(body.strip())
    if entry is None:
        raise SeriesError(
            f"line {number}: write one molecule a line, as `SMILES name  # reason`, "
            "and the name without blanks"
        )
    if len(entry[2]) > LONGEST_NAME:
        raise SeriesError(f"line {number}: a name of more than {LONGEST_NAME} characters")
    return Entry(entry[1], entry[2], found[1].strip() if found else "", number)
