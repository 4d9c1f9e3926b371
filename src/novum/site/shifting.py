"""Which experiment of a race a visitor joins: top-two Thompson sampling.

The lift of each candidate over its own control is believed to be normal. Half of the visitors go
to the best by that belief: to each with the probability that it is the best. The other half go to
the best of the others, in the same way. These probabilities are computed, not drawn, so that they
can be written down. Source: D. Russo, "Simple Bayesian algorithms for best arm identification",
COLT 2016.

Only which experiment is joined shifts. Inside each, candidate and control are shown by an even
coin, so nothing of what the judge says rests on anything here.
"""

import math
from collections.abc import Mapping

from novum.judge import Belief
from novum.site.records import Counts

TOP = 0.5  # of the visitors go to the best
FLOOR = 0.1  # of the visitors are shared evenly, so that nobody is forgotten
SPREAD = 0.3  # of the control's rate: how far lifts lie from 0; of real headlines it is 0.32
REACH, STEP = 8.0, 0.4  # standard deviations: how far, and how finely, beliefs are looked at


def believed(counts: Counts, base: float) -> Belief:
    """What is believed of a candidate's lift over its control, whose rate is about `base`.

    A difference of rates. Two visitors are added to each arm: A. Agresti, B. Caffo, Am. Stat. 54,
    2000.
    """
    rates = [
        (one.conversions + 1) / (one.visitors + 2) for one in (counts.candidate, counts.control)
    ]
    seen = [one.visitors + 2 for one in (counts.candidate, counts.control)]
    variance = sum(rate * (1 - rate) / count for rate, count in zip(rates, seen, strict=True))
    before = (SPREAD * base) ** 2
    share = before / (before + variance)
    return Belief(share * (rates[0] - rates[1]), math.sqrt(share * variance))


def best(beliefs: Mapping[int, Belief]) -> dict[int, float]:
    """The probability of each to be the largest; they add up to 1."""
    steps = [STEP * step for step in range(-round(REACH / STEP), round(REACH / STEP) + 1)]
    points = sorted({one.mean + one.sd * step for one in beliefs.values() for step in steps})
    found = dict.fromkeys(beliefs, 0.0)
    for index, point in enumerate(points):
        before, after = points[max(index - 1, 0)], points[min(index + 1, len(points) - 1)]
        below = {name: _below(one, point) for name, one in beliefs.items()}
        for name, one in beliefs.items():
            others = math.prod(value for other, value in below.items() if other != name)
            found[name] += (after - before) / 2 * _density(one, point) * others
    total = sum(found.values())
    return {name: value / total for name, value in found.items()}


def shifted(beliefs: Mapping[int, Belief]) -> dict[int, float]:
    """The probability of each to be joined; they add up to 1, and none is below the floor's."""
    if len(beliefs) < 2:
        return dict.fromkeys(beliefs, 1.0)
    chances = best(beliefs)
    rest = {name: sum(chances[other] for other in chances if other != name) for name in chances}
    second = dict.fromkeys(chances, 0.0)
    for first, chance in chances.items():
        for name in (other for other in chances if other != first):
            share = chances[name] / rest[first] if rest[first] > 0 else 1 / (len(chances) - 1)
            second[name] += chance * share
    return {
        name: (1 - FLOOR) * (TOP * chances[name] + (1 - TOP) * second[name]) + FLOOR / len(chances)
        for name in chances
    }


def _density(belief: Belief, point: float) -> float:
    away = (point - belief.mean) / belief.sd
    return math.exp(-away * away / 2) / belief.sd / math.sqrt(2 * math.pi)


def _below(belief: Belief, point: float) -> float:
    """The probability of being below a point."""
    return math.erfc((belief.mean - point) / belief.sd / math.sqrt(2)) / 2
