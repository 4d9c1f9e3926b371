"""The area under the curve of a search's best ten."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novum.molecule.auc import curve, top_auc

VALUES = st.lists(st.floats(0, 1), max_size=400)
BUDGETS = st.integers(1, 500)


def published(values, budget, top=10, every=100):
    """PMO's definition, word by word: sort what was found at each point, and add trapezoids."""
    values = values[:budget]
    if not values:
        return 0.0
    area, before, called = 0.0, 0.0, 0
    for reached in range(every, len(values), every):
        best = sorted(values[:reached])[-top:]
        area += every * (sum(best) / top + before) / 2
        before, called = sum(best) / top, reached
    best = sorted(values)[-top:]
    last = sum(best) / top  # the one difference: PMO divides by how many there are
    area += (len(values) - called) * (last + before) / 2 + (budget - len(values)) * last
    return area / budget


@given(VALUES, BUDGETS)
def test_the_area_is_that_of_pmo(values, budget):
    assert math.isclose(top_auc(values, budget), published(values, budget), abs_tol=1e-12)


@given(VALUES, BUDGETS)
def test_the_area_lies_between_nothing_and_the_best_ten(values, budget):
    best = sorted(values[:budget])[-10:]
    assert 0 <= top_auc(values, budget) <= sum(best) / 10 + 1e-12


@given(VALUES, VALUES, BUDGETS)
def test_what_lies_beyond_the_budget_counts_for_nothing(values, more, budget):
    values = (values * budget)[:budget]
    if len(values) == budget:
        assert top_auc(values + more, budget) == top_auc(values, budget)


@given(st.lists(st.floats(0, 1), min_size=300, max_size=300))
def test_finding_the_same_molecules_earlier_is_never_worse(values):
    early = sorted(values, reverse=True)
    assert top_auc(early, 300) >= top_auc(values, 300) - 1e-12


@given(st.lists(st.floats(0, 1), min_size=10, max_size=400), st.floats(0.01, 1))
def test_the_area_grows_with_the_values(values, factor):
    assert math.isclose(top_auc([v * factor for v in values], 400), factor * top_auc(values, 400))


def test_a_search_that_starts_perfect_loses_half_of_the_first_step():
    assert top_auc([1.0] * 1000, 1000) == pytest.approx(0.95)
    assert top_auc([1.0] * 10_000, 10_000) == pytest.approx(0.995)


def test_a_search_that_ends_early_keeps_its_last_mean():
    assert top_auc([0.5] * 100, 1000) == pytest.approx((100 * 0.25 + 900 * 0.5) / 1000)


def test_one_molecule_known_by_heart_is_a_tenth_of_a_search():
    assert top_auc([1.0], 1000) == pytest.approx(0.1, abs=0.001)
    assert top_auc([1.0] * 10, 1000) == pytest.approx(1, abs=0.01)


def test_no_call_has_no_area_and_no_budget_is_an_error():
    assert top_auc([], 100) == 0
    with pytest.raises(ValueError, match="at least one"):
        top_auc([0.5], 0)


def test_the_curve_has_a_point_every_hundred_calls_and_at_the_end():
    assert [calls for calls, _ in curve([0.1] * 250)] == [100, 200, 250]
    assert [mean for _, mean in curve([0.0] * 100 + [1.0] * 100)] == [0, 1]
