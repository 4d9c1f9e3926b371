"""Paired differences of unknown variance: evidence and an interval that hold at any time.

Two commits are run in pairs, in one session, and only the differences are looked at. One may
look after each pair and stop, or go on, as one likes: the error rates hold all the same.

The evidence is a likelihood ratio with a normal prior on the standardised effect and the
right-Haar prior on the unknown scale: under every normal distribution of mean zero its
expectation is 1, whenever one stops (M. Pérez-Ortiz, T. Lardy, R. de Heide, P. Grünwald,
"E-statistics, group invariance and anytime-valid testing", Ann. Statist. 52, 2024). The interval
inverts its two-sided form (H. Wang and A. Ramdas, "Anytime-valid t-tests and confidence
sequences for Gaussian means with unknown variance", Sequential Analysis 44, 2025).
"""

import math
from collections.abc import Sequence

from novum.judge import average
from novum.judge.distributions import log_student

# Sd of the prior on effect over noise: gains of a whole campaign are many sd of a pair. A larger
# one needs fewer pairs where the gain is large, and a little more where it is not.
REACH = 3.0
_WEIGHT = 1 / REACH**2  # the prior as so many pairs of mean zero
_MOST = 700.0  # logarithm of the most evidence that is told; more would not be a number


def evidence(differences: Sequence[float]) -> float:
    """The e-value against "the mean difference is not above zero"; 1 says nothing.

    Under that hypothesis it is at least `x` with a probability of at most `1 / x`, over all
    times at which one may look.
    """
    count = len(differences)
    unit = _unit(differences)
    if unit == 0:
        return 1.0
    total = math.fsum(value / unit for value in differences)
    squares = math.fsum((value / unit) ** 2 for value in differences)
    size = count + _WEIGHT
    rest = 1 - total * total / (size * squares)
    place = total * math.sqrt(count / (size * rest * squares))
    both = math.log(2) + (math.log(_WEIGHT / size) - count * math.log(rest)) / 2
    return math.exp(min(both + log_student(place, count), _MOST))


def interval(differences: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """The confidence sequence of the mean difference after these pairs; infinite after too few.

    With probability `level` it holds the mean at all times at once.
    """
    count = len(differences)
    if count == 0:
        return -math.inf, math.inf
    unit = _unit(differences) or 1.0
    scaled = tuple(value / unit for value in differences)
    mean = average(scaled)
    spread = math.fsum((value - mean) ** 2 for value in scaled)
    size = count + _WEIGHT
    kept = ((1 - level) * math.sqrt(_WEIGHT / size)) ** (2 / count)
    room = count - (1 - kept) * size
    if room <= 0:
        return -math.inf, math.inf
    half = math.sqrt((1 - kept) * size * spread / (count * room))
    return (mean - half) * unit, (mean + half) * unit


def _unit(differences: Sequence[float]) -> float:
    """What to measure in, so that no square is too large or too small to be a number.

    A power of two, so that nothing is rounded.
    """
    largest = max((abs(value) for value in differences), default=0.0)
    return math.ldexp(1.0, math.frexp(largest)[1] - 1) if largest else 0.0
