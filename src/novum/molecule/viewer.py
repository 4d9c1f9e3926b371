"""Docked poses in three dimensions: one HTML page that needs no network, drawn by 3Dmol.js.

Whatever comes from outside (names, SMILES, PDB text) is in one block of JSON without any `<`.
It is shown as text only; the page's own policy forbids it to fetch anything.
"""

import base64
import html
import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any

import numpy as np
from rdkit import Chem

from novum.molecule.drawing import depict, picture
from novum.molecule.pocket import (
    NEAR,
    Atom,
    Points,
    Residue,
    contacts,
    label,
    pdb,
    pocket,
    positions,
    read_pdbqt,
    view,
)

PLACE = re.compile(r"%([A-Z]+)%")  # of a part, in the template


@dataclass(frozen=True, slots=True)
class Box:
    """Where docking searched, in Å."""

    center: tuple[float, float, float]
    size: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Pose:
    """A molecule where it was placed: an SDF block, its name, and what is told beside it."""

    name: str
    sdf: str
    rows: Sequence[tuple[str, str]] = ()


def page(
    title: str, poses: Sequence[Pose], receptor: str = "", box: Box | None = None
) -> str | None:
    """The page, with the receptor (PDBQT text) if there is one; the last pose is chosen first.

    None if no pose can be read: an SDF block needs coordinates in three dimensions.
    """
    placed = [(pose, mol) for pose in poses if (mol := placed_molecule(pose.sdf)) is not None]
    if not placed:
        return None
    atoms = read_pdbqt(receptor)
    ligands = np.concatenate([positions(mol) for _, mol in placed])
    data: dict[str, Any] = {
        "receptor": pdb(atoms, pocket(atoms, ligands)) if atoms else "",
        "box": {"center": box.center, "size": box.size} if box else None,
        "poses": [_pose(pose, mol, atoms) for pose, mol in placed],
    }
    filled = {
        "TITLE": html.escape(title),
        "STYLE": _static("poses.css"),
        "DATA": json.dumps(data).replace("<", "\\u003c"),
        "LIBRARY": _static("3Dmol-min.js"),
        "SCRIPT": _static("poses.js"),
    }
    return PLACE.sub(lambda found: filled[found[1]], _static("poses.html"))


def placed_molecule(sdf: str) -> Chem.Mol | None:
    """The molecule of an SDF block; None if it has no place in three dimensions."""
    mol = Chem.MolFromMolBlock(sdf.partition("$$$$")[0], removeHs=False)
    if mol is None or not mol.GetNumConformers() or not mol.GetConformer().Is3D():
        return None
    return mol


def _shown(mol: Chem.Mol) -> str:
    """Its MOL block without the hydrogens of carbons, which would hide the rest."""
    bare = Chem.RWMol(mol)
    Chem.Kekulize(bare, clearAromaticFlags=True)  # aromaticity cannot be told without hydrogens
    bare.BeginBatchEdit()
    for atom in mol.GetAtoms():
        if atom.GetSymbol() == "H" and all(n.GetSymbol() == "C" for n in atom.GetNeighbors()):
            bare.RemoveAtom(atom.GetIdx())
    bare.CommitBatchEdit()
    return str(Chem.MolToMolBlock(bare, kekulize=False))


def _pose(pose: Pose, mol: Chem.Mol, atoms: Sequence[Atom]) -> dict[str, Any]:
    here = positions(mol)
    pocketed = pocket(atoms, here)
    around = np.array([atom.at for atom in atoms if atom.residue in pocketed]).reshape(-1, 3)
    return {
        "name": pose.name,
        "rows": [list(row) for row in pose.rows],
        "sdf": _shown(mol),
        "drawing": _drawing(mol),
        "view": view(here, around),
        "contacts": [asdict(one) for one in contacts(atoms, mol)],
        "pocket": _residues(atoms, pocketed, here),
    }


def _residues(atoms: Sequence[Atom], around: set[Residue], ligand: Points) -> list[dict[str, Any]]:
    """What the page needs to find residues and to name them, at the end away from the ligand."""
    near, centre = pocket(atoms, ligand, NEAR), ligand.mean(axis=0)
    places: dict[Residue, tuple[float, float, float]] = {}
    for atom in (one for one in atoms if one.residue in around and one.name not in {"N", "C", "O"}):
        known = places.get(atom.residue)
        if known is None or math.dist(atom.at, centre) > math.dist(known, centre):
            places[atom.residue] = atom.at
    return [
        {
            "chain": residue[0],
            "resi": int(re.sub(r"[^0-9-]", "", residue[1]) or 0),
            "name": label(residue),
            "at": places[residue],
            "near": residue in near,
        }
        for residue in sorted(around & set(places))
    ]


def _drawing(mol: Chem.Mol) -> str:
    """The molecule in the plane, as the address of an image that needs no fetching."""
    flat = Chem.MolFromSmiles(Chem.MolToSmiles(Chem.RemoveHs(mol)))
    return "data:image/svg+xml;base64," + base64.b64encode(picture(depict(flat))).decode()


def _static(name: str) -> str:
    return resources.files(__package__).joinpath("static", name).read_text(encoding="utf-8")
