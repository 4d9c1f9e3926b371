"""Which well holds what: deterministic by its seed, controls and lead on every plate."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from novum.errors import UsageError
from novum.molecule.plates.assay import NEGATIVE, POSITIVE, Assay

SHAPES = {24: (4, 6), 96: (8, 12), 384: (16, 24)}  # rows and columns by the number of wells
SAMPLE, LEAD = "sample", "lead"
ROWS = "ABCDEFGHIJKLMNOP"
_WELL = re.compile(r"([A-Za-z]{1,2})[\s:_-]?0*([0-9]{1,3})")


@dataclass(frozen=True, slots=True)
class Content:
    """What one well holds: the `replicate`th well, from 1, of `subject` in its role.

    `subject` is what was asked to be placed: the SMILES of a sample or the lead, the name of a
    control.
    """

    well: str
    role: str
    subject: str
    replicate: int


@dataclass(frozen=True, slots=True)
class Room:
    """How many wells of a plate there are for what."""

    usable: int
    controls: int
    lead: int
    replicates: int

    @property
    def molecules(self) -> int:
        """How many molecules fit beside controls and lead."""
        return max(0, self.usable - self.controls - self.lead) // self.replicates


def wells(size: int) -> list[str]:
    """All wells of a plate, row by row: A01, A02, ..."""
    rows, columns = SHAPES[size]
    return [f"{ROWS[row]}{column:02}" for row in range(rows) for column in range(1, columns + 1)]


def well_called(text: str) -> str | None:
    """A well's name as we write it (`a1`, `A-1` and `A001` are A01); None if it is no such name.

    It may be a well that no plate has.
    """
    found = _WELL.fullmatch(text.strip())
    return None if found is None else f"{found[1].upper()}{int(found[2]):02}"


def room(assay: Assay, size: int) -> Room:
    """What fits on a plate of this size."""
    plate = assay.tables.plate
    controls = sum(control.wells for control in assay.controls.values())
    return Room(len(_usable(assay, size)), controls, plate.lead, plate.replicates)


def arrange(
    assay: Assay, size: int, lead: str, molecules: Sequence[str], seed: int
) -> tuple[Content, ...]:
    """Place controls, the lead and all molecules, each well once; the same seed, the same plate.

    Raises:
        UsageError: if they do not fit, saying how many do.
    """
    space = room(assay, size)
    if space.molecules < 1:
        raise UsageError(
            f"a plate of {size} wells has {space.usable} that may be used; {space.controls} are "
            f"for controls, {space.lead} for the lead, and nothing is left for {space.replicates} "
            "replicates of a molecule; take a larger plate: --plate 384"
        )
    if len(molecules) > space.molecules:
        raise UsageError(
            f"{len(molecules)} molecules do not fit on a plate of {size} wells: {space.molecules} "
            f"do, {space.replicates} replicates each"
        )
    chance = random.Random(seed)  # noqa: S311  a layout is no secret
    free = _usable(assay, size)
    chance.shuffle(free)
    kept = _control_wells(assay, free)
    contents = [
        Content(well, role, assay.controls[role].name, number)
        for role, own in kept.items()
        for number, well in enumerate(own, 1)
    ]
    taken = {content.well for content in contents}
    free = [well for well in free if well not in taken]
    wanted = [(LEAD, lead, number) for number in range(1, space.lead + 1)]
    wanted += [
        (SAMPLE, molecule, number)
        for molecule in molecules
        for number in range(1, space.replicates + 1)
    ]
    contents += [
        Content(well, role, subject, number)
        for well, (role, subject, number) in zip(free, wanted, strict=False)
    ]
    return tuple(sorted(contents, key=lambda content: content.well))


def _usable(assay: Assay, size: int) -> list[str]:
    rows, columns = SHAPES[size]
    if not assay.tables.plate.avoid_edge:
        return wells(size)
    edge = {ROWS[0], ROWS[rows - 1]}
    return [well for well in wells(size) if well[0] not in edge and 1 < int(well[1:]) < columns]


def _control_wells(assay: Assay, shuffled: Sequence[str]) -> dict[str, list[str]]:
    """The wells of each control: anywhere, or from the outer columns inwards, taking turns."""
    counts = {role: control.wells for role, control in assay.controls.items()}
    if assay.tables.plate.controls == "spread":
        places = list(shuffled)
        return {role: [places.pop() for _ in range(count)] for role, count in counts.items()}
    return _in_columns(counts, sorted(shuffled, key=lambda well: (int(well[1:]), well[0])))


def _in_columns(counts: dict[str, int], ordered: Sequence[str]) -> dict[str, list[str]]:
    """Positive controls in the first columns, negative ones in the last, row by row.

    Half of each lies on the other side, so that a gradient across the plate shows.
    """
    left, right = list(ordered), list(reversed(ordered))
    taken: set[str] = set()
    placed: dict[str, list[str]] = {}
    for role, count in counts.items():
        sides = (left, right) if role == POSITIVE else (right, left)
        placed[role] = []
        for number in range(count):
            side = sides[number % 2]
            well = next(well for well in side if well not in taken)
            taken.add(well)
            placed[role].append(well)
    return placed


ROLES = (POSITIVE, NEGATIVE, LEAD, SAMPLE)
