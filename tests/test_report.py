"""The report of real campaigns, run with scripted parts."""

import math
import random
import re
import statistics
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from novum.judge.words import number
from novum.records import Measurement, Outcome, TrialResult, TrialState
from novum.report import canvas, kept_rows, read_facts, write_report
from novum.report.labels import Dot, Label, Room, cut, place
from novum.report.scale import limits
from novum.report.words import facts_table, percent, quoted, signed, spread, table
from novum.standing import Standing
from test_export import UGLY, Work, idea, mixed, noisy, opened, worked

KEPT_COLOUR = 0x15924F


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    return worked(opened(tmp_path_factory.mktemp("lab") / "lab"), mixed(), noisy())


@pytest.fixture(scope="module")
def text(work: Work, tmp_path_factory: pytest.TempPathFactory) -> str:
    return report_of(work, tmp_path_factory.mktemp("report"))


def report_of(work: Work, directory: Path) -> str:
    path = write_report(work.ledger, work.campaign, directory)[0]
    return path.read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"no section {title}"
    return found[1]


def rows_of(text: str) -> list[list[str]]:
    """The rows of a Markdown table, without its head, split as Markdown does."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


# What the report says


def test_the_headline_is_the_confirmed_gain_and_beside_it_what_was_believed(
    work: Work, text: str
) -> None:
    facts = read_facts(work.ledger, work.campaign)
    standing = Standing.read(work.ledger, facts.lab, work.campaign)
    assert facts.gain.size == standing.gain > 0
    claim = facts.confirmed.claim
    assert claim.confirmed
    found = re.search(r"Confirmed gain: \+(\S+) \[(\S+), (\S+)\] val_loss", text)
    assert [float(number) for number in found.groups()] == pytest.approx(
        [claim.gain, claim.low, claim.high], abs=1e-4
    )
    assert f"believes {spread(facts.gain.size, facts.gain.sd)} val_loss" in text
    assert "on fresh seeds" in text, "this lab has no holdout, and the report does not feign one"


def test_without_a_confirmation_the_headline_is_a_belief_and_says_so(
    work: Work, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("novum.report.facts.claims", lambda *_: ([], []))
    text = report_of(work, tmp_path)
    gain = read_facts(work.ledger, work.campaign).gain
    assert f"Believed gain: {spread(gain.size, gain.sd)} val_loss" in text
    assert "not a confirmed result" in text
    assert "holdout" not in text.replace("or on the holdout", "")


def test_the_baseline_and_the_noise_are_those_of_the_ledger(work: Work, text: str) -> None:
    trials = work.ledger.trials(work.ledger.experiments(work.campaign.id)[0].id)
    values = [t.measurement.metric for t in trials if t.measurement and t.asked_by == t.experiment]
    expected = spread(statistics.fmean(values), statistics.stdev(values))
    assert f"| baseline | {expected}: mean and standard deviation of 3 runs |" in text
    facts = read_facts(work.ledger, work.campaign)
    assert facts.noise_sd is not None
    assert f"{facts.noise_sd:.2g}, with {facts.noise_degrees} degree" in text


def test_it_tells_what_was_asked(work: Work, text: str) -> None:
    asked = dict(rows_of("||\n||\n" + section(text, "What was asked")))
    assert asked["metric"] == "val_loss, minimize"
    assert asked["budget of a trial"] == "3 s"
    assert asked["policy"] == "belief"
    assert asked["branch"] == "`autoresearch/nov23`"
    assert asked["machine"] == r"host box\|1, processor fast"
    assert work.campaign.start_commit.startswith(asked["start commit"].strip("`"))
    assert r"What lowers \| the loss?" in text


def test_the_counts_are_those_of_the_ledger(work: Work, text: str) -> None:
    experiments = work.ledger.experiments(work.campaign.id)[1:]
    outcomes = [e.verdict.outcome for e in experiments if e.verdict]
    counts = ", ".join(f"{outcomes.count(outcome)} {outcome}" for outcome in Outcome)
    took = section(text, "What it took")
    assert f"| verdicts | {counts} |" in took
    assert "| did not apply | 1 idea, never run, among the invalid |" in took
    assert f"| experiments | {len(experiments) - 1}, after the baseline |" in took
    assert f"| trials | {len(work.ledger.all_trials(work.campaign.id))} |" in took


def test_the_keeps_come_with_their_evidence(work: Work, text: str) -> None:
    keeps = [
        e
        for e in work.ledger.experiments(work.campaign.id)[1:]
        if e.verdict and e.verdict.outcome is Outcome.KEEP
    ]
    facts = read_facts(work.ledger, work.campaign)
    plain = kept_rows(facts)
    assert len(keeps) == 2
    for experiment, kept, row in zip(keeps, plain, rows_of(section(text, "Keeps")), strict=True):
        assert experiment.verdict is not None
        evidence = experiment.verdict.evidence
        assert experiment.commit == kept.commit
        assert (kept.effect, kept.sd, kept.runs) == (evidence.effect, evidence.sd, evidence.runs)
        mean = sum(evidence.values) / len(evidence.values)
        assert kept.score == pytest.approx(mean)
        assert row[2] == number(mean, facts.noise_sd or 0.0)
        assert row[3] == signed(evidence.effect, evidence.sd)
        assert row[5:] == [str(evidence.runs), "0", f"`{kept.commit[:7]}`"]


def test_every_experiment_is_in_the_table_with_its_reason(work: Work, text: str) -> None:
    experiments = work.ledger.experiments(work.campaign.id)
    rows = rows_of(section(text, "All experiments"))
    assert [int(row[0]) for row in rows] == [e.number for e in experiments]
    assert {len(row) for row in rows} == {5}
    for experiment, row in zip(experiments, rows, strict=True):
        assert experiment.verdict is not None
        assert row[3].strip("*") == experiment.verdict.outcome
        assert row[4] == quoted(experiment.verdict.reason, 240)


def test_failures_come_with_the_line_that_explains_them(text: str) -> None:
    rows = rows_of(section(text, "Crashes and invalid runs"))
    why = {row[1]: row[3] for row in rows}
    assert why["it crashes"] == r"ValueError: boom \| \[31mred"
    assert why["it lies"] == "the metric is nan"
    assert why["it does not apply"].startswith("does not apply: train.py")
    assert "\x1b" not in text


def test_titles_cannot_break_a_table(text: str) -> None:
    shown = r"tab pipe \| newline and \[31mred \[0m"
    assert quoted(UGLY) == shown
    assert shown in [row[1] for row in rows_of(section(text, "Keeps"))]
    assert max(len(line) for line in text.splitlines()) < 800


def test_near_misses_are_the_discards_with_the_highest_probability(tmp_path: Path) -> None:
    rng = random.Random(2)
    ideas = [idea(f"idea {nr}", rng.gauss(0.0001, 0.0004)) for nr in range(12)]
    work = worked(opened(tmp_path / "lab"), ideas, noisy(6))
    near = rows_of(section(report_of(work, tmp_path), "Near misses"))
    discards = [
        (e.verdict.evidence.probability, str(e.number))
        for e in work.ledger.experiments(work.campaign.id)
        if e.verdict and e.verdict.outcome is Outcome.DISCARD
    ]
    expected = sorted((pair for pair in discards if pair[0] >= 0.05), key=lambda pair: -pair[0])
    assert near
    assert [row[0] for row in near] == [nr for _, nr in expected[:10]]


def test_without_a_keep_there_is_no_gain(tmp_path: Path) -> None:
    work = worked(opened(tmp_path / "lab"), [idea("bad", 0.01), idea("worse", 0.02)], noisy())
    text = report_of(work, tmp_path)
    assert "**No change was kept**, of 2 experiments." in text
    assert "## Keeps" not in text
    assert read_facts(work.ledger, work.campaign).gain.size == 0


def test_a_lab_without_an_evaluator_is_said_to_be_self_reported(text: str, tmp_path: Path) -> None:
    assert "**Self-reported.**" in text
    honest = worked(opened(tmp_path / "lab", evaluate=True), [], noisy())
    assert "elf-reported" not in report_of(honest, tmp_path)


def test_more_is_better_where_the_lab_says_so(tmp_path: Path) -> None:
    work = worked(opened(tmp_path / "lab", "maximize"), mixed(0.005), noisy())
    facts = read_facts(work.ledger, work.campaign)
    assert facts.gain.size == pytest.approx(0.01, abs=0.002)
    assert [row.number for row in kept_rows(facts)] == [1, 6]
    assert "| metric | val_loss, maximize |" in report_of(work, tmp_path)


def test_a_holdout_score_never_appears(tmp_path: Path) -> None:
    work = worked(opened(tmp_path / "lab"), mixed(), noisy())
    for experiment in work.ledger.experiments(work.campaign.id):
        trial = work.ledger.start_trial(experiment.id, experiment.id, 1, 3.0, "holdout")
        result = TrialResult(TrialState.MEASURED, Measurement(0.7654321))
        work.ledger.end_trial(trial, result, 1)
    assert "0.765" not in report_of(work, tmp_path)


def test_a_campaign_whose_baseline_failed_has_a_report(tmp_path: Path) -> None:
    work = opened(tmp_path / "lab")
    assert "The baseline is not measured yet" in report_of(work, tmp_path)
    crash = TrialResult(TrialState.CRASH, detail="no module named torch")
    with pytest.raises(Exception, match="baseline fails"):
        worked(work, [], lambda order: crash)
    text = report_of(work, tmp_path)
    assert "no module named torch" in section(text, "Crashes and invalid runs")
    assert not (tmp_path / "progress.png").exists()


def test_the_greedy_policy_and_a_score_without_noise_have_a_report(tmp_path: Path) -> None:
    ideas = [idea("better", -0.01), idea("worse", 0.01)]
    work = worked(opened(tmp_path / "lab"), ideas, noisy(sd=0.0), policy="greedy")
    text = report_of(work, tmp_path)
    assert "Confirmed gain: +0.01 val_loss" in text
    assert "believes 0.01 val_loss (1.0 %)" in text
    assert (tmp_path / "progress.png").exists()


# The picture


def pixels(path: Path) -> tuple[int, int, set[int]]:
    """Width, height, and all colours in the form 0xRRGGBB."""
    content = path.read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    image = (pytest.importorskip("matplotlib.image").imread(path) * 255).round().astype(int)
    codes = image[..., 0] << 16 | image[..., 1] << 8 | image[..., 2]
    return width, height, set(codes.ravel().tolist())


def test_the_picture_has_its_size_and_its_colours(work: Work, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    page, picture = write_report(work.ledger, work.campaign, tmp_path / "a" / "b")
    width, height, colours = pixels(picture)
    assert (width, height) == (1600, 900)
    assert {0xFFFFFF, KEPT_COLOUR} <= colours
    assert "![progress.png](progress.png)" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("title", ["$\\frac{", "日本語", "💥" * 9, "", "a_{b}^c $x$", "é" * 300])
def test_no_title_breaks_the_picture(tmp_path: Path, title: str) -> None:
    pytest.importorskip("matplotlib")
    work = worked(opened(tmp_path / "lab"), [idea(title, -0.01, key="k")], noisy())
    assert KEPT_COLOUR in pixels(write_report(work.ledger, work.campaign, tmp_path)[1])[2]


@pytest.mark.parametrize("scale", [1e-9, 1.0, -40.0, 1e9])
def test_scores_of_every_size_can_be_drawn(tmp_path: Path, scale: float) -> None:
    pytest.importorskip("matplotlib")
    measure = noisy()

    def scaled(order: object) -> float:
        result = measure(order)  # type: ignore[arg-type]
        assert isinstance(result, TrialResult)
        assert result.measurement is not None
        return scale * result.measurement.metric

    ideas = [idea("better", -0.01), idea("worse", 0.02)]
    work = worked(opened(tmp_path / "lab"), ideas, scaled)
    assert pixels(write_report(work.ledger, work.campaign, tmp_path)[1])[:2] == (1600, 900)


@pytest.mark.parametrize(
    ("first", "last", "ticks"),
    [(0, 0, [0]), (0, 1, [0, 1]), (0, 3, [0, 1, 2, 3]), (1, 1, [1]), (3, 7, [3, 4, 5, 6, 7])],
)
def test_ticks_are_at_experiments_that_there_were(first: int, last: int, ticks: list[int]) -> None:
    figure = pytest.importorskip("matplotlib.figure")
    axes = figure.Figure().add_subplot()
    canvas.count_across(axes, first, last)
    assert list(axes.get_xticks()) == ticks


def test_without_matplotlib_everything_else_is_there(
    work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    (page,) = write_report(work.ledger, work.campaign, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert "pip install 'novum[plot]'" in text
    assert "## All experiments" in text
    assert not (tmp_path / "progress.png").exists()


def test_importing_the_report_does_not_import_matplotlib() -> None:
    code = "import sys, novum.report, novum.export; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_hopeless_outlier_does_not_set_the_scale(tmp_path: Path) -> None:
    ideas = [idea("better", -0.01), idea("diverges", 1e6), idea("worse", 0.002)]
    work = worked(opened(tmp_path / "lab"), ideas, noisy())
    low, high = limits(read_facts(work.ledger, work.campaign))
    assert 0.95 < low < 0.99
    assert 1.0 < high < 1.05


# Labels


def room(up: bool = True) -> Room:
    return Room(1000, 0, 1000, 16, lambda text: 7.0 * len(text), up)


def ends(label: Label, up: bool) -> tuple[float, float]:
    length = 7.0 * len(label.text)
    rise = length * math.sin(math.radians(30))
    return label.x + length * math.cos(math.radians(30)), label.y + (rise if up else -rise)


@pytest.mark.parametrize("up", [True, False])
def test_labels_never_overlap_nor_leave_the_room(up: bool) -> None:
    rng = random.Random(7)
    dots = [
        Dot(rng.uniform(0, 990), rng.uniform(5, 990), "word " * rng.randint(1, 12), rng.random())
        for _ in range(150)
    ]
    labels = place(dots, room(up), 200)
    assert len(labels) > 10
    slant = math.radians(30 if up else -30)
    boxes = []
    for label in labels:
        x, y = ends(label, up)
        assert x <= 1000
        assert 0 <= y <= 1000
        u = label.x * math.cos(slant) + label.y * math.sin(slant)
        v = label.y * math.cos(slant) - label.x * math.sin(slant)
        boxes.append((u, u + 7.0 * len(label.text), v))
    for nr, (start, end, v) in enumerate(boxes):
        for other_start, other_end, other_v in boxes[nr + 1 :]:
            assert end <= other_start or other_end <= start or abs(v - other_v) >= 16


def test_the_weightiest_labels_come_first() -> None:
    dots = [Dot(100, 100 + 4 * nr, f"the title {nr}", nr) for nr in range(10)]
    labels = place(dots, room(), 2)
    assert labels[0].text == "the title 9"


def test_a_title_is_cut_to_what_fits_or_left_out() -> None:
    assert cut("abcdefghijklmnop", 70, room().width) == "abcdefghi…"
    assert cut("short", 70, room().width) == "short"
    assert cut("abcdefghijklmnop", 30, room().width) == ""


# Words


def test_markdown_in_text_from_outside_is_shown_as_it_is() -> None:
    assert quoted("a|b\n# c `d` *e* <img src=x> [f](g)") == (
        r"a\|b # c \`d\` \*e\* \<img src=x\> \[f\](g)"
    )
    assert quoted("val_bpb __init__ &lt;") == r"val_bpb \_\_init\_\_ &amp;lt;"
    assert table(("a", "b"), [("1", "2")], "b") == "| a | b |\n| --- | ---: |\n| 1 | 2 |"
    assert facts_table([("kept", "x"), ("left out", "")]).count("\n") == 2


def test_numbers_have_the_digits_that_they_deserve() -> None:
    assert spread(0.99741234, 0.0012) == "0.9974 ± 0.0012"
    assert spread(0.5, 0.0) == "0.5"
    assert spread(9.9741e-10, 1.2e-12) == "9.974e-10 ± 1.2e-12"
    assert signed(0.00411, 0.0012) == "+0.0041 ± 0.0012"
    assert signed(-0.00411, 0.0012) == "-0.0041 ± 0.0012"
    assert percent(-1e-14) == "0.000 %"
    assert [percent(x) for x in (0.34, 0.021, 0.0034, 0.00034)] == [
        "34 %",
        "2.1 %",
        "0.34 %",
        "0.034 %",
    ]
