"""Poses: read back from Vina, written as SDF, and checked by PoseBusters."""

import io
from typing import Any

from meeko import PDBQTMolecule, RDKitMolCreate
from posebusters import PoseBusters
from posebusters.modules.energy_ratio import get_energies
from rdkit import Chem

from novum.molecule.targets import Target

NEAR = 8.0  # Å around the box, in which the receptor matters for a pose in it
ENSEMBLE = 5  # conformers that an energy is compared with; the limit is a hundredfold energy
WATERS = frozenset({"HOH"})
YES_OR_NO = ("True", "False")  # of Python or numpy; what could not be checked is neither


def mol_of(pdbqt: str) -> Chem.Mol:
    """The docked molecule with its bonds and hydrogens, a conformer for each pose.

    Raises:
        ValueError: if this is not what Meeko's preparation and Vina wrote.
    """
    found = RDKitMolCreate.from_pdbqt_mol(PDBQTMolecule(pdbqt, skip_typing=True))
    if len(found) != 1 or found[0] is None or not found[0].GetNumConformers():
        raise ValueError("the poses cannot be read")
    return found[0]


def sdf(mol: Chem.Mol, title: str, facts: dict[str, str]) -> str:
    """An SDF record of a molecule's first conformer, with a title and data fields."""
    named = Chem.Mol(mol)
    named.SetProp("_Name", title)
    for key, value in facts.items():
        named.SetProp(key, value)
    text = io.StringIO()
    writer = Chem.SDWriter(text)
    writer.SetProps(list(facts))
    writer.write(named, named.GetConformer().GetId())
    writer.close()
    return text.getvalue()


def faults_of(record: str) -> tuple[str, ...]:
    """The checks that the pose of an SDF record failed, by name."""
    _, _, rest = record.partition("<pose_faults>")
    lines = rest.splitlines()[1:]
    named = lines[0] if lines else ""
    return tuple(name.strip() for name in named.split(",") if name.strip())


class Checker:
    """PoseBusters' checks of a docked pose: its chemistry, its geometry, and the protein around.

    The configuration is its own `dock`, with two changes: checks against kinds of neighbours that
    this receptor does not have are left out, and the energy is compared with fewer conformers.

    Source: Buttenschoen, Morris, Deane, Chem. Sci. 15 (2024) 3130, 10.1039/D3SC04185A.
    """

    def __init__(self, target: Target) -> None:
        self._protein = _protein(target)
        infos = [atom.GetPDBResidueInfo() for atom in self._protein.GetAtoms()]
        has_hetero = any(info.GetIsHeteroAtom() for info in infos)
        has_water = any(info.GetResidueName().strip() in WATERS for info in infos)
        config = PoseBusters(config="dock").config
        config["modules"] = [
            _cheaper(module)
            for module in config["modules"]
            if (has_hetero or "cofactors" not in module["name"])
            and (has_water or "waters" not in module["name"])
        ]
        self._all = PoseBusters(config=config)
        without = [module for module in config["modules"] if module["function"] != "energy_ratio"]
        self._quick = PoseBusters(config={**config, "modules": without})

    def check(self, pose: Chem.Mol, energy: bool = True) -> tuple[list[str], int]:
        """The names of the checks that a pose fails, and how many checks could be made."""
        single = Chem.Mol(pose, confId=pose.GetConformer().GetId())
        table = (self._all if energy else self._quick).bust(single, None, self._protein)
        get_energies.cache_clear()  # it would grow with every molecule
        found = {str(name): value for name, value in table.iloc[0].items()}
        made = {name: bool(value) for name, value in found.items() if str(value) in YES_OR_NO}
        return [name for name, passed in made.items() if not passed], len(made)


def _cheaper(module: dict[str, Any]) -> dict[str, Any]:
    if module["function"] != "energy_ratio":
        return module
    fewer = {"ensemble_number_conformations": ENSEMBLE, "num_threads": 1}
    return {**module, "parameters": {**module["parameters"], **fewer}}


def _protein(target: Target) -> Chem.Mol:
    """The part of the receptor that a pose in the box can touch: atoms without bonds."""
    mol = Chem.RWMol()
    atoms = [atom for atom in target.atoms() if target.holds(atom.place, NEAR)]
    conformer = Chem.Conformer(len(atoms))
    for index, atom in enumerate(atoms):
        made = Chem.Atom(atom.element)
        made.SetNoImplicit(True)
        info = Chem.AtomPDBResidueInfo(
            atom.name, residueName=atom.residue, residueNumber=atom.number, chainId=atom.chain
        )
        info.SetIsHeteroAtom(atom.hetero)
        made.SetMonomerInfo(info)
        mol.AddAtom(made)
        conformer.SetAtomPosition(index, atom.place)
    mol.AddConformer(conformer)
    return mol.GetMol()
