"""The oracle `plate`: what a laboratory measured, one well for each run of a trial.

A trial is one run of an experiment, and the judge learns the noise from how runs differ. So the
first run of a molecule is answered with its first good well, the second run with its second, and
so on. When all are used there is no further evidence, and the answer is `pending`: an average, or
a well that was answered before, would be counted as a fresh measurement.
"""

import os
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from novum.errors import LabError
from novum.lab.tables import RelativePath, Table
from novum.molecule.molecules import MoleculeError, canonical
from novum.molecule.plates import quality
from novum.molecule.plates.assay import ASSAY_FILE, Assay, read_assay
from novum.molecule.plates.results import Answer, State, answer
from novum.molecule.plates.store import STORE_FILE, PlateStore
from novum.molecule.scores import Score, Setting, Status
from novum.tables import checked

CACHE_VARIABLE, RUN_VARIABLE = "NOVUM_CACHE", "NOVUM_RUN"
_DAY = 86400.0


class PlateTable(Table):
    """What `oracle.toml` may say for `kind = "plate"`."""

    assay: RelativePath = ASSAY_FILE
    replicate: Annotated[int, Field(ge=0, strict=True)] | None = None


class PlateOracle:
    """Answers from a lab's plates. `run` is which run of a molecule this is, from 0.

    Without one the answer is the mean of all its wells, which is no single measurement.
    """

    name = "plate"
    version = "1"
    better: Literal["low", "high"]

    def __init__(self, assay: Assay, store: Path, run: int | None = None) -> None:
        self.better = assay.tables.assay.better
        self._assay, self._path, self._run = assay, store, run

    @classmethod
    def from_table(cls, table: Mapping[str, Any], directory: Path) -> Self:
        """As `oracle.toml` says; the run is `NOVUM_RUN`, and plates are in `NOVUM_CACHE`.

        Raises:
            UsageError: if the table or the assay is not sound, or there is no `NOVUM_CACHE`.
        """
        said = checked(PlateTable, table)
        cache = os.environ.get(CACHE_VARIABLE)
        if not cache:
            raise LabError(
                f"the oracle `plate` finds plates in {CACHE_VARIABLE}, and it is not set; "
                "lab.toml needs: trial.cache = true"
            )
        assay = read_assay(directory, said.assay)
        return cls(assay, Path(cache) / STORE_FILE, said.replicate if said.replicate is not None
                   else _run())  # fmt: skip

    @property
    def settings(self) -> Mapping[str, Setting]:
        """What changes a value: the assay, the run, and every file that comes in."""
        version = 0
        if self._path.exists():
            with closing(PlateStore(self._path)) as store:
                version = store.version()
        run = -1 if self._run is None else self._run
        return {"assay": self._assay.digest[:16], "run": run, "values": version}

    def score(self, molecules: Sequence[str]) -> list[Score]:
        """One answer for each SMILES, in their order; never raises for a molecule's fault."""
        if not self._path.exists():
            words = "no plate was ever made here; see: novum assay export"
            return [Score.without(smiles, Status.PENDING, words) for smiles in molecules]
        with closing(PlateStore(self._path)) as store:
            return [self._score(store, smiles) for smiles in molecules]

    def _score(self, store: PlateStore, smiles: str) -> Score:
        try:
            known = canonical(smiles)
        except MoleculeError as error:
            return Score.without(smiles, error.status, error.reason)
        found = answer_in(store, known, self._assay)
        if found.state is State.CENSORED:
            return Score.without(known, Status.FAILED, found.reason)
        if found.state is not State.MEASURED:
            return Score.without(known, Status.PENDING, found.reason)
        values = found.values
        numbers = {"wells": float(len(values)), "spread": quality.spread(values)}
        if self._run is None:
            return Score(known, statistics.fmean(values), numbers=numbers)
        if self._run >= len(values):
            words = (
                f"all {len(values)} wells of it are used, and an average of them is no fresh "
                f"evidence; to measure it again: novum assay export --again {_name(store, known)}"
            )
            return Score.without(known, Status.PENDING, words)
        return Score(known, values[self._run], numbers=numbers)


def answer_in(store: PlateStore, smiles: str, assay: Assay) -> Answer:
    """What a store knows of a molecule now, by its canonical SMILES."""
    now = time.time()
    return answer(store.samples(smiles, open_since(assay, now)), assay, now)


def open_since(assay: Assay, now: float) -> float | None:
    """When a plate must have been made for results still to be awaited; None: whenever."""
    days = assay.tables.expiry.plates
    return None if days is None else now - days * _DAY


def _name(store: PlateStore, smiles: str) -> str:
    known = store.molecules().get(smiles)
    return known.name if known is not None else smiles


def _run() -> int | None:
    said = os.environ.get(RUN_VARIABLE, "")
    return int(said) if said.isdigit() else None
