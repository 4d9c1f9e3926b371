"""Vina at work, inside a worker process: the maps once, then one molecule after the other."""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdMolDescriptors
from vina import Vina

from novum.molecule.molecules import MoleculeError, read
from novum.molecule.poses import Checker, mol_of, sdf
from novum.molecule.preparation import Ligand, Rules, ligands
from novum.molecule.scores import DOCKING_SECONDS, Score, Status
from novum.molecule.targets import Target

QUICK = 1.0  # seconds; a conformer that took longer is not made again to compare energies
ENERGY_RANGE = 3.0  # kcal/mol above the best, of the poses that are given; Vina's default


@dataclass(frozen=True, slots=True)
class Plan:
    """All that an engine must know."""

    target: Target
    scoring: str
    exhaustiveness: int
    poses: int
    rules: Rules
    cpu: int  # threads of one docking; they change no value
    rescoring: str = ""  # another scoring function, for the best pose


def engine(told: tuple[Target, Mapping[str, Any], int, int]) -> "Engine":
    """The engine for a target, an oracle's settings, the seed as Vina takes it, and threads."""
    target, settings, seed, cpu = told
    rules = Rules(seed, settings["ph"], settings["isomers"], settings["tautomers"])
    named = ("scoring", "rescoring", "exhaustiveness", "poses")
    return Engine(
        Plan(target=target, rules=rules, cpu=cpu, **{key: settings[key] for key in named})
    )


@dataclass(frozen=True, slots=True)
class _Docked:
    ligand: Ligand
    affinities: list[float]
    pdbqt: str  # of the poses


class Engine:
    """Docks molecules by their SMILES into one target."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._vina = _with_maps(plan, plan.scoring)
        self._other = _with_maps(plan, plan.rescoring) if plan.rescoring else None
        self._checker = Checker(plan.target)

    def __call__(self, smiles: str) -> Score:
        """The answer for one molecule."""
        begin = time.monotonic()
        try:
            molecule = read(smiles)
            forms = ligands(molecule, self._plan.rules)
            for form in forms:
                self._require_fits(form)
            docking = time.monotonic()
            docked = [self._dock(form) for form in forms]
            took = time.monotonic() - docking
            best = min(docked, key=lambda one: one.affinities[0])
            return self._score(molecule.smiles, docked, best, took, begin)
        except MoleculeError as error:
            spent = time.monotonic() - begin
            return Score.without(smiles, error.status, error.reason, spent)

    def _require_fits(self, ligand: Ligand) -> None:
        heavy = [atom.GetIdx() for atom in ligand.mol.GetAtoms() if atom.GetAtomicNum() > 1]
        places = ligand.mol.GetConformer().GetPositions()[heavy]
        length = float(np.linalg.norm(places[:, None] - places[None], axis=-1).max())
        diagonal = self._plan.target.diagonal
        if length > diagonal:
            raise MoleculeError(
                Status.UNSUITABLE,
                f"it is {length:.1f} Å long, and the box {diagonal:.1f} Å from corner to corner",
            )

    def _dock(self, ligand: Ligand) -> _Docked:
        plan = self._plan
        self._vina.set_ligand_from_string(ligand.pdbqt)
        self._vina.dock(exhaustiveness=plan.exhaustiveness, n_poses=plan.poses)
        energies = self._vina.energies(n_poses=plan.poses, energy_range=ENERGY_RANGE)
        if not len(energies) or not np.isfinite(energies[0][0]):
            raise MoleculeError(Status.FAILED, "Vina found no pose")
        affinities = [float(row[0]) for row in energies]
        pdbqt = self._vina.poses(n_poses=plan.poses, energy_range=ENERGY_RANGE)
        return _Docked(ligand, affinities, pdbqt)

    def _score(
        self, smiles: str, docked: list[_Docked], best: _Docked, took: float, begin: float
    ) -> Score:
        affinity = best.affinities[0]
        if affinity > 0:
            raise MoleculeError(
                Status.FAILED, f"it does not fit: its best pose has {affinity:+.1f} kcal/mol"
            )
        mol = mol_of(best.pdbqt)
        faults, checks = self._checker.check(mol, energy=best.ligand.seconds < QUICK)
        bare = Chem.RemoveHs(best.ligand.mol)
        heavy = bare.GetNumAtoms()
        numbers = {
            "heavy_atoms": float(heavy),
            "ligand_efficiency": -affinity / heavy,
            "rotatable_bonds": float(rdMolDescriptors.CalcNumRotatableBonds(bare)),
            "poses": float(len(best.affinities)),
            "spread": best.affinities[-1] - affinity,
            "pose_faults": float(len(faults)),
            "pose_checks": float(checks),
            "forms": float(len(docked)),
            "protonated": float(best.ligand.protonated),
            DOCKING_SECONDS: took,
        }
        numbers |= self._rescored(best)
        record = self._record(mol, best, faults)
        return Score(
            smiles, affinity, numbers=numbers, pose=record, seconds=time.monotonic() - begin
        )

    def _rescored(self, best: _Docked) -> dict[str, float]:
        """The best pose, moved to the nearest minimum of the other scoring function."""
        if self._other is None:
            return {}
        first = best.pdbqt.partition("ENDMDL")[0].partition("\n")[2]  # without its MODEL line
        self._other.set_ligand_from_string(first)
        energy = float(self._other.optimize()[0])
        return {f"{self._plan.rescoring}_affinity": energy} if np.isfinite(energy) else {}

    def _record(self, mol: Chem.Mol, best: _Docked, faults: list[str]) -> str:
        plan = self._plan
        facts: dict[str, Any] = {
            "affinity": f"{best.affinities[0]:.3f}",
            "target": plan.target.name,
            "scoring": plan.scoring,
            "exhaustiveness": plan.exhaustiveness,
            "seed": plan.rules.seed,
            "pose_faults": ", ".join(faults),
        }
        title = best.ligand.smiles
        return sdf(mol, title, {key: str(value) for key, value in facts.items() if value != ""})


def _with_maps(plan: Plan, scoring: str) -> Vina:
    vina = Vina(sf_name=scoring, cpu=plan.cpu, seed=plan.rules.seed, verbosity=0)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "receptor.pdbqt")
        path.write_text(plan.target.receptor)
        vina.set_receptor(str(path))
    vina.compute_vina_maps(list(plan.target.center), list(plan.target.size))
    return vina
