"""What no test can beat: lower bounds on the mean number of visitors, for copy_replay.py."""

import math

import numpy as np
from numpy.typing import NDArray

from novum.judge.proportions import Line
from novum.judge.rate import GIVE_UP, Bars
from rates import ERROR, divergence

Array = NDArray[np.float64]


def least_visitors(tests: Bars, rates: tuple[float, float], keeps: float) -> float:
    """The least mean of visitors for any test with these errors that keeps this pair so often.

    The errors are the judge's: of pairs at the floor at most ERROR are kept, of those that earn
    what they must at most GIVE_UP are not. For pairs that are no better, A. Wald's (Ann. Math.
    Statist. 16, 1945): whoever discards it so often has told it from those that earn enough; and
    for one that earns enough: whoever keeps it has told it from those of the floor. For all, and
    alone for the pairs between, W. Hoeffding's (Ann. Math. Statist. 31, 1960, theorem 1): a coin
    could decide those, but not before it is known that they are neither. The larger one counts.
    """
    floor = _nearest(rates, tests.floor, above=True)
    worth = _nearest(rates, tests.required, above=False)
    cells, null, enough = _cells(rates), _cells(floor), _cells(worth)
    to_null = float(cells @ np.log(cells / null))
    to_enough = float(cells @ np.log(cells / enough))
    found = 0.0
    effect = rates[0] - rates[1]
    if effect >= tests.required and keeps > ERROR:
        found = divergence(min(keeps, 1 - 1e-9), ERROR) / to_null
    if effect <= tests.floor and 1 - keeps > GIVE_UP:
        found = divergence(min(1 - keeps, 1 - 1e-9), GIVE_UP) / to_enough
    between = max(to_null, to_enough)
    ratio = np.log(enough / null)
    sd = math.sqrt(float(cells @ ratio**2) - float(cells @ ratio) ** 2)
    root = math.sqrt((sd / 4) ** 2 - between * math.log(ERROR + GIVE_UP)) - sd / 4
    return max(found, (root / between) ** 2)


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
