"""A receptor to look at: PDBQT read as it is, the pocket around a ligand, the way to look at it."""

import pytest

pytest.importorskip("rdkit")

import numpy as np
from picture_cases import placed
from rdkit import Chem

from novum.molecule.pocket import contacts, label, pdb, pocket, positions, read_pdbqt, view

PDBQT = """\
REMARK  a piece of a protein
ATOM      1  N   ASP A 114       0.000   0.000   0.000  1.00  0.00    -0.057 N
ATOM      2  CA  ASP A 114       1.450   0.000   0.000  1.00  0.00     0.264 C
ATOM      3  C   ASP A 114       2.000   1.400   0.000  1.00  0.00     0.264 C
ATOM      4  O   ASP A 114       1.400   2.400   0.000  1.00  0.00    -0.271 OA
ATOM      5  OD1 ASP A 114       3.000  -3.000   0.000  1.00  0.00    -0.271 OA
ATOM      6  HN1 ASP A 114      -0.500  -0.500   0.000  1.00  0.00     0.276 HD
ATOM      7  CG  PHE B-12A      30.000   0.000   0.000  1.00  0.00     0.100 A
ATOM      8  CA  PHE B-12A      31.000   0.000   0.000  1.00  0.00     0.100 C
HETATM    9 ZN    ZN A 900       5.000   5.000   5.000  1.00  0.00     2.000 Zn
ATOM     10  XX  BAD A 901       nowhere
END
"""
HERE = np.array([[3.0, -5.0, 0.0]])


def test_atoms_are_read_with_their_elements_and_without_hydrogens():
    atoms = read_pdbqt(PDBQT)
    assert [atom.element for atom in atoms] == ["N", "C", "C", "O", "O", "C", "C", "Zn"]
    assert atoms[5].residue == ("B", "-12A", "PHE")


def test_what_is_no_pdbqt_has_no_atoms():
    assert read_pdbqt("\x00 nothing\nATOM\nATOM      1") == []


def test_the_pocket_is_the_residues_within_reach():
    atoms = read_pdbqt(PDBQT)
    assert pocket(atoms, HERE, 8.0) == {("A", "114", "ASP")}
    assert pocket(atoms, HERE, 1.9) == set()
    assert len(pocket(atoms, HERE, 99.0)) == 3
    assert pocket([], HERE) == set()


def test_the_pdb_has_all_backbones_and_the_pocket_whole_and_rdkit_reads_it():
    atoms = read_pdbqt(PDBQT)
    text = pdb(atoms, {("A", "114", "ASP")})
    mol = Chem.MolFromPDBBlock(text, sanitize=False, proximityBonding=False)
    found = [atom.GetPDBResidueInfo() for atom in mol.GetAtoms()]
    names = [(one.GetChainId(), one.GetResidueNumber(), one.GetName().strip()) for one in found]
    assert names == [("A", 114, name) for name in ("N", "CA", "C", "O", "OD1")] + [("B", -12, "CA")]
    assert found[-1].GetInsertionCode() == "A"
    assert mol.GetConformer().GetAtomPosition(5).x == 31.0


def test_a_polar_contact_is_between_nitrogen_or_oxygen_of_both_sides():
    ligand = Chem.MolFromMolBlock(placed("CCN"))
    shift = np.array([3.0, -6.0, 0.0]) - positions(ligand)[2]
    for index, at in enumerate(positions(ligand) + shift):
        ligand.GetConformer().SetAtomPosition(index, at)
    (contact,) = contacts(read_pdbqt(PDBQT), ligand)
    assert contact.residue == label(("A", "114", "ASP")) == "Asp114"
    assert contact.receptor == (3.0, -3.0, 0.0)
    assert contact.ligand == pytest.approx((3.0, -6.0, 0.0))


def turned(points, quaternion):
    """Points turned by a unit quaternion (x, y, z, w)."""
    axis, w = np.array(quaternion[:3]), quaternion[3]
    return points + 2 * np.cross(axis, np.cross(axis, points) + w * points)


@pytest.mark.parametrize("seed", range(8))
def test_a_ligand_lies_across_the_view_and_the_receptor_behind_it(seed):
    rng = np.random.default_rng(seed)
    spin = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    ligand = (rng.normal(size=(20, 3)) * [6.0, 2.0, 0.5]) @ spin.T
    behind = ligand.mean(axis=0) + rng.normal(size=(50, 3)) + spin[:, 2] * 8
    quaternion = view(ligand, behind)
    assert np.linalg.norm(quaternion) == pytest.approx(1)
    seen = turned(ligand - ligand.mean(axis=0), quaternion)
    assert np.argsort(seen.std(axis=0)).tolist() == [2, 1, 0]
    assert turned(behind - ligand.mean(axis=0), quaternion)[:, 2].mean() < 0


def test_a_ligand_too_small_to_have_a_shape_is_looked_at_as_it_is():
    assert view(HERE, np.empty((0, 3))) == (0.0, 0.0, 0.0, 1.0)
