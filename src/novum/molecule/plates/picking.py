"""Which candidates go on a plate: diverse ones, or the best first without their near twins."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from rdkit import DataStructs
from rdkit.Chem import rdFingerprintGenerator
from rdkit.SimDivFilters import rdSimDivPickers

from novum.errors import UsageError
from novum.molecule.molecules import Molecule, MoleculeError, read
from novum.molecule.plates.series import ideas_in

Order = Literal["diverse", "given"]
LONGEST_FILE = 100_000  # lines of a file of ideas
KNOWN = "it is measured already, or on an open plate, or there twice"
_RADIUS, _BITS = 2, 2048  # of Morgan fingerprints, as in ECFP4


@dataclass(frozen=True, slots=True)
class Candidate:
    """A molecule that somebody would like to see measured, and why."""

    smiles: str
    title: str = ""
    hypothesis: str = ""
    key: str = ""
    kind: str = ""
    source: str = ""
    name: str = ""  # whose it is already, without blanks


@dataclass(frozen=True, slots=True)
class Picked:
    """What goes on the plate, with canonical SMILES; and why the others do not, by their SMILES."""

    chosen: tuple[Candidate, ...]
    refused: tuple[tuple[str, str], ...]
    left: int  # sound candidates for which there was no room


def read_ideas(path: Path) -> list[Candidate]:
    """The molecules of a SMILES file: a SMILES, then a name, then `#` and a reason, line by line.

    Raises:
        UsageError: if it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    if len(lines) > LONGEST_FILE:
        raise UsageError(f"{path} has {len(lines)} lines; at most {LONGEST_FILE} are read")
    found = ideas_in("\n".join(lines))
    return [
        Candidate(
            one.smiles,
            one.name or one.reason or one.smiles,
            one.reason,
            source=path.name,
            name=re.sub(r"[\s#,;]+", "_", one.name),
        )
        for one in found
    ]


def pick(
    candidates: Iterable[Candidate],
    count: int,
    *,
    known: Collection[str] = (),
    first: Sequence[Candidate] = (),
    order: Order = "diverse",
    too_similar: float = 0.85,
    seed: int = 0,
) -> Picked:
    """At most `count` molecules, none twice and none that is `known` (canonical SMILES).

    `first` go before all others. `diverse` is MaxMin (Ashton and others, Quant. Struct.-Act.
    Relat. 21 (2002) 598) on Morgan fingerprints, starting from `first`. `given` takes them in their
    order, and those that are more similar (Tanimoto) to one that was taken than `too_similar` only
    when there is room left.
    """
    seen = set(known)
    refused: list[tuple[str, str]] = []
    leading = _sound(first, seen, refused)[:count]
    others = _sound(candidates, seen, refused)
    choose = _diverse if order == "diverse" else _best_first
    room = min(count - len(leading), len(others))
    numbers = choose(leading, others, room, seed if order == "diverse" else too_similar)
    chosen = [candidate for candidate, _ in leading] + [others[number][0] for number in numbers]
    left = len(others) - len(numbers)
    return Picked(tuple(chosen), tuple(refused), left)


_Sound = tuple[Candidate, Molecule]


def _sound(
    candidates: Iterable[Candidate], seen: set[str], refused: list[tuple[str, str]]
) -> list[_Sound]:
    """Those that are molecules and not seen yet, canonical; they are seen then."""
    sound = []
    for one in candidates:
        try:
            molecule = read(one.smiles)
        except MoleculeError as error:
            refused.append((one.smiles, error.reason))
            continue
        if molecule.smiles in seen:
            refused.append((one.smiles, KNOWN))
            continue
        seen.add(molecule.smiles)
        sound.append((replace(one, smiles=molecule.smiles), molecule))
    return sound


def _diverse(
    leading: Sequence[_Sound], others: Sequence[_Sound], room: int, seed: float
) -> list[int]:
    if room <= 0:
        return []
    marks = _fingerprints([*leading, *others])
    picker = rdSimDivPickers.MaxMinPicker()
    begun = list(range(len(leading)))
    wanted = len(leading) + room
    picked = picker.LazyBitVectorPick(marks, len(marks), wanted, begun, int(seed) or 1)
    return [number - len(leading) for number in picked if number >= len(leading)]


def _best_first(
    leading: Sequence[_Sound], others: Sequence[_Sound], room: int, limit: float
) -> list[int]:
    marks = _fingerprints([*leading, *others])
    taken = list(marks[: len(leading)])
    numbers: list[int] = []
    twins: list[int] = []
    for number, mark in enumerate(marks[len(leading) :]):
        if len(numbers) >= room:
            break
        likeness = max(DataStructs.BulkTanimotoSimilarity(mark, taken), default=0.0)
        if likeness > limit:
            twins.append(number)
        else:
            numbers.append(number)
            taken.append(mark)
    return (numbers + twins)[: max(room, 0)]


def _fingerprints(sound: Sequence[_Sound]) -> list[DataStructs.ExplicitBitVect]:
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=_RADIUS, fpSize=_BITS)
    return [generator.GetFingerprint(molecule.mol) for _, molecule in sound]
