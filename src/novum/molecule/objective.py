"""What is made of a docking: objectives by name, pure functions of a score and its molecule."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from novum.errors import UsageError
from novum.molecule.molecules import Molecule
from novum.molecule.properties import PROPERTIES
from novum.molecule.scores import Score

PENALTY = 10.0  # kcal/mol that a molecule without any likeness to drugs pays
SUFFIX = "_affinity"  # of a number that is the affinity by another scoring function


def affinity(score: Score) -> float:
    """The best affinity in kcal/mol; lower is better.

    Raises:
        ValueError: if there is none: a failed docking is worth nothing, not zero.
    """
    if score.value is None:
        raise ValueError(f"{score.smiles} has no affinity: {score.status}: {score.reason}")
    return score.value


def qed_penalised(score: Score, molecule: Molecule, penalty: float = PENALTY) -> float:
    """The affinity plus `penalty` (1 - QED), in kcal/mol; lower is better.

    Docking rewards size and grease without end; the likeness to drugs holds against that.

    Source: García-Ortegón et al., J. Chem. Inf. Model. 62 (2022) 3486, 10.1021/acs.jcim.1c01334.
    """
    return affinity(score) + penalty * (1 - PROPERTIES["qed"][1](molecule.mol))


def ligand_efficiency(score: Score, molecule: Molecule) -> float:
    """The affinity that is won per heavy atom, in kcal/mol; higher is better.

    Source: Hopkins, Groom, Alex, Drug Discov. Today 9 (2004) 430.
    """
    return -affinity(score) / molecule.heavy_atoms


def consensus(score: Score) -> float:
    """The mean of the affinities by all scoring functions that were asked, in kcal/mol.

    Ranks and z-scores would need other molecules beside this one, and would change with them; a
    trial has one molecule. Vina and Vinardo give the same unit, on scales that are alike.

    Raises:
        UsageError: if only one scoring function was asked.
    """
    others = [value for name, value in score.numbers.items() if name.endswith(SUFFIX)]
    if not others:
        raise UsageError('a consensus needs two scoring functions: give `rescoring = "vinardo"`')
    return statistics.fmean([affinity(score), *others])


@dataclass(frozen=True, slots=True)
class Objective:
    """One way to say what a docked molecule is worth."""

    name: str
    better: Literal["low", "high"]
    worth: Callable[[Score, Molecule], float]


OBJECTIVES: Mapping[str, Objective] = {
    objective.name: objective
    for objective in (
        Objective("affinity", "low", lambda score, _: affinity(score)),
        Objective("qed_penalised", "low", qed_penalised),
        Objective("ligand_efficiency", "high", ligand_efficiency),
        Objective("consensus", "low", lambda score, _: consensus(score)),
    )
}


def objective_named(name: str) -> Objective:
    """The objective of this name.

    Raises:
        UsageError: if there is none.
    """
    if name not in OBJECTIVES:
        raise UsageError(f"no objective is called `{name}`; known: {', '.join(OBJECTIVES)}")
    return OBJECTIVES[name]
