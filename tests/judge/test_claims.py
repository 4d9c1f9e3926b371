"""Claims: the share of false ones among the confirmed stays below the error rate."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novum.judge.claims import level
from novum.judge.confirm import FEWEST, MOST, affordable, claim, decided, due, exact
from novum.judge.split import mean_split_error, split_error


def test_the_shares_of_claims_that_are_never_confirmed_add_up_to_the_error_rate():
    levels = [level(0.05, [False] * earlier) for earlier in range(10_000)]
    assert sum(levels) == pytest.approx(0.05, rel=1e-3)


@given(st.lists(st.booleans(), max_size=50))
def test_a_confirmed_claim_makes_the_next_one_easier(outcomes):
    assert level(0.05, [*outcomes, True]) > level(0.05, [*outcomes, False])


def test_few_of_all_confirmed_claims_are_false_even_if_claims_share_their_runs():
    """A campaign whose claims all lean on the same start: mean share of false ones below 5 %."""
    rng = random.Random(11)
    shares = []
    for _ in range(1500):
        outcomes, false = [], 0
        start = [rng.gauss(0, 1) for _ in range(MOST)]  # the very same runs for every claim
        for _ in range(8):
            true_gain = rng.choice([0.0, 0.0, 0.0, 4.0])
            wanted = level(0.05, outcomes)
            pairs = []
            for first in start:
                pairs.append(true_gain + rng.gauss(0, 1) - first)
                if decided(claim(pairs, wanted), MOST):
                    break
            confirmed = claim(pairs, wanted).confirmed
            outcomes.append(confirmed)
            false += confirmed and true_gain == 0.0
        shares.append(false / max(1, sum(outcomes)))
    assert sum(shares) / len(shares) <= 0.05


def test_a_clear_gain_is_confirmed_with_few_pairs_and_pure_noise_is_given_up():
    sure = claim([10.0, 10.5, 9.7, 10.1], 0.025)
    assert sure.confirmed
    assert decided(sure, MOST)
    assert sure.low > 0
    nothing = claim([0.1, -0.2, -0.1, 0.05, -0.3, -0.1], 0.025)
    assert decided(nothing, MOST)
    assert not nothing.confirmed


def test_fewer_than_the_fewest_pairs_decide_nothing():
    for count in range(1, FEWEST):
        assert not decided(claim([10.0 + 0.1 * pair for pair in range(count)], 0.025), MOST)


def test_without_noise_one_pair_decides():
    assert exact(0.001, 0.025).confirmed
    assert not exact(0.0, 0.025).confirmed
    assert not exact(-1.0, 0.025).confirmed
    assert not exact(0.001, 0.025, split=0.001).confirmed
    found = exact(0.003, 0.025, split=0.001)
    assert found.confirmed
    assert found.low == pytest.approx(0.003 - 1.96 * 0.001, abs=1e-6)


def test_without_noise_a_clear_gain_is_confirmed_at_the_level_of_every_claim():
    levels = [
        level(0.05, [True] * confirmed + [False] * (earlier - confirmed))
        for earlier in range(60)
        for confirmed in range(earlier + 1)
    ]
    assert all(exact(1.0, wanted).confirmed for wanted in levels)
    assert not exact(1.0, 0.0).confirmed, "an ablation claims nothing"


def test_milestones_come_ever_more_rarely():
    last, seen = 0, []
    for experiments in range(1, 1000):
        if due(experiments, last):
            seen.append(experiments)
            last = experiments
    assert seen == [100, 200, 400, 800]


@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(4, 40))
def test_a_confirmation_that_nobody_asked_for_is_cheap(trials, arms, most):
    pairs = affordable(trials, arms, most)
    assert FEWEST <= pairs <= most
    assert pairs == FEWEST or pairs * arms <= 0.05 * trials


# Luck of the split


def holdout(rng, gain, items=200):
    """What a change gains on each item of a holdout, if on average it gains so much."""
    return [gain + rng.gauss(0, 1) for _ in range(items)]


def on_a_split(rng, gain, noise, pairs=6):
    """The claim about a change, from a few noisy runs measured on one split."""
    scores = holdout(rng, gain)
    split = split_error([(score, 1.0) for score in scores])
    mean = sum(scores) / len(scores)
    return claim([mean + rng.gauss(0, noise) for _ in range(pairs)], 0.05, split)


@pytest.mark.parametrize("noise", [0.0, 1e-4, 0.1])
def test_a_gain_on_this_very_split_alone_is_not_confirmed(noise):
    """Without the error of the split, half of the changes that do nothing would be confirmed."""
    rng, runs = random.Random(3), 1500
    found = [on_a_split(rng, 0.0, noise) for _ in range(runs)]
    assert sum(one.confirmed for one in found) / runs <= 0.05
    missed = sum(not one.low <= 0.0 <= one.high for one in found)
    assert missed / runs <= 0.05


def test_a_gain_that_stands_out_of_both_kinds_of_luck_is_confirmed():
    rng = random.Random(4)
    found = [on_a_split(rng, 0.6, 0.05) for _ in range(100)]
    assert sum(one.confirmed for one in found) >= 95


def test_more_runs_do_not_make_the_split_larger():
    rng = random.Random(5)
    items = [(rng.gauss(0, 1), 1.0) for _ in range(300)]
    pairs = [
        ([(a + rng.gauss(0, 3), w) for a, w in items], [(0.0, w) for _, w in items])
        for _ in range(60)
    ]
    alone = split_error(items)
    assert mean_split_error(pairs[:1]) > 2 * alone
    assert mean_split_error(pairs) == pytest.approx(alone, rel=0.25)
    assert mean_split_error([(items, items[1:])]) is None
