"""From `novum new molecule` to a campaign, with the real commands and real docking."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rdkit")
pytest.importorskip("vina")

from molecule_cases import quick_docking, small_receptor

from novum.molecule.lead import parse

SMALL = "NC(=O)c1cccc2[nH]cnc12"  # a dozen atoms dock in a second
LIGAND = """centre


  2  1  0  0  0  0  0  0  0  0999 V2000
{0} C   0  0  0  0  0  0  0  0  0  0  0  0
{1} C   0  0  0  0  0  0  0  0  0  0  0  0
  1  2  1  0  0  0  0
M  END
"""


def novum(*words, status=0, cwd=None) -> str:
    """What the command prints, once it ended as expected."""
    command = [sys.executable, "-m", "novum", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=240)
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def commit(lab: Path, name: str, *changes: str) -> None:
    """Change texts in a file, each into the one behind it, and commit all."""
    text = (lab / name).read_text()
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in text
        text = text.replace(old, new)
    (lab / name).write_text(text)
    subprocess.run(["git", "add", "-A"], cwd=lab, check=True)
    subprocess.run(["git", "commit", "-qm", "quicker"], cwd=lab, check=True)


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """A lab that docks quickly, after a campaign of two experiments."""
    lab = tmp_path_factory.mktemp("labs") / "lab"
    novum("new", "molecule", lab, "--lead", SMALL)
    quick_docking(lab)
    quicker = ("baseline_runs = 3", "baseline_runs = 1", "pairs = 4", "at_end = false")
    commit(lab, "lab.toml", *quicker, 'policy = "belief"', 'policy = "greedy"')
    checked = novum("check", lab)
    ran = novum("run", lab, "--experiments", 2)
    return lab, checked, ran


def test_a_new_lab_is_sound(campaign):
    assert "problem" not in campaign[1]
    assert "medchem" in campaign[1]


def test_a_campaign_docks_and_judges(campaign):
    lab, _, ran = campaign
    experiments = json.loads(novum("log", lab, "--json"))
    assert len(experiments) == 3, ran
    assert all(one["verdict"] in ("keep", "discard") and one["score"] < 0 for one in experiments)
    shown = json.loads(novum("show", lab, 1, "--json"))
    assert {"affinity", "sa", "pose_faults"} <= set(shown["trials"][0]["metrics"])
    assert re.search(r"^\+\S+  m1  # ", shown["diff"], re.MULTILINE)


def test_what_was_docked_is_remembered(campaign):
    assert (campaign[0] / ".novum" / "cache" / "oracles.db").stat().st_size > 0


def test_a_target_of_ones_own_is_copied_into_the_lab(tmp_path):
    receptor, centre = small_receptor()
    (tmp_path / "pocket.pdbqt").write_text(receptor)
    ends = [centre, (centre[0] + 1.5, *centre[1:])]
    atoms = ("".join(f"{value:10.4f}" for value in place) for place in ends)
    (tmp_path / "crystal.sdf").write_text(LIGAND.format(*atoms) + "$$$$\n")
    lab = tmp_path / "lab"
    told = novum(
        "new", "molecule", lab, "--receptor", tmp_path / "pocket.pdbqt",
        "--ligand", tmp_path / "crystal.sdf", "--lead", SMALL,
    )  # fmt: skip
    assert "the box is 18 × 16 × 16 Å" in told
    assert (lab / "receptor.pdbqt").read_text() == receptor
    oracle = (lab / "oracle.toml").read_text()
    assert 'receptor = "receptor.pdbqt"' in oracle and "target =" not in oracle
    assert parse((lab / "lead.smi").read_text())[-1].smiles == SMALL
    clean = subprocess.run(["git", "status", "--short"], cwd=lab, capture_output=True, text=True)
    assert clean.stdout == ""


def test_a_target_by_name_has_a_lead_of_its_own(tmp_path):
    novum("new", "molecule", tmp_path / "d2", "--target", "DRD2")
    assert 'target = "DRD2"' in (tmp_path / "d2" / "oracle.toml").read_text()
    assert "COc1ccccc1N1CCNCC1" in (tmp_path / "d2" / "lead.smi").read_text()
    told = novum("new", "molecule", tmp_path / "ca2", "--target", "CA2")
    assert "--lead SMILES gives yours" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["molecule", "--target", "DRD9"], "near: DRD3, DRD2"),
        (["molecule", "--lead", "CCO.Cl"], "2 separate pieces"),
        (["molecule", "--lead", "nonsense"], "this is no SMILES"),
        (["molecule", "--ligand", "x.sdf"], "give that too"),
        (["molecule", "--receptor", "no.pdb"], "--ligand"),
        (["molecule", "--receptor", "no.pdb", "--ligand", "LIG"], "no.pdb"),
        (["molecule", "--receptor", "no.pdb", "--target", "DRD2"], "leave it out"),
        (["gpt", "--target", "DRD2"], "for labs of molecules"),
        (["gtp", "--target", "DRD2"], "no lab is called `gtp`"),
    ],
)
def test_a_wrong_wish_is_told_and_makes_nothing(tmp_path, words, told):
    template, *wishes = words
    said = novum("new", template, tmp_path / "lab", *wishes, status=2)
    assert told in said
    assert not (tmp_path / "lab").exists()
