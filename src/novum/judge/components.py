"""What effects may be like: none, helps and harms on a ladder of scales, a heavy tail on each side.

The components of the mixtures that `novum.judge.prior` and `novum.replay.effects` learn.
"""

import math
from collections.abc import Sequence

TAIL = 3.0  # scale of the heavy tail, a Lomax distribution of shape 2, in units of the noise
_SQRT_2, _SQRT_TAU = math.sqrt(2), math.sqrt(2 * math.pi)


def densities(effect: float, sd: float, scales: Sequence[float]) -> list[float]:
    """The density of an observed effect under each component, all in units of the noise.

    `sd` is its standard error, `scales` the means of the exponentials. In this order: nothing, a
    help of each scale, a harm of each scale, the helping and the harming tail.
    """
    z = effect / sd
    bell = math.exp(-z * z / 2) / _SQRT_TAU
    tail = 2 / TAIL / (1 + abs(effect) / TAIL) ** 3
    helps = [_blurred(z, bell, sd / scale) / scale for scale in scales]
    harms = [_blurred(-z, bell, sd / scale) / scale for scale in scales]
    return [bell / sd, *helps, *harms, *((tail, 1e-9 * tail) if z > 0 else (1e-9 * tail, tail))]


def _blurred(z: float, bell: float, ratio: float) -> float:
    """The density of an exponential plus normal noise, times the exponential's scale.

    `z` is the observation over the noise, `bell` the normal density there, `ratio` the noise
    over the exponential's scale.
    """
    u = ratio - z
    if u > 12:  # the far side: Mills' ratio by its asymptotic series, for exp would overflow
        return bell / u * (1 - 1 / (u * u))
    exponent = ratio * (ratio / 2 - z)
    return math.exp(exponent) * math.erfc(u / _SQRT_2) / 2
