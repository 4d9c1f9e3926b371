"""The formulas of the PMO benchmark, as an oracle."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from novum.errors import LabError
from novum.molecule.molecules import MoleculeError, read
from novum.molecule.pmo.definitions import FORMULAS
from novum.molecule.scores import Score, Setting, Status


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Literal["pmo"] = "pmo"
    name: str


class Pmo:
    """One formula of the benchmark: values between 0 and 1, of which the higher is better."""

    version = "1"  # of our formulas; they have no setting

    def __init__(self, formula: str) -> None:
        """Take a formula by its name in the benchmark, such as `celecoxib_rediscovery`.

        Raises:
            LabError: if there is none of that name.
        """
        if formula not in FORMULAS:
            raise LabError(f"no PMO oracle is called `{formula}`; there are: {', '.join(FORMULAS)}")
        self.name = f"pmo:{formula}"
        self.settings: Mapping[str, Setting] = {}
        self.better: Literal["low", "high"] = "high"
        self._formula = FORMULAS[formula]()

    @classmethod
    def from_table(cls, table: Mapping[str, Any], directory: Path) -> Self:
        """The oracle of `kind = "pmo"`; it reads no file of the lab.

        Raises:
            LabError: if the table has another key than `name`, or a name that is not known.
        """
        try:
            return cls(_Table.model_validate(table).name)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise LabError(
                f'{where}: {first["msg"]}; a pmo oracle is written kind = "pmo", name = "qed"'
            ) from None

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
