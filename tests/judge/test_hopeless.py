"""Ending hopeless trials: the stated rate, silence, crossing curves, forged and missing points."""

import math
import random
from dataclasses import replace
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novum.judge.hopeless import (
    CHECKPOINTS,
    LEAST_WORSE,
    SPARED,
    Complete,
    Limit,
    is_spared,
    limit,
)

SD = 1.0  # of a measured effect


def trial(rng: random.Random, effect: float, slow: float = 0.0) -> Complete:
    """A trial of this true effect: its gaps grow towards it, and it may start slowly."""
    run = rng.gauss(0, SD)
    gaps = tuple(
        effect * place
        + run * math.sqrt(place)
        + rng.gauss(0, SD) * (1 - place)
        - slow * (1 - place)
        for place in CHECKPOINTS
    )
    return Complete(gaps, effect + run, SD)


def population(rng: random.Random, count: int) -> list[Complete]:
    """One in five helps; half of the rest harm a little, half of it much."""
    means = [rng.choice((2.0, -1.0, -1.0, -8.0, -8.0)) for _ in range(count)]
    return [
        trial(rng, math.copysign(rng.expovariate(1 / abs(mean)), mean), rng.choice((0, 0, 0, 2)))
        for mean in means
    ]


def ends(found: Limit | None, one: Complete) -> bool:
    return found is not None and any(
        found.is_hopeless(point, gap) for point, gap in enumerate(one.gaps)
    )


def worse(count: int, by: float = 10.0) -> list[Complete]:
    rng = random.Random(0)
    gaps = [tuple(-by * p + rng.gauss(0, 1) for p in CHECKPOINTS) for _ in range(count)]
    return [Complete(gap, -by, SD) for gap in gaps]


def level(count: int, **changes: object) -> list[Complete]:
    rng = random.Random(1)
    gaps = [tuple(rng.gauss(0, 1) for _ in CHECKPOINTS) for _ in range(count)]
    return [replace(Complete(gap, 0.0, SD), **changes) for gap in gaps]


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("count", [60, 150])
def test_at_most_the_stated_rate_of_near_trials_and_of_true_improvements_is_ended(rate, count):
    # 300 campaigns, 20 fresh trials of each kind in each; the tolerance is three standard errors
    # of a mean over campaigns, for trials of one campaign share its limit.
    rng = random.Random(f"{rate} {count}")
    near, improved = [], []
    for _ in range(300):
        found = limit(population(rng, count), rate)
        fresh = [one for one in population(rng, 60) if one.effect >= -2 * SD]
        near.append(fmean(ends(found, one) for one in fresh))
        helps = [trial(rng, rng.expovariate(1 / 2.0), rng.choice((0, 0, 0, 2))) for _ in range(20)]
        improved.append(fmean(ends(found, one) for one in helps))
    for shares in (near, improved):
        error = math.sqrt(sum((s - fmean(shares)) ** 2 for s in shares)) / len(shares)
        assert fmean(shares) <= rate + 3 * error


def test_the_rate_holds_while_ended_trials_are_missing_from_what_it_learns_of():
    # A long campaign that lives on its own remains: 120 of them, 160 trials each.
    shares, spared_seen = [], 0
    for campaign in range(120):
        rng = random.Random(f"own remains {campaign}")
        complete: list[Complete] = []
        lost = helped = 0
        for number, one in enumerate(population(rng, 160)):
            ended = ends(limit(complete, 0.2), one)
            spared = ended and is_spared(1000 * campaign + number)
            spared_seen += spared
            if one.effect > 0:
                helped += 1
                lost += ended and not spared
            if not ended or spared:
                complete.append(replace(one, spared=spared))
        shares.append(lost / helped)
    error = math.sqrt(sum((s - fmean(shares)) ** 2 for s in shares)) / len(shares)
    assert spared_seen > 0
    assert fmean(shares) <= 0.2 + 3 * error


def test_trials_that_harm_much_are_ended():
    rng = random.Random(5)
    found = limit(population(rng, 200), 0.05)
    assert fmean(ends(found, trial(rng, -8.0)) for _ in range(400)) > 0.5


def test_the_rule_is_silent_until_there_are_enough_complete_curves():
    assert limit([], 0.05) is None
    assert limit(worse(50) + level(18), 0.05) is None
    assert limit(worse(50) + level(19), 0.05) is not None
    assert limit(worse(50) + level(8), 0.1) is None
    assert limit(worse(50) + level(9), 0.1) is not None


def test_the_rule_is_silent_until_enough_trials_were_clearly_worse():
    assert limit(worse(LEAST_WORSE - 1) + level(100), 0.05) is None
    assert limit(worse(LEAST_WORSE) + level(100), 0.05) is not None


def test_a_trial_that_is_level_with_the_incumbent_is_never_ended():
    ahead = [replace(one, gaps=(5.0, 5.0, 5.0)) for one in level(100)]
    found = limit(worse(20) + ahead, 0.5)
    assert found is not None
    assert not ends(found, Complete((0.0, 0.0, 0.0), 0.0, SD))


def test_a_candidate_that_starts_as_slowly_as_a_past_improvement_is_not_ended():
    slow = Complete((-60.0, -30.0, -10.0), 3.0, SD)
    past = worse(20) + level(60)
    like_it = replace(slow, gaps=(-59.0, -29.0, -9.0))
    assert ends(limit(past, 0.05), like_it)
    assert not ends(limit([*past, slow], 0.05), like_it)


def test_spared_trials_count_for_those_that_were_ended():
    # Two complete trials in a hundred lie far behind; each stands for five, so that ten in 108
    # do, and the limit at 5 % must lie below both.
    low = [replace(one, gaps=(-30.0, -30.0, -30.0), spared=True) for one in level(2)]
    past = worse(20) + level(98)
    plain = limit(past + [replace(one, spared=False) for one in low], 0.05)
    spared = limit(past + low, 0.05)
    assert plain is not None
    assert plain.score > -30 / min(s for s in plain.spreads if s)
    assert spared is None or spared.score < plain.score
    assert low[0].weight == SPARED


def test_one_in_five_is_spared_and_the_seed_alone_says_which():
    spared = [is_spared(seed) for seed in range(5000)]
    assert spared == [is_spared(seed) for seed in range(5000)]
    assert abs(fmean(spared) - 1 / SPARED) < 4 * math.sqrt(0.16 / 5000)


@pytest.mark.parametrize("gap", [None, math.nan, math.inf, -math.inf])
def test_a_gap_that_is_missing_or_no_number_ends_nothing(gap):
    found = limit(worse(20) + level(60), 0.05)
    assert found is not None
    assert not any(found.is_hopeless(point, gap) for point in range(len(CHECKPOINTS)))


def test_trials_without_a_curve_say_nothing():
    silent = [replace(one, gaps=(None, None, None)) for one in level(100)]
    assert limit(worse(20) + silent, 0.05) is None
    known = level(40)
    assert limit(worse(20) + known + silent, 0.1) == limit(worse(20) + known, 0.1)


def test_a_few_forged_curves_hardly_move_the_limit():
    rng = random.Random(3)
    past = population(rng, 300)
    honest = limit(past, 0.1)
    forged = [Complete((1e308, -1e308, 1e308), -50.0, SD) for _ in range(5)]
    moved = limit(past + forged, 0.1)
    assert honest is not None
    assert moved is not None
    assert moved.score == pytest.approx(honest.score, rel=0.2)
    assert moved.spreads == pytest.approx(honest.spreads, rel=0.2)


numbers = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True))
trials = st.builds(
    Complete,
    st.tuples(numbers, numbers, numbers),
    st.floats(-1e300, 1e300),
    st.floats(0, 1e300),
    spared=st.booleans(),
)


@given(st.lists(trials, max_size=60), st.sampled_from((0.05, 0.2, 0.5)), numbers)
def test_any_numbers_give_an_answer_and_only_what_is_behind_is_ended(past, rate, gap):
    found = limit(past, rate)
    if found is not None and found.is_hopeless(1, gap):
        assert gap is not None
        assert gap < 0
