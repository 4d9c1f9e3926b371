"""Reactions on paper: each product once, only molecules, and what is wrong in the file is told."""

import pytest

pytest.importorskip("rdkit")

from rdkit.Chem import QED

from novum.errors import UsageError
from novum.molecule.molecules import read
from novum.molecule.transformations import products, read_transformations

ENTRY = (
    '[[transformation]]\nkey = "{0}"\ntitle = "T"\nkind = "k"\nsmarts = \'{1}\'\nrationale = "r"\n'
)


@pytest.fixture
def made(tmp_path):
    def make(smiles: str, *smarts: str) -> list[str]:
        path = tmp_path / "ideas.toml"
        path.write_text("".join(ENTRY.format(f"t{n}", one) for n, one in enumerate(smarts)))
        return [p.molecule.smiles for p in products(read(smiles), read_transformations(path))]

    return make


def test_a_transformation_is_applied_at_all_places_and_gives_each_compound_once(made):
    assert len(made("Cc1ccccc1", "[cH:1]>>[c:1]F")) == 3
    assert made("c1ccccc1", "[cH:1]>>[c:1]F") == ["Fc1ccccc1"]
    assert made("Clc1ccccc1", "[c:1]Cl>>[c:1]F", "[c:1][Cl]>>[c:1]F") == ["Fc1ccccc1"]
    assert made("Cc1c[nH]cn1", "[nH:1]>>[n:1]C") == ["Cc1cn(C)cn1"]


def test_tautomers_of_one_product_are_one_product(made):
    assert len(made("c1c[nH]cn1", "[cH;$(c(n)c),$(c(c)[nH]):1]>>[c:1]C")) == 1


def test_what_is_no_molecule_or_the_lead_itself_is_left_out(made):
    assert made("CCO", "[CH3:1]>>[CH3:1](F)(F)F") == []  # a valence error
    assert made("CCO", "[OH:1]>>([O-:1].[Na+])") == []  # a salt
    assert made("CCOC", "[C:1]-O-[C:2]>>([C:1].[C:2])") == []  # in pieces
    assert made("CCO", "[C:1]>>[C:1]") == []
    assert made("CCO", "[OH:1]>>[O:1][Zn]C") == []
    assert made("CCO", "[n:1]>>[n:1]C") == []


def test_the_products_stand_in_the_order_of_the_file_the_most_drug_like_first(made):
    both = made(
        "NC(=O)c1ccccc1", "[NH2:1]>>[NH1:1]C", "[cH:1]>>[c:1]F", "[c:1]-C(=O)[NH2]>>[c:1]-C"
    )
    assert (both[0], both[-1], len(both)) == ("CNC(=O)c1ccccc1", "Cc1ccccc1", 5)
    places = made("NC(=O)c1ccc(CCCC)cc1", "[C;X4:1]>>[C:1]C(=O)O")
    assert places == sorted(places, key=lambda smiles: -round(QED.qed(read(smiles).mol), 2))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (ENTRY.format("a", "C>>"), "must turn one molecule into one"),
        (ENTRY.format("a", "C.C>>CC"), "must turn one molecule into one"),
        (ENTRY.format("a", "C(>>C"), "no reaction SMARTS"),
        (ENTRY.format("a", "C"), "no reaction SMARTS"),
        (ENTRY.format("a b", "C>>N"), "transformation.0.key"),
        (ENTRY.format("a", "C>>N") * 2, "more than one transformation has the key 'a'"),
        (ENTRY.format("a", "C>>N") + "odd = 1\n", "transformation.0.odd"),
        ("[[idea]]\n", "ideas.toml:1: unknown key `idea`; known here: transformation"),
        ("[[", "ideas.toml cannot be read: "),
    ],
)
def test_a_file_that_is_not_sound_is_told_with_the_transformation(tmp_path, text, told):
    (tmp_path / "ideas.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        read_transformations(tmp_path / "ideas.toml")
    assert told in str(caught.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(UsageError, match="no transformations at"):
        read_transformations(tmp_path / "ideas.toml")
