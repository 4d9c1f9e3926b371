import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from novum.judge import Noise
from novum.judge.noise import GUESS, log_likelihood, luck


@pytest.mark.parametrize("degrees", [1, 2, 3, 5, 10, 30])
def test_up_to_its_bend_the_likelihood_is_students_t(degrees):
    for part in (0.1, 0.5, 1.0):
        z = part * math.sqrt(degrees)
        expected = stats.t.logpdf(z, degrees) - stats.t.logpdf(0, degrees)
        assert log_likelihood(z, degrees) == pytest.approx(expected, rel=1e-9)


def test_with_many_degrees_the_likelihood_is_normal():
    for z in (0.5, 2.0, 4.0):
        assert log_likelihood(z, 100_000) == pytest.approx(-z * z / 2, rel=1e-3)


@pytest.mark.parametrize("degrees", [1, 2, 5, 20])
def test_tails_are_heavier_than_normal_and_no_heavier_than_t(degrees):
    for z in (2.0, 5.0, 20.0):
        if z <= math.sqrt(degrees):
            continue
        t = stats.t.logpdf(z, degrees) - stats.t.logpdf(0, degrees)
        assert -z * z / 2 < log_likelihood(z, degrees) <= t


@given(st.floats(-50, 50), st.floats(-50, 50), st.integers(1, 100))
def test_the_likelihood_is_log_concave(a, b, degrees):
    middle = log_likelihood((a + b) / 2, degrees)
    ends = (log_likelihood(a, degrees) + log_likelihood(b, degrees)) / 2
    assert middle >= ends - 1e-9 * abs(ends)


def test_pooled_replicates_give_the_noise():
    noise = Noise().with_group((1.0, 1.2)).with_group((5.0, 5.0, 5.3))
    expected = math.sqrt((0.02 + 0.06) / 3)
    assert luck(noise, 0.0, 1.0).sd == pytest.approx(expected)
    assert luck(noise, 0.0, 1.0).degrees == 3


def test_min_effect_counts_as_one_replicate():
    found = luck(Noise(3e-8, 3), 2e-4, 1.0)
    assert found.sd == pytest.approx(math.sqrt((3e-8 + 4e-8) / 4))
    assert found.degrees == 4


def test_without_replicates_the_noise_is_guessed():
    assert luck(Noise(), 2e-4, 1.0).sd == 2e-4
    assert luck(Noise(), 0.0, -3.0).sd == pytest.approx(3 * GUESS)
    assert luck(Noise(), 0.0, 0.0).sd == 0.0


def test_equal_replicates_mean_no_noise_whatever_the_min_effect():
    assert luck(Noise(0.0, 2), 1e-3, 1.0).sd == 0.0
