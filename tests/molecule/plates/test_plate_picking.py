"""Which molecules go on a plate: diverse, none twice, none that is known; the reasons stay."""

import itertools

import pytest

pytest.importorskip("rdkit")

from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from novum.errors import UsageError
from novum.molecule.plates.picking import KNOWN, Candidate, pick, read_ideas

CHAINS = ["C" * length + "O" for length in range(2, 12)]
RINGS = ["c1ccncc1", "C1CCNCC1C(=O)O", "c1ccc2[nH]ccc2c1", "O=S(=O)(N)c1ccccc1"]


def candidates(*smiles: str) -> list[Candidate]:
    return [Candidate(one, f"try {one}") for one in smiles]


def chosen(picked) -> list[str]:
    return [one.smiles for one in picked.chosen]


def mean_distance(smiles) -> float:
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2)
    marks = [generator.GetFingerprint(Chem.MolFromSmiles(one)) for one in smiles]
    pairs = list(itertools.combinations(marks, 2))
    return sum(1 - DataStructs.TanimotoSimilarity(*pair) for pair in pairs) / len(pairs)


def test_a_diverse_choice_is_more_diverse_than_the_first_ones():
    everybody = CHAINS + RINGS
    picked = chosen(pick(candidates(*everybody), 5, seed=3))
    assert len(picked) == 5
    assert mean_distance(picked) > mean_distance(everybody[:5]) + 0.2
    assert picked == chosen(pick(candidates(*everybody), 5, seed=3))


def test_nothing_goes_twice_or_that_is_known():
    picked = pick(candidates("CCO", "OCC", "CCN", "CCC"), 10, known={"CCN"})
    assert sorted(chosen(picked)) == ["CCC", "CCO"]
    assert [why for _, why in picked.refused] == [KNOWN, KNOWN]


def test_what_is_no_molecule_is_left_out_with_its_reason():
    picked = pick(candidates("CCO", "c1cccc", "CC[Hg]C", "CCO.CCN", "C" * 150), 10)
    assert chosen(picked) == ["CCO"]
    assert len(picked.refused) == 4
    assert all(why and "\n" not in why for _, why in picked.refused)


def test_given_order_puts_near_twins_behind():
    best = ["CCCCCCCCCCO", "CCCCCCCCCCCO", "c1ccncc1", "CCCCCCCCCCCCO"]
    picked = pick(candidates(*best), 2, order="given", too_similar=0.8)
    assert chosen(picked) == ["CCCCCCCCCCO", "c1ccncc1"]
    assert picked.left == 2
    assert chosen(pick(candidates(*best), 4, order="given", too_similar=0.8))[2:] == [
        best[1],
        best[3],
    ]


@pytest.mark.parametrize("order", ["given", "diverse"])
def test_what_must_be_measured_again_goes_first(order):
    first = candidates("CCS")
    picked = pick(candidates(*RINGS), 2, first=first, order=order)
    assert chosen(picked)[0] == "CCS"
    assert len(picked.chosen) == 2
    assert chosen(pick(candidates(*RINGS), 1, first=first, order=order)) == ["CCS"]
    assert not pick([], 3, order=order).chosen


def test_an_idea_keeps_its_name_and_its_reason(tmp_path):
    path = tmp_path / "ideas.smi"
    path.write_text("# mine\n\nCC#N nitrile two  # smaller\nCCO\n C=C \n")
    one, two, three = read_ideas(path)
    assert (one.smiles, one.title, one.hypothesis, one.name) == (
        "CC#N", "nitrile two", "smaller", "nitrile_two",
    )  # fmt: skip
    assert (two.smiles, two.title, three.smiles) == ("CCO", "CCO", "C=C")


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "ideas.smi"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"ideas\.smi"):
        read_ideas(path)
