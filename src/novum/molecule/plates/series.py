"""The lead series: one line a molecule, `SMILES name  # reason`; the last one is the lead."""

from collections.abc import Iterator
from dataclasses import dataclass

from novum.errors import UsageError
from novum.molecule.molecules import MoleculeError, canonical

LONGEST_REASON = 200  # characters; the whole of it is in the proposal


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a series or of a file of ideas; the SMILES as it is written."""

    smiles: str
    name: str
    reason: str


def entries(text: str) -> Iterator[Entry]:
    """The molecules of a SMILES file, in order.

    A `#` inside a SMILES is a triple bond; one after a blank begins a reason.
    """
    for line in text.splitlines():
        body = line.strip()
        if body and not body.startswith("#"):
            body, _, reason = body.partition(" #")
            smiles, *name = body.split(maxsplit=1)
            yield Entry(smiles, " ".join(name).strip(), reason.strip())


def lead_of(text: str, where: str) -> Entry:
    """The last molecule of a series, with its canonical SMILES.

    Raises:
        UsageError: if there is none, or it is no molecule.
    """
    molecules = list(entries(text))
    if not molecules:
        raise UsageError(f"{where} holds no molecule, so there is no lead")
    last = molecules[-1]
    try:
        return Entry(canonical(last.smiles), last.name, last.reason)
    except MoleculeError as error:
        raise UsageError(f"{where}: the lead {last.smiles} cannot be used: {error.reason}") from (
            None
        )


def with_molecule(text: str, smiles: str, name: str, reason: str) -> str:
    """The series with one more molecule, which is the lead then."""
    words = " ".join(reason.split())
    if len(words) > LONGEST_REASON:
        words = words[: LONGEST_REASON - 1] + "…"
    line = f"{smiles} {name}" + (f"  # {words}" if words else "")
    before = text if text.endswith("\n") or not text else text + "\n"
    return f"{before}{line}\n"
