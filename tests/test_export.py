"""`results.tsv` of real campaigns, run with scripted parts."""

import csv
import random
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from novum.campaign import Machine, Parts
from novum.campaign.events import Event, Judged, Observer, Step
from novum.dataset import Dataset
from novum.export import (
    ResultsFile,
    one_line,
    own_scores,
    results_path,
    results_rows,
    write_results,
)
from novum.judge.policies import judge_named
from novum.lab import parse_lab
from novum.ledger import Campaign, Ledger
from novum.records import Edit, Measurement, Outcome, Proposal, TrialResult, TrialState
from novum.repo import Repo
from novum.runners import Order
from novum.search import Greedy
from novum.standing import Standing
from novum.testing import InstantRunner, ScriptedResearcher

LAB = """
[lab]
name = "toy"
question = "What lowers | the loss?"
[metric]
name = "val_loss"
direction = "{direction}"
min_effect = 0.0003
[budget]
seconds = 3
[files]
editable = ["train.py"]
[trial]
run = ["python", "train.py"]
{evaluate}
"""
UGLY = "tab\tpipe | newline\nand \x1b[31mred\x1b[0m"
QUOTED = '"half a quotation'
CRASH, INVALID, NOT_THERE = "crash", "invalid", "not there"
Measure = Callable[[Order], float | TrialResult]


@dataclass
class Work:
    """A campaign that was run, and what it can be asked."""

    directory: Path
    ledger: Ledger
    campaign: Campaign
    results: ResultsFile
    machine: Machine | None = None


def idea(title: str, change: float | str, key: str = "") -> Proposal:
    """A proposal that sets what the program gives; or one that fails, in three ways."""
    edit = Edit("train.py", None, f"x = {change}\n")
    if change == NOT_THERE:
        edit = Edit("train.py", "something that is not there", "y")
    return Proposal(title, (edit,), key=key or title, researcher="scripted")


def noisy(seed: int = 1, sd: float = 0.0005) -> Measure:
    """A runner's answer: 1 + what the program says + noise."""
    rng = random.Random(seed)

    def measure(order: Order) -> float | TrialResult:
        value = (order.tree / "train.py").read_text().split("=")[1].strip()
        if value == CRASH:
            detail = "ValueError: boom | \x1b[31mred"
            return TrialResult(TrialState.CRASH, detail=detail, peak_memory_mb=1024.0)
        if value == INVALID:
            return TrialResult(TrialState.INVALID, detail="the metric is nan")
        metrics = {"peak_memory_mb": 2048.0 + order.seed}
        score = 1.0 + float(value) + rng.gauss(0, sd)
        return TrialResult(TrialState.MEASURED, Measurement(score, metrics))

    return measure


def opened(directory: Path, direction: str = "minimize", *, evaluate: bool = False) -> Work:
    """A lab with a campaign in it that has not begun."""
    directory.mkdir(exist_ok=True)
    line = 'evaluate = ["python", "evaluate.py"]' if evaluate else ""
    text = LAB.format(direction=direction, evaluate=line)
    (directory / "lab.toml").write_text(text)
    (directory / "train.py").write_text("x = 0\n")
    (directory / ".gitignore").write_text(".novum/\n")
    commands = ("init -q .", "add -A", "-c user.name=n -c user.email=e commit -q -m start")
    for command in commands:
        subprocess.run(["git", *command.split()], cwd=directory, check=True)
    ledger = Ledger(directory)
    settings = {"seconds": 3, "researcher": "scripted", "target": 9}
    place = {"host": "box|1", "processor": "fast"}
    campaign = ledger.start_campaign("nov23", text, settings, Repo(directory).head(), place)
    return Work(directory, ledger, campaign, ResultsFile(ledger))


def worked(
    work: Work,
    ideas: Sequence[Proposal],
    measure: Measure,
    observers: Sequence[Observer] = (),
    *,
    policy: str = "belief",
) -> Work:
    """The campaign after these ideas."""
    lab = parse_lab(work.campaign.lab)
    parts = Parts(InstantRunner(measure), judge_named(policy), Greedy(), ScriptedResearcher(ideas))
    standing = Standing.read(work.ledger, lab, work.campaign)
    watching = (work.results, *observers)
    work.machine = Machine(work.ledger, Repo(work.directory), standing, parts, Dataset(), watching)
    work.machine.run(None)
    return work


def mixed(better: float = -0.005) -> list[Proposal]:
    """Ideas of every end: kept, discarded, crashed, invalid, not applying."""
    return [
        idea(UGLY, better),
        idea(QUOTED, -better),
        idea("it crashes", CRASH),
        idea("it lies", INVALID),
        idea("it does not apply", NOT_THERE),
        idea("a second gain", 2 * better),
        idea("x" * 900, -2 * better),
        idea("it crashes too", CRASH, key="again"),
    ]


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return worked(opened(tmp_path / "lab"), mixed(), noisy())


def table_of(work: Work) -> list[list[str]]:
    text = results_path(work.ledger, "nov23").read_text(encoding="utf-8")
    return [line.split("\t") for line in text.removesuffix("\n").split("\n")]


def test_there_are_five_columns_with_the_metric_under_its_own_name(work: Work) -> None:
    table = table_of(work)
    assert table[0] == ["commit", "val_loss", "memory_gb", "status", "description"]
    assert {len(row) for row in table} == {5}
    assert len(table) == 1 + len(work.ledger.experiments(work.campaign.id))


def test_the_baseline_is_the_first_row_and_kept(work: Work) -> None:
    commit, score, _, status, title = table_of(work)[1]
    assert commit == work.campaign.start_commit[:7]
    baseline = work.ledger.experiments(work.campaign.id)[0]
    assert baseline.belief is not None
    assert float(score) == pytest.approx(baseline.belief.mean, abs=1e-6)
    assert (status, title) == ("keep", "baseline")


def test_a_score_is_the_mean_of_the_runs_of_its_verdict(work: Work) -> None:
    experiments = work.ledger.experiments(work.campaign.id)
    for row, experiment in zip(table_of(work)[1:], experiments, strict=True):
        assert experiment.verdict is not None
        values = experiment.verdict.evidence.values
        if values:
            assert float(row[1]) == pytest.approx(sum(values) / len(values), abs=1e-6)
            assert own_scores(experiment, work.ledger.trials(experiment.id)) == values


def test_what_failed_has_its_own_word_and_no_score(work: Work) -> None:
    rows = {row[4]: row for row in table_of(work)}
    assert rows["it crashes"][1:4] == ["", "1.0", "crash"]
    assert rows["it lies"][1:4] == ["", "", "invalid"]
    assert rows["it does not apply"] == ["-", "", "", "invalid", "it does not apply"]


def test_memory_is_the_peak_in_gigabytes(work: Work) -> None:
    assert table_of(work)[1][2] == "2.0"


def test_titles_cannot_break_the_table(work: Work) -> None:
    titles = [row[4] for row in table_of(work)]
    assert "tab pipe | newline and [31mred [0m" in titles
    assert "'half a quotation" in titles
    assert max(map(len, titles)) <= 500
    with results_path(work.ledger, "nov23").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file, delimiter="\t")) == table_of(work)


def test_the_grown_table_equals_the_one_written_whole(work: Work, tmp_path: Path) -> None:
    write_results(work.ledger, work.campaign, tmp_path / "new" / "whole.tsv")
    grown = results_path(work.ledger, "nov23").read_bytes()
    assert (tmp_path / "new" / "whole.tsv").read_bytes() == grown
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["whole.tsv"]


def test_later_runs_of_a_commit_leave_its_row_alone(work: Work, tmp_path: Path) -> None:
    first, second, *_ = work.ledger.experiments(work.campaign.id)
    trial = work.ledger.start_trial(first.id, second.id, 9, 3.0, "validation")
    work.ledger.end_trial(trial, TrialResult(TrialState.MEASURED, Measurement(77.0)), 1)
    write_results(work.ledger, work.campaign, tmp_path / "whole.tsv")
    grown = results_path(work.ledger, "nov23").read_bytes()
    assert (tmp_path / "whole.tsv").read_bytes() == grown


def test_holdout_scores_are_never_exported(work: Work) -> None:
    first = work.ledger.experiments(work.campaign.id)[0]
    before = results_rows("v", [first], work.ledger.trials(first.id))
    trial = work.ledger.start_trial(first.id, first.id, 1, 3.0, "holdout")
    result = TrialResult(TrialState.MEASURED, Measurement(77.0, {"peak_memory_mb": 9e9}))
    work.ledger.end_trial(trial, result, 1)
    assert results_rows("v", [first], work.ledger.trials(first.id)) == before


def test_a_new_session_writes_the_table_whole(work: Work) -> None:
    path = results_path(work.ledger, "nov23")
    whole = path.read_bytes()
    path.write_text("half a li")
    worked(work, [], noisy())
    assert path.read_bytes() == whole


def test_a_table_that_is_taken_away_comes_back_whole(tmp_path: Path) -> None:
    work = opened(tmp_path / "lab")
    path = results_path(work.ledger, "nov23")

    def remove(event: Event) -> None:
        if isinstance(event, Judged) and event.experiment.number == 2:
            path.unlink()

    worked(work, mixed(), noisy(), [remove])
    write_results(work.ledger, work.campaign, tmp_path / "whole.tsv")
    assert path.read_bytes() == (tmp_path / "whole.tsv").read_bytes()


def test_a_table_that_cannot_be_written_does_not_end_the_campaign(tmp_path: Path) -> None:
    work = opened(tmp_path / "lab")
    path = results_path(work.ledger, "nov23")
    path.mkdir(parents=True)
    (path / "in the way").touch()
    problems: list[str | None] = []

    def clear(event: Event) -> None:
        problems.append(work.results.problem)
        if isinstance(event, Judged) and event.experiment.number == 3:
            (path / "in the way").unlink()
            path.rmdir()

    worked(work, mixed(), noisy(), [clear])
    assert problems[0] is not None
    assert "results.tsv cannot be written" in problems[0]
    assert work.results.problem is None
    assert len(table_of(work)) == 1 + len(work.ledger.experiments(work.campaign.id))


def test_events_that_judge_nothing_write_nothing(work: Work) -> None:
    path = results_path(work.ledger, "nov23")
    path.unlink()
    work.results(Step("measured"))
    assert not path.exists()


def test_a_failed_baseline_is_a_crash_without_a_score(tmp_path: Path) -> None:
    work = opened(tmp_path / "lab")
    crash = TrialResult(TrialState.CRASH, detail="no module named torch")
    with pytest.raises(Exception, match="baseline fails"):
        worked(work, [], lambda order: crash)
    assert table_of(work)[1][1:] == ["", "", str(Outcome.CRASH), "baseline"]


@pytest.mark.parametrize("score", [1e-9, 0.0, -3.25, 0.9979, 123456.789])
def test_scores_of_every_size_keep_their_digits(tmp_path: Path, score: float) -> None:
    work = worked(opened(tmp_path / "lab"), [], lambda order: score)
    assert float(table_of(work)[1][1]) == pytest.approx(score, rel=1e-5)


def test_one_line_is_data() -> None:
    assert one_line("a\x00b\u202ec\r\n d\u2028e", 50) == "a b c d e"
    assert one_line("abcdef", 4) == "abc…"
    assert one_line("\ud800x", 9) == "x"
