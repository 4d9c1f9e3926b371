"""Docking by AutoDock Vina as an oracle: molecules in, affinities and poses out.

Sources: Eberhardt et al., J. Chem. Inf. Model. 61 (2021) 3891, 10.1021/acs.jcim.1c00203 (Vina
1.2); Trott & Olson, J. Comput. Chem. 31 (2010) 455 (its scoring function); Quiroga & Villarreal,
PLoS ONE 11 (2016) e0155183 (Vinardo).
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field

from novum.errors import UsageError
from novum.lab.tables import Table
from novum.molecule.crew import STATUS, Crew, Loss, Lost
from novum.molecule.molecules import MoleculeError, read
from novum.molecule.receptors import MARGIN, own_target
from novum.molecule.scores import Score, Setting
from novum.molecule.targets import Point, Target, dockstring_target
from novum.tables import checked

ENGINE = "novum.molecule.engine:engine"
METHOD = 2  # counted up whenever our own preparation or scoring would give other values
PACKAGES = ("vina", "meeko", "rdkit", "openbabel-wheel", "posebusters")
SEEDS = 2**31 - 1  # Vina takes a C int, and chooses a seed itself where it is given 0
TIMEOUT = 900.0  # seconds for all forms of one molecule
Scoring = Literal["vina", "vinardo"]
Count = Annotated[int, Field(ge=1, le=1000)]


class DockingTable(Table):
    """What a table of kind `docking` may hold."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    target: str = ""  # a name of DOCKSTRING's
    receptor: str = ""  # or a file: PDBQT, or PDB
    ligand: str = ""  # the box is around it: a file, or a residue's name in the receptor's PDB
    margin: float = Field(MARGIN, ge=0)  # Å on every side of it
    center: list[float] = Field(default_factory=list, max_length=3)  # or the box itself
    size: list[float] = Field(default_factory=list, max_length=3)
    scoring: Scoring = "vina"
    rescoring: Scoring | Literal[""] = ""
    exhaustiveness: Count = 8
    seed: int = Field(1, ge=0)
    poses: Count = 9
    ph: float = Field(7.4, ge=0, le=14)
    isomers: Count = 4
    tautomers: Count = 1
    timeout: float = Field(TIMEOUT, gt=0)
    processes: Count = 1
    cpu: int = Field(0, ge=0)


class Docking:
    """Docks molecules into one target; the value is the best affinity in kcal/mol.

    `processes` molecules are docked at a time, each by `cpu` threads (0: all processors, shared
    among the processes); neither changes a value. Of a molecule with open stereocentres up to
    `isomers` isomers are docked, and the best counts. `rescoring` adds the affinity of the best
    pose by another scoring function. `timeout` is in seconds, for all forms of one molecule.
    """

    name = "docking"
    better: Literal["low", "high"] = "low"

    def __init__(
        self,
        target: Target,
        *,
        scoring: Scoring = "vina",
        rescoring: Scoring | Literal[""] = "",
        exhaustiveness: int = 8,
        seed: int = 1,
        poses: int = 9,
        ph: float = 7.4,
        isomers: int = 4,
        tautomers: int = 1,
        timeout: float = TIMEOUT,
        processes: int = 1,
        cpu: int = 0,
    ) -> None:
        self.target = target
        self.timeout = timeout
        self.version = _version()
        self.settings: Mapping[str, Setting] = {
            "target": target.digest,
            "scoring": scoring,
            "rescoring": rescoring,
            "exhaustiveness": exhaustiveness,
            "seed": seed,
            "poses": poses,
            "ph": float(ph),
            "isomers": isomers,
            "tautomers": tautomers,
        }
        settings = dict(self.settings)
        threads = cpu or max(1, _processors() // processes)
        self._crew = Crew(ENGINE, (target, settings, (seed - 1) % SEEDS + 1, threads), processes)

    @classmethod
    def from_table(cls, table: Mapping[str, Any], directory: Path) -> Self:
        """The oracle of a table, of whatever kind it is registered as; paths are in `directory`.

        Raises:
            UsageError: for a table that is not sound, or a target that cannot be docked into.
        """
        asked = checked(DockingTable, table)
        chosen = asked.model_dump(
            exclude={"target", "receptor", "ligand", "margin", "center", "size"}
        )
        return cls(_target(asked, directory), **chosen)

    def score(self, molecules: Sequence[str]) -> list[Score]:
        """One answer for each SMILES, in their order."""
        answers = dict(self.score_each(molecules))
        return [answers[place] for place in range(len(molecules))]

    def score_each(self, molecules: Sequence[str]) -> Iterator[tuple[int, Score]]:
        """The place of each molecule and its answer, as they come."""
        sound: list[tuple[int, str]] = []
        for place, text in enumerate(molecules):
            try:
                sound.append((place, read(text).smiles))
            except MoleculeError as error:
                yield place, Score.without(text, error.status, error.reason)
        asked = (((place, smiles), smiles) for place, smiles in sound)
        for (place, smiles), answer in self._crew.each(asked, self.timeout):
            yield place, self._without(smiles, answer) if isinstance(answer, Lost) else answer

    def close(self) -> None:
        """End the processes; they start again when they are needed."""
        self._crew.close()

    def _without(self, smiles: str, lost: Lost) -> Score:
        seconds = self.timeout if lost.loss is Loss.TIMEOUT else 0.0
        return Score.without(smiles, STATUS[lost.loss], f"docking: {lost.reason}", seconds)


def _target(asked: DockingTable, directory: Path) -> Target:
    if bool(asked.target) == bool(asked.receptor):
        raise UsageError("docking: give either `target`, a name of DOCKSTRING's, or `receptor`")
    if asked.target:
        if asked.ligand or asked.center or asked.size:
            raise UsageError(f"docking: the target {asked.target} has its own box; leave it out")
        return dockstring_target(asked.target)
    receptor = directory / asked.receptor
    if asked.center and asked.size and not asked.ligand:
        center, size = _point("center", asked.center), _point("size", asked.size)
        return own_target(receptor, center=center, size=size)
    if asked.ligand and not asked.center and not asked.size:
        path = directory / asked.ligand
        return own_target(
            receptor, ligand=path if path.suffix else asked.ligand, margin=asked.margin
        )
    raise UsageError("docking: the box: give either `ligand`, or `center` and `size`")


def _point(key: str, numbers: Sequence[float]) -> Point:
    if len(numbers) != 3:
        raise UsageError(f"docking: `{key}` is three numbers, in Å")
    return numbers[0], numbers[1], numbers[2]


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):  # on Linux: those that we may use
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _version() -> str:
    try:
        return "; ".join([f"method {METHOD}", *(f"{name} {version(name)}" for name in PACKAGES)])
    except PackageNotFoundError as error:
        raise UsageError(f"docking needs {error.name}: pip install 'novum[molecule]'") from None
