"""Who joins which experiment of a race: by how likely each is the best; the judge stays right."""

import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novum.judge import Arms, Belief
from novum.judge.rate import bars
from novum.site.power import binomial
from novum.site.records import Count, Counts
from novum.site.shifting import FLOOR, believed, best, shifted

BELIEFS = st.dictionaries(
    st.integers(1, 9),
    st.builds(Belief, st.floats(-0.01, 0.01), st.floats(1e-4, 0.02)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(BELIEFS)
def test_they_are_probabilities_and_nobody_is_forgotten(beliefs):
    joins = shifted(beliefs)
    assert sum(joins.values()) == pytest.approx(1)
    assert min(joins.values()) >= FLOOR / len(beliefs) - 1e-12
    assert sum(best(beliefs).values()) == pytest.approx(1)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 7), st.floats(-0.01, 0.01), st.floats(1e-4, 0.02))
def test_those_of_whom_the_same_is_known_get_the_same(count, mean, sd):
    joins = shifted(dict.fromkeys(range(count), Belief(mean, sd)))
    assert list(joins.values()) == pytest.approx([1 / count] * count)


@settings(max_examples=60, deadline=None)
@given(BELIEFS, st.floats(1e-4, 0.02))
def test_who_seems_better_gets_more(beliefs, sd):
    alike = {name: Belief(one.mean, sd) for name, one in beliefs.items()}
    joins = shifted(alike)
    order = sorted(alike, key=lambda name: alike[name].mean)
    assert all(joins[worse] <= joins[better] + 1e-9 for worse, better in itertools.pairwise(order))


def test_the_probability_of_being_the_best_is_that_of_draws():
    beliefs = {1: Belief(0.0, 0.01), 2: Belief(0.004, 0.002), 3: Belief(0.001, 0.005)}
    chance = random.Random(1)
    draws = 40_000
    won = dict.fromkeys(beliefs, 0)
    for _ in range(draws):
        drawn = {name: chance.gauss(one.mean, one.sd) for name, one in beliefs.items()}
        won[max(drawn, key=lambda name: drawn[name])] += 1
    for name, share in best(beliefs).items():
        assert share == pytest.approx(won[name] / draws, abs=4 * math.sqrt(0.25 / draws))


def test_the_best_two_get_half_each_when_all_is_known():
    means = {1: 0.004, 2: 0.003, 3: 0.0, 4: -0.002, 5: -0.01}
    joins = shifted({name: Belief(mean, 1e-4) for name, mean in means.items()})
    half = (1 - FLOOR) / 2 + FLOOR / 5
    assert [joins[name] for name in (1, 2)] == pytest.approx([half, half], abs=1e-3)
    far = shifted({name: Belief(mean, 1e-6) for name, mean in means.items()})
    assert far[1] == pytest.approx(half, abs=1e-3)
    assert sum(far.values()) == pytest.approx(1)


def test_little_seen_is_little_believed():
    lucky = believed(Counts(Count(10, 3), Count(10, 0)), 0.03)
    sure = believed(Counts(Count(10_000, 400), Count(10_000, 300)), 0.03)
    assert 0 < lucky.mean < sure.mean < 0.01
    assert sure.sd < lucky.sd
    nothing = believed(Counts(Count(), Count()), 0.03)
    assert nothing.mean == 0 and nothing.sd == pytest.approx(0.009, rel=0.01)


def test_the_judge_errs_no_more_when_visitors_shift_and_the_rate_drifts():
    """Five challengers that do nothing, a daily rhythm, a look at each after every 100 visitors.

    Of 60 races, 300 challengers; the true share is 0.05 at most, so more than 0.09 by chance would
    be three standard deviations away.
    """
    chance, base = random.Random(5), 0.03
    tests = bars(0.006, 0.006, base)
    keep = tests.keep()
    wrong = 0
    for _ in range(60):
        arms = dict.fromkeys(range(5), Arms(0, 0, 0, 0))
        joins, kept = dict.fromkeys(arms, 0.2), set()
        for step in range(150):
            rate = base * (1 + 0.5 * math.sin(2 * math.pi * step / 25)) * (1 + step / 150)
            drawn = chance.choices(list(joins), list(joins.values()), k=100)
            for name in arms:
                count = drawn.count(name)
                shown = binomial(chance, count, 0.5)
                arms[name] += Arms(
                    shown,
                    binomial(chance, shown, rate),
                    count - shown,
                    binomial(chance, count - shown, rate),
                )
                if keep.log_value(arms[name]) >= -math.log(0.05):
                    kept.add(name)
            if step % 5 == 4:
                joins = shifted({name: believed(_counts(one), base) for name, one in arms.items()})
        assert max(joins.values()) > 0.25 or min(joins.values()) < 0.15, "nothing shifted"
        wrong += len(kept)
    assert wrong / 300 <= 0.09


def _counts(arms: Arms) -> Counts:
    return Counts(
        Count(arms.visitors, arms.conversions),
        Count(arms.control_visitors, arms.control_conversions),
    )
