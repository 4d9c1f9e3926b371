"""What a new idea is likely to do: a prior over effects, learned from the campaign's own history.

An idea does nothing, helps, or harms. Helps and harms are mixtures of exponentials on a fixed
ladder of scales, and of a heavy tail on each side, so that no effect is ever unthinkable. Only
the weights are learned, by expectation maximisation with pseudo-counts: that is convex and
cheap, and many scales with learned weights are as good as a learned scale (adaptive shrinkage:
M. Stephens, "False discovery rates: a new deal", Biostatistics 18, 2017). Recent experiments
count more, for early wins say little about a plateau.
"""

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from operator import mul

from novum.judge import Effect
from novum.judge.components import TAIL, densities

SCALES = (0.3, 1.0, 3.0, 10.0, 30.0)  # mean of each exponential, in units of the noise
NOTHING = 0.20  # the start, before any history: the weights, and what they count as
HELPS = (0.08, 0.06, 0.03, 0.01, 0.003)
HARMS = (0.10, 0.22, 0.16, 0.10, 0.03)
TAILS = (0.003, 0.004)  # helps, harms
PSEUDO_COUNT = 20.0  # experiments
HALF_LIFE = 100.0  # experiments after which a past one counts half
ROUNDS = 8  # of expectation maximisation
BINS = 3.0  # bins for one unit of effect near zero; further out, bins for a factor of e
LEAST = 0.5  # error of a past effect, in units of the noise as it is known now
MOST = 1e6  # larger effects and errors count as this, in the same unit


@dataclass(frozen=True)
class Atoms:
    """A discrete distribution over effects: where, and how likely."""

    points: list[float]
    masses: list[float]

    @cached_property
    def mean(self) -> float:
        """The expected effect."""
        return math.fsum(map(mul, self.points, self.masses))

    @cached_property
    def variance(self) -> float:
        """Of the effect."""
        mean = self.mean
        return sum(m * (p - mean) ** 2 for p, m in zip(self.points, self.masses, strict=True))

    def above(self, limit: float, or_equal: bool = False) -> float:
        """The probability of an effect greater than `limit`, or equal to it."""
        first = (bisect_left if or_equal else bisect_right)(self.points, limit)
        total = sum(self.masses[first:])
        return min(1.0, max(0.0, total))

    def likely(self) -> "Atoms":
        """Without the points that are next to impossible."""
        pairs = [(p, m) for p, m in zip(self.points, self.masses, strict=True) if m > 1e-9]
        return Atoms([p for p, _ in pairs], [m for _, m in pairs])

    def seen(self, likelihoods: Sequence[float]) -> "Atoms":
        """The posterior, given each point's likelihood (not all zero)."""
        joint = list(map(mul, self.masses, likelihoods))
        total = sum(joint)
        return Atoms(self.points, [mass / total for mass in joint])


@dataclass(frozen=True, slots=True)
class Prior:
    """Weights on the ladder; `unit` (the noise of one run) gives it its size."""

    unit: float
    nothing: float
    helps: tuple[float, ...]
    harms: tuple[float, ...]
    tails: tuple[float, float]

    def atoms(self, near: float, step: float, cuts: Iterable[float]) -> Atoms:
        """This prior in cells: fine around `near` (lattice of `step`), coarse elsewhere.

        Each cell has its exact mass and is placed at its middle; `nothing` is a point at 0. The
        lattice does not move with `near`, so that probabilities are smooth in it.
        """
        edges = _edges(near, step, self.unit, cuts)
        zero = edges.index(0.0)
        low = _masses([-edge for edge in edges[zero::-1]], self.harms, self.tails[1], self.unit)
        high = _masses(edges[zero:], self.helps, self.tails[0], self.unit)
        middles = [(a + b) / 2 for a, b in pairwise(edges)]
        points = [*middles[:zero], 0.0, *middles[zero:]]
        return Atoms(points, [*low[::-1], self.nothing, *high])


def fit(history: Sequence[Effect], unit: float) -> Prior:
    """The prior that explains the observed effects best, held by the pseudo-counts."""
    start = [NOTHING, *HELPS, *HARMS, *TAILS]
    total = sum(start)
    pseudo = [PSEUDO_COUNT * weight / total for weight in start]
    rows = _rows(history, unit)
    norm = PSEUDO_COUNT + sum(count for count, _ in rows)
    weights = [weight / total for weight in start]
    columns = list(zip(*(densities for _, densities in rows), strict=True))
    for _ in range(ROUNDS if rows else 0):
        shares = [count / sum(map(mul, weights, densities)) for count, densities in rows]
        counts = [w * sum(map(mul, shares, c)) for w, c in zip(weights, columns, strict=True)]
        weights = [(p + c) / norm for p, c in zip(pseudo, counts, strict=True)]
    rungs = len(SCALES)
    return Prior(
        unit=unit,
        nothing=weights[0],
        helps=tuple(weights[1 : 1 + rungs]),
        harms=tuple(weights[1 + rungs : 1 + 2 * rungs]),
        tails=(weights[-2], weights[-1]),
    )


def _rows(history: Sequence[Effect], unit: float) -> list[tuple[float, list[float]]]:
    """For each bin of like observations: how many (older count less), and their densities."""
    bins: dict[tuple[int, int], float] = defaultdict(float)
    for age, seen in enumerate(reversed(history)):
        spread = round(2 * BINS * math.log(min(max(seen.sd / unit, LEAST), MOST)))
        place = round(BINS * math.asinh(min(max(seen.effect / unit, -MOST), MOST)))
        bins[place, spread] += 0.5 ** (age / HALF_LIFE)
    return [
        (count, densities(math.sinh(place / BINS), math.exp(spread / (2 * BINS)), SCALES))
        for (place, spread), count in bins.items()
    ]


def _edges(near: float, step: float, unit: float, cuts: Iterable[float]) -> list[float]:
    """Edges of cells: the lattice within 28 steps of `near`, beyond it a geometric ladder."""
    centre = round(near / step)
    edges = {step * k for k in range(centre - 28, centre + 29)}
    low, high = min(edges), max(edges)
    far = 2 * abs(near) + 200 * (unit + step)
    distance = step
    while distance < far:
        edges.update(d for d in (-distance, distance) if not low <= d <= high)
        distance *= 1.5
    edges.update((0.0, -far, far), cuts)
    return sorted(edges)


def _masses(edges: list[float], weights: Sequence[float], tail: float, unit: float) -> list[float]:
    """The mass between edges (rising from 0) on one side; the last cell takes the rest."""
    rates = [-1 / (scale * unit) for scale in SCALES]
    reach = 1 / (TAIL * unit)
    beyond = [tail / (1 + edge * reach) ** 2 for edge in edges]
    for weight, rate in zip(weights, rates, strict=True):
        beyond = [b + weight * math.exp(rate * e) for b, e in zip(beyond, edges, strict=True)]
    beyond[-1] = 0.0
    return [a - b for a, b in pairwise(beyond)]
