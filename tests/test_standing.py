"""Where a campaign stands, from the ledger alone. (Live and read: tests/test_campaign.py.)"""

import math
from dataclasses import replace
from statistics import fmean
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novum.judge import Noise
from novum.lab import parse_lab
from novum.ledger import Trial
from novum.records import Measurement, Outcome, Timing, TrialState
from novum.standing import HISTORY, RECENT, Standing

SCORES = st.floats(-1e3, 1e3, allow_nan=False).map(lambda value: round(value, 6))


def standing(bed) -> Standing:
    return Standing.read(bed.ledger, bed.lab, bed.campaign())


def trial(number, experiment, score, state=TrialState.MEASURED, split="validation") -> Trial:
    measurement = None if score is None else Measurement(score)
    timing = Timing(training=2.0)
    return Trial(
        number, experiment, experiment, number, 3, split, state, 0, 1, measurement, "", timing, 0
    )


def empty(bed) -> Standing:
    return Standing(bed.lab, bed.campaign())


def test_a_campaign_without_experiments_stands_at_its_beginning(bed):
    now = standing(bed)
    assert not now.has_baseline
    assert (now.experiments, now.next_number, now.trials, now.gain) == (0, 0, 0, 0.0)


def test_the_incumbent_is_the_newest_keep(bed):
    bed.run([bed.idea(-1), bed.idea(5), bed.idea(-2), bed.idea(6)])
    now = standing(bed)
    assert now.incumbent.number == 3
    assert [keep.number for keep in now.keeps] == [0, 1, 3]
    assert now.gain == 2.0
    assert now.outcomes == {Outcome.KEEP: 2, Outcome.DISCARD: 2}


def test_the_gain_is_positive_for_better_in_both_directions(bed):
    bed.toml((bed.path / "lab.toml").read_text().replace("minimize", "maximize"))
    bed.run([bed.idea(2)])
    assert standing(bed).gain == 2.0
    assert standing(bed).oriented(-1.0) == -1.0


def test_the_baseline_is_not_counted_and_teaches_no_effect(bed):
    bed.run([])
    now = standing(bed)
    assert (now.experiments, now.next_number, list(now.history)) == (0, 1, [])
    assert sum(now.outcomes.values()) == 0


def test_an_effect_is_positive_for_better(bed):
    bed.run([bed.idea(-1), bed.idea(3)])
    assert [effect.effect for effect in standing(bed).history] == [1.0, -4.0]


def test_memory_is_bounded(bed):
    now = empty(bed)
    assert (now.history.maxlen, now.recent.maxlen) == (HISTORY, RECENT)


@given(groups=st.lists(st.lists(SCORES, min_size=1, max_size=4), max_size=5), data=st.data())
def test_the_noise_is_pooled_over_groups_in_whatever_order_they_are_measured(
    bed_once, groups, data
):
    now = empty(bed_once)
    runs = [(index, score) for index, group in enumerate(groups) for score in group]
    runs = data.draw(st.permutations(runs))
    for number, (index, score) in enumerate(runs):
        now.add_trial(trial(number, index, score))
    squares = sum((score - fmean(group)) ** 2 for group in groups for score in group)
    assert now.noise.degrees == sum(len(group) - 1 for group in groups)
    assert math.isclose(now.noise.sum_squares, squares, rel_tol=1e-6, abs_tol=1e-6)


@given(score=SCORES | st.floats(1e-9, 1e9), count=st.integers(2, 9))
def test_equal_replicates_are_no_noise_at_all(bed_once, score, count):
    """`luck` takes exactly nothing for a score without noise."""
    now = empty(bed_once)
    for number in range(count):
        now.add_trial(trial(number, 1, score))
    assert now.noise == Noise(0.0, count - 1)


def test_a_judge_that_reads_less_noise_in_the_lucky_runs_is_heeded(bed):
    """Whether the trials or the verdict are taken in first: live, and read from the ledger."""
    bed.run([bed.idea(2)])
    (experiment,) = bed.ledger.experiments(bed.campaign().id)[-1:]
    assert experiment.verdict is not None
    evidence = replace(experiment.verdict.evidence, values=(5.0, 3.0), squares=0.5)
    closed = replace(experiment, verdict=replace(experiment.verdict, evidence=evidence))
    trials = [trial(1, closed.id, 5.0), trial(2, closed.id, 3.0)]
    live, read = empty(bed), empty(bed)
    for one in trials:
        live.add_trial(one)
    assert live.noise == Noise(2.0, 1)
    assert live.noise_without(closed.id) == Noise(0.0, 0)
    live.close(closed)
    read.close(closed)
    for one in trials:
        read.add_trial(one)
    assert live.noise == read.noise == Noise(0.5, 1)


@pytest.mark.parametrize("state", [state for state in TrialState if state != "measured"])
def test_only_what_was_measured_has_a_value(bed, state):
    now = empty(bed)
    now.add_trial(trial(1, 1, None, state))
    assert (now.values(1), now.trials, now.trial_seconds) == ((), 1, 2.0)


def test_a_holdout_score_is_never_among_the_values(bed):
    now = empty(bed)
    now.add_trial(trial(1, 1, 0.5, split="holdout"))
    assert now.values(1) == ()
    assert now.noise == Noise()


@pytest.fixture(scope="module")
def bed_once():
    """A lab and a campaign that no test here changes."""
    text = (
        '[lab]\nname = "x"\n[metric]\nname = "v"\ndirection = "minimize"\n[budget]\nseconds = 3\n'
        '[files]\neditable = ["train.py"]\n[trial]\nrun = ["python", "train.py"]\n'
    )
    return SimpleNamespace(lab=parse_lab(text), campaign=lambda: None)
