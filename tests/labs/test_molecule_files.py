"""What the molecule lab ships is sound: its lead, its filters, its known drugs, its backlog."""

import re
from pathlib import Path

import pytest

pytest.importorskip("rdkit")

from molecule_cases import SHIPPED

from novum.lab import read_lab
from novum.molecule.docking import DockingTable
from novum.molecule.filters import read_filters
from novum.molecule.lead import parse, read_series
from novum.molecule.measuring import OracleFile
from novum.molecule.molecules import read
from novum.molecule.properties import PROPERTIES
from novum.molecule.starting import LEADS, Wish, start
from novum.molecule.starting import SHIPPED as SHIPPED_TARGET
from novum.molecule.transformations import products, read_transformations
from novum.tables import checked, read_toml

BOX = (30.0, 30.0, 30.0)
EXEMPLARS = (  # between them, each transformation finds a place
    "NC(=O)c1cccc2[nH]c(-c3ccccc3)nc12",
    "COc1ccc(C(=O)NCc2ccc(Cl)cc2)cc1C",
    "OC(=O)c1ccc(SCc2ccccc2)cc1",
    "CCOC(=O)c1ccc(N2CCCCC2)cc1",
    "Oc1ccc2[nH]ccc2c1",
    "CNCc1ccccc1",
    "NC(=O)c1ccc(Cc2ccccc2)cc1",
)


@pytest.fixture(scope="module")
def backlog():
    return read_transformations(SHIPPED / "ideas.toml")


@pytest.fixture(scope="module")
def filters():
    return read_filters(SHIPPED / "filters.toml")


def test_the_start_passes_the_filters(filters):
    lead = read_series(SHIPPED / "lead.smi")[-1]
    assert filters.refusal(read(lead.smiles), BOX) == ""


def test_every_known_drug_is_refused(filters):
    known = read_series(SHIPPED / "known.smi")
    assert len(known) > 20
    assert all(filters.refusal(read(one.smiles)) for one in known)
    names = {one.name for one in known if "is known" in filters.refusal(read(one.smiles))}
    assert {"olaparib", "niraparib", "rucaparib", "talazoparib", "veliparib"} <= names


@pytest.mark.parametrize("target", LEADS)
def test_the_leads_for_other_targets_pass_too(filters, target):
    text = start(Wish(target=target), (SHIPPED / "oracle.toml").read_text()).files["lead.smi"]
    lead = read(parse(text)[-1].smiles)
    assert filters.refusal(lead, BOX) == ""


def test_the_backlog_is_large_and_of_many_kinds(backlog):
    assert len(backlog) >= 40
    assert len({one.kind for one in backlog}) >= 10
    assert all(one.source for one in backlog)
    assert sum(one.try_refused for one in backlog) == 4


def test_every_transformation_works_on_some_lead(backlog):
    missing = {one.key: one for one in backlog}
    for smiles in EXEMPLARS:
        for product in products(read(smiles), list(missing.values())):
            missing.pop(product.transformation.key, None)
    assert not missing


def test_the_first_lead_has_something_to_try_for_most_transformations(backlog):
    lead = read(read_series(SHIPPED / "lead.smi")[-1].smiles)
    found = products(lead, backlog)
    assert len(found) > 200
    assert len({p.transformation.key for p in found}) > 60


@pytest.mark.parametrize(
    ("key", "lead", "product"),
    [
        ("carboxylate-to-tetrazole", "OC(=O)c1ccccc1", "c1ccc(-c2nn[nH]n2)cc1"),
        ("amide-reversal", "O=C(NCc1ccccc1)c1ccncc1", "O=C(Cc1ccccc1)Nc1ccncc1"),
        ("phenyl-to-thienyl", "Cc1ccccc1", "Cc1ccsc1"),
        ("o-demethylation", "COc1ccccc1", "Oc1ccccc1"),
        ("indole-to-indazole", "c1ccc2[nH]ccc2c1", "c1ccc2[nH]ncc2c1"),
        ("piperidine-to-morpholine", "c1ccc(N2CCCCC2)cc1", "c1ccc(N2CCOCC2)cc1"),
        ("n-demethylation", "CN1CCCCC1", "C1CCNCC1"),
        ("lactam-five", "NC(=O)c1ccccc1", "O=C1NCc2ccccc21"),
        ("ester-to-amide", "CCOC(=O)c1ccccc1", "CCNC(=O)c1ccccc1"),
        ("benzimidazole-to-indazole", "NC(=O)c1cccc2[nH]c(-c3ccccc3)nc12",
         "NC(=O)c1cccc2cn(-c3ccccc3)nc12"),
    ],
)  # fmt: skip
def test_a_transformation_makes_what_its_title_says(backlog, key, lead, product):
    only = [one for one in backlog if one.key == key]
    assert read(product).smiles in {p.molecule.smiles for p in products(read(lead), only)}


def test_the_files_of_the_lab_agree_with_each_other():
    lab = read_lab(SHIPPED)
    table = checked(OracleFile, read_toml(SHIPPED / "oracle.toml"))
    assert lab.metric.name == table.objective.kind
    frozen = set(lab.files.frozen)
    assert {"hand_in.py", "evaluate.py", "oracle.toml", "filters.toml", "known.smi"} == frozen
    assert set(lab.guards) <= {"sa", "mw", "logp", "affinity", "ligand_efficiency", "pose_faults"}


def test_the_page_tells_the_truth(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "molecule-lab.md").read_text()
    example = next(text for text in re.findall(r"(?s)```toml\n(.*?)```", page) if "smarts" in text)
    (tmp_path / "ideas.toml").write_text(example)
    (shown,) = read_transformations(tmp_path / "ideas.toml")
    shipped = {one.key: one for one in read_transformations(SHIPPED / "ideas.toml")}
    assert (shown.title, shown.source) == (shipped[shown.key].title, shipped[shown.key].source)
    row = next(line for line in page.splitlines() if line.startswith("| `[range]`"))
    assert set(re.findall(r"`(\w+)`", row)) - {"min", "max"} == set(PROPERTIES)
    for key, default in re.findall(r"(?m)^\| `(\w+)` \| (\S+) \|", page):
        told = "" if default == "none" else default.strip('`"')
        assert str(DockingTable.model_fields[key].default).removesuffix(".0") == told
    series = next(text for text in re.findall(r"(?s)```text\n(.*?)```", page))
    assert len(parse("\n".join(line.strip() for line in series.splitlines()))) == 2
    leads = re.search(r"(?s)answered with those that are near\. (.*?) come with a lead", page)
    assert leads and set(re.findall(r"[A-Z0-9]{3,}", leads[1])) == {*LEADS, SHIPPED_TARGET}
