"""The evidence of normal scores, against numerical integration and simulation."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from novum.judge.distributions import log_student
from novum.judge.student import Contrast


@pytest.mark.parametrize("degrees", [1, 2, 3, 10, 200, 100_000])
@pytest.mark.parametrize("t", [-40.0, -5.0, -1.0, -0.01, 0.0, 0.3, 2.0, 9.0])
def test_the_distribution_is_students(t, degrees):
    expected = stats.t.logcdf(t, degrees)
    if math.isinf(expected):  # scipy takes the logarithm of a probability that is too small for it
        assert -1000 < log_student(t, degrees) < math.log(5e-324)
    else:
        assert log_student(t, degrees) == pytest.approx(expected, rel=1e-7, abs=1e-12)


@pytest.mark.parametrize(
    ("t", "pairs", "degrees", "width"),
    [(0.0, 1.5, 3, 2.0), (2.5, 1.5, 3, 2.0), (-2.0, 3.0, 12, 1.0), (4.0, 2.0, 30, 0.5)],
)
def test_the_evidence_is_the_mixture_of_likelihood_ratios_of_t(t, pairs, degrees, width):
    """The noncentral t over the central one, averaged over a half-normal of effects."""

    def part(effect):
        shifted = stats.nct.pdf(t, degrees, effect * math.sqrt(pairs))
        return 2 * stats.norm.pdf(effect, scale=width) * shifted

    mixture = integrate.quad(part, 0, 10 * width, epsabs=1e-12)[0]
    sd = 0.3
    contrast = Contrast(t * sd / math.sqrt(pairs), pairs, sd**2 * degrees, degrees)
    expected = math.log(mixture / stats.t.pdf(t, degrees))
    assert contrast.log_evidence(width) == pytest.approx(expected, abs=1e-6)


positive = st.floats(1e-3, 1e3)


@given(st.floats(-1e3, 1e3), positive, st.floats(0.5, 100), positive, st.integers(1, 500))
def test_the_evidence_rises_with_the_difference(difference, step, pairs, squares, degrees):
    low = Contrast(difference, pairs, squares, degrees).log_evidence(2.0)
    high = Contrast(difference + step, pairs, squares, degrees).log_evidence(2.0)
    assert low <= high + 1e-9


@given(st.floats(-10, 10), positive, st.floats(0.5, 100), positive, st.integers(1, 500))
def test_the_unit_of_the_metric_does_not_matter(difference, unit, pairs, squares, degrees):
    first = Contrast(difference, pairs, squares, degrees)
    second = Contrast(difference * unit, pairs, squares * unit**2, degrees)
    assert first.log_evidence(2.0) == pytest.approx(second.log_evidence(2.0), abs=1e-6)


def test_without_noise_the_sign_decides():
    assert Contrast(1e-9, 1.0, 0.0, 2).log_evidence(2.0) == math.inf
    assert Contrast(0.0, 1.0, 0.0, 2).log_evidence(2.0) == -math.inf


def test_of_a_hundred_looks_none_is_one_too_many():
    """No effect, 600 sequences of up to 100 looks: at most 5 % ever reach 20, and 3 errors."""
    reached = 0
    for seed in range(600):
        rng = random.Random(seed)
        sums, squares, counts = [0.0, 0.0], [0.0, 0.0], [0, 0]
        for look in range(2, 102):
            arm = look % 2
            value = rng.gauss(5, 3)
            sums[arm] += value
            squares[arm] += value * value
            counts[arm] += 1
            if look < 4:
                continue
            within = sum(q - s * s / n for q, s, n in zip(squares, sums, counts, strict=True))
            difference = sums[1] / counts[1] - sums[0] / counts[0]
            pairs = counts[0] * counts[1] / sum(counts)
            evidence = Contrast(difference, pairs, within, sum(counts) - 2).log_evidence(2.0)
            if evidence >= math.log(20):
                reached += 1
                break
    assert 0 < reached / 600 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 600)
