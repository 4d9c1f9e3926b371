"""The oracles of PMO are those of the published implementation, value for value.

tests/data/pmo.csv is made by benchmarks/pmo_reference.py with PyTDC. Fingerprints, ring counts and
logP are RDKit's, so another RDKit may give other values for a few molecules.
"""

import csv
import math
from pathlib import Path

import pytest

pytest.importorskip("rdkit")

from rdkit import Chem, rdBase

from novum.errors import UsageError
from novum.molecule.pmo import desirability
from novum.molecule.pmo.definitions import CELECOXIB, FORMULAS
from novum.molecule.pmo.oracle import Pmo
from novum.molecule.scores import Status

TABLE = Path(__file__).parents[1] / "data" / "pmo.csv"
SLOW = {"deco_hop", "scaffold_hop"}  # 0.4 s for each molecule


def table():
    with TABLE.open(newline="") as file:
        made_with = file.readline()
        return made_with, list(csv.DictReader(file))


MADE_WITH, ROWS = table()


def test_the_table_has_every_oracle_and_high_values_of_most():
    assert len(ROWS) >= 220
    assert set(ROWS[0]) == {"smiles", *FORMULAS}
    assert len(FORMULAS) == 20
    reached = [name for name in FORMULAS if max(float(row[name]) for row in ROWS) > 0.4]
    assert len(reached) >= 16
    assert all(max(float(row[name]) for row in ROWS) > 0.01 for name in FORMULAS)


@pytest.mark.parametrize("name", FORMULAS)
def test_every_value_is_the_published_one(name):
    formula = FORMULAS[name]()
    rows = ROWS[::25] + ROWS[-8:] if name in SLOW else ROWS
    wrong = [
        (row["smiles"], ours, row[name])
        for row in rows
        for ours in [formula(Chem.MolFromSmiles(row["smiles"]))]
        if not math.isclose(ours, float(row[name]), abs_tol=1e-9)
    ]
    assert not wrong, f"RDKit here: {rdBase.rdkitVersion}; {MADE_WITH}"


def test_an_oracle_answers_in_order_and_never_raises_for_a_molecule():
    celecoxib = Pmo("celecoxib_rediscovery")
    good, bad, salt, poor = celecoxib.score([CELECOXIB, "C1CC", "CCO.[Na+]", "CCO"])
    assert (good.value, good.status, celecoxib.better) == (1.0, Status.OK, "high")
    assert (bad.value, bad.status) == (None, Status.UNREADABLE)
    assert (salt.value, salt.status) == (None, Status.UNSUITABLE)
    assert 0 <= poor.value < 0.2


def test_an_oracle_comes_from_a_table_and_says_what_is_wrong_with_one(tmp_path):
    assert Pmo.from_table({"kind": "pmo", "name": "qed"}, tmp_path).name == "pmo:qed"
    with pytest.raises(UsageError, match="no PMO oracle is called `qet`"):
        Pmo.from_table({"kind": "pmo", "name": "qet"}, tmp_path)
    with pytest.raises(UsageError, match="unknown key `calls`"):
        Pmo.from_table({"kind": "pmo", "name": "qed", "calls": 3}, tmp_path)


def test_different_oracles_are_remembered_apart():
    assert len({(Pmo(name).name, Pmo(name).version) for name in FORMULAS}) == 20
    assert rdBase.rdkitVersion in Pmo.version


def test_scores_of_properties():
    assert desirability.clipped(0.9, 0.75) == 1
    assert desirability.clipped(0.3, 0.75) == pytest.approx(0.4)
    assert desirability.gaussian(2, 3, 0.5) == pytest.approx(math.exp(-2))
    assert desirability.at_most(3, 4, 1) == 1 > desirability.at_most(5, 4, 1)
    assert desirability.at_least(5, 4, 1) == 1 > desirability.at_least(3, 4, 1)
    assert desirability.geometric(0.25, 1) == pytest.approx(0.5)
    assert desirability.geometric(0.0, 1) == 0
    assert desirability.arithmetic(0, 0.5, 1) == pytest.approx(0.5)
