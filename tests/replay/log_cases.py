"""Simulated logs of a greedy search with known truth, and an independent way to solve a chain."""

import math
import random
from dataclasses import dataclass

import numpy as np
from scipy import stats

from novum.judge.components import TAIL
from novum.replay import Run
from novum.replay.effects import SCALES, Effects

NOISE = 5e-4
E = 1e-4


@dataclass(frozen=True)
class Campaign:
    """A simulated log: runs as recorded, the true effect of each, and the true total gain."""

    runs: list[Run]
    effects: list[float]
    gain: float


def wins_first(gain: float, rng: random.Random) -> float:
    """Large wins first, then a plateau (FACTS.md, the first environment)."""
    if rng.random() < max(0.12, 0.62 * math.exp(-gain / 0.02)):
        return rng.expovariate(1 / max(3 * E, 45 * E * math.exp(-gain / 0.011)))
    harm = rng.expovariate(1 / (5 * E)) if rng.random() < 0.75 else lognormal(rng, 28 * E, 0.8)
    return -harm


def plateau(gain: float, rng: random.Random) -> float:
    """Small wins only (the second)."""
    if rng.random() < 0.17:
        return rng.expovariate(1 / (3 * E))
    harm = rng.expovariate(1 / (6.3 * E)) if rng.random() < 0.79 else lognormal(rng, 31 * E, 0.85)
    return -harm


def mostly_nothing(gain: float, rng: random.Random) -> float:
    """Most ideas do exactly nothing (the third)."""
    kind = rng.random()
    if kind < 0.05:
        return rng.expovariate(1 / (8 * E))
    if kind < 0.65:
        return 0.0
    return -(rng.expovariate(1 / (6 * E)) if rng.random() < 0.6 else lognormal(rng, 28 * E, 0.8))


def lognormal(rng: random.Random, middle: float, sd: float) -> float:
    return middle * math.exp(rng.gauss(0, sd))


ENVIRONMENTS = (wins_first, plateau, mostly_nothing)


def greedy(environment, attempts: int, rng: random.Random) -> Campaign:
    """Keep whatever beats the record."""
    truth, record = 0.0, rng.gauss(0, NOISE)
    runs, effects = [Run(record, True)], [0.0]
    for _ in range(attempts):
        effect = environment(truth, rng)
        score = truth + effect + rng.gauss(0, NOISE)
        runs.append(Run(score, score > record))
        effects.append(effect)
        if score > record:
            truth, record = truth + effect, score
    return Campaign(runs, effects, truth)


def cdf(effects: Effects, x: np.ndarray) -> np.ndarray:
    """The distribution of effects, in units of the noise, from SciPy's exponential and Lomax."""
    rungs = len(SCALES)
    helps, harms = effects.weights[1 : 1 + rungs], effects.weights[1 + rungs : 1 + 2 * rungs]
    total = effects.weights[0] * (x >= 0)
    for scale, good, bad in zip(SCALES, helps, harms, strict=True):
        total = (
            total + good * stats.expon.cdf(x, scale=scale) + bad * stats.expon.sf(-x, scale=scale)
        )
    good, bad = effects.weights[-2:]
    return (
        total + good * stats.lomax.cdf(x, 2, scale=TAIL) + bad * stats.lomax.sf(-x, 2, scale=TAIL)
    )


def dense(runs: list[Run], effects: Effects, cells: int) -> tuple[list[float], float, float]:
    """One grid over all scores, in units of the noise: each keep's probability of being truly
    better, and mean and standard deviation of the total gain. Dense matrices, no windows."""
    scores = [run.score for run in runs]
    kept_scores = [run.score for run in runs if run.kept]
    grid = np.arange(min(kept_scores) - 8, max(kept_scores) + 8, 1 / cells)
    steps = (np.arange(2 * len(grid) - 1) - (len(grid) - 1)) / cells
    mass = cdf(effects, steps + 0.5 / cells) - cdf(effects, steps - 0.5 / cells)
    place = np.arange(len(grid))
    move = mass[place[None, :] - place[:, None] + len(grid) - 1]
    up = np.where(place[None, :] > place[:, None], move, 0.0)
    helping = cdf(effects, np.array([0.5 / cells]))[0] - cdf(effects, np.array([0.0]))[0]
    np.fill_diagonal(up, helping)
    normal = stats.norm.pdf(np.array(scores)[:, None] - grid[None, :])
    wide = np.arange(min(scores) - 8, max(scores) + 8, 1 / cells)
    near = stats.norm.pdf(np.array(scores)[:, None] - wide[None, :])
    apart = wide[None, :] - grid[:, None]
    mass_apart = cdf(effects, apart + 0.5 / cells) - cdf(effects, apart - 0.5 / cells)
    seen = near @ mass_apart.T  # a run's density for each incumbent, its effect integrated out
    factors, kept = [normal[0].copy()], []
    for place_of, run in enumerate(runs[1:], 1):
        if run.repeat:
            factors[-1] *= normal[place_of]
        elif run.kept:
            kept.append(place_of)
            factors.append(normal[place_of].copy())
        else:
            factors[-1] *= seen[place_of]
        factors[-1] /= factors[-1].max()
    forward = [factors[0]]
    for factor in factors[1:]:
        now = (forward[-1] @ move) * factor
        forward.append(now / now.sum())
    backward = [np.ones(len(grid))]
    for factor in reversed(factors[1:]):
        now = move @ (factor * backward[0])
        backward.insert(0, now / now.max())
    chances = []
    for number in range(len(kept)):
        right = factors[number + 1] * backward[number + 1]
        both = forward[number] @ up @ right
        chances.append(float(both / (forward[number] @ move @ right)))
    first = forward[0] * backward[0]
    joint = np.diag(factors[0])
    for factor in factors[1:]:
        joint = (joint @ move) * factor[None, :]
        joint /= joint.sum()
    gain = grid[None, :] - grid[:, None]
    mean = float((joint * gain).sum() / joint.sum())
    variance = float((joint * (gain - mean) ** 2).sum() / joint.sum())
    assert np.allclose(joint.sum(1) / joint.sum(), first / first.sum())
    return chances, mean, math.sqrt(variance)
