"""What is no molecule, or none for a drug lab, gets a status with a reason."""

import pytest

pytest.importorskip("rdkit")

from novum.molecule.molecules import MoleculeError, canonical, read
from novum.molecule.scores import Score, Status

BAD = {
    "": Status.UNREADABLE,
    "foo": Status.UNREADABLE,
    "c1ccccc": Status.UNREADABLE,
    "C(C)(C)(C)(C)C": Status.UNREADABLE,
    "CCO ethanol": Status.UNREADABLE,
    "C" * 2000: Status.UNREADABLE,
    "C\ud800": Status.UNREADABLE,
    "СС": Status.UNREADABLE,  # Cyrillic
    "[Na+].CC(=O)[O-]": Status.UNSUITABLE,
    "CCO.CCN": Status.UNSUITABLE,
    "CC[Hg]C": Status.UNSUITABLE,
    "C*": Status.UNSUITABLE,
    "[CH2]C": Status.UNSUITABLE,
    "C" * 200: Status.UNSUITABLE,
    "C1CCCCCCCCCCCCCCCCCCCCCCCC1": Status.UNSUITABLE,
    "[H][H]": Status.UNSUITABLE,
}


@pytest.mark.parametrize("smiles", BAD, ids=lambda text: ascii(text[:12]) or "empty")
def test_bad_input_gets_a_status_and_a_reason(smiles):
    with pytest.raises(MoleculeError) as caught:
        read(smiles)
    assert caught.value.status is BAD[smiles]
    assert caught.value.reason and "\n" not in caught.value.reason


def test_a_molecule_has_one_name_however_it_is_written():
    assert canonical("OCC") == canonical("C(O)C") == "CCO"
    assert canonical(" C[C@H](N)C(=O)O ") != canonical("C[C@@H](N)C(=O)O")


def test_a_failure_never_carries_a_value():
    for status in Status:
        if status is not Status.OK:
            with pytest.raises(ValueError):
                Score("CCO", 0.0, status)
    for value in (None, float("nan"), float("inf")):
        with pytest.raises(ValueError):
            Score("CCO", value)
