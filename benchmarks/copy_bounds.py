"""What no test can beat: lower bounds on the mean number of visitors, for copy_replay.py."""

import math

import numpy as np
from numpy.typing import NDArray

from novum.judge.proportions import Line
from novum.judge.rate import GIVE_UP, Bars
from rates import ERROR, divergence

Array = NDArray[np.float64]


def least_visitors(tests: Bars, rates: tuple[float, float], keeps: float) -> float:
    """The least mean of visitors for any test with the judge's errors: the larger of two bounds.

    Of pairs at the floor at most ERROR are kept, of those that earn what they must at most GIVE_UP
    are not. `keeps` is how often this pair is kept; of a pair between the two it is not looked at,
    for there either answer is right, and a test may keep it as often as costs it least.
    """
    if tests.floor < rates[0] - rates[1] < tests.required:
        return max(_cheapest(tests, rates), hoeffding(tests, rates))
    return max(_wald(tests, rates, keeps), hoeffding(tests, rates))


def _wald(tests: Bars, rates: tuple[float, float], keeps: float) -> float:
    """A. Wald's bound (Ann. Math. Statist. 16, 1945) for a test that keeps this pair so often.

    Whoever keeps it so often has told it from the nearest pair that may seldom be kept, and whoever
    discards it so often has told it from the nearest one that may seldom be discarded.
    """
    to_null, to_enough = (float(_cells(rates) @ ratio) for ratio in ratios(tests, rates))
    found = 0.0
    if to_null > 0 and keeps > ERROR:
        found = divergence(min(keeps, 1 - 1e-9), ERROR) / to_null
    if to_enough > 0 and 1 - keeps > GIVE_UP:
        found = max(found, divergence(min(1 - keeps, 1 - 1e-9), GIVE_UP) / to_enough)
    return found


def _cheapest(tests: Bars, rates: tuple[float, float]) -> float:
    """The least of `_wald` over how often a pair between is kept.

    It falls while it is the discards that cost more, and rises from where the keeps do.
    """
    low, high = ERROR, 1 - GIVE_UP
    for _ in range(60):
        first, second = low + (high - low) / 3, high - (high - low) / 3
        falls = _wald(tests, rates, first) > _wald(tests, rates, second)
        low, high = (first, high) if falls else (low, second)
    return _wald(tests, rates, (low + high) / 2)


def hoeffding(tests: Bars, rates: tuple[float, float]) -> float:
    """W. Hoeffding's bound (Ann. Math. Statist. 31, 1960, theorem 1), however often it is kept."""
    null, enough = ratios(tests, rates)
    cells = _cells(rates)
    between = max(float(cells @ null), float(cells @ enough))
    ratio = null - enough
    sd = math.sqrt(float(cells @ ratio**2) - float(cells @ ratio) ** 2)
    root = math.sqrt((sd / 4) ** 2 - between * math.log(ERROR + GIVE_UP)) - sd / 4
    return float((root / between) ** 2)


def ratios(tests: Bars, rates: tuple[float, float]) -> tuple[Array, Array]:
    """The logarithms of how much likelier each kind of visitor is than at the nearest pair of the
    floor, and than at the nearest one that earns enough."""
    floor = _nearest(rates, tests.floor, above=True)
    worth = _nearest(rates, tests.required, above=False)
    return np.log(_cells(rates) / _cells(floor)), np.log(_cells(rates) / _cells(worth))


def _nearest(rates: tuple[float, float], offset: float, *, above: bool) -> tuple[float, float]:
    """The nearest pair that is not above the line (or not below it): itself, or one on the line."""
    candidate, control = rates
    if bool(candidate - control > offset) is not above:
        return rates
    line = Line(1.0, offset)
    q = line.nearest(candidate, control)
    return line.at(q), q


def _cells(rates: tuple[float, float]) -> Array:
    return np.array([share / 2 for rate in rates for share in (rate, 1 - rate)])


def best_arm_visitors(rates: list[float], error: float) -> float:
    """The least mean of visitors to find the exact best of several arms, at the best allocation.

    T* times the divergence of the error (A. Garivier and E. Kaufmann, COLT 2016, section 2.2:
    for each other arm the visitors x(y) for one of the best that cost as much, y, to tell apart).
    """
    best, *others = sorted(rates, reverse=True)
    if best == others[0]:
        return math.inf
    low, high = 0.0, divergence(best, others[0]) * (1 - 1e-12)
    for _ in range(60):
        y = (low + high) / 2
        shares = [_share(best, other, y) for other in others]
        total = sum(_ratio(best, other, x) for other, x in zip(others, shares, strict=True))
        low, high = (y, high) if total < 1 else (low, y)
    return (1 + sum(shares)) / y * divergence(error, 1 - error)


def _between(best: float, other: float, share: float) -> float:
    return (best + share * other) / (1 + share)


def _ratio(best: float, other: float, share: float) -> float:
    middle = _between(best, other, share)
    return divergence(best, middle) / divergence(other, middle)


def _share(best: float, other: float, y: float) -> float:
    """So many visitors of the other for one of the best that telling them apart yields y."""
    low, high = 1e-9, 1e9
    for _ in range(60):
        share = math.sqrt(low * high)
        middle = _between(best, other, share)
        yields = divergence(best, middle) + share * divergence(other, middle)
        low, high = (share, high) if yields < y else (low, share)
    return share
