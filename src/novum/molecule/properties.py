"""Numbers of a molecule that need no docking: by name, as `filters.toml` and results use them."""

import importlib.util
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

from rdkit import Chem, RDConfig
from rdkit.Chem import QED, Crippen, Descriptors, rdMolDescriptors, rdmolops

ANGSTROM_A_BOND = 1.25  # along a stretched chain, whose bonds of 1.54 Å stand in a zigzag


def sa_score(mol: Chem.Mol) -> float:
    """Synthetic accessibility: 1 is easy, 10 is hard.

    P. Ertl and A. Schuffenhauer, J. Cheminformatics 2009, 1, 8, as RDKit's contribution has it.
    """
    return float(_sascorer().calculateScore(mol))


def extended_length(mol: Chem.Mol) -> float:
    """How long the molecule is when it is stretched out, in Å: a bound from its bonds alone."""
    return float(rdmolops.GetDistanceMatrix(mol).max()) * ANGSTROM_A_BOND


@cache
def _sascorer() -> ModuleType:
    path = Path(RDConfig.RDContribDir, "SA_Score", "sascorer.py")
    spec = importlib.util.spec_from_file_location("sascorer", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ImportError(f"this RDKit has no SA_Score at {path}; install the wheel from PyPI")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _stereocentres(mol: Chem.Mol) -> float:
    return float(rdMolDescriptors.CalcNumAtomStereoCenters(mol))


def _largest_ring(mol: Chem.Mol) -> float:
    return float(max((len(ring) for ring in mol.GetRingInfo().AtomRings()), default=0))


PROPERTIES: Mapping[str, tuple[str, Callable[[Chem.Mol], float]]] = {
    "heavy_atoms": ("the number of heavy atoms", lambda mol: float(mol.GetNumHeavyAtoms())),
    "mw": ("the molecular weight in Da", Descriptors.MolWt),
    "logp": ("the logP (Crippen)", Crippen.MolLogP),
    "tpsa": ("the polar surface (TPSA) in Å²", rdMolDescriptors.CalcTPSA),
    "hbd": ("the number of hydrogen-bond donors", rdMolDescriptors.CalcNumHBD),
    "hba": ("the number of hydrogen-bond acceptors", rdMolDescriptors.CalcNumHBA),
    "rotatable_bonds": ("the number of rotatable bonds", rdMolDescriptors.CalcNumRotatableBonds),
    "rings": ("the number of rings", rdMolDescriptors.CalcNumRings),
    "aromatic_rings": ("the number of aromatic rings", rdMolDescriptors.CalcNumAromaticRings),
    "largest_ring": ("the largest ring", _largest_ring),
    "formal_charge": ("the formal charge", lambda mol: float(Chem.GetFormalCharge(mol))),
    "stereocentres": ("the number of stereocentres", _stereocentres),
    "fsp3": ("the share of sp3 carbons", rdMolDescriptors.CalcFractionCSP3),
    "qed": ("the drug-likeness (QED)", QED.qed),
    "sa": ("the synthetic accessibility score", sa_score),
}
"""For each name, what it is in words, and how it is computed."""
