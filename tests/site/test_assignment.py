"""Everybody sees one arm, by the weights; and when these change, few see another."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novum.site.assignment import among, assign, draw

KEYS = st.binary(min_size=32, max_size=32)
WEIGHTS = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d", "e"]), st.floats(0.01, 10.0), min_size=2
)
PEOPLE = [f"visitor-{number}" for number in range(4000)]
# Five standard deviations of a share of 4,000: of a million such tests about one fails by chance.
TOLERANCE = 5 * math.sqrt(0.25 / len(PEOPLE))


@settings(max_examples=25, deadline=None)
@given(KEYS, WEIGHTS)
def test_arms_get_their_shares(key, weights):
    seen = [assign(key, person, "x", weights) for person in PEOPLE]
    for arm, weight in weights.items():
        assert abs(seen.count(arm) / len(PEOPLE) - weight / sum(weights.values())) < TOLERANCE


@settings(max_examples=25, deadline=None)
@given(KEYS, WEIGHTS, st.floats(1.0, 5.0), st.data())
def test_who_moves_moves_to_the_arm_that_grew(key, weights, factor, data):
    grown = data.draw(st.sampled_from(sorted(weights)))
    after = {**weights, grown: weights[grown] * factor}
    moved = [
        (old, new)
        for person in PEOPLE
        if (old := assign(key, person, "x", weights)) != (new := assign(key, person, "x", after))
    ]
    assert all(new == grown for _, new in moved)
    least = after[grown] / sum(after.values()) - weights[grown] / sum(weights.values())
    assert len(moved) / len(PEOPLE) < least + TOLERANCE


@given(KEYS, st.text(), WEIGHTS)
def test_the_same_visitor_sees_the_same(key, person, weights):
    first = assign(key, person, "x", weights)
    assert assign(key, person, "x", dict(reversed(weights.items()))) == first
    assert weights[first] > 0


@settings(max_examples=25, deadline=None)
@given(KEYS)
def test_experiments_share_no_luck(key):
    halves = {"a": 0.5, "b": 0.5}
    agree = sum(assign(key, p, "1", halves) == assign(key, p, "2", halves) for p in PEOPLE)
    assert abs(agree / len(PEOPLE) - 0.5) < TOLERANCE
    held = [p for p in PEOPLE if among(key, p, "holdout", 0.5)]
    both = sum(among(key, p, "traffic", 0.5) for p in held)
    assert abs(both / len(held) - 0.5) < TOLERANCE * math.sqrt(len(PEOPLE) / len(held))


@settings(max_examples=25, deadline=None)
@given(KEYS, KEYS)
def test_sites_share_no_luck(key, other):
    agree = sum(among(key, p, "x", 0.5) == among(other, p, "x", 0.5) for p in PEOPLE)
    assert key == other or abs(agree / len(PEOPLE) - 0.5) < TOLERANCE


@given(KEYS, st.text(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_has_all_of_a_smaller_one(key, person, one, other):
    small, large = sorted((one, other))
    assert among(key, person, "x", large) or not among(key, person, "x", small)


@given(KEYS, st.text())
def test_nobody_is_among_none_and_all_are_among_all(key, person):
    assert 0 < draw(key, person, "x") < 1
    assert not among(key, person, "x", 0.0)
    assert among(key, person, "x", 1.0)


def test_an_arm_without_weight_is_seen_by_nobody():
    assert {assign(b"k" * 32, p, "x", {"a": 0.0, "b": 0.1}) for p in PEOPLE} == {"b"}
    with pytest.raises(ValueError, match="empty"):
        assign(b"k" * 32, "p", "x", {"a": 0.0})
