"""A score that comes days later is never counted against an idea, and stops no decision."""

import pytest

from novum.campaign import Asked, LaterError
from novum.campaign.events import Notice
from novum.errors import CampaignError, LabError
from novum.lab import parse_lab
from novum.records import NOT_YET, Measurement, TrialResult, TrialState

LATER = TrialResult(TrialState.INFRASTRUCTURE, detail=f"{NOT_YET}the plate is out")


def wells(values: dict[str, list[float]]):
    """Measures by how often a commit was measured before, as long as there are values."""

    def measure(order):
        own = values[(order.tree / "train.py").read_text().split("=")[1].strip()]
        if order.run >= len(own):
            return LATER
        return TrialResult(TrialState.MEASURED, Measurement(own[order.run]))

    return measure


def scores(bed, number: int) -> tuple[float, ...]:
    return bed.experiments()[number].verdict.evidence.values


def gaussian(bed, **judge: int) -> None:
    """The bed's lab with a judge that replicates."""
    keys = "\n".join(f"{name} = {value}" for name, value in judge.items())
    text = (bed.path / "lab.toml").read_text().replace('policy = "greedy"', 'policy = "belief"')
    bed.toml(text.replace("baseline_runs = 1", f"baseline_runs = 3\n{keys}"))


def test_each_run_of_a_commit_is_told_how_many_were_measured_before(bed):
    gaussian(bed, min_runs=2, max_runs=2)
    bed.run([bed.idea(1)], wells({"0": [5.0, 5.1, 5.2], "1": [9.0, 9.1]}))
    assert scores(bed, 0) == (5.0, 5.1, 5.2)
    assert scores(bed, 1) == (9.0, 9.1)


def test_a_run_that_was_lost_takes_no_value_with_it(bed):
    gaussian(bed, min_runs=2, max_runs=2)
    lost = [True]
    measure = wells({"0": [5.0, 5.1, 5.2], "1": [9.0, 9.1]})

    def blinking(order):
        if order.run == 1 and lost and lost.pop():
            return TrialResult(TrialState.INFRASTRUCTURE, detail="the disk blinked")
        return measure(order)

    bed.run([bed.idea(1)], blinking)
    assert scores(bed, 0) == (5.0, 5.1, 5.2)


def test_a_candidate_is_run_as_often_as_the_lab_says_however_bad_it_is(bed):
    gaussian(bed, min_runs=3, max_runs=4)
    bed.run([bed.idea(1)], wells({"0": [5.0, 5.1, 5.2], "1": [90.0, 91.0, 92.0]}))
    assert bed.verdicts() == ["keep", "discard"]
    assert len(scores(bed, 1)) == 3


def test_fewer_runs_at_most_than_at_least_are_no_rule(bed):
    text = (bed.path / "lab.toml").read_text()
    with pytest.raises(LabError, match="min_runs is more than max_runs, 2"):
        parse_lab(text.replace("baseline_runs = 1", "min_runs = 3\nmax_runs = 2"))


def test_a_candidate_without_a_score_yet_stays_open_and_is_asked_again(bed):
    values = {"0": [5.0, 5.1, 5.2], "-9": []}
    gaussian(bed, max_runs=2)
    with pytest.raises(LaterError, match=r"no answer yet: the plate is out; .*novum resume"):
        bed.run([bed.idea(-9)], wells(values))
    assert issubclass(LaterError, CampaignError)
    assert bed.verdicts() == ["keep", "open"]
    assert bed.trial_states()[3:] == ["infrastructure"], "it is not asked three times"
    assert bed.campaign().state == "open"
    values["-9"] = [-9.0, -9.1]
    bed.run([bed.idea(-9)], wells(values))
    assert bed.verdicts() == ["keep", "keep"]


@pytest.mark.parametrize("policy", ["belief", "greedy"])
def test_when_no_further_value_is_there_the_judge_decides_by_what_it_has(bed, policy):
    gaussian(bed, min_runs=2, max_runs=6)
    if policy == "greedy":
        bed.toml((bed.path / "lab.toml").read_text().replace("belief", "greedy"))
    bed.run([bed.idea(4)], wells({"0": [5.0, 5.4, 5.2], "4": [4.6]}))
    assert bed.verdicts()[1] in {"keep", "discard"}
    assert scores(bed, 1) == (4.6,), "the one value is counted once"
    assert any("decided by the runs that there are" in one.text for one in bed.told(Notice))


def test_a_baseline_without_enough_values_begins_no_campaign(bed):
    gaussian(bed, max_runs=2)
    with pytest.raises(LaterError, match="no answer yet"):
        bed.run([bed.idea(1)], wells({"0": [5.0, 5.1], "1": [1.0]}))
    bed.run([bed.idea(1)], wells({"0": [5.0, 5.1, 5.3], "1": [1.0, 1.1]}))
    assert scores(bed, 0) == (5.0, 5.1, 5.3)


def test_a_confirmation_goes_on_with_values_that_no_verdict_rests_on(bed):
    gaussian(bed, min_runs=2, max_runs=2)
    start = [5.0, 5.1, 5.2, 5.15, 5.05, 5.12, 5.08]
    better = [1.0, 1.1, 1.05, 1.02, 1.08, 1.01]
    values = {"0": start[:5], "1": better[:4]}
    bed.run([bed.idea(1)], wells(values))
    with pytest.raises(LaterError):
        bed.machine([], wells(values)).confirm(Asked(pairs=4))
    values |= {"0": start, "1": better}
    bed.machine([], wells(values)).confirm(Asked(pairs=4))
    confirmed = [
        trial.measurement.metric
        for trial in bed.ledger.all_trials(bed.campaign().id)
        if trial.measurement is not None and not trial.searched
    ]
    assert sorted(confirmed) == sorted(start[3:] + better[2:])
