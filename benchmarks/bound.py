"""What no judge can beat: the best gain of a campaign whose judge knows all but the ideas.

    python benchmarks/bound.py [--runs 700] [--noise 5e-4]

The true score of the incumbent, the noise, and the distribution of effects are known exactly,
nothing is confirmed, and every stop is optimal: dynamic programming over the runs of a candidate
and their mean, at the price of a run at which a new idea is worth just its first run. For the
spaces of `benchmarks/judge.py` that do not change with the gain. Gains in 1e-4. Needs numpy.
"""

import argparse
import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from simulated import NOTHING, PLATEAU, REPORT, Space

Array = NDArray[np.float64]
MAX_RUNS = 6
EFFECTS: Array = np.linspace(-40, 14, 5401)  # in units of the noise
MEANS: Array = np.linspace(-4, 12, 241)  # of a candidate's runs


def masses(space: Space, noise: float) -> Array:
    """The probability of each effect."""
    half = (EFFECTS[1] - EFFECTS[0]) / 2
    edges = np.append(EFFECTS - half, EFFECTS[-1] + half)
    harms = 1 - space.help_rate - space.nothing
    found: Array = np.diff(
        [
            space.help_rate * -math.expm1(-max(edge, 0) * noise / space.help_mean)
            + harms * worse_than(space, max(-edge, 0) * noise)
            for edge in edges.tolist()
        ]
    )
    found[np.argmin(np.abs(EFFECTS))] += space.nothing
    found /= found.sum()
    return found


def worse_than(space: Space, loss: float) -> float:
    """The probability that a harm is larger than this loss."""
    if loss == 0:
        return 1.0
    place = math.log(loss / space.tail_median) / space.tail_log_sd
    tail = math.erfc(place / math.sqrt(2)) / 2
    return (1 - space.harm_tail) * math.exp(-loss / space.harm_mean) + space.harm_tail * tail


def price(space: Space, noise: float) -> float:
    """The gain of a run under the best policy, in units of the noise."""
    prior, step = masses(space, noise), MEANS[1] - MEANS[0]

    @cache
    def posterior(runs: int) -> Array:
        likely = np.exp(-runs * (MEANS[:, None] - EFFECTS) ** 2 / 2) * prior
        scaled: Array = likely / likely.sum(1, keepdims=True)
        return scaled

    @cache
    def onward(runs: int) -> Array:
        """From a mean of so many runs to the mean with one run more."""
        moved = np.empty((len(MEANS), len(MEANS)))
        for row, mean in enumerate(MEANS):
            score = (runs + 1) * MEANS - runs * mean
            density = np.exp(-((score[:, None] - EFFECTS) ** 2) / 2) @ posterior(runs)[row]
            moved[row] = density / density.sum()
        return moved

    first = np.exp(-((MEANS[:, None] - EFFECTS) ** 2) / 2) @ prior * step / np.sqrt(2 * np.pi)

    def surplus(cost: float) -> float:
        value = np.maximum(posterior(MAX_RUNS) @ EFFECTS, 0)
        for runs in range(MAX_RUNS - 1, 0, -1):
            now = np.maximum(posterior(runs) @ EFFECTS, 0)
            value = np.maximum(now, onward(runs) @ value - cost)
        return float(first @ value) - cost

    low, high = 0.0, 5.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if surplus(middle) > 0 else (low, middle)
    return low


def main() -> None:
    """Print the bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=700)
    parser.add_argument("--noise", type=float, default=5e-4)
    asked = parser.parse_args()
    for name in (PLATEAU, NOTHING):
        space = REPORT[name]
        assert isinstance(space, Space)
        gain = asked.runs * price(space, asked.noise) * asked.noise
        print(f"{name}: {gain * 1e4:.0f}", flush=True)


if __name__ == "__main__":
    main()
