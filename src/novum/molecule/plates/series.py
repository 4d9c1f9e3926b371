"""The lead of a series, and files of ideas, whose lines may do without a name."""

import re
from collections.abc import Iterator

from novum.errors import UsageError
from novum.molecule.lead import Entry, SeriesError, parse
from novum.molecule.molecules import MoleculeError, canonical

_REASON = re.compile(r"(?:^|\s)#(.*)")  # a `#` inside a SMILES is a triple bond


def ideas_in(text: str) -> Iterator[Entry]:
    """The molecules of a SMILES file, in order: `SMILES name  # reason`, the last two optional."""
    for number, line in enumerate(text.splitlines(), 1):
        found = _REASON.search(line)
        body = line[: found.start()] if found else line
        if body.strip():
            smiles, *name = body.split(maxsplit=1)
            reason = found[1].strip() if found else ""
            yield Entry(smiles, " ".join(name).strip(), reason, number)


def lead_of(text: str, where: str) -> Entry:
    """The last molecule of a series, with its canonical SMILES.

    Raises:
        UsageError: if the series cannot be read, or its last line is no molecule.
    """
    try:
        last = parse(text)[-1]
        return Entry(canonical(last.smiles), last.name, last.reason, last.line)
    except SeriesError as error:
        raise UsageError(f"{where}: {error}") from None
    except MoleculeError as error:
        raise UsageError(f"{where}: the lead cannot be used: {error.reason}") from None
