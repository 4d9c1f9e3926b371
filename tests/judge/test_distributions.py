"""Quantiles, against scipy."""

import math

import pytest
from scipy import integrate, stats

from novum.judge.distributions import chi_square, fisher, log_student, normal, student

SHARES = [0.005, 0.025, 0.05, 0.2, 0.5, 0.8, 0.95, 0.975, 0.9999]
DEGREES = [1, 2, 3, 4, 7, 12, 30, 100, 1000]


@pytest.mark.parametrize("share", SHARES)
def test_normal_quantiles_are_those_of_scipy(share):
    assert normal(share) == pytest.approx(stats.norm.ppf(share), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("degrees", DEGREES)
@pytest.mark.parametrize("share", SHARES)
def test_chi_square_and_student_quantiles_are_those_of_scipy(share, degrees):
    assert chi_square(share, degrees) == pytest.approx(stats.chi2.ppf(share, degrees), rel=1e-8)
    assert student(share, degrees) == pytest.approx(stats.t.ppf(share, degrees), rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("below", DEGREES)
@pytest.mark.parametrize("above", DEGREES)
@pytest.mark.parametrize("share", [0.025, 0.5, 0.975])
def test_f_quantiles_are_those_of_scipy(share, above, below):
    assert fisher(share, above, below) == pytest.approx(stats.f.ppf(share, above, below), rel=1e-8)


@pytest.mark.parametrize(("t", "degrees"), [(-60.0, 500), (-1e5, 80), (-38.0, 10_000), (-3.0, 4)])
def test_the_far_tail_of_student_is_known_in_logarithms(t, degrees):
    """Where the probability itself is too small for a number, or nearly so."""
    assert log_student(t, degrees) == pytest.approx(log_density_tail(t, degrees), rel=1e-6)


def log_density_tail(t, degrees):
    """The integral of the density beyond |t|, by substitution, in logarithms."""
    log_constant = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)
    log_constant -= math.log(degrees * math.pi) / 2

    def part(u):  # x = |t| exp(u): the density times x, relative to that at |t|
        x = abs(t) * math.exp(u)
        ratio = -(degrees + 1) / 2 * math.log((1 + x * x / degrees) / (1 + t * t / degrees))
        return math.exp(ratio + u)

    total = integrate.quad(part, 0, 30 / degrees + 3 / (1 + abs(t)) ** 0.5, limit=500)[0]
    at = -(degrees + 1) / 2 * math.log1p(t * t / degrees)
    return log_constant + at + math.log(abs(t)) + math.log(total)
