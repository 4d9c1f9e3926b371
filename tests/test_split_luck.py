"""Luck of the split, in a campaign: which items were held out is no merit of the candidate."""

import random

from novum.judge.policies import judge_named
from novum.records import Measurement, TrialResult, TrialState

ITEMS = 100


def on_items(order):
    """A deterministic score: each version of the code scores each item by chance, 1 ± 0.3."""
    text = (order.tree / "train.py").read_text()
    merit = float(text.split("x =")[1].split()[0])
    rng = random.Random(text)
    items = tuple((1 + merit + rng.gauss(0, 0.3), 1.0) for _ in range(ITEMS))
    score = sum(item for item, _ in items) / ITEMS
    return TrialResult(TrialState.MEASURED, Measurement(score, items=items))


def without_items(order):
    result = on_items(order)
    return TrialResult(TrialState.MEASURED, Measurement(result.measurement.metric))


def versions(bed, count):
    return [bed.idea(f"0  # {n}", key=str(n)) for n in range(count)]


def keeps_of(bed, measure):
    text = (bed.path / "lab.toml").read_text()
    bed.toml(text.replace("baseline_runs = 1", "baseline_runs = 2"))
    bed.run(versions(bed, 25), measure, judge=judge_named("belief"))
    return bed.verdicts().count("keep") - 1


def test_without_items_every_lucky_version_is_kept(bed):
    assert keeps_of(bed, without_items) >= 2


def test_with_items_luck_of_the_split_is_seen_for_what_it_is(bed):
    assert keeps_of(bed, on_items) == 0


def test_with_items_a_real_gain_is_kept_all_the_same(bed):
    text = (bed.path / "lab.toml").read_text()
    bed.toml(text.replace("baseline_runs = 1", "baseline_runs = 2"))
    bed.run([*versions(bed, 5), bed.idea(-0.5)], on_items, judge=judge_named("belief"))
    assert bed.verdicts()[-1] == "keep"
    evidence = bed.experiments()[-1].verdict.evidence
    assert 0.02 < evidence.split_sd < 0.08
