"""Quantiles, against scipy."""

import pytest
from scipy import stats

from novum.judge.distributions import chi_square, fisher, normal, student

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
