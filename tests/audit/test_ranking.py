"""Rank correlation: against scipy, and its interval in simulation."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from novum.audit.ranking import agreement, ranks, reliability, spearman

SMALL = st.integers(-5, 5).map(float)
PAIRS = st.lists(st.tuples(SMALL, SMALL), min_size=2, max_size=10)


@given(PAIRS)
def test_spearman_and_ranks_are_those_of_scipy_with_ties_too(pairs):
    one, other = [a for a, _ in pairs], [b for _, b in pairs]
    assert ranks(one) == list(stats.rankdata(one))
    if len(set(one)) == 1 or len(set(other)) == 1:
        assert spearman(one, other) is None
    else:
        assert spearman(one, other) == pytest.approx(stats.spearmanr(one, other).statistic)


def test_three_ideas_say_nothing():
    assert agreement([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]) is None


def test_a_perfect_agreement_of_few_ideas_is_not_certain():
    four = agreement([1.0, 2, 3, 4], [1.0, 2, 3, 4])
    assert four.value == 1
    assert four.low < 0
    assert not four.alike
    twelve = agreement(list(map(float, range(12))), list(map(float, range(12))))
    assert 0.8 < twelve.low < twelve.high <= 1
    assert twelve.alike


def test_the_interval_is_that_of_bonett_and_wright():
    one = [1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    other = [2.0, 1, 4, 3, 7, 5, 6, 10, 8, 9]
    r = stats.spearmanr(one, other).statistic
    half = 1.959964 * math.sqrt((1 + r * r / 2) / 7)
    found = agreement(one, other)
    assert found.low == pytest.approx(math.tanh(math.atanh(r) - half))
    assert found.high == pytest.approx(math.tanh(math.atanh(r) + half))


@pytest.mark.parametrize(("correlation", "ideas"), [(0.5, 8), (0.9, 8), (0.95, 5), (0.0, 6)])
def test_the_interval_covers_the_true_rank_correlation(correlation, ideas):
    chance = random.Random(5)
    truth = 6 / math.pi * math.asin(correlation / 2)  # of a bivariate normal distribution
    covered = 0
    for _ in range(2000):
        one = [chance.gauss(0, 1) for _ in range(ideas)]
        rest = math.sqrt(1 - correlation**2)
        other = [correlation * x + rest * chance.gauss(0, 1) for x in one]
        found = agreement(one, other)
        covered += found.low <= truth <= found.high
    assert covered / 2000 >= 0.92


def test_reliability_is_the_correlation_of_a_second_look():
    chance, pairs = random.Random(2), []
    for _ in range(4000):
        truth = chance.gauss(0, 1)
        pairs.append((truth + chance.gauss(0, 0.7), truth + chance.gauss(0, 0.7)))
    first, second = zip(*pairs, strict=True)
    again = stats.pearsonr(first, second).statistic
    assert reliability(first, 0.7) == pytest.approx(again, abs=0.05)
    assert reliability([1.0, 1.1], 5.0) == 0
    assert reliability([1.0, 1.0], 0.1) is None
