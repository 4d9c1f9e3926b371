"""How large luck is: the noise of one run, and how surprising a deviation is under it."""

import math
from dataclasses import dataclass

from novum.judge import Noise

GUESS = 1e-3  # of the score: the noise that is assumed when nothing at all is known


@dataclass(frozen=True, slots=True)
class Luck:
    """The standard deviation of one run, known with so many degrees of freedom."""

    sd: float
    degrees: int


def luck(noise: Noise, min_effect: float, score: float) -> Luck:
    """The noise of one run: pooled, with one pseudo-replicate of `min_effect` (if there is one).

    Replicates that are all equal mean a deterministic score: no noise. Without any replicates
    the noise is `min_effect`, for a person who names the smallest effect of interest has an
    idea of the noise; else a thousandth of the score.
    """
    if noise.degrees > 0 and noise.sum_squares == 0:
        return Luck(0.0, noise.degrees)
    if noise.degrees > 0:
        pseudo = 1 if min_effect > 0 else 0
        degrees = noise.degrees + pseudo
        variance = (noise.sum_squares + pseudo * min_effect * min_effect) / degrees
        return Luck(math.sqrt(variance), degrees)
    return Luck(min_effect if min_effect > 0 else GUESS * abs(score), 1)


def log_likelihood(z: float, degrees: int) -> float:
    """Of a deviation of `z` standard errors, up to a constant: Student's t, log-concave.

    Student's t up to its inflection at sqrt(degrees); from there on its tangent, an exponential
    tail. The bare t would take a very good number for a very bad ruler, and believe it less
    than a good one; under a log-concave likelihood a better number is always better news
    (monotone likelihood ratio: S. Karlin and H. Rubin, Ann. Math. Statist. 27, 1956).
    """
    distance = abs(z)
    bend = math.sqrt(degrees)
    core = min(distance, bend)
    slope = (degrees + 1) / (2 * bend)
    return -(degrees + 1) / 2 * math.log1p(core * core / degrees) - slope * (distance - core)
