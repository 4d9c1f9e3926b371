"""A structure of one's own becomes a target, or it is said why not."""

from contextlib import closing

import pytest

pytest.importorskip("meeko")
pytest.importorskip("vina")

from docking_cases import CENTER, SMALL, hetero, pocket, structure
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from novum.errors import UsageError
from novum.molecule.docking import Docking
from novum.molecule.receptors import box_around, own_target, residues_of

X, Y, Z = CENTER
LIGAND = hetero("LIG", [(X - 1, Y, Z), (X + 1, Y, Z), (X, Y + 3, Z)])
WATER = hetero("HOH", [(X + 4, Y, Z)], number=2, element="O")


@pytest.fixture(scope="module")
def lines():
    return structure()


def write(path, *parts):
    path.write_text("\n".join(line for part in parts for line in part) + "\nEND\n")
    return path


def test_a_crystal_structure_is_prepared_and_docked_into(tmp_path, lines):
    write(tmp_path / "mine.pdb", lines, LIGAND, WATER)
    table = {"receptor": "mine.pdb", "ligand": "LIG", "margin": 6, "exhaustiveness": 1, "cpu": 1}
    with closing(Docking.from_table(table, tmp_path)) as docking:
        target = docking.target
        assert target.center == pytest.approx((X, Y + 1.5, Z))
        assert target.size == pytest.approx((14, 15, 12))
        assert "Meeko" in target.about and "1 LIG, 1 water" in target.about
        atoms = target.atoms()
        assert any(atom.element == "H" for atom in atoms)
        assert not {atom.residue for atom in atoms} & {"LIG", "HOH"}
        heavy = [atom for atom in atoms if atom.element != "H"]
        assert len(heavy) == len(lines)
        (score,) = docking.score([SMALL])
    assert score.value < -2


def test_a_residue_with_a_gap_is_refused_where_it_matters(tmp_path, lines):
    near = next(one for one in residues_of("\n".join(lines)) if one.name == "PHE")
    gone = {line for line in near.lines if line[12:16].strip() in ("CZ", "CE1", "CE2")}
    holey = [line for line in lines if line not in gone]
    path = write(tmp_path / "mine.pdb", holey)
    x, y, z = near.places()[1]
    with pytest.raises(UsageError, match=f"{near.label}, in the box, is not complete"):
        own_target(path, center=(x, y, z), size=(10.0, 10.0, 10.0))
    far = max(
        (one for one in residues_of("\n".join(lines))),
        key=lambda one: sum((a - b) ** 2 for a, b in zip(one.places()[1], (x, y, z), strict=True)),
    )
    target = own_target(path, center=far.places()[1], size=(6.0, 6.0, 6.0))
    assert f"incomplete, left out: {near.chain}:{near.number}" in target.about


def test_a_pdbqt_is_taken_as_it_is(tmp_path):
    path = tmp_path / "mine.pdbqt"
    path.write_text(pocket().receptor)
    target = own_target(path, center=CENTER, size=(15.0, 15.0, 15.0))
    assert target.digest == pocket().digest and target.name == "mine"


def test_the_box_is_around_a_ligand_in_a_file(tmp_path):
    path = tmp_path / "mine.pdbqt"
    path.write_text(pocket().receptor)
    mol = Chem.AddHs(Chem.MolFromSmiles(SMALL))
    rdDistGeom.EmbedMolecule(mol, randomSeed=1)
    places = mol.GetConformer().GetPositions() + CENTER
    mol.GetConformer().SetPositions(places)
    Chem.MolToMolFile(mol, str(tmp_path / "ligand.sdf"))
    heavy = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() > 1]
    target = own_target(path, ligand=tmp_path / "ligand.sdf", margin=5.0)
    extent = places[heavy].max(axis=0) - places[heavy].min(axis=0)
    assert target.size == pytest.approx(tuple(extent + 10), abs=1e-3)
    Chem.MolToMolFile(Chem.MolFromSmiles(SMALL), str(tmp_path / "flat.sdf"))
    with pytest.raises(UsageError, match="flat"):
        own_target(path, ligand=tmp_path / "flat.sdf")
    (tmp_path / "empty.sdf").write_text("")
    with pytest.raises(UsageError, match="cannot be read"):
        own_target(path, ligand=tmp_path / "empty.sdf")
    with pytest.raises(UsageError, match="cannot be read"):
        own_target(path, ligand=tmp_path / "missing.mol")
    with pytest.raises(UsageError, match=r"\.sdf, \.mol"):
        own_target(path, ligand=tmp_path / "ligand.xyz")


def test_a_ligand_that_is_not_there_is_answered_with_those_that_are(tmp_path, lines):
    path = write(tmp_path / "mine.pdb", lines, LIGAND, WATER)
    with pytest.raises(UsageError, match="no residue `STI`; it holds LIG"):
        own_target(path, ligand="STI")
    with pytest.raises(UsageError, match="SDF file"):
        own_target(write(tmp_path / "bare.pdb", lines), ligand="STI")


def test_of_several_copies_of_a_ligand_one_is_chosen(tmp_path, lines):
    other = hetero("LIG", [(X, Y - 3, Z), (X, Y - 4, Z)], chain="Y", number=7)
    path = write(tmp_path / "mine.pdb", lines, LIGAND, other)
    with pytest.raises(UsageError, match="X:LIG:1, Y:LIG:7"):
        own_target(path, ligand="LIG")
    target = own_target(path, ligand="Y:LIG:7")
    assert target.center == pytest.approx((X, Y - 3.5, Z))
    assert "LIG" not in {atom.residue for atom in target.atoms()}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("mine.cif", "data_", "a .pdbqt or a .pdb file"),
        ("mine.pdb", "ATOM      1  N   ALA A   1      here\n", "line 1 of the PDB file"),
        ("water.pdb", "\n".join(WATER), "no protein"),
        ("empty.pdb", "", "no protein"),
    ],
)
def test_what_is_no_structure_is_refused(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=words):
        own_target(tmp_path / name, center=CENTER, size=(15.0, 15.0, 15.0))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere.pdb cannot be read: No such file"):
        own_target(tmp_path / "nowhere.pdb", center=CENTER, size=(15.0, 15.0, 15.0))


def test_only_the_first_model_and_the_first_place_of_an_atom_count():
    first = "ATOM      1  CA AALA A   1       1.000   2.000   3.000  0.50  0.00           C"
    second = first.replace("AALA", "BALA").replace("1.000", "9.000", 1)
    text = "\n".join([first, second, "ENDMDL", first.replace("A   1", "A   2")])
    (residue,) = residues_of(text)
    assert residue.places() == [(1.0, 2.0, 3.0)] and residue.label == "A:ALA:1"


def test_a_box_is_the_smallest_with_its_margin():
    center, size = box_around([(0.0, 0.0, 0.0), (2.0, 4.0, -6.0)], 1.0)
    assert (center, size) == ((1.0, 2.0, -3.0), (4.0, 6.0, 8.0))
