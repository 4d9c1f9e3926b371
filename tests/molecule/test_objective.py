"""What a docking is worth is arithmetic, and a failed one is worth nothing."""

import pytest

pytest.importorskip("rdkit")

from rdkit import Chem
from rdkit.Chem import QED

from novum.errors import UsageError
from novum.molecule.molecules import read
from novum.molecule.objective import OBJECTIVES, objective_named, qed_penalised
from novum.molecule.scores import Score, Status

ASPIRIN = read("CC(=O)Oc1ccccc1C(=O)O")
SCORE = Score(ASPIRIN.smiles, -6.5, numbers={"vinardo_affinity": -5.5, "poses": 9.0})


def worth(name, score=SCORE, molecule=ASPIRIN):
    return objective_named(name).worth(score, molecule)


def test_the_penalised_affinity_is_that_of_dockstring():
    qed = QED.qed(Chem.MolFromSmiles(ASPIRIN.smiles))
    assert worth("qed_penalised") == pytest.approx(-6.5 + 10 * (1 - qed))
    assert qed_penalised(SCORE, ASPIRIN, penalty=0) == -6.5


def test_a_huge_greasy_molecule_pays_for_it():
    wax = read("C" * 60)
    greasy = Score(wax.smiles, -8.0)
    assert worth("affinity", greasy, wax) < worth("affinity")
    assert worth("qed_penalised", greasy, wax) > worth("qed_penalised")
    assert worth("ligand_efficiency", greasy, wax) < worth("ligand_efficiency")


def test_the_ligand_efficiency_is_per_heavy_atom():
    assert worth("ligand_efficiency") == pytest.approx(0.5)
    assert objective_named("ligand_efficiency").better == "high"


def test_a_consensus_is_the_mean_of_two_scoring_functions():
    assert worth("consensus") == pytest.approx(-6.0)
    with pytest.raises(UsageError, match="rescoring"):
        worth("consensus", Score(ASPIRIN.smiles, -6.5))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_failed_docking_is_worth_nothing(name):
    failed = Score.without(ASPIRIN.smiles, Status.FAILED, "Vina found no pose")
    with pytest.raises((ValueError, UsageError)):
        worth(name, failed)


def test_an_unknown_objective_is_answered_with_the_known():
    with pytest.raises(UsageError, match="known: affinity, qed_penalised"):
        objective_named("iq")
