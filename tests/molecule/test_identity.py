"""A known molecule in disguise is the known molecule; another one is not."""

import pytest

pytest.importorskip("rdkit")

from novum.molecule.identity import identities, same_compound, similarity
from novum.molecule.molecules import read

DISGUISES = {
    "niraparib": (
        "NC(=O)c1cccc2cn(-c3ccc([C@@H]4CCCNC4)cc3)nc12",
        "c1cc(ccc1C1CNCCC1)n1nc2c(c1)cccc2C(N)=O",  # another order, no stereochemistry
        "NC(=O)c1cccc2cn(-c3ccc([C@H]4CCCNC4)cc3)nc12",  # the mirror image
        "NC(=O)c1cccc2cn(-c3ccc([C@@H]4CCC[NH2+]C4)cc3)nc12",  # charged
        "N=C(O)c1cccc2cn(-c3ccc([C@@H]4CCCNC4)cc3)nc12",  # a tautomer of the amide
        "[2H]C1([2H])NC([2H])([2H])C([2H])([2H])CC1c1ccc(cc1)-n1cc2cccc(C(N)=O)c2n1",  # deuterium
        "NC(=O)c1cccc2cn(-c3ccc([13CH]4CCCNC4)cc3)nc12",  # carbon-13
        "[2H]NC(=O)c1cccc2cn(-c3ccc(C4CCCN([2H])C4)cc3)nc12",
    ),
    "olaparib": (
        "O=C(c1cc(Cc2n[nH]c(=O)c3ccccc23)ccc1F)N1CCN(CC1)C(=O)C1CC1",
        "Oc1nnc(Cc2ccc(F)c(c2)C(=O)N2CCN(CC2)C(=O)C2CC2)c2ccccc12",  # the phthalazinol
    ),
    "veliparib": (
        "C[C@]1(CCCN1)c1nc2c(cccc2[nH]1)C(N)=O",
        "CC1(CCCN1)c1[nH]c2c(cccc2n1)C(N)=O",  # the other tautomer of the azole
    ),
    "ibuprofen": ("CC(C)Cc1ccc(cc1)C(C)C(O)=O", "CC(C)Cc1ccc(cc1)[C@H](C)C([O-])=O"),
}


@pytest.mark.parametrize("name", DISGUISES)
def test_a_disguise_does_not_hide_a_molecule(name):
    plain, *disguises = (identities(read(smiles).mol) for smiles in DISGUISES[name])
    assert all(plain & disguise for disguise in disguises)


def test_different_molecules_are_different():
    one = [identities(read(smiles[0]).mol) for smiles in DISGUISES.values()]
    assert not any(a & b for n, a in enumerate(one) for b in one[:n])
    pyridines = [identities(read(f"NC(=O)c1{tail}").mol) for tail in ("ccccn1", "cccnc1", "ccncc1")]
    assert len(frozenset.union(*pyridines)) == 6


def test_a_compound_is_known_by_its_tautomers_but_not_by_its_mirror_image():
    def key(smiles):
        return same_compound(read(smiles).mol)

    assert key("Cc1c[nH]cn1") == key("Cc1cnc[nH]1")
    assert key("C[C@H](N)c1ccccc1") != key("C[C@@H](N)c1ccccc1")


def test_similarity_is_one_for_the_same_and_less_for_others():
    one, other = read("NC(=O)c1ccccc1").mol, read("CCCCCC").mol
    assert similarity(one, one) == 1
    assert similarity(one, other) < 0.2
