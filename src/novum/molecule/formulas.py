"""Oracles that are formulas: what RDKit computes from the structure alone.

[oracle]
kind = "property"
property = "qed"
"""

import importlib.util
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

import rdkit
from rdkit import Chem
from rdkit.Chem import QED, Crippen, Descriptors, Lipinski, RDConfig, rdMolDescriptors

from novum.errors import UsageError
from novum.molecule.molecules import Molecule, MoleculeError, read
from novum.molecule.scores import Score, Setting, Status
from novum.molecule.tables import Table, checked

Better = Literal["low", "high"]


@dataclass(frozen=True, slots=True)
class Property:
    """A formula, its unit, and which way is usually meant to be better."""

    formula: Callable[[Chem.Mol], float]
    what: str
    better: Better


def sa_score(mol: Chem.Mol) -> float:
    """How hard a molecule is to make, from 1 (easy) to 10.

    Ertl and Schuffenhauer, J. Cheminform. 1:8 (2009), as RDKit's contributed program has it.
    """
    return float(_sa_scorer().calculateScore(mol))


PROPERTIES: dict[str, Property] = {
    "fsp3": Property(rdMolDescriptors.CalcFractionCSP3, "share of carbons that are sp3", "high"),
    "hba": Property(Lipinski.NumHAcceptors, "acceptors of hydrogen bonds", "low"),
    "hbd": Property(Lipinski.NumHDonors, "donors of hydrogen bonds", "low"),
    "heavy_atoms": Property(Lipinski.HeavyAtomCount, "atoms without hydrogens", "low"),
    "logp": Property(Crippen.MolLogP, "octanol-water log P (Wildman and Crippen 1999)", "low"),
    "molar_refractivity": Property(Crippen.MolMR, "volume and polarisability (likewise)", "low"),
    "mw": Property(Descriptors.MolWt, "molecular weight, g/mol", "low"),
    "qed": Property(QED.qed, "drug-likeness, 0 to 1 (Bickerton et al. 2012)", "high"),
    "rings": Property(rdMolDescriptors.CalcNumRings, "rings", "low"),
    "aromatic_rings": Property(rdMolDescriptors.CalcNumAromaticRings, "aromatic rings", "low"),
    "rotatable_bonds": Property(
        rdMolDescriptors.CalcNumRotatableBonds, "bonds that turn (RDKit's strict count)", "low"
    ),
    "sa": Property(sa_score, "synthetic accessibility, 1 to 10 (Ertl 2009)", "low"),
    "stereocentres": Property(
        rdMolDescriptors.CalcNumAtomStereoCenters, "centres, set or not", "low"
    ),
    "tpsa": Property(rdMolDescriptors.CalcTPSA, "polar surface, Å² (Ertl et al. 2000)", "low"),
}


class _Settings(Table):
    property: str
    better: Better | None = None


class PropertyOracle:
    """Scores molecules by a formula."""

    name = "property"
    version = f"rdkit {rdkit.__version__}"

    def __init__(self, name: str, better: Better | None = None) -> None:
        if name not in PROPERTIES:
            known = ", ".join(PROPERTIES)
            raise UsageError(f"there is no property `{name}`; known: {known}")
        self._formula = PROPERTIES[name].formula
        self.settings: Mapping[str, Setting] = {"property": name}
        self.better: Better = better or PROPERTIES[name].better

    @classmethod
    def from_table(cls, table: Mapping[str, Any], directory: Path) -> Self:
        """An oracle for the property that a table names.

        Raises:
            UsageError: if there is no such property.
        """
        settings = checked(_Settings, table)
        return cls(settings.property, settings.better)

    def score(self, molecules: Sequence[str]) -> list[Score]:
        """One answer for each SMILES, in their order."""
        return list(self._each(molecules))

    def _each(self, molecules: Sequence[str]) -> Iterator[Score]:
        for smiles in molecules:
            try:
                yield self._of(read(smiles))
            except MoleculeError as error:
                yield Score.without(smiles, error.status, error.reason)

    def _of(self, molecule: Molecule) -> Score:
        start = time.perf_counter()
        value = float(self._formula(molecule.mol))
        seconds = time.perf_counter() - start
        if not math.isfinite(value):
            return Score.without(
                molecule.smiles, Status.FAILED, f"the formula gives {value}", seconds
            )
        return Score(molecule.smiles, value, seconds=seconds)


@cache
def _sa_scorer() -> Any:  # noqa: ANN401  a program that RDKit ships beside its modules
    path = Path(RDConfig.RDContribDir) / "SA_Score" / "sascorer.py"
    spec = importlib.util.spec_from_file_location("novum_sascorer", path)
    if not path.exists() or spec is None or spec.loader is None:
        raise UsageError(f"this RDKit has no SA_Score ({path}); pip install rdkit")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
