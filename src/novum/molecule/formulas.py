"""Oracles that are formulas: what RDKit computes from the structure alone.

[oracle]
kind = "property"
property = "qed"
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import rdkit

from novum.errors import UsageError
from novum.lab.tables import Table
from novum.molecule.molecules import Molecule, MoleculeError, read
from novum.molecule.properties import PROPERTIES
from novum.molecule.scores import Score, Setting, Status
from novum.tables import checked

Better = Literal["low", "high"]
HIGH = frozenset({"fsp3", "qed"})  # usually more of these is wanted, and less of the others


class PropertyTable(Table):
    """What a table of kind `property` may hold."""

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
        self._formula = PROPERTIES[name][1]
        self.settings: Mapping[str, Setting] = {"property": name}
        self.better: Better = better or ("high" if name in HIGH else "low")

    @classmethod
    def from_table(cls, table: Mapping[str, Any], directory: Path) -> Self:
        """An oracle for the property that a table names.

        Raises:
            UsageError: if there is no such property.
        """
        settings = checked(PropertyTable, table)
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
