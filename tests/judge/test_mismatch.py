"""An uneven split is found at any time, and an even one is left alone."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from novum.judge.mismatch import ERROR, Period, complaint, log_evidence

ways = st.lists(st.integers(0, 10**9), min_size=2, max_size=5)


def sequences(weights, visitors):
    """Each order of so many visitors, as counts, with its probability under the weights."""
    total = sum(weights)
    for order in itertools.product(range(len(weights)), repeat=visitors):
        counts = tuple(order.count(arm) for arm in range(len(weights)))
        yield counts, math.prod(weights[arm] / total for arm in order)


@pytest.mark.parametrize("weights", [(1, 1), (0.95, 0.05), (1, 2, 3)], ids=str)
def test_the_evidence_is_1_on_average_if_visitors_are_split_as_stated(weights):
    mean = sum(
        chance * math.exp(log_evidence([Period(weights, counts)]))
        for counts, chance in sequences(weights, 6)
    )
    assert mean == pytest.approx(1)


def test_it_is_1_on_average_when_the_weights_change_with_what_was_seen():
    mean = 0.0
    for first, chance in sequences((1, 1, 0), 3):
        weights = (1, 1, 2) if first[0] > first[1] else (0.1, 0.9, 0)
        for second, then in sequences(weights, 3):
            if chance * then > 0:
                periods = [Period((1, 1, 0), first), Period(weights, second)]
                mean += chance * then * math.exp(log_evidence(periods))
    assert mean == pytest.approx(1)


@given(first=ways, second=ways)
def test_periods_of_the_same_weights_are_one(first, second):
    arms = min(len(first), len(second))
    weights = tuple(range(1, arms + 1))
    parts = [Period(weights, tuple(counts[:arms])) for counts in (first, second)]
    both = tuple(a + b for a, b in zip(first[:arms], second[:arms], strict=True))
    whole = log_evidence([Period(weights, both)])
    assert log_evidence(parts) == pytest.approx(whole, rel=1e-6, abs=1e-2)


@given(visitors=ways)
def test_any_counts_give_a_number(visitors):
    assert not math.isnan(log_evidence([Period((1.0,) * len(visitors), tuple(visitors))]))


@pytest.mark.parametrize("weights", [(1, 1), (0.95, 0.05), (1, 1, 1, 1)], ids=str)
def test_a_look_after_every_hundred_visitors_seldom_finds_what_is_not_there(weights):
    rng = np.random.default_rng(4)
    chances = np.array(weights) / sum(weights)
    alarms = 0
    for _ in range(400):
        counts = rng.multinomial(100, chances, size=100).cumsum(axis=0)
        alarms += any(complaint([Period(weights, tuple(seen.tolist()))]) for seen in counts)
    assert alarms / 400 <= ERROR + 3 * math.sqrt(ERROR / 400)


def test_a_fault_that_begins_when_the_weights_change_is_found():
    sound = Period((1, 1), (5020, 4980))
    changed = Period((3, 1), (5000, 5000))  # the server went on with the old weights
    assert complaint([sound]) is None
    assert "split 10020 to 9980, where 12500 to 7500 was due" in complaint([sound, changed])


@pytest.mark.parametrize("visitors", [(700, 500), (52_000, 50_000), (1_003_500, 996_500)])
def test_a_lasting_fault_of_one_in_twenty_or_less_is_found(visitors):
    assert complaint([Period((1, 1), visitors)]) is not None


def test_no_visitors_are_no_mismatch():
    assert log_evidence([]) == log_evidence([Period((1, 1), (0, 0))]) == 0


def test_an_arm_that_was_not_to_be_shown_is_a_mismatch_at_once():
    assert complaint([Period((1, 1, 0), (10, 10, 1))]) is not None


@pytest.mark.parametrize(
    ("weights", "visitors"),
    [
        ((1, 1), (1,)),
        ((0, 0), (1, 1)),
        ((1, -1), (1, 1)),
        ((1, 1), (1, -1)),
        ((1, 1e-9), (1, 1)),
        ((1, math.nan), (1, 1)),
    ],
    ids=str,
)
def test_periods_that_cannot_be_are_refused(weights, visitors):
    with pytest.raises(ValueError):
        Period(weights, visitors)
