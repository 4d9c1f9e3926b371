"""A receptor and a box of the user's own: prepared as PDBQT, or a structure in a PDB file."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdkit import Chem

from novum.errors import UsageError
from novum.molecule.crew import Crew, Lost
from novum.molecule.targets import Point, Target

MARGIN = 8.0  # Å; about DOCKSTRING's boxes of 30 Å, so that a lead may grow; smina takes 4
PREPARER = "novum.molecule.polymer:preparer"
PATIENCE = 600.0  # seconds for a receptor
WATERS = frozenset({"HOH", "WAT", "DOD", "TIP", "TIP3", "SOL"})
SUFFIXES = (".pdbqt", ".pdb", ".ent")
READERS: dict[str, Callable[[str], Any]] = {
    ".sdf": lambda path: next(iter(Chem.SDMolSupplier(path, sanitize=False)), None),
    ".mol": lambda path: Chem.MolFromMolFile(path, sanitize=False),
    ".mol2": lambda path: Chem.MolFromMol2File(path, sanitize=False),
    ".pdb": lambda path: Chem.MolFromPDBFile(path, sanitize=False, proximityBonding=False),
}


@dataclass(frozen=True, slots=True)
class Residue:
    """A residue of a PDB file, with its lines."""

    chain: str
    name: str
    number: str  # with its insertion code
    hetero: bool
    lines: tuple[str, ...]

    @property
    def label(self) -> str:
        """As it is named to us: chain, name and number."""
        return f"{self.chain}:{self.name}:{self.number}"

    def places(self) -> list[Point]:
        """Where its heavy atoms are, in Å."""
        heavy = (line for line in self.lines if not _is_hydrogen(line))
        return [(float(line[30:38]), float(line[38:46]), float(line[46:54])) for line in heavy]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What became of a structure."""

    pdbqt: str
    left_out: tuple[str, ...]  # names of the residues that are no part of a receptor
    unmatched: tuple[str, ...]  # those that are not complete: `chain:number`


def own_target(
    receptor: Path,
    *,
    center: Point | None = None,
    size: Point | None = None,
    ligand: str | Path = "",
    margin: float = MARGIN,
) -> Target:
    """A target from a file, and a box: its center and size, or a ligand that it is to surround.

    A PDBQT file is taken as it is. From a PDB file the first model is taken, and of atoms in
    several places the first; waters, the ligand and whatever else is not of the protein, a
    nucleic acid or a metal is left out, and Meeko adds hydrogens and atom types. `ligand` is an
    SDF, MOL, MOL2 or PDB file, or the name of a residue in the receptor's file: `STI`, or
    `A:STI:1`. `margin` is in Å.

    Raises:
        UsageError: if a file cannot be read, the ligand is not there, or a residue in the box
            is not complete.
    """
    if receptor.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{receptor}: a receptor is a .pdbqt or a .pdb file")
    text = _text(receptor)
    residues = residues_of(text) if receptor.suffix.lower() != ".pdbqt" else []
    inside: list[Residue] = []  # the ligand's residue, where it is in the receptor's file
    if center is None or size is None:
        inside = [] if isinstance(ligand, Path) else [_residue(ligand, residues, receptor)]
        places = _from_file(ligand) if isinstance(ligand, Path) else inside[0].places()
        center, size = box_around(places, margin)
    if receptor.suffix.lower() == ".pdbqt":
        return Target(receptor.stem, text, center, size, "prepared by its owner")
    rest = [one for one in residues if not (one.hetero and inside and one.name == inside[0].name)]
    if all(one.name in WATERS for one in rest):
        raise UsageError(f"{receptor} holds no protein and no nucleic acid")
    prepared = _prepared(receptor, rest)
    about = _told([*prepared.left_out, *(one.name for one in inside)], prepared.unmatched)
    target = Target(receptor.stem, prepared.pdbqt, center, size, about)
    _require_complete(target, residues, prepared.unmatched)
    return target


def box_around(places: Sequence[Point], margin: float) -> tuple[Point, Point]:
    """Center and size of the smallest box around places, with a margin on all sides, in Å."""
    low = [min(axis) for axis in zip(*places, strict=True)]
    high = [max(axis) for axis in zip(*places, strict=True)]
    center = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
    size = [b - a + 2 * margin for a, b in zip(low, high, strict=True)]
    return (center[0], center[1], center[2]), (size[0], size[1], size[2])


def residues_of(text: str) -> list[Residue]:
    """The residues of the first model of a PDB file; of atoms in several places the first.

    Raises:
        UsageError: naming the line whose coordinates cannot be read.
    """
    found: dict[tuple[str, str, str], list[str]] = {}
    seen: set[tuple[str, str, str, str]] = set()
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("ENDMDL"):
            break
        if not line.startswith(("ATOM", "HETATM")):
            continue
        key = (line[21:22].strip(), line[17:20].strip(), line[22:27].strip())
        atom = (*key, line[12:16])
        if atom in seen:
            continue
        seen.add(atom)
        _require_coordinates(number, line)
        found.setdefault(key, []).append(line[:16] + " " + line[17:])
    return [
        Residue(*key, lines[0].startswith("HETATM"), tuple(lines)) for key, lines in found.items()
    ]


def _require_coordinates(number: int, line: str) -> None:
    try:
        _ = float(line[30:38]), float(line[38:46]), float(line[46:54])
    except ValueError:
        raise UsageError(f"line {number} of the PDB file: coordinates are missing") from None


def _is_hydrogen(line: str) -> bool:
    element = line[76:78].strip() or line[12:16].strip(" 0123456789")[:1]
    return element.upper() in ("H", "D")


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError as error:
        raise UsageError(f"the receptor {path} cannot be read: {error.strerror}") from None


def _residue(ligand: str, residues: list[Residue], receptor: Path) -> Residue:
    named = [one for one in residues if ligand in (one.name, one.label)]
    if not named:
        others = sorted({one.name for one in residues if one.hetero} - WATERS)
        hint = f"it holds {', '.join(others)}" if others else "give the ligand as an SDF file"
        raise UsageError(f"{receptor} has no residue `{ligand}`; {hint}")
    if len(named) > 1:
        labels = ", ".join(one.label for one in named[:8])
        raise UsageError(f"{receptor} has {len(named)} residues `{ligand}`; choose one: {labels}")
    return named[0]


def _from_file(path: Path) -> list[Point]:
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise UsageError(f"{path}: a ligand is a .sdf, .mol, .mol2 or .pdb file")
    try:
        mol = read(str(path))
    except (OSError, RuntimeError, ValueError):
        mol = None
    if mol is None or not mol.GetNumConformers():
        raise UsageError(f"the ligand {path} cannot be read")
    if not mol.GetConformer().Is3D():
        raise UsageError(f"the ligand {path} is flat; its place in the receptor is needed")
    places = mol.GetConformer().GetPositions().tolist()
    heavy = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() > 1]
    return [(places[index][0], places[index][1], places[index][2]) for index in heavy]


def _prepared(path: Path, residues: list[Residue]) -> Prepared:
    with closing(Crew(PREPARER, None)) as crew:
        ((_, answer),) = crew.each([(path, residues)], PATIENCE)
    if isinstance(answer, Lost):
        raise UsageError(f"Meeko cannot prepare {path}: {answer.reason}")
    assert isinstance(answer, Prepared)
    return answer


def _told(left_out: Sequence[str], unmatched: Sequence[str]) -> str:
    counts = Counter("water" if name in WATERS else name for name in left_out)
    named = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    text = "prepared by Meeko, with hydrogens"
    text += f"; left out: {named}" if named else ""
    return text + (f"; incomplete, left out: {', '.join(unmatched)}" if unmatched else "")


def _require_complete(
    target: Target, residues: Sequence[Residue], unmatched: Sequence[str]
) -> None:
    gone = set(unmatched)
    for residue in residues:
        if f"{residue.chain}:{residue.number}" not in gone:
            continue
        if any(target.holds(place) for place in residue.places()):
            raise UsageError(
                f"{target.name}: residue {residue.label}, in the box, is not complete, or unknown "
                "to Meeko; repair it (for example with PDBFixer), or give a PDBQT file"
            )
