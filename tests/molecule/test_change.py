"""What is new in a molecule is what a chemist would point at."""

import pytest

pytest.importorskip("rdkit")

from rdkit import Chem

from novum.molecule.change import Change, change


def between(before: str, after: str) -> tuple[Chem.Mol, Change]:
    mol = Chem.MolFromSmiles(after)
    return mol, change(mol, Chem.MolFromSmiles(before))


def symbols(mol: Chem.Mol, atoms: frozenset[int]) -> list[str]:
    return sorted(mol.GetAtomWithIdx(index).GetSymbol() for index in atoms)


@pytest.mark.parametrize(
    ("before", "after", "new", "cut"),
    [
        ("c1ccccc1C(=O)N", "c1ccncc1C(=O)N", ["N"], []),  # an aza scan changes one atom
        ("c1ccccc1C(=O)N", "c1cc(F)ccc1C(=O)N", ["F"], []),
        ("c1cc(C)ccc1C(=O)N", "c1ccccc1C(=O)N", [], ["C"]),  # taken away: told, where
        ("c1cc(C)ccc1C(=O)N", "c1cc(Cl)ccc1C(=O)N", ["Cl"], []),
        ("CCOC(=O)c1ccccc1", "CCNC(=O)c1ccccc1", ["N"], []),
        ("CC(=O)O", "CC(=O)[O-]", ["O"], []),
        ("CCc1ccccc1", "CCc1ccccc1", [], []),
        ("C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", ["C"], []),  # the other enantiomer
        ("C/C=C/C(=O)O", "C/C=C\\C(=O)O", ["C", "C"], []),
    ],
)
def test_what_is_new_is_marked_and_nothing_else(before, after, new, cut):
    mol, found = between(before, after)
    assert symbols(mol, found.atoms) == new
    assert symbols(mol, found.cut) == cut


def test_a_bond_that_changed_its_order_is_new():
    mol, found = between("C1CCCCC1C(=O)N", "C1=CCCCC1C(=O)N")
    assert [mol.GetBondWithIdx(bond).GetBondType().name for bond in found.bonds] == ["DOUBLE"]
    assert not found.atoms


def test_a_ring_is_never_matched_with_a_chain_or_a_smaller_ring():
    mol, found = between("c1ccccc1C(=O)NCC", "c1ccsc1C(=O)NCC")
    sulphur_ring = set(mol.GetRingInfo().AtomRings()[0])
    assert len(sulphur_ring - found.atoms) == 1  # the atom that the rest hangs on


def test_of_two_ways_to_match_that_with_more_equal_atoms_is_taken():
    # A symmetric ring can be laid on in twelve ways; only two leave the nitrogens where they are.
    mol, found = between("c1ccncc1CCO", "c1ccncc1CCN")
    assert symbols(mol, found.atoms) == ["N"]
    assert all(not mol.GetAtomWithIdx(index).GetIsAromatic() for index in found.atoms)


def test_molecules_without_anything_in_common_are_no_error():
    assert change(Chem.MolFromSmiles("F"), Chem.MolFromSmiles("c1ccccc1")).common == {}
