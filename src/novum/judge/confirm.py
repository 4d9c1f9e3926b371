"""Confirmation: what the search believes is measured again, and only then claimed.

The incumbent and what it is compared with run in pairs, on seeds that nobody chose by, on the
holdout where there is one. Nothing of the search's own scores enters: those were selected.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from statistics import NormalDist

from novum.judge import Arms, average, proportions
from novum.judge.paired import evidence, interval
from novum.judge.rate import bars, complement

LEVEL = 0.95  # of intervals
FEWEST = 4  # pairs: fewer cannot reach the level of a first claim, however large the gain
MOST = 12  # pairs, unless the person asks for more
PRECISION = 0.25  # of the gain: the half-width at which a confirmed gain is known well enough
FUTILE = 6  # pairs, after which a gain that does not show is given up
FIRST = 100  # experiments to the first milestone; then each time their number has doubled
LARGEST = 700.0  # of a logarithm of evidence: beyond it, it is no number any more
SHARE = 0.05  # of the trials so far: what a confirmation may cost that nobody asked for


@dataclass(frozen=True, slots=True)
class Claim:
    """A comparison as it stands: better is positive, in the metric's unit.

    `low` and `high` hold the true gain with probability 0.95, at whatever time one looks.
    `evidence` is the e-value against "not better"; it is confirmed at `1 / level`. `split` is
    the standard error of the gain over the items of the split, where they are known: then all
    of this is about the population that the items are from, else about this very split.
    """

    pairs: int
    gain: float
    low: float
    high: float
    evidence: float
    level: float
    split: float | None = None

    @property
    def confirmed(self) -> bool:
        """Whether the evidence reaches what claims of this campaign need."""
        return self.evidence * self.level >= 1


def claim(differences: Sequence[float], level: float, split: float | None = None) -> Claim:
    """The claim that these paired differences support; without any, one that says nothing.

    With a `split` error, half of the risk is given to the luck of the items: the differences
    have to stand out although so much is taken from each of them as the items would give by
    luck with that probability.
    """
    if not differences:
        return Claim(0, 0.0, -math.inf, math.inf, 1.0, level)
    gain = average(tuple(differences))
    if not split:
        low, high = interval(differences)
        return Claim(len(differences), gain, low, high, evidence(differences), level, split)
    low, high = interval(differences, (1 + LEVEL) / 2)
    reach = split * NormalDist().inv_cdf(1 - (1 - LEVEL) / 4)
    margin = split * NormalDist().inv_cdf(1 - (level or 1 - LEVEL) / 2)
    strength = evidence([value - margin for value in differences]) / 2
    return Claim(len(differences), gain, low - reach, high + reach, strength, level, split)


def exact(difference: float, level: float, split: float | None = None) -> Claim:
    """The claim of a metric without noise: one pair decides, but for the luck of the split."""
    normal = NormalDist()
    reach = normal.inv_cdf((1 + LEVEL) / 2) * (split or 0.0)
    margin = normal.inv_cdf(1 - level) * (split or 0.0) if 0 < level < 1 else 0.0
    # The next number above: the quotient may be rounded down, and then not reach the level.
    clear = level > 0 and difference > margin
    strength = math.nextafter(1 / level, math.inf) if clear else 0.0
    return Claim(1, difference, difference - reach, difference + reach, strength, level, split)


def concurrent(batches: Sequence[Arms], level: float, *, minimize: bool, base: float) -> Claim:
    """The claim of two rates that were counted side by side, in batches of visitors.

    Evidence and interval hold at whatever time one looks, and although the rates of both drift
    together. `base` is what the rate is believed to be: it says where to bet, and no more.
    """
    if not batches:
        return claim((), level)
    arms, base = reduce(add, batches), 1 - base if minimize else base
    if minimize:
        arms = complement(arms)
    tests = bars(0.0, 0.0, base)
    gain = arms.conversions / arms.visitors - arms.control_conversions / arms.control_visitors
    low, high = proportions.interval(tests.bettor, arms, (1 - LEVEL) / 2)
    strength = math.exp(min(tests.keep().log_value(arms), LARGEST))
    return Claim(len(batches), gain, low, high, strength, level)


def decided(found: Claim, most: int, *, precise: bool = True) -> bool:
    """Whether no further pair is needed: it is clear whether, and if `precise` how much."""
    if found.pairs >= most:
        return True
    if found.pairs < FEWEST:
        return False
    if found.confirmed:
        return not precise or found.high - found.gain <= PRECISION * found.gain
    return found.pairs >= FUTILE and found.evidence < 1


def due(experiments: int, last: int, first: int = FIRST) -> bool:
    """Whether a milestone is reached; the last one was after `last` experiments (0: none yet)."""
    return experiments >= max(first, 2 * last)


def affordable(trials: int, arms: int, most: int) -> int:
    """Pairs for a confirmation that nobody asked for, of so many arms, after so many trials."""
    return max(FEWEST, min(most, int(SHARE * trials / arms)))
