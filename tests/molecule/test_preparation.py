"""From a molecule to what is docked: the same by the same seed, and nothing silently another."""

import pytest

pytest.importorskip("meeko")
pytest.importorskip("openbabel")

from rdkit import Chem

from novum.molecule.molecules import MoleculeError, read
from novum.molecule.preparation import Rules, conformer, ligands, protonated, uncharged
from novum.molecule.scores import Status

CIS = Chem.MolFromSmarts("C/C=C\\C")


def forms(smiles, **rules):
    return ligands(read(smiles), Rules(**{"seed": 1, **rules}))


def names(smiles, **rules):
    return [form.smiles for form in forms(smiles, **rules)]


@pytest.mark.parametrize(
    ("smiles", "at_7_4"),
    [
        ("CCN", "CC[NH3+]"),
        ("CC(=O)O", "CC(=O)[O-]"),
        ("C[C@H](N)C(=O)O", "C[C@H]([NH3+])C(=O)[O-]"),
        ("[NH3+]CC", "CC[NH3+]"),
        ("C[N+](C)(C)CC", "CC[N+](C)(C)C"),
        ("Oc1ccccc1", "Oc1ccccc1"),
    ],
)
def test_it_is_protonated_as_at_the_ph_of_blood(smiles, at_7_4):
    assert names(smiles) == [at_7_4]


def test_the_ph_can_be_chosen():
    assert names("CC(=O)O", ph=2.0) == ["CC(=O)O"]
    assert names("CCN", ph=13.0) == ["CCN"]


def test_where_the_protonation_makes_another_molecule_the_molecule_stays():
    (form,) = forms("Cc1nnn[nH]1")
    assert Chem.CanonSmiles(form.smiles) == Chem.CanonSmiles("Cc1nnn[nH]1")
    assert not form.protonated
    assert protonated(uncharged(Chem.MolFromSmiles("Cc1nnn[nH]1")), 7.4) is None


def test_open_stereocentres_are_enumerated_up_to_a_bound():
    assert sorted(names("CC(O)F")) == ["C[C@@H](O)F", "C[C@H](O)F"]
    many = "CC(O)C(F)C(Cl)C(O)CC"
    assert len(set(names(many, isomers=3))) == 3
    assert names(many, isomers=3) == names(many, isomers=3)
    assert names(many, isomers=3)[:1] != [many]


def test_stereocentres_that_are_given_stay():
    assert names("C[C@H](O)F") == ["C[C@H](O)F"]
    both = names("C/C=C\\C(F)Cl", isomers=8)
    assert len(both) == 2 and all(
        Chem.MolFromSmiles(name).HasSubstructMatch(CIS, useChirality=True) for name in both
    )


def test_one_isomer_is_whichever_was_embedded_and_is_named():
    (name,) = names("CC(O)F", isomers=1)
    assert "@" in name


def test_a_nitrogen_that_inverts_is_no_stereocentre():
    assert len(forms("CC1CCN(CC)CC1")) == 1


def test_isomers_that_cannot_exist_are_passed_over():
    assert len(forms("FC1CC2CCC1C2", isomers=4)) >= 2  # of 8 ways to write them 4 can be built


def test_tautomers_only_when_they_are_asked_for():
    assert len(forms("O=c1cccc[nH]1")) == 1
    assert sorted(names("O=c1cccc[nH]1", tautomers=2)) == ["O=c1cccc[nH]1", "Oc1ccccn1"]


def test_the_same_seed_makes_the_same_and_another_seed_another():
    first, again, other = (forms("CCCCOc1ccccc1", seed=seed)[0].pdbqt for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    ("smiles", "words"),
    [
        ("OB(O)c1ccccc1", "no parameters for B"),
        ("CC[Se]CC", "no parameters for Se"),
        ("C1C[C@@H]2CC[C@@H]1C2", "no 3D conformer"),
    ],
)
def test_what_cannot_be_prepared_is_said(smiles, words):
    with pytest.raises(MoleculeError, match=words) as caught:
        forms(smiles, seconds=5.0)
    assert caught.value.status in (Status.UNPREPARED, Status.TIMEOUT)


@pytest.mark.parametrize("smiles", ["C[Si](C)(C)c1ccccc1", "OP(=O)(O)c1ccccc1", "Ic1ccccc1"])
def test_elements_that_vina_knows_are_prepared(smiles):
    assert "ROOT" in forms(smiles)[0].pdbqt


def test_a_macrocycle_stays_closed():
    (form,) = forms("O=C1CCCCCCCCCCCO1")
    assert "CG" not in form.pdbqt and form.pdbqt.count("BRANCH") == 0


def test_a_large_molecule_is_prepared():
    (form,) = forms("C" * 60)
    assert form.mol.GetNumHeavyAtoms() == 60


def test_a_conformer_that_takes_too_long_is_given_up():
    knot = Chem.MolFromSmiles("C1CCCCCCCC#CC#CC#CC#CC#C1")  # rods that the chain cannot bridge
    with pytest.raises(MoleculeError) as caught:
        conformer(knot, 1, 1.0)
    assert caught.value.status is Status.TIMEOUT and "within 1 s" in caught.value.reason


def test_no_force_field_is_needed_beyond_uff():
    mol = conformer(Chem.MolFromSmiles("OB(O)c1ccccc1"), 1, 10.0)  # MMFF94 knows no boron
    assert mol.GetNumConformers() == 1
