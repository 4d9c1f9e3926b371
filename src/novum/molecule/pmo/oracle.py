"""The formulas of the PMO benchmark, as an oracle."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from rdkit import rdBase

from novum.errors import UsageError
from novum.lab.tables import Table
from novum.molecule.molecules import MoleculeError, read
from novum.molecule.pmo.definitions import FORMULAS
from novum.molecule.scores import Score, Setting, Status
from novum.tables import checked


class _Table(Table):
    name: str


class Pmo:
    """One formula of the benchmark: values between 0 and 1, of which the higher is better."""

    # Of our formulas. Their fingerprints and properties are RDKit's, so its version belongs to it.
    version = f"1 (RDKit {rdBase.rdkitVersion})"

    def __init__(self, formula: str) -> None:
        """Take a formula by its name in the benchmark, such as `celecoxib_rediscovery`.

        Raises:
            UsageError: if there is none of that name.
        """
        if formula not in FORMULAS:
            known = ", ".join(FORMULAS)
            raise UsageError(f"no PMO oracle is called `{formula}`; there are: {known}")
        self.name = f"pmo:{formula}"
        self.settings: Mapping[str, Setting] = {}
        self.better: Literal["low", "high"] = "high"
        self._formula = FORMULAS[formula]()

    @classmethod
    def from_table(cls, table: Mapping[str, Any], directory: Path) -> Self:
        """The oracle of `kind = "pmo"`, whose only key is `name`; it reads no file of the lab.

        Raises:
            UsageError: for another key, or a name that is not known.
        """
        return cls(checked(_Table, table).name)

    def score(self, molecules: Sequence[str]) -> list[Score]:
        """One answer for each SMILES, in their order."""
        return [self._one(smiles) for smiles in molecules]

    def _one(self, smiles: str) -> Score:
        start = time.perf_counter()
        try:
            molecule = read(smiles)
        except MoleculeError as error:
            return Score.without(smiles, error.status, error.reason)
        try:
            value = float(self._formula(molecule.mol))
        except (ValueError, RuntimeError, ZeroDivisionError) as error:  # as RDKit's functions raise
            reason = f"{self.name} has no value: {error}"
            return Score.without(molecule.smiles, Status.FAILED, reason)
        return Score(molecule.smiles, value, seconds=time.perf_counter() - start)
