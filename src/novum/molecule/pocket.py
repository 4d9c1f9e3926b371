"""A docking target to look at: from its PDBQT, the backbone and the pocket around ligands."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

POCKET = 8.0  # Å around the ligands: residues that are shown with their side chains
NEAR = 4.5  # Å: those that touch a ligand
CONTACT = 3.5  # Å between a nitrogen or oxygen of both sides: a polar contact
BACKBONE = frozenset({"N", "CA", "C", "O"})
POLAR = frozenset({"N", "O"})
# AutoDock's atom types that are not elements; all others are, in any case.
ELEMENTS = {
    "A": "C", "G": "C", "GA": "C", "J": "C", "Q": "C", "NA": "N", "NS": "N", "N": "N",
    "OA": "O", "OS": "O", "SA": "S", "HD": "H", "HS": "H", "H": "H", "Z": "C",
}  # fmt: skip

Points = NDArray[np.float64]
Residue = tuple[str, str, str]  # chain, number with its insertion code, name


@dataclass(frozen=True, slots=True)
class Atom:
    """A heavy atom of a receptor; `at` in Å."""

    name: str
    element: str
    residue: Residue
    at: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Contact:
    """A polar contact: where it begins on the ligand and ends on the receptor, and its residue."""

    ligand: tuple[float, float, float]
    receptor: tuple[float, float, float]
    residue: str


def read_pdbqt(text: str) -> list[Atom]:
    """The heavy atoms of a PDBQT; lines that are no atoms are passed over."""
    atoms = (_atom(line) for line in text.splitlines() if line.startswith(("ATOM", "HETATM")))
    return [atom for atom in atoms if atom is not None and atom.element != "H"]


def _atom(line: str) -> Atom | None:
    try:
        at = (float(line[30:38]), float(line[38:46]), float(line[46:54]))
    except ValueError:
        return None
    kind = line[77:].strip().split()[0] if line[77:].strip() else line[12:14].strip()
    element = ELEMENTS.get(kind.upper(), re.sub(r"[^A-Za-z]", "", kind).capitalize()) or "C"
    residue = (line[21].strip() or "A", line[22:27].strip(), line[17:20].strip())
    return Atom(line[12:16].strip(), element, residue, at)


def pocket(atoms: Sequence[Atom], ligands: Points, reach: float = POCKET) -> set[Residue]:
    """The residues with an atom within `reach` Å of an atom of the ligands."""
    if not atoms or not len(ligands):
        return set()
    low, high = ligands.min(axis=0) - reach, ligands.max(axis=0) + reach
    boxed = [atom for atom in atoms if _inside(atom.at, low, high)]
    return {atom.residue for atom in boxed if _nearest(atom.at, ligands) <= reach}


def _inside(at: Sequence[float], low: Points, high: Points) -> bool:
    return bool(np.all(low <= at) and np.all(at <= high))


def _nearest(at: Sequence[float], points: Points) -> float:
    return float(np.sqrt(((points - np.asarray(at)) ** 2).sum(axis=1).min()))


def pdb(atoms: Sequence[Atom], whole: set[Residue]) -> str:
    """PDB text of the backbone of all residues, and of those in `whole` with all heavy atoms."""
    shown = [atom for atom in atoms if atom.residue in whole or atom.name in BACKBONE]
    return "".join(_lines(shown)) + "END\n"


def _lines(atoms: Sequence[Atom]) -> Iterator[str]:
    for serial, atom in enumerate(atoms[:99999], 1):
        chain, number, residue = atom.residue
        digits, insertion = re.fullmatch(r"(-?\d*)(.?).*", number).groups()  # type: ignore[union-attr]
        name = atom.name if len(atom.name) >= 4 or len(atom.element) > 1 else f" {atom.name}"
        x, y, z = atom.at
        yield (
            f"ATOM  {serial:5d} {name[:4]:<4} {residue[:3]:>3} {chain[:1]}{digits[-4:]:>4}"
            f"{insertion:1}   {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {atom.element[:2]:>2}\n"
        )


def contacts(atoms: Sequence[Atom], ligand: Chem.Mol) -> list[Contact]:
    """Polar contacts: N or O of the ligand within `CONTACT` Å of N or O of the receptor.

    Only the distance is looked at, not the angle, so a few of them are no hydrogen bonds.
    """
    points, found = positions(ligand), []
    polar = [atom for atom in atoms if atom.element in POLAR]
    for mine in (one for one in ligand.GetAtoms() if one.GetSymbol() in POLAR):
        here = points[mine.GetIdx()]
        for atom in polar:
            if sum((a - b) ** 2 for a, b in zip(atom.at, here, strict=True)) <= CONTACT**2:
                x, y, z = (float(value) for value in here)
                found.append(Contact((x, y, z), atom.at, label(atom.residue)))
    return found


def label(residue: Residue) -> str:
    """A residue as chemists write it: Asp114."""
    return f"{residue[2].capitalize()}{residue[1]}"


def positions(mol: Chem.Mol) -> Points:
    """Where the atoms of a molecule with a conformer are, in Å."""
    return np.asarray(mol.GetConformer().GetPositions(), dtype=np.float64)


def view(ligand: Points, around: Points) -> tuple[float, float, float, float]:
    """How to look at a ligand: its length across, its width upright, from where least is before it.

    A unit quaternion (x, y, z, w) that turns the molecule so that the eye is at positive z.
    """
    centre = ligand.mean(axis=0)
    if len(ligand) < 3:
        return (0.0, 0.0, 0.0, 1.0)
    axes = np.linalg.svd(ligand - centre, full_matrices=True)[2]
    before = ((around - centre) @ axes[2] > 0).sum() * 2 > len(around) if len(around) else False
    third = -axes[2] if before else axes[2]
    turned = np.array([axes[0], np.cross(third, axes[0]), third])
    return _quaternion(turned)


def _quaternion(turned: Points) -> tuple[float, float, float, float]:
    """The unit quaternion of a rotation matrix, by its largest component."""
    m = turned
    squares = np.array(
        [
            1 + m[0, 0] - m[1, 1] - m[2, 2],
            1 - m[0, 0] + m[1, 1] - m[2, 2],
            1 - m[0, 0] - m[1, 1] + m[2, 2],
            1 + m[0, 0] + m[1, 1] + m[2, 2],
        ]
    )
    rows = (
        (squares[0], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0], m[2, 1] - m[1, 2]),
        (m[0, 1] + m[1, 0], squares[1], m[1, 2] + m[2, 1], m[0, 2] - m[2, 0]),
        (m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], squares[2], m[1, 0] - m[0, 1]),
        (m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], squares[3]),
    )
    best = np.array(rows[int(squares.argmax())], dtype=np.float64)
    x, y, z, w = (float(value) for value in best / np.linalg.norm(best))
    return (x, y, z, w)
