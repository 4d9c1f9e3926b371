"""From a property to a score between 0 and 1: the modifiers of GuacaMol, and its means.

Source: Brown et al. 2019, GuacaMol, doi 10.1021/acs.jcim.8b00839, section "Score modifiers".
"""

import math


def clipped(value: float, upper: float) -> float:
    """Linear from 0 at 0 to 1 at `upper`, and constant beyond."""
    return min(max(value / upper, 0.0), 1.0)


def gaussian(value: float, mean: float, deviation: float) -> float:
    """A bell: 1 at `mean`."""
    return math.exp(-0.5 * ((value - mean) / deviation) ** 2)


def at_most(value: float, mean: float, deviation: float) -> float:
    """1 up to `mean`, and half a bell above it (GuacaMol: MinGaussian)."""
    return gaussian(max(value, mean), mean, deviation)


def at_least(value: float, mean: float, deviation: float) -> float:
    """1 from `mean` on, and half a bell below it (GuacaMol: MaxGaussian)."""
    return gaussian(min(value, mean), mean, deviation)


def geometric(*scores: float) -> float:
    """The geometric mean of scores that are not negative; 0 where one of them is."""
    if min(scores) <= 0:
        return 0.0
    return math.exp(math.fsum(map(math.log, scores)) / len(scores))


def arithmetic(*scores: float) -> float:
    """The arithmetic mean."""
    return math.fsum(scores) / len(scores)
