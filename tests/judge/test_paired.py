"""Evidence and intervals from paired differences, against independent computations."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from novum.judge.paired import REACH, evidence, interval

finite = st.floats(-1e6, 1e6).map(lambda value: round(value, 6))


def ratio_on_a_grid(differences):
    """The same likelihood ratio, summed over a grid of effects and (logarithmic) scales."""
    n = len(differences)
    scales = [math.exp(-5 + 0.02 * step) for step in range(600)]
    effects = [0.0, *(0.05 * (step + 0.5) for step in range(int(8 * REACH / 0.05)))]

    def likelihood(delta):
        return math.fsum(
            math.exp(-math.fsum((d / s - delta) ** 2 for d in differences) / 2) / s**n
            for s in scales
        )

    null, *others = map(likelihood, effects)
    weights = [2 * 0.05 * stats.norm.pdf(delta, 0, REACH) for delta in effects[1:]]
    return math.fsum(w * value for w, value in zip(weights, others, strict=True)) / null


@pytest.mark.parametrize(
    "differences", [(0.4, 1.1), (0.5, 1.5, 0.7), (-0.5, 0.2, 0.3, -0.1), (-1.0, -0.8, -1.3)]
)
def test_the_evidence_is_the_likelihood_ratio_that_it_claims_to_be(differences):
    assert evidence(differences) == pytest.approx(ratio_on_a_grid(differences), rel=2e-3)


def test_the_first_pair_speaks_by_its_sign_alone_and_is_fair():
    assert evidence([0.001]) == pytest.approx(evidence([1000.0]))
    assert evidence([3.0]) + evidence([-3.0]) == pytest.approx(2.0)


@given(st.lists(finite, min_size=1, max_size=40), st.floats(0.001, 1000))
def test_the_evidence_does_not_depend_on_the_unit(differences, unit):
    scaled = evidence([value * unit for value in differences])
    assert scaled == pytest.approx(evidence(differences), rel=1e-6)
    assert scaled >= 0


@given(st.lists(finite, min_size=2, max_size=30))
def test_the_interval_is_around_the_mean_and_widens_with_its_level(differences):
    low, high = interval(differences)
    wider = interval(differences, 0.999)
    mean = math.fsum(differences) / len(differences)
    slack = 1e-9 * (1 + abs(mean))
    assert wider[0] - slack <= low <= mean + slack
    assert mean - slack <= high <= wider[1] + slack


def test_differences_that_are_all_zero_say_nothing():
    assert evidence([0.0] * 10) == 1.0
    assert interval([]) == (-math.inf, math.inf)


@pytest.mark.parametrize("unit", [1e-300, 1e-170, 1e155, 1e300])
def test_scores_whose_squares_are_no_numbers_say_the_same(unit):
    differences = [1.0, 1.1, 0.9, 1.3, 0.8]
    scaled = [value * unit for value in differences]
    assert evidence(scaled) == pytest.approx(evidence(differences))
    ends = [end / unit for end in interval(scaled)]
    assert ends == pytest.approx(interval(differences))


def test_the_evidence_of_many_equal_pairs_is_a_number():
    assert 1e300 < evidence([1.0 + 1e-6 * pair for pair in range(400)]) < math.inf
    # Then only effects next to zero could have given this: e^(-n d), times the prior's density.
    nearly_nothing = 2 * stats.norm.pdf(0, 0, REACH) / 400
    worse = evidence([-1.0 - 1e-6 * pair for pair in range(400)])
    assert worse == pytest.approx(nearly_nothing, rel=0.02)


def looked_at_always(source, pairs, watch):
    """Whether `watch` is ever true while one looks after each pair."""
    differences = []
    for _ in range(pairs):
        differences.append(source())
        if watch(differences):
            return True
    return False


def test_looking_after_each_pair_keeps_the_error_rate():
    """At most 5 % over 40 looks; 3,000 streams have a standard error of 0.4 %."""
    rng = random.Random(5)
    runs = 3000
    wrong = sum(
        looked_at_always(lambda: rng.gauss(0, 1), 40, lambda d: evidence(d) >= 20)
        for _ in range(runs)
    )
    assert wrong / runs <= 0.05 + 0.008


def test_looking_after_each_pair_keeps_the_coverage():
    rng = random.Random(6)

    def misses(differences):
        low, high = interval(differences)
        return not low <= 1.5 <= high

    runs = 3000
    missed = sum(looked_at_always(lambda: rng.gauss(1.5, 2), 40, misses) for _ in range(runs))
    assert missed / runs <= 0.05 + 0.008


def test_a_large_gain_needs_four_pairs():
    rng = random.Random(7)
    found = [evidence([rng.gauss(20, 1) for _ in range(4)]) for _ in range(200)]
    assert sum(value >= 40 for value in found) >= 190
