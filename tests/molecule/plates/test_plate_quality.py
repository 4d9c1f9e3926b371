"""Z', the signal window and replicates: by hand, and where they do not exist."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novum.molecule.plates.quality import replicate_sd, signal_window, spread, z_prime

COUNTS = st.lists(st.integers(-1000, 1000), min_size=2, max_size=8)
NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=8)


def test_z_prime_is_that_of_the_paper():
    # means 100 and 10, standard deviations 10 and 1: 1 - 3 * 11 / 90
    assert z_prime([90, 100, 110], [9, 10, 11]) == pytest.approx(1 - 33 / 90)
    assert signal_window([90, 100, 110], [9, 10, 11]) == pytest.approx((90 - 33) / 10)


def test_perfect_controls_have_a_z_prime_of_one():
    assert z_prime([1, 1], [0, 0]) == 1
    assert signal_window([1, 1], [0, 0]) == math.inf


def test_controls_that_cannot_be_told_apart_are_as_bad_as_can_be():
    assert z_prime([1, 2], [1, 2]) == -math.inf


@pytest.mark.parametrize("pair", [([1], [2, 3]), ([1, 2], [3]), ([], [])])
def test_one_well_says_nothing_of_scatter(pair):
    with pytest.raises((ValueError, ArithmeticError)):
        z_prime(*pair)


@given(COUNTS, COUNTS, st.floats(0.1, 10), st.floats(-100, 100))
def test_another_linear_scale_leaves_z_prime_as_it_is(positive, negative, scale, shift):
    before = z_prime(positive, negative)
    if not before > -1e3:
        return
    after = z_prime(*([scale * x + shift for x in side] for side in (positive, negative)))
    assert after == pytest.approx(before, rel=1e-3, abs=1e-3)


@given(NUMBERS, NUMBERS)
def test_z_prime_is_never_above_one(positive, negative):
    assert z_prime(positive, negative) <= 1


def test_replicates_of_all_molecules_tell_the_noise_of_one_well():
    assert replicate_sd([[1, 2], [10, 11], [5]]) == pytest.approx(math.sqrt(0.5))
    assert replicate_sd([[1], []]) is None
    assert spread([1, 4, 2]) == 3
    assert spread([1]) == spread([]) == 0
