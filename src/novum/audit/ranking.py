"""Do two budgets rank the same ideas alike? Rank correlation, honest about few ideas. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from novum.judge.distributions import normal

FEWEST = 4  # ideas: of fewer a rank correlation has no interval
ALIKE, SURELY = 0.8, 0.6  # the correlation, and the lower end of its interval
APART = 0.6  # the upper end of the interval below which two budgets rank differently


@dataclass(frozen=True, slots=True)
class Agreement:
    """Spearman's rank correlation of so many ideas, and its 95 % interval."""

    ideas: int
    value: float
    low: float
    high: float

    @property
    def alike(self) -> bool:
        """Whether the interval supports that both rank nearly the same."""
        return self.value >= ALIKE and self.low >= SURELY

    @property
    def apart(self) -> bool:
        """Whether the interval supports that they rank differently."""
        return self.high < APART


def agreement(one: Sequence[float], other: Sequence[float]) -> Agreement | None:
    """The rank correlation of the same ideas under two budgets; None if nothing can be said.

    The interval is that of D. Bonett and T. Wright (Psychometrika 65, 2000): Fisher's z with
    standard error sqrt((1 + r^2 / 2) / (n - 3)). It has no width at a correlation of 1, which few
    ideas reach by chance, so its centre is at most half a step below: 1 - 6 / (n (n^2 - 1)).
    """
    count = len(one)
    if count < FEWEST:
        return None
    value = spearman(one, other)
    if value is None:
        return None
    most = 1 - 6 / (count * (count * count - 1))
    centre = math.atanh(max(-most, min(most, value)))
    half = normal(0.975) * math.sqrt((1 + value * value / 2) / (count - 3))
    return Agreement(count, value, math.tanh(centre - half), math.tanh(centre + half))


def spearman(one: Sequence[float], other: Sequence[float]) -> float | None:
    """The correlation of the ranks, ties sharing their mean rank; None if all of one are tied."""
    first, second = ranks(one), ranks(other)
    middle = (len(first) + 1) / 2
    products = math.fsum((a - middle) * (b - middle) for a, b in zip(first, second, strict=True))
    sizes = [math.fsum((rank - middle) ** 2 for rank in some) for some in (first, second)]
    if 0 in sizes:
        return None
    return max(-1.0, min(1.0, products / math.sqrt(sizes[0] * sizes[1])))


def ranks(values: Sequence[float]) -> list[float]:
    """The ranks from 1, equal values sharing the mean of theirs."""
    return [
        sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2
        for value in values
    ]


def reliability(values: Sequence[float], noise_sd: float) -> float | None:
    """Which share of the variance between ideas is not noise of a single run, from 0 to 1.

    It is the correlation that the same ideas, run once more at the same budget, would have with
    themselves; and two budgets correlate at most by the root of the product of theirs
    (C. Spearman, "The proof and measurement of association between two things", 1904).
    """
    if len(values) < 2:
        return None
    mean = math.fsum(values) / len(values)
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    if variance == 0:
        return None
    return max(0.0, 1 - noise_sd * noise_sd / variance)
