"""What is docked into: a receptor as PDBQT, and the box that is searched."""

import difflib
import hashlib
import math
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from novum.errors import UsageError

Point = tuple[float, float, float]

SMALLEST_SIDE = 6.0  # Å; less holds no drug
LARGEST_SIDE = 60.0
LARGEST_VOLUME = 64_000.0  # Å³; Vina advises against more than 27,000
ELEMENTS = {  # of AutoDock's atom types that are not called like their element
    "A": "C",
    "NA": "N",
    "NS": "N",
    "OA": "O",
    "OS": "O",
    "SA": "S",
    "HD": "H",
    "HS": "H",
}
TYPES = frozenset(
    {*ELEMENTS, "H", "C", "N", "O", "F", "Mg", "P", "S", "Cl", "Ca", "Mn", "Fe", "Zn", "Br", "I"}
    | {"Si", "Cu", "Na", "K", "Hg", "Co", "U", "Cd", "Ni"}
)


@dataclass(frozen=True, slots=True)
class ReceptorAtom:
    """One atom of a receptor."""

    name: str
    residue: str
    chain: str
    number: int
    element: str
    place: Point  # Å
    hetero: bool


@dataclass(frozen=True, slots=True)
class Target:
    """A rigid receptor and a box, both in Å. `about` says how the receptor was prepared.

    Raises:
        UsageError: if Vina could not, or should not, dock into it.
    """

    name: str
    receptor: str  # PDBQT
    center: Point
    size: Point
    about: str = ""

    def __post_init__(self) -> None:
        _require_sound_box(self.center, self.size)
        inside = sum(self.holds(atom.place) for atom in self.atoms())
        if not inside:
            raise UsageError(
                f"the box of {self.name} holds no atom of the receptor; is its center right?"
            )

    @property
    def digest(self) -> str:
        """Names all that changes a score: the receptor and the box, but not what it is called."""
        box = " ".join(f"{number:.3f}" for number in (*self.center, *self.size))
        return hashlib.sha256(f"{box}\n{self.receptor}".encode()).hexdigest()[:16]

    @property
    def diagonal(self) -> float:
        """Of the box, in Å."""
        return math.hypot(*self.size)

    def holds(self, place: Point, margin: float = 0.0) -> bool:
        """Whether a place is in the box, or at most `margin` Å beside it."""
        sides = zip(place, self.center, self.size, strict=True)
        return all(abs(at - middle) <= side / 2 + margin for at, middle, side in sides)

    def atoms(self) -> list[ReceptorAtom]:
        """The receptor's atoms.

        Raises:
            UsageError: naming the line that is no atom of a rigid receptor.
        """
        lines = self.receptor.splitlines()
        found = [
            _atom(self.name, number, line)
            for number, line in enumerate(lines, 1)
            if line.startswith(("ATOM", "HETATM"))
        ]
        if not found:
            raise UsageError(f"the receptor of {self.name} has no atoms; is it a PDBQT file?")
        if any(line.startswith(("ROOT", "BRANCH", "TORSDOF")) for line in lines):
            raise UsageError(f"{self.name} is the PDBQT of a ligand, not of a rigid receptor")
        return found


def dockstring_names() -> tuple[str, ...]:
    """The targets that DOCKSTRING prepared.

    Raises:
        UsageError: if the package is not installed.
    """
    names = (entry.name for entry in _dockstring().iterdir())
    return tuple(
        sorted(name.removesuffix("_conf.txt") for name in names if name.endswith("_conf.txt"))
    )


def dockstring_target(name: str) -> Target:
    """One of DOCKSTRING's targets: receptors from DUD-E, protonated, with boxes of 30 Å.

    Source: García-Ortegón et al., J. Chem. Inf. Model. 62 (2022) 3486, 10.1021/acs.jcim.1c01334.

    Raises:
        UsageError: if there is none of this name, with the names that are near.
    """
    known = dockstring_names()
    if name not in known:
        by_capitals = {target.upper(): target for target in known}
        near = difflib.get_close_matches(name.upper(), by_capitals, n=3, cutoff=0.5)
        hint = f"near: {', '.join(by_capitals[match] for match in near)}"
        known_ones = f"known: {', '.join(known)}"
        raise UsageError(
            f"no target of DOCKSTRING is called `{name}`; {hint if near else known_ones}"
        )
    receptor = (_dockstring() / f"{name}_target.pdbqt").read_text()
    box = dict(
        re.findall(r"^(\w+)\s*=\s*(\S+)", (_dockstring() / f"{name}_conf.txt").read_text(), re.M)
    )
    return Target(
        name,
        receptor,
        (float(box["center_x"]), float(box["center_y"]), float(box["center_z"])),
        (float(box["size_x"]), float(box["size_y"]), float(box["size_z"])),
        "prepared by DOCKSTRING",
    )


def _dockstring() -> Traversable:
    try:
        return files("dockstring") / "resources" / "targets"
    except ModuleNotFoundError:
        raise UsageError(
            "DOCKSTRING's targets need the extra: pip install 'novum[molecule]'"
        ) from None


def _require_sound_box(center: Point, size: Point) -> None:
    if not all(map(math.isfinite, (*center, *size))):
        raise UsageError("the center and the size of a box are three finite numbers each, in Å")
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in size):
        shown = " × ".join(f"{side:g}" for side in size)
        raise UsageError(
            f"a box of {shown} Å; its sides may be {SMALLEST_SIDE:g} to {LARGEST_SIDE:g} Å"
        )
    if math.prod(size) > LARGEST_VOLUME:
        raise UsageError(
            f"a box of {math.prod(size):,.0f} Å³; at most {LARGEST_VOLUME:,.0f}: search one pocket"
        )


def _atom(target: str, number: int, line: str) -> ReceptorAtom:
    kind = line[77:79].strip()
    try:
        place = (float(line[30:38]), float(line[38:46]), float(line[46:54]))
        position = int(line[22:26])
    except ValueError:
        place, position = (math.nan, math.nan, math.nan), 0
    if not all(map(math.isfinite, place)):
        raise UsageError(f"receptor of {target}, line {number}: coordinates are missing")
    if kind not in TYPES:
        raise UsageError(
            f"receptor of {target}, line {number}: `{kind}` is no atom type of AutoDock; "
            "prepare it as PDBQT, or give the PDB file"
        )
    element = ELEMENTS.get(kind, kind)
    hetero = line.startswith("HETATM")
    return ReceptorAtom(
        line[12:16], line[17:20].strip(), line[21], position, element, place, hetero
    )
