"""What a field adds to the report: its place, what it is given, and what its failure costs."""

import subprocess
import sys
from pathlib import Path

import pytest

from novum.errors import UsageError
from novum.records import Outcome
from novum.report import write_report
from novum.report.exhibits import Exhibit, Material, Tried
from test_export import CRASH, LAB, NOT_THERE, UGLY, Work, idea, noisy, opened, worked

IDEAS = [
    idea(UGLY, -0.01),
    idea("worse", 0.02),
    idea("it crashes", CRASH),
    idea("it does not apply", NOT_THERE),
]


class Keeper:
    """Remembers what it was given."""

    given: Material | None = None

    def show(self, material: Material, directory: Path) -> Exhibit:
        type(self).given = material
        (directory / "extra.txt").write_text("x")
        return Exhibit("## Behind the picture", "## At the end", (directory / "extra.txt",))


class Broken:
    def show(self, material: Material, directory: Path) -> Exhibit:
        raise ZeroDivisionError("a | b <script>")


class Explained:
    def show(self, material: Material, directory: Path) -> Exhibit:
        raise UsageError("put it right")


def opened_with(directory: Path, *names: str) -> Work:
    work = opened(directory)
    text = LAB.format(direction="minimize", evaluate="") + f"[report]\nexhibits = {list(names)}\n"
    work.ledger.update_campaign(work.campaign.id, state="ended")
    start, settings = work.campaign.start_commit, work.campaign.settings
    work.campaign = work.ledger.start_campaign("nov24", text, settings, start, {})
    return work


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    directory = tmp_path_factory.mktemp("lab") / "lab"
    return worked(opened_with(directory, "test_exhibits:Keeper"), IDEAS, noisy())


def report_of(work: Work, directory: Path) -> str:
    return write_report(work.ledger, work.campaign, directory)[0].read_text(encoding="utf-8")


def by_title(tried: tuple[Tried, ...]) -> dict[str, Tried]:
    return {one.proposal.title: one for one in tried}


def test_an_exhibit_stands_behind_the_picture_and_at_the_end(work: Work, tmp_path: Path) -> None:
    paths = write_report(work.ledger, work.campaign, tmp_path)
    text = paths[0].read_text(encoding="utf-8")
    order = [
        "progress",
        "## Behind the picture",
        "## What was found",
        "## All exp",
        "## At the end",
    ]
    places = [text.index(part) for part in order if part != "progress" or part in text]
    assert places == sorted(places)
    assert tmp_path / "extra.txt" in paths


def test_it_is_given_the_files_of_each_experiment_and_those_before(
    work: Work, tmp_path: Path
) -> None:
    report_of(work, tmp_path)
    assert Keeper.given is not None
    tried = by_title(Keeper.given.tried)
    assert len(tried) == 1 + len(IDEAS)
    better, worse = tried[UGLY], tried["worse"]
    assert better.result.outcome is Outcome.KEEP
    assert better.before == {"train.py": "x = 0\n"}
    assert better.files == worse.before == {"train.py": "x = -0.01\n"}
    assert worse.files == {"train.py": "x = 0.02\n"}
    assert tried["it crashes"].files == {"train.py": "x = crash\n"}
    assert tried["it does not apply"].files == {}
    (first,) = (one for one in Keeper.given.tried if one.result.number == 0)
    assert first.files == first.before == {"train.py": "x = 0\n"}


def test_it_is_given_the_trials_of_the_search_and_apart_those_that_confirm(
    work: Work, tmp_path: Path
) -> None:
    report_of(work, tmp_path)
    assert Keeper.given is not None
    assert Keeper.given.lab == work.directory.resolve()
    assert any(trial.cell for trial in Keeper.given.trials)
    for one in Keeper.given.tried:
        assert all(trial.searched for trial in one.trials)
    assert by_title(Keeper.given.tried)[UGLY].trials


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("test_exhibits:Broken", r"ZeroDivisionError: a \| b \<script\>"),
        ("test_exhibits:Explained", "put it right"),
        ("test_exhibits:Nothing", "cannot be loaded"),
        ("nobody", "no exhibit is called"),
        ("test_exhibits:Exhibit", "AttributeError"),
    ],
)
def test_one_that_fails_costs_a_line_and_nothing_else(tmp_path: Path, name: str, why: str) -> None:
    work = worked(opened_with(tmp_path / "lab", name, "test_exhibits:Keeper"), IDEAS[:1], noisy())
    text = report_of(work, tmp_path)
    (line,) = (line for line in text.splitlines() if "Not shown" in line)
    assert why in line and "<script>" not in line.replace(r"\<", "")
    assert "## Behind the picture" in text and "## All experiments" in text


def test_a_commit_that_is_missing_costs_a_line_and_nothing_else(tmp_path: Path) -> None:
    work = worked(opened_with(tmp_path / "lab", "test_exhibits:Keeper"), [], noisy())
    git = work.directory / ".git"
    subprocess.run(["git", "config", "gc.auto", "0"], cwd=work.directory, check=True)
    git.rename(work.directory / "moved")
    text = report_of(work, tmp_path)
    assert "Not shown" in text and "git" in text and "## All experiments" in text


def test_without_exhibits_nothing_is_added_and_git_is_not_needed(tmp_path: Path) -> None:
    work = worked(opened(tmp_path / "lab"), [], noisy())
    (work.directory / ".git").rename(work.directory / "moved")
    assert "Not shown" not in report_of(work, tmp_path)


def test_importing_the_report_imports_no_exhibit() -> None:
    code = "import sys, novum.report; sys.exit(any('molecule' in name for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
