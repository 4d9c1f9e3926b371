"""Every record of a file of molecules becomes one entry, whatever is in it."""

import gzip

import pytest

pytest.importorskip("rdkit")

from rdkit import Chem

from novum.errors import NovumError, UsageError
from novum.molecule.library import entries


def read(path, content, name="a.smi"):
    path = path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [(entry.number, entry.smiles, entry.name) for entry in entries(path)]


def test_lines_hold_a_smiles_and_a_name(tmp_path):
    text = "smiles id\nCCO ethanol\n\n# a remark\nC#N\thydrogen cyanide  # why\r\nfoo"
    expected = [(1, "CCO", "ethanol"), (2, "C#N", "hydrogen cyanide"), (3, "foo", "")]
    assert read(tmp_path, text) == expected


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_table_is_read_by_its_headings(tmp_path, mark):
    rows = [["ID", "Weight", "SMILES"], ["a", "1", "CCO"], ["b", '"2"'], [], ["c", "3", " CC "]]
    text = "\n".join(mark.join(row) for row in rows)
    assert read(tmp_path, text, "a.csv") == [(1, "CCO", "a"), (2, "", "b"), (3, "CC", "c")]


def test_a_table_without_smiles_is_told_with_its_columns(tmp_path):
    with pytest.raises(UsageError, match="no column `smiles`; its columns: Name, Formula"):
        read(tmp_path, "Name,Formula\nwater,H2O\n", "a.csv")


def test_what_instruments_and_spreadsheets_write_is_read(tmp_path):
    text = "smiles;name\nCCO;Weinsäure\n"
    expected = [(1, "CCO", "Weinsäure")]
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert read(tmp_path, text.encode(encoding), "a.csv") == expected
    assert read(tmp_path, text.encode("latin-1"), "a.csv") == [(1, "CCO", "Weins\ufffdure")]
    assert read(tmp_path, b"CC\xff\x00O x\nCC y\n") == [(1, "CC\ufffd\x00O", "x"), (2, "CC", "y")]


def test_records_of_an_sdf_are_read_with_their_titles(tmp_path):
    blocks = []
    for smiles, title in (("CCO", "one"), ("C[C@H](N)O", "two")):
        mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
        mol.SetProp("_Name", title)
        blocks.append(Chem.MolToMolBlock(mol) + ">  <weight>\n1\n\n$$$$\n")
    text = blocks[0] + "broken\nnonsense\n$$$$\n" + blocks[1].removesuffix("$$$$\n")
    found = read(tmp_path, text, "a.sdf")
    assert found[:2] == [(1, "CCO", "one"), (2, "", "broken")]
    assert found[2][0] == 3 and Chem.CanonSmiles(found[2][1]).count("@")
    assert read(tmp_path, text.replace("\n", "\r\n"), "a.sdf") == found


def test_packed_files_are_read_as_they_are(tmp_path):
    packed = gzip.compress(b"CCO a\n" * 1000)
    assert len(read(tmp_path, packed, "a.smi.gz")) == 1000
    assert len(read(tmp_path, gzip.compress(b"smiles\nCCO\n"), "A.CSV.GZ")) == 1


def test_damage_is_told_with_what_was_sound(tmp_path):
    packed = gzip.compress(b"".join(b"CCO %d\n" % number for number in range(9000)))
    with pytest.raises(NovumError, match=r"a\.smi\.gz is damaged after record \d+"):
        read(tmp_path, packed[: len(packed) // 2], "a.smi.gz")
    with pytest.raises(NovumError, match="a line of more than"):
        read(tmp_path, "C" * 3_000_000)


def test_a_file_that_is_none_of_molecules_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"molecules come as \.smi, "):
        entries(tmp_path / "a.pdf")
    with pytest.raises(UsageError, match="there is no file"):
        entries(tmp_path / "a.smi")
