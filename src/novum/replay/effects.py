"""What the ideas of a log were like: a distribution of effects, learned from the log itself.

An idea does nothing, helps or harms. Helps and harms are mixtures of exponentials on a fixed
ladder of scales and a heavy tail on each side; the weights are learned by expectation
maximisation with a few pseudo-counts (empirical Bayes; adaptive shrinkage: M. Stephens, "False
discovery rates: a new deal", Biostatistics 18, 2017). A log is looked at when it is over, so all
of its rows count alike; `novum.judge.prior` does the same while a campaign runs.

All numbers here are in units of the noise of one run; better is positive.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import mul

from novum.judge.components import TAIL, densities

SCALES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # the mean of each exponential
NOTHING = 0.25  # the start, and what the pseudo-counts say
HELPS = (0.06, 0.05, 0.03, 0.01, 0.005, 0.002)
HARMS = (0.08, 0.18, 0.16, 0.10, 0.04, 0.01)
TAILS = (0.003, 0.01)  # helps, harms
PSEUDO_COUNT = 6.0  # rows
ROUNDS = 20
LEAST = 1e-300  # no record is impossible
START = (NOTHING, *HELPS, *HARMS, *TAILS)


@dataclass(frozen=True)
class Effects:
    """A mixture of effects: `weights` of nothing, helps and harms (by scale), and the tails."""

    weights: tuple[float, ...] = tuple(weight / sum(START) for weight in START)
    _seen: dict[int, tuple[float, float]] = field(default_factory=dict, repr=False)
    _cells: dict[int, float] = field(default_factory=dict, repr=False)

    @property
    def helps(self) -> float:
        """The share of ideas that truly help, by however little."""
        rungs = len(SCALES)
        return sum(self.weights[1 : 1 + rungs]) + self.weights[-2]

    def beyond(self, distance: float, *, better: bool) -> float:
        """The probability of an effect further than `distance` (0 or more) on one side."""
        rungs = len(SCALES)
        first, tail = (1, -2) if better else (1 + rungs, -1)
        weights = self.weights[first : first + rungs]
        decays = [math.exp(-distance / scale) for scale in SCALES]
        heavy = self.weights[tail] / (1 + distance / TAIL) ** 2
        return math.fsum(map(mul, weights, decays)) + heavy

    def cell(self, place: int, width: float) -> float:
        """The mass of a cell of a lattice: within half a `width` of `place` times `width`."""
        found = self._cells.get(place)
        if found is None:
            found = self._cells[place] = self._cell(place, width)
        return found

    def _cell(self, place: int, width: float) -> float:
        if place == 0:
            half = width / 2
            return 1 - self.beyond(half, better=True) - self.beyond(half, better=False)
        near, far = (abs(place) - 0.5) * width, (abs(place) + 0.5) * width
        better = place > 0
        mass = self.beyond(near, better=better) - self.beyond(far, better=better)
        return max(mass, LEAST)

    def better_at_zero(self, width: float) -> float:
        """The part of the cell around zero that is truly better."""
        mass = self.beyond(0.0, better=True) - self.beyond(width / 2, better=True)
        return mass / self.cell(0, width)

    def seen(self, place: int, width: float) -> tuple[float, float]:
        """The density of an observed effect on the lattice, and that of its helping part."""
        found = self._seen.get(place)
        if found is None:
            parts = list(map(mul, self.weights, densities(place * width, 1.0, SCALES)))
            helping = math.fsum(parts[1 : 1 + len(SCALES)]) + parts[-2]
            found = self._seen[place] = (max(math.fsum(parts), LEAST), helping)
        return found


def learn(observed: Sequence[tuple[float, float]]) -> Effects:
    """The mixture that explains observed effects best; each has its own standard error."""
    start = Effects().weights
    columns = [densities(effect, error, SCALES) for effect, error in observed]
    norm = PSEUDO_COUNT + len(columns)
    weights = list(start)
    for _ in range(ROUNDS if columns else 0):
        counts = [PSEUDO_COUNT * weight for weight in start]
        for column in columns:
            parts = list(map(mul, weights, column))
            share = 1 / sum(parts)
            counts = [count + part * share for count, part in zip(counts, parts, strict=True)]
        weights = [count / norm for count in counts]
    return Effects(tuple(weights))
