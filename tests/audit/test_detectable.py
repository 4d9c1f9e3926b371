"""How large luck is, and what can be told from it: against scipy, the bootstrap, simulation."""

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from novum.audit.detectable import (
    Spread,
    confirmation_bar,
    detectable,
    reach,
    spread,
    variance_ratio,
)
from novum.judge.confirm import claim
from novum.judge.paired import evidence
from novum.judge.split import paired_split_error, split_error

VALUES = st.lists(st.floats(-100, 100).map(lambda x: round(x, 6)), min_size=2, max_size=12)


@given(VALUES)
def test_the_spread_is_the_sample_standard_deviation_inside_its_interval(values):
    found = spread(values)
    assert found.sd == pytest.approx(statistics.stdev(values), rel=1e-6, abs=1e-9)
    assert found.low <= found.sd <= found.high


def test_the_interval_of_a_spread_is_that_of_chi_square():
    values = [1.0, 2.0, 4.0, 4.5, 9.0]
    low, high = (4 * statistics.variance(values) / stats.chi2.ppf([0.975, 0.025], 4)) ** 0.5
    found = spread(values)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_runs_that_are_equal_have_no_spread_and_one_run_has_none_to_speak_of():
    assert spread([0.1] * 3) == Spread(0.0, 0.0, 0.0, 2)
    assert spread([0.1]) is None


def test_the_variance_ratio_and_its_interval_are_those_of_f():
    above, below = [1.0, 3.0, 7.0, 2.0], [1.0, 1.5, 0.8]
    ratio = statistics.variance(above) / statistics.variance(below)
    found = variance_ratio(above, below)
    assert found.value == pytest.approx(ratio)
    assert found.low == pytest.approx(ratio / stats.f.ppf(0.975, 3, 2))
    assert found.high == pytest.approx(ratio / stats.f.ppf(0.025, 3, 2))
    assert variance_ratio(above, [1.0, 1.0]) is None
    assert variance_ratio([1.0], below) is None


def weighted_mean(items):
    return sum(score * weight for score, weight in items) / sum(weight for _, weight in items)


def test_split_error_agrees_with_the_bootstrap():
    chance = random.Random(1)
    items = [(chance.gauss(2, 1), chance.choice([10, 100, 250])) for _ in range(300)]
    resampled = [weighted_mean(chance.choices(items, k=300)) for _ in range(4000)]
    assert split_error(items) == pytest.approx(statistics.stdev(resampled), rel=0.06)


def test_split_error_with_equal_weights_is_the_standard_error_of_the_mean():
    scores = [1.0, 4.0, 2.5, 8.0]
    assert split_error([(s, 7) for s in scores]) == pytest.approx(stats.sem(scores))
    assert split_error([(s, 1) for s in scores] + [(99.0, 0)]) == pytest.approx(stats.sem(scores))
    assert split_error([(1.0, 1.0)]) is None


def test_items_that_are_hard_for_both_are_no_noise_of_their_difference():
    one = [(float(n), 1.0) for n in range(10)]
    other = [(float(n) + 0.5, 1.0) for n in range(10)]
    assert paired_split_error(one, other) == 0
    assert split_error(one) > 0.5
    assert paired_split_error(one, other[:9]) is None
    assert paired_split_error(one, [(0.0, 2.0)] * 10) is None


@pytest.mark.parametrize("degrees", [2, 4, 9, 29])
@pytest.mark.parametrize("level", [0.05, 0.025])
def test_the_detectable_effect_has_the_stated_power_under_the_noncentral_t(degrees, level):
    bar = stats.t.ppf(1 - level, degrees)

    def power(effect):
        return stats.nct.sf(bar, degrees, effect)

    exact = optimize.brentq(lambda effect: power(effect) - 0.8, 0.5, 20)
    assert detectable(1.0, degrees, level=level) == pytest.approx(exact, rel=0.06)


def test_the_reach_of_one_run_holds_in_simulation():
    chance, found = random.Random(3), 0
    for _ in range(4000):
        baseline = [chance.gauss(0, 1) for _ in range(5)]
        noise = statistics.stdev(baseline)
        effect = detectable(math.sqrt(1 + 1 / 5), 4)  # at the true sd of 1
        candidate = chance.gauss(effect, 1)
        gain = candidate - statistics.mean(baseline)
        found += gain > stats.t.ppf(0.95, 4) * noise * math.sqrt(1 + 1 / 5)
    assert found / 4000 == pytest.approx(0.8, abs=0.03)


def test_more_runs_find_smaller_effects():
    found = reach(spread([1.0, 1.2, 0.9, 1.1, 1.3]), 0.05, 12)
    assert found.one_run > found.three_runs > found.confirmed > 0
    assert reach(spread([1.0, 1.2, 0.9, 1.1, 1.3]), 0.05, 24).confirmed < found.confirmed
    assert reach(spread([1.0, 1.2, 0.9, 1.1, 1.3]), 0.05, 12, 0.1).confirmed > found.confirmed


@pytest.mark.parametrize("pairs", [4, 5, 12])
def test_the_bar_of_a_confirmation_is_where_its_evidence_reaches_the_level(pairs):
    chance, bar = random.Random(4), confirmation_bar(pairs, 0.025)
    values = [chance.gauss(0, 3) for _ in range(pairs)]
    middle, scale = statistics.mean(values), statistics.stdev(values) / math.sqrt(pairs)
    at_bar = [value - middle + bar * scale for value in values]
    assert evidence(at_bar) == pytest.approx(40, rel=1e-5)


@pytest.mark.parametrize("pairs", [6, 12])
def test_a_gain_that_a_campaign_can_confirm_is_confirmed_four_times_in_five(pairs):
    chance, confirmed = random.Random(6), 0
    gain = reach(Spread(1.0, 0.5, 2.0, 4), 0.05, pairs).confirmed
    for _ in range(2000):
        differences = [gain + chance.gauss(0, math.sqrt(2)) for _ in range(pairs)]
        confirmed += evidence(differences) * 0.025 >= 1
    assert confirmed / 2000 == pytest.approx(0.8, abs=0.04)


def test_so_is_a_gain_beyond_the_luck_of_the_split():
    chance, confirmed, split = random.Random(7), 0, 0.4
    gain = reach(Spread(1.0, 0.5, 2.0, 4), 0.05, 12, split).confirmed
    for _ in range(2000):
        luck = chance.gauss(0, split)  # of the items, the same in all pairs
        differences = [gain + luck + chance.gauss(0, math.sqrt(2)) for _ in range(12)]
        confirmed += claim(differences, 0.025, split).confirmed
    assert confirmed / 2000 == pytest.approx(0.8, abs=0.04)
