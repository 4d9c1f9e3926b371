"""The exhibit `molecules` in the report of a real campaign, run with scripted parts."""

import csv
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("rdkit")

from picture_cases import (
    BEST,
    IDEAS,
    LAB,
    LOST,
    REFUSAL,
    START,
    Work,
    opened,
    placed,
    remember,
    worked,
)
from rdkit import Chem

from novum.molecule.compounds import lead
from novum.molecule.remembered import pose
from novum.records import Outcome
from novum.report import write_report

# As `oracles.docking` would be: a class that has a target.
ORACLE = """
from types import SimpleNamespace
RECEPTOR = "ATOM      1  CA  ASP A 114      11.450   6.000  -7.000  1.00  0.00     0.264 C \\n"
class Docking:
    target = SimpleNamespace(
        name="<D2>", receptor=RECEPTOR, center=(9.0, 6.0, -7.0), size=(30.0, 30.0, 32.0))
    @classmethod
    def from_table(cls, table, directory):
        return cls()
"""


@pytest.fixture(scope="module", autouse=True)
def no_browser():
    """A browser takes seconds; `test_viewer.py` has one."""
    patch = pytest.MonkeyPatch()
    patch.setattr("novum.molecule.browser.BROWSERS", ())
    yield
    patch.undo()


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    work = opened(tmp_path_factory.mktemp("lab") / "lab")
    modules = tmp_path_factory.mktemp("modules")
    (modules / "picture_oracle.py").write_text(ORACLE)
    (work.directory / "oracle.toml").write_text('[oracle]\nkind = "picture_oracle:Docking"\n')
    sys.path.insert(0, str(modules))
    worked(work)
    names = {Chem.CanonSmiles(smiles): placed(smiles) for smiles in (START, BEST, LOST)}
    remember(work.directory, {smiles: [(-9.0, sdf)] for smiles, sdf in names.items()})
    return work


@pytest.fixture(scope="module")
def report(work: Work, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("report")
    paths = write_report(work.ledger, work.campaign, directory)
    assert all(path.exists() for path in paths)
    names = {path.name for path in paths}
    assert names >= {"series.png", "poses.html", "molecules.csv", "molecules.sdf", "pose.png"}
    sys.path.pop(0)
    return directory


@pytest.fixture(scope="module")
def text(report: Path) -> str:
    return (report / "report.md").read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"no section {title}"
    return found[1]


def table(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_the_series_is_the_start_and_each_keep(work: Work, text: str) -> None:
    experiments = work.ledger.experiments(work.campaign.id)
    keeps = [e for e in experiments if e.verdict and e.verdict.outcome is Outcome.KEEP]
    told = section(text, "The lead series")
    assert len(keeps) > 3
    assert f"in {len(keeps) - 1} kept changes to" in told
    assert f"`{START}`" in told and "![the start and" in told
    assert text.index("![progress.png]") < text.index("## The lead series")
    assert text.index("## The lead series") < text.index("## What was found")


def test_the_table_has_the_best_first_with_their_numbers(text: str) -> None:
    head, _, *rows = table(section(text, "Molecules"))
    columns = ["nr", "molecule", "docking_qed", "affinity", "QED", "SA", "MW", "logP", "LE"]
    assert head == [*columns, "verdict"]
    scores = [float(row[2]) for row in rows]
    assert scores == sorted(scores) and len(scores) == 6
    best = rows[0]
    assert f"`{Chem.CanonSmiles(LOST)}`" in best[1] and best[-1] == "**keep**"
    assert best[3] == "-12.4"


def test_each_molecule_has_a_drawing_that_is_there(text: str, report: Path) -> None:
    drawings = re.findall(r"\]\((molecules/\S+?\.svg)\)", text)
    assert len(drawings) == 7  # not of the SMILES that cannot be read
    assert all("<svg" in (report / path).read_text() for path in drawings)


def test_refused_molecules_come_with_their_reason(text: str) -> None:
    _, _, *rows = table(section(text, "Refused molecules"))
    assert [row[0] for row in rows] == ["3", "5"]
    assert rows[0][3] == REFUSAL.replace("|", r"\|")
    assert "`O=C(Cl)c1ccccc1`" in rows[0][1]
    assert rows[1][1] == "c1ccccc1C("


def test_the_share_of_docking_is_that_of_all_trials(work: Work, text: str) -> None:
    trials = work.ledger.all_trials(work.campaign.id)
    seconds = sum(t.measurement.metrics["docking_seconds"] for t in trials if t.measurement)
    assert any(trial.cell for trial in trials)  # those that confirm dock, too
    assert f"Docking took {seconds:.2f} s of" in text


def test_nothing_from_outside_is_markup(text: str, report: Path) -> None:
    html = (report / "poses.html").read_text()
    assert "<script>alert" not in text and "<script>alert" not in html
    assert "&lt;D2&gt;" in html and "<D2>" not in html.partition("application/json")[0]
    (name,) = {row["name"] for row in rows_of(report) if row["nr"] == "6"}
    assert name == "'=m6"


def rows_of(report: Path) -> list[dict[str, str]]:
    with (report / "molecules.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_csv_has_every_molecule_the_refused_at_the_end(report: Path) -> None:
    assert [row["nr"] for row in rows_of(report)][-2:] == ["3", "5"]
    assert len(rows_of(report)) == 1 + len(IDEAS)


def test_the_sdf_has_the_poses(report: Path) -> None:
    found = list(Chem.SDMolSupplier(str(report / "molecules.sdf")))
    assert len(found) == 6
    assert sum(mol.GetProp("pose") == "docked" for mol in found) == 3
    assert found[0].GetConformer().Is3D()


def test_without_a_browser_the_report_says_where_the_pose_is(text: str, report: Path) -> None:
    assert "Open [poses.html](poses.html) instead" in text
    assert (report / "pose.png").read_bytes().startswith(b"\x89PNG")


def test_the_report_can_be_made_again_and_forgets_old_drawings(work: Work, tmp_path: Path) -> None:
    stale = tmp_path / "molecules" / "9999.svg"
    stale.parent.mkdir()
    stale.write_text("old")
    own = stale.with_name("my notes.svg")
    own.write_text("the person's")
    write_report(work.ledger, work.campaign, tmp_path)
    write_report(work.ledger, work.campaign, tmp_path)
    assert not stale.exists()
    assert own.exists()


def test_before_the_start_is_measured_there_is_nothing_to_show(tmp_path: Path) -> None:
    work = opened(tmp_path / "lab")
    (path,) = write_report(work.ledger, work.campaign, tmp_path / "report")
    assert "No molecules" in path.read_text()


def test_without_poses_and_without_an_oracle_the_rest_is_there(tmp_path: Path) -> None:
    work = worked(opened(tmp_path / "lab"), IDEAS[:1])
    write_report(work.ledger, work.campaign, tmp_path / "report")
    text = (tmp_path / "report" / "report.md").read_text()
    assert "## Molecules" in text and "pose.png" not in text
    assert not (tmp_path / "report" / "poses.html").exists()


def test_a_lab_without_a_lead_series_is_told_so(tmp_path: Path) -> None:
    lab = LAB.replace('editable = ["lead.smi"]', 'editable = ["hand_in.py"]')
    work = worked(opened(tmp_path / "lab", lab), [])
    write_report(work.ledger, work.campaign, tmp_path / "report")
    assert "No molecules" in (tmp_path / "report" / "report.md").read_text()


def test_a_damaged_cache_costs_the_poses_and_nothing_else(tmp_path: Path) -> None:
    work = worked(opened(tmp_path / "lab"), [])
    cache = work.directory / ".novum" / "cache" / "oracles.db"
    cache.parent.mkdir()
    cache.write_bytes(b"this is no database" * 99)
    write_report(work.ledger, work.campaign, tmp_path / "report")
    text = (tmp_path / "report" / "report.md").read_text()
    assert "No poses:" in text and "file is not a database" in text
    assert "series.png" in text and "## All experiments" in text


def test_the_lead_is_the_last_molecule_of_the_series() -> None:
    text = "CCO  a  # x\nC#N  b  # the reason # more\n\n# a comment\n  # another\n"
    assert lead(text) == ("C#N", "b")
    assert lead("CCO") == ("CCO", "")
    assert lead("# only words\n") == lead("") == ("", "")


def test_of_several_poses_it_is_the_one_that_was_measured(tmp_path: Path) -> None:
    assert pose(tmp_path, "C") == ""
    remember(tmp_path, {"C": [(-7.0, "seven"), (-9.1, "nine"), (-12.0, "of another function")]})
    assert pose(tmp_path, "C", [-9.0, -6.0]) == "nine"
    assert pose(tmp_path, "C") == "of another function"
    assert pose(tmp_path, "CC") == ""
