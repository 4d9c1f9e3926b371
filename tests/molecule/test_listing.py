"""CSV and SDF: what other programs read is what was measured, and no text in it can do harm."""

import csv
import io

import pytest

pytest.importorskip("rdkit")

from picture_cases import START, placed
from rdkit import Chem

from novum.molecule.compounds import Compound
from novum.molecule.listing import csv_text, sdf_text
from novum.records import Outcome


def compound(number: int = 1, **more) -> Compound:
    facts = {
        "smiles": START,
        "name": f"m{number}",
        "title": "an idea",
        "mol": Chem.MolFromSmiles(START),
        "parent": None,
        "score": -7.5,
        "numbers": {"affinity": -9.07, "mw": 269.3, "pose_faults": 0.0},
        "runs": 2,
        "outcome": Outcome.KEEP,
        "why": "better",
    }
    return Compound(number, **(facts | more))


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def records(text: str) -> list[Chem.Mol]:
    supplier = Chem.ForwardSDMolSupplier(io.BytesIO(text.encode()), removeHs=False)
    return list(supplier)


def test_the_csv_has_units_in_its_heads_and_numbers_as_numbers():
    (row,) = rows(csv_text([compound()], "docking_qed"))
    assert row["affinity (kcal/mol)"] == "-9.07"
    assert row["MW (Da)"] == "269.3"
    assert row["docking_qed"] == "-7.5"
    assert row["pose_faults"] == "0"
    assert (row["nr"], row["name"], row["SMILES"], row["verdict"]) == ("1", "m1", START, "keep")


def test_what_was_not_measured_is_empty_and_not_zero():
    refused = compound(2, score=None, numbers={}, outcome=Outcome.INVALID, why="PAINS", runs=0)
    first, second = rows(csv_text([compound(), refused], "docking_qed"))
    assert second["docking_qed"] == second["affinity (kcal/mol)"] == ""
    assert second["reason"] == "PAINS"
    assert first.keys() == second.keys()


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\x00=1"])
def test_text_from_outside_is_never_a_formula(text):
    evil = compound(name=text, title=text, why=text, smiles=text, mol=None)
    (row,) = rows(csv_text([evil], text))
    cells = [row["name"], row["idea"], row["reason"], row["SMILES"]]
    computed = ("=", "+", "-", "@", "\t", "\r")
    assert not [cell for cell in [*cells, *row] if cell.startswith(computed)]


def test_a_cell_stays_one_cell():
    evil = compound(name='a,b;"c"', title="two\nlines, and a comma")
    (row,) = rows(csv_text([evil], "docking_qed"))
    assert row["name"] == 'a,b;"c"'
    assert row["idea"] == "two lines, and a comma"


def test_the_sdf_has_the_pose_where_there_is_one_and_says_where_there_is_none():
    text = sdf_text([compound(1), compound(2)], "docking_qed", {1: placed(START)})
    docked, flat = records(text)
    assert docked.GetConformer().Is3D() and not flat.GetConformer().Is3D()
    assert docked.GetNumAtoms() > flat.GetNumAtoms()  # with its hydrogens
    assert docked.GetProp("pose") == "docked"
    assert flat.GetProp("pose").startswith("none")
    assert docked.GetProp("_Name") == "m1"
    assert float(docked.GetProp("affinity")) == -9.07
    assert float(docked.GetProp("docking_qed")) == -7.5
    assert Chem.MolToSmiles(Chem.RemoveHs(docked)) == docked.GetProp("SMILES") == START


@pytest.mark.parametrize("text", ["$$$$", "> <x>\ny", "\n\n$$$$\n", "M  END", "", "é 日本"])
def test_text_from_outside_cannot_end_a_record_of_an_sdf(text):
    found = records(sdf_text([compound(1, name=text, title=text), compound(2)], "score", {}))
    assert [mol.GetProp("nr") for mol in found] == ["1", "2"]


def test_a_molecule_that_cannot_be_read_is_not_in_the_sdf():
    assert sdf_text([compound(mol=None, smiles="c1c")], "score", {1: "no SDF"}) == ""
