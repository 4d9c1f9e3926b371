"""A molecule lab for another target or lead: which of its files `novum new` changes, and how.

Whatever a lab needs is copied into it, so that it is complete: a receptor of the person's own is
prepared once, here, and lies in the lab as PDBQT.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from novum.errors import UsageError
from novum.molecule.lead import appended
from novum.molecule.molecules import Molecule, MoleculeError, read
from novum.molecule.receptors import own_target
from novum.molecule.targets import dockstring_target

ORACLE, SERIES, RECEPTOR = "oracle.toml", "lead.smi", "receptor.pdbqt"
HEAD = "# The lead series: `SMILES name  # reason`, one molecule a line; the last is the lead.\n"
SHIPPED = "PARP1"  # the target that the shipped lead is a lead for
LEADS = {  # small ones, with room to grow, for some of DOCKSTRING's targets
    "CDK2": (
        "CC(=O)Nc1c[nH]nc1C(=O)Nc1ccc(F)cc1",
        "on the way from a fragment to AT7519: Wyatt et al. 2008, J. Med. Chem. 51, 4986",
    ),
    "DRD2": (
        "COc1ccccc1N1CCNCC1",
        "2-methoxyphenylpiperazine, the head group of many ligands of this receptor",
    ),
    "EGFR": (
        "c1ccc(Nc2ncnc3ccccc23)cc1",
        "4-anilinoquinazoline, the core of gefitinib: Fry et al. 1994, Science 265, 1093",
    ),
    "HSP90AA1": (
        "CC(C)c1cc(C(=O)N2Cc3ccccc3C2)c(O)cc1O",
        "on the way from a fragment to onalespib: Woodhead et al. 2010, J. Med. Chem. 53, 5956",
    ),
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person asks for; all of it is optional."""

    target: str = ""  # a name of DOCKSTRING's
    receptor: Path | None = None  # or a file: PDBQT or PDB
    ligand: str = ""  # the box is around it: a file, or a residue of the receptor's file
    lead: str = ""  # a SMILES


@dataclass(frozen=True, slots=True)
class Start:
    """The lab's files that are different, by name, and words for the person."""

    files: Mapping[str, str]
    notes: tuple[str, ...] = ()


def start(wish: Wish, oracle: str) -> Start:
    """The changed files of a lab whose `oracle.toml` is given as a text.

    Raises:
        UsageError: if there is no such target (with near names), a file cannot be read, or the
            lead is no molecule that can be worked with.
    """
    if wish.target and wish.receptor:
        raise UsageError("--target names a target of DOCKSTRING's; leave it out with --receptor")
    if wish.receptor is None and wish.ligand:
        raise UsageError("--ligand says where the box is in a --receptor; give that too")
    files, notes = {}, []
    name = wish.target or SHIPPED
    if wish.receptor is not None:
        target = own_target(wish.receptor, ligand=_ligand(wish.ligand))
        name = target.name
        files[RECEPTOR] = target.receptor
        box = f"center = {_numbers(target.center)}\nsize = {_numbers(target.size)}"
        files[ORACLE] = _with(oracle, f'receptor = "{RECEPTOR}"  # {_plain(target.about)}\n{box}')
        notes.append(f"{RECEPTOR}: {target.about}; the box is {_sides(target.size)} Å")
    elif wish.target:
        name = dockstring_target(wish.target).name
        files[ORACLE] = _with(oracle, f'target = "{name}"')
    if wish.lead:
        files[SERIES] = _series(_lead(wish.lead), "given to novum new")
    elif name in LEADS:
        smiles, history = LEADS[name]
        files[SERIES] = _series(read(smiles), history)
    elif name != SHIPPED:
        notes.append(
            f"{SERIES} holds a lead for {SHIPPED}, the shipped one; --lead SMILES gives yours"
        )
    return Start(files, tuple(notes))


def _ligand(named: str) -> str | Path:
    """A file, or the name of a residue."""
    if not named:
        raise UsageError("--receptor needs --ligand: a file, or a residue's name in the receptor's")
    path = Path(named).expanduser()
    return path if path.suffix or path.exists() else named


def _lead(smiles: str) -> Molecule:
    try:
        return read(smiles)
    except MoleculeError as error:
        raise UsageError(f"--lead {smiles[:60]}: {error}") from None


def _series(lead: Molecule, reason: str) -> str:
    return appended(HEAD, lead.smiles, "start", reason)


def _with(oracle: str, lines: str) -> str:
    """The file with another target: other lines in the place of `target = ...`."""
    changed, count = re.subn(r'(?m)^target = ".*$', lambda _: lines, oracle)
    if count != 1:
        raise UsageError("this lab docks into no target: leave out --target and --receptor")
    return changed


def _numbers(values: tuple[float, ...]) -> str:
    return "[" + ", ".join(f"{value:.3f}" for value in values) + "]"


def _sides(size: tuple[float, ...]) -> str:
    return " × ".join(f"{side:.0f}" for side in size)


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
