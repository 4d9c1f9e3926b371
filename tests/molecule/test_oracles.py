"""From a table to an oracle; what is wrong with a table is told with its file and key."""

import pytest

pytest.importorskip("rdkit")

from own_oracles import MOLECULES, Counting, Noting

from novum.errors import NovumError, UsageError
from novum.molecule.oracles import each_answer, oracle_from, read_oracle
from novum.molecule.properties import PROPERTIES
from novum.molecule.scores import Score, Status

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
# By RDKit 2026.9; published: Mr 180.16 g/mol, TPSA 63.6 Å² (PubChem 2244).
KNOWN = {"mw": 180.159, "tpsa": 63.6, "hbd": 1, "heavy_atoms": 13, "rings": 1, "fsp3": 1 / 9}


def test_an_unknown_kind_names_the_known_ones(tmp_path):
    with pytest.raises(UsageError, match=r"no oracle is called `divination`; known: .*property"):
        oracle_from({"kind": "divination"}, tmp_path)
    with pytest.raises(UsageError, match=r"`kind` is missing; known: .*property"):
        oracle_from({"property": "qed"}, tmp_path)


def test_a_class_of_the_users_own_is_named_by_its_path(tmp_path):
    oracle = oracle_from({"kind": "own_oracles:Counting"}, tmp_path)
    assert oracle.score(["CC"])[0].value == 2.0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "there is no "),
        ("[oracle", "cannot be read"),
        ("kind = 'property'", r"has no table \[oracle\]"),
        ("oracle = 3", r"has no table \[oracle\]"),
        ("[oracle]\nproperty = 'qed'", r"\[oracle\] `kind` is missing"),
        ("[oracle]\nkind = 'property'", r"\[oracle\] `property` is missing"),
        (
            "[oracle]\nkind = 'property'\npropperty = 'qed'",
            r"`propperty` \(is `property` meant\?\)",
        ),
        ("[oracle]\nkind = 'property'\nproperty = 'luck'", "no property `luck`; known: .*qed"),
        ("[oracle]\nkind = 'property'\nproperty = 'qed'\nbetter = 'up'", "`better` = 'up'"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_name(tmp_path, text, told):
    path = tmp_path / "oracle.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=told) as caught:
        read_oracle(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_other_tables_of_the_file_are_the_labs_own(tmp_path):
    path = tmp_path / "oracle.toml"
    path.write_text("[oracle]\nkind = 'property'\nproperty = 'mw'\n[holdout]\nseeds = 3\n")
    assert read_oracle(path).settings == {"property": "mw"}


@pytest.mark.parametrize("name", PROPERTIES)
def test_every_property_is_a_number_of_every_molecule(name, tmp_path):
    oracle = oracle_from({"kind": "property", "property": name}, tmp_path)
    scores = oracle.score([ASPIRIN, "c1ccccc1", "C"])
    assert [score.status for score in scores] == [Status.OK] * 3
    if name in KNOWN:
        assert scores[0].value == pytest.approx(KNOWN[name], abs=0.01)


def test_hard_molecules_have_a_higher_sa_score_than_easy_ones(tmp_path):
    oracle = oracle_from({"kind": "property", "property": "sa"}, tmp_path)
    strychnine = "C1CN2CC3=CCOC4CC(=O)N5C6C4C3CC2C61C7=CC=CC=C75"
    easy, hard = (score.value for score in oracle.score([ASPIRIN, strychnine]))
    assert 1 <= easy < 2.5 and 4.5 < hard <= 10
    assert oracle.better == "low"


def test_a_property_of_no_molecule_is_a_status(tmp_path):
    oracle = oracle_from({"kind": "property", "property": "qed"}, tmp_path)
    scores = oracle.score(["C(", "CCO.CCN", "CCO"])
    assert [score.status for score in scores] == [
        Status.UNREADABLE,
        Status.UNSUITABLE,
        Status.OK,
    ]
    assert all(score.reason for score in scores[:2])


def test_the_person_may_say_which_way_is_better(tmp_path):
    assert oracle_from({"kind": "property", "property": "logp"}, tmp_path).better == "low"
    table = {"kind": "property", "property": "logp", "better": "high"}
    assert oracle_from(table, tmp_path).better == "high"


def test_answers_come_as_they_are_known(tmp_path):
    noting = Noting(tmp_path / "asked.txt")
    answers = each_answer(noting, MOLECULES)
    assert next(answers)[1].smiles == "C"
    assert noting.path.read_text().split() == ["C"]
    answers.close()
    assert [position for position, _ in each_answer(Counting(), MOLECULES)] == list(range(10))


class Answering(Counting):
    def __init__(self, answers):
        super().__init__()
        self.answers = answers

    def score_each(self, molecules):
        yield from self.answers


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([(0, Score("C", 1.0))], "1 answers too few"),
        ([(0, Score("C", 1.0)), (0, Score("C", 1.0))], "answered for what it was not asked"),
        ([(0, Score("C", 1.0)), (2, Score("C", 1.0))], "answered for what it was not asked"),
        ([(1, Score("C", 1.0)), (0, Score("CC", 1.0))], "was asked for CC, and answered C"),
    ],
)
def test_an_answer_that_slipped_is_never_passed_on(answers, told):
    with pytest.raises(NovumError, match=told):
        list(each_answer(Answering(answers), ["C", "CC"]))


def test_an_answer_may_be_written_otherwise():
    answers = [(1, Score("OCC", 1.0)), (0, Score("C", 2.0))]
    assert list(each_answer(Answering(answers), ["C", "CCO"])) == answers
