"""The distributions that small samples follow: chi-square, Student's t, F; and their quantiles.

Over the regularised incomplete gamma and beta functions, as series and continued fractions
(W. Press et al., "Numerical Recipes", 3rd ed. 2007, 6.2 and 6.4); quantiles by bisection, good
to nine digits.
"""

import math
from collections.abc import Callable
from statistics import NormalDist

_TINY = 1e-300
_STEPS = 10_000


def normal(share: float) -> float:
    """The value below which a standard normal variable lies with probability `share`."""
    return NormalDist().inv_cdf(share)


def chi_square(share: float, degrees: int) -> float:
    """The quantile of a chi-square distribution with so many degrees of freedom."""
    return _inverse(lambda value: _gamma(degrees / 2, value / 2), share)


def student(share: float, degrees: int) -> float:
    """The quantile of Student's t."""
    if share < 0.5:
        return -student(1 - share, degrees)
    if share == 0.5:
        return 0.0
    return _inverse(lambda t: 1 - _beyond(t, degrees), share)


def log_student(t: float, degrees: int) -> float:
    """The logarithm of Student's cumulative distribution, for whole degrees of freedom."""
    if t >= 0:
        return math.log1p(-_beyond(t, degrees))
    return _log_beta(degrees / 2, 0.5, degrees / (degrees + t * t)) - math.log(2)


def _beyond(t: float, degrees: int) -> float:
    """The probability that Student's t is above `t`, which is not negative."""
    if t == 0:
        return 0.5
    return _beta(degrees / 2, 0.5, degrees / (degrees + t * t)) / 2


def fisher(share: float, above: int, below: int) -> float:
    """The quantile of F, the ratio of two mean squares with these degrees of freedom."""
    return _inverse(
        lambda f: _beta(above / 2, below / 2, above * f / (above * f + below)),
        share,
    )


def _inverse(below: Callable[[float], float], share: float) -> float:
    """Where a distribution function over the positive numbers reaches `share`."""
    low, high = 0.0, 1.0
    while below(high) < share:
        low, high = high, 2 * high
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < share else (low, middle)
    return high


def _gamma(shape: float, value: float) -> float:
    """The regularised lower incomplete gamma function, by its series."""
    if value <= 0:
        return 0.0
    term = total = 1 / shape
    for step in range(1, _STEPS):
        term *= value / (shape + step)
        total += term
        if term < total * 1e-16:
            break
    return min(1.0, total * math.exp(shape * math.log(value) - value - math.lgamma(shape)))


def _beta(first: float, second: float, share: float) -> float:
    """The regularised incomplete beta function, by its continued fraction."""
    if share <= 0 or share >= 1:
        return float(share >= 1)
    if share > (first + 1) / (first + second + 2):
        return 1 - _beta(second, first, 1 - share)
    return math.exp(_log_beta(first, second, share))


def _log_beta(first: float, second: float, share: float) -> float:
    """Its logarithm, sharp where it is next to nothing."""
    if share <= 0 or share >= 1:
        return 0.0 if share >= 1 else -math.inf
    if share > (first + 1) / (first + second + 2):
        return math.log1p(-_beta(second, first, 1 - share))
    log_front = math.lgamma(first + second) - math.lgamma(first) - math.lgamma(second)
    log_front += first * math.log(share) + second * math.log1p(-share)
    return log_front + math.log(_fraction(first, second, share) / first)


def _fraction(first: float, second: float, share: float) -> float:
    """Lentz's evaluation of the continued fraction of the incomplete beta function."""
    numerator = 1.0
    denominator = 1 / _away(1 - (first + second) * share / (first + 1))
    value = denominator
    for step in range(1, _STEPS):
        even = first + 2 * step
        for term in (
            step * (second - step) * share / ((even - 1) * even),
            -(first + step) * (first + second + step) * share / (even * (even + 1)),
        ):
            denominator = 1 / _away(1 + term * denominator)
            numerator = _away(1 + term / numerator)
            change = denominator * numerator
            value *= change
        if abs(change - 1) < 1e-15:
            break
    return value


def _away(value: float) -> float:
    """A value that can be divided by."""
    return value if abs(value) > _TINY else _TINY
