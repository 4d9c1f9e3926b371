"""How large luck is, and how small an effect can be told from it. Pure; normal noise is assumed.

Run noise is what another run of the same code changes; split noise is what other held-out items
would change. Replicates show the first, and only the items of an evaluation show the second.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from novum.judge import average
from novum.judge.claims import level as first_level
from novum.judge.distributions import chi_square, fisher, normal, student
from novum.judge.paired import evidence

LEVEL = 0.95  # of intervals
ERROR, POWER = 0.05, 0.8  # of a one-sided test for a single decision


@dataclass(frozen=True, slots=True)
class Spread:
    """A standard deviation and its 95 % interval, from so many degrees of freedom."""

    sd: float
    low: float
    high: float
    degrees: int


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two variances and its 95 % interval."""

    value: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread | None:
    """The standard deviation of repeated runs, with the chi-square interval; None for fewer than 2.

    Runs that are all equal have a spread of exactly 0.
    """
    degrees = len(values) - 1
    if degrees < 1:
        return None
    squares = _squares(values)
    tail = (1 - LEVEL) / 2
    return Spread(
        math.sqrt(squares / degrees),
        math.sqrt(squares / chi_square(1 - tail, degrees)),
        math.sqrt(squares / chi_square(tail, degrees)),
        degrees,
    )


def variance_ratio(above: Sequence[float], below: Sequence[float]) -> Ratio | None:
    """The ratio of the variances of two independent samples, with the F interval.

    None if one of them has fewer than two values, or the lower one no variance at all.
    """
    degrees = len(above) - 1, len(below) - 1
    if min(degrees) < 1 or _squares(below) == 0:
        return None
    value = (_squares(above) / degrees[0]) / (_squares(below) / degrees[1])
    tail = (1 - LEVEL) / 2
    return Ratio(value, value / fisher(1 - tail, *degrees), value / fisher(tail, *degrees))


def detectable(error: float, degrees: int, *, level: float = ERROR, power: float = POWER) -> float:
    """The smallest true effect that a one-sided t-test finds with that power.

    `error` is the standard error of the effect, from a noise known with so many `degrees` of
    freedom (at least 2: of one degree nothing useful is found, and it says too little).
    """
    middle, spread_ = _passing(student(1 - level, degrees), degrees)
    return (middle + normal(power) * spread_) * error


def _passing(bar: float, degrees: int) -> tuple[float, float]:
    """An effect, in standard errors, passes a bar of t with probability `normal((e - m) / s)`.

    Returns m and s. The normal approximation to the noncentral t (M. Abramowitz and I. Stegun,
    "Handbook of Mathematical Functions", 26.7.10), within 6 % from two degrees of freedom on.
    """
    return bar * (1 - 1 / (4 * degrees)), math.sqrt(1 + bar * bar / (2 * degrees))


@dataclass(frozen=True, slots=True)
class Reach:
    """The smallest effects, in the metric's unit, that can be told from luck."""

    one_run: float
    three_runs: float
    confirmed: float


def reach(noise: Spread, error_rate: float, pairs: int, split: float = 0.0) -> Reach:
    """What can be found against a baseline that is known from the runs the noise is known from.

    One and three runs: a t-test with error `sd * sqrt(1/k + 1/n)`. A campaign's first claim, by
    the rule of `novum.judge.confirm.claim`: so many fresh pairs, whose mean difference has the
    error `sd * sqrt(2 / pairs)`. `split` is the standard error of a difference over held-out
    items; with it, half of the risk and a margin go to the luck of the items.
    """
    runs, degrees = noise.degrees + 1, pairs - 1
    level = first_level(error_rate, ()) / (2 if split else 1)
    margin = split * normal(1 - level)
    error = noise.sd * math.sqrt(2 / pairs)
    middle, spread_ = _passing(confirmation_bar(pairs, level), degrees)
    return Reach(
        detectable(noise.sd * math.sqrt(1 + 1 / runs), noise.degrees),
        detectable(noise.sd * math.sqrt(1 / 3 + 1 / runs), noise.degrees),
        margin + middle * error + normal(POWER) * math.hypot(spread_ * error, split),
    )


def confirmation_bar(pairs: int, level: float) -> float:
    """The value of Student's t of so many differences at which their evidence is `1 / level`.

    The evidence depends on the differences by that value alone.
    """
    spare = math.sqrt((pairs - 1) / (pairs - pairs % 2))  # of values -1 and 1, and 0 in the middle
    values = [(-1.0) ** place * spare for place in range(pairs - pairs % 2)] + [0.0] * (pairs % 2)
    low, high = 0.0, 1.0
    while _evidence_at(high, values) * level < 1:
        low, high = high, 2 * high
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if _evidence_at(middle, values) * level < 1 else (low, middle)
    return high


def _evidence_at(t: float, values: Sequence[float]) -> float:
    """The evidence of differences of variance 1 around a mean that gives this value of t."""
    return evidence([value + t / math.sqrt(len(values)) for value in values])


def _squares(values: Sequence[float]) -> float:
    mean = average(tuple(values))
    return math.fsum((value - mean) ** 2 for value in values)
