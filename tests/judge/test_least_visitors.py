"""The bound that `benchmarks/copy_replay.py` measures the judge by: no test beats it."""

import math

import numpy as np
import pytest

from copy_bounds import least_visitors, ratios
from novum.judge.rate import GIVE_UP, bars
from rates import ERROR

BASE, WORTH = 0.2, 0.1
TESTS = bars(WORTH, WORTH, BASE)
STREAMS, LONGEST = 500, 5000


def walds_own_test(rates):
    """Visitors, and how often kept: by the likelihood ratio of the nearest pairs to be told apart.

    It is told both, and errs no more than the judge: of all tests it is among the quickest.
    """
    chances = [share / 2 for rate in rates for share in (rate, 1 - rate)]
    kinds = np.random.default_rng(4).choice(4, (STREAMS, LONGEST), p=chances)
    null, enough = ratios(TESTS, rates)
    evidence = (null - enough)[kinds].cumsum(axis=1)
    kept = evidence >= -math.log(ERROR)
    ended = kept | (evidence <= math.log(GIVE_UP))
    assert ended.any(axis=1).all()
    moment = ended.argmax(axis=1)
    return moment + 1, float(kept[np.arange(STREAMS), moment].mean())


@pytest.mark.parametrize("effect", [-0.05, 0.0, 0.01, 0.03, 0.05, 0.07, 0.09, 0.1, 0.15])
def test_the_quickest_test_takes_no_fewer_visitors_and_not_many_more(effect):
    rates = BASE + effect, BASE
    visitors, keeps = walds_own_test(rates)
    bound = least_visitors(TESTS, rates, keeps)
    error = 3 * visitors.std() / math.sqrt(STREAMS)
    assert bound <= visitors.mean() + error
    assert bound >= 0.6 * (visitors.mean() - error)


def test_between_the_bound_is_the_same_however_often_a_pair_is_kept():
    rates = BASE + WORTH / 2, BASE
    assert least_visitors(TESTS, rates, 0.1) == least_visitors(TESTS, rates, 0.9)
