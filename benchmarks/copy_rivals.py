"""Other tests on the same pairs, for copy_replay.py: fixed horizon, group-sequential, GrowthBook.

GrowthBook's package, `gbstats`, wants an old pandas and numpy: give it an environment of its own,

    python -m venv gb && gb/bin/pip install gbstats==0.8.0
    python benchmarks/copy_replay.py --gbstats gb/bin/python
"""

import json
import math
import subprocess
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_effectsize, proportions_ztest

from copy_archive import Pairs
from rates import ERROR, POWER

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
LOOKS = 5  # of the group-sequential test
STEPS = 4001  # of the grid on which its bounds are integrated


@dataclass(frozen=True)
class Ends:
    """How each pair ended under a rule: visitors of both arms, and whether it was kept."""

    visitors: Array
    kept: NDArray[np.bool_]


def looks_of(rng: np.random.Generator, pairs: Pairs, visitors: Array) -> Counts:
    """Counts at growing numbers of visitors: pairs x looks x (n, k, control n, control k)."""
    whole: Counts = np.rint(visitors).astype(np.int64)
    steps = np.asarray(np.diff(whole, axis=1, prepend=0), dtype=np.int64)
    shown = rng.binomial(steps, 0.5)
    others = steps - shown
    kinds = (
        shown, rng.binomial(shown, pairs.candidate[:, None]),
        others, rng.binomial(others, pairs.control[:, None]),
    )  # fmt: skip
    return np.stack(kinds, axis=-1).cumsum(axis=1)


def z_values(counts: Counts) -> Array:
    """The pooled two-proportion statistic, as in statsmodels' proportions_ztest."""
    n, k, m, j = np.moveaxis(counts.astype(np.float64), -1, 0)
    pooled = (k + j) / (n + m)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    found: Array = np.where(error > 0, (k / n - j / m) / np.where(error > 0, error, 1.0), 0.0)
    return found


@cache
def fixed_visitors(base: float, lift: float, level: float, power: float = POWER) -> float:
    """Visitors of both arms together, one-sided, says statsmodels."""
    effect = proportion_effectsize(base * (1 + lift), base)
    each = NormalIndPower().solve_power(effect, alpha=level, power=power, alternative="larger")
    return 2 * math.ceil(float(each))


def fixed(
    rng: np.random.Generator, pairs: Pairs, bases: Array, lift: float, *, bonferroni: bool
) -> Ends:
    """One look, fixed beforehand; a control's rivals share its error, if asked for."""
    levels = ERROR / (pairs.rivals if bonferroni else np.ones(len(pairs)))
    sizes = [fixed_visitors(b, lift, a) for b, a in zip(bases, levels, strict=True)]
    visitors = np.array(sizes)
    counts = looks_of(rng, pairs, visitors[:, None])[:, 0]
    z = z_values(counts)
    n, k, m, j = counts[0].tolist()
    theirs, _ = proportions_ztest([k, j], [n, m], alternative="larger")
    assert abs(theirs - z[0]) < 1e-9
    bars = np.array([NormalDist().inv_cdf(1 - level) for level in levels])
    return Ends(visitors, z >= bars)


@cache
def group_sequential_bounds() -> tuple[tuple[float, ...], tuple[float, ...], float]:
    """Upper and lower bounds of z at equal looks, and the drift at the end: sqrt(information).

    Both errors are spent as O'Brien and Fleming's (K. Lan and D. DeMets, Biometrika 70, 1983): of
    the error a, 2 (1 - Phi(z(1 - a/2) / sqrt(t))) by the part t of the visitors. The lower bound
    stops for futility and does not bind: the error holds if it is not heeded. The drift is such
    that both meet at the last look. Densities are integrated on a grid (P. Armitage and others, J.
    R. Stat. Soc. A 132, 1969), and checked by simulation in copy_replay.py.
    """
    times = [look / LOOKS for look in range(1, LOOKS + 1)]
    upper = _spend(times, ERROR, 0.0, [-math.inf] * LOOKS)
    low, high = 1.0, 6.0
    for _ in range(40):
        drift = (low + high) / 2
        lower = _spend(times, 1 - POWER, -drift, [-u for u in upper])
        low, high = (drift, high) if -lower[-1] < upper[-1] else (low, drift)
    return tuple(upper), (*(-bound for bound in lower[:-1]), upper[-1]), drift


def _spend(times: list[float], error: float, drift: float, leave: list[float]) -> list[float]:
    """Bounds of z that a walk with this drift crosses upwards with the error spent so far.

    A walk that is at or below `leave` at a look has left before.
    """
    normal = NormalDist()
    spent = [2 * (1 - normal.cdf(normal.inv_cdf(1 - error / 2) / math.sqrt(t))) for t in times]
    grid = np.linspace(-9.0, 9.0, STEPS)  # of the walk, whose variance is t
    step = grid[1] - grid[0]
    bounds: list[float] = []
    before, gone = 0.0, None
    for t, total, out in zip(times, spent, leave, strict=True):
        if gone is None:
            density = np.exp(-((grid - drift * t) ** 2) / (2 * t)) / math.sqrt(2 * math.pi * t)
        else:
            dt = t - before
            kernel = np.exp(-((grid - drift * dt) ** 2) / (2 * dt)) / math.sqrt(2 * math.pi * dt)
            density = np.maximum(fftconvolve(gone, kernel, mode="same") * step, 0.0)
        before, root = t, math.sqrt(t)
        wanted = total - (spent[len(bounds) - 1] if bounds else 0.0)
        tail = density[::-1].cumsum()[::-1] * step
        bounds.append(float(np.interp(-wanted, -tail, grid)) / root)
        gone = np.where((grid < bounds[-1] * root) & (grid > out * root), density, 0.0)
    return bounds


def group_sequential(rng: np.random.Generator, pairs: Pairs, bases: Array, lift: float) -> Ends:
    """Five looks, with O'Brien-Fleming spending of both errors."""
    upper, lower, drift = group_sequential_bounds()
    z = NormalDist().inv_cdf
    inflation = (drift / (z(1 - ERROR) + z(POWER))) ** 2
    most = inflation * np.array([fixed_visitors(base, lift, ERROR) for base in bases])
    visitors = most[:, None] * np.arange(1, LOOKS + 1) / LOOKS
    statistics = z_values(looks_of(rng, pairs, visitors))
    up, down = statistics >= np.array(upper), statistics < np.array(lower)
    return first(visitors, up, down)


def first(visitors: Array, keep: NDArray[np.bool_], leave: NDArray[np.bool_]) -> Ends:
    """Each row ends at the first look that decides, or at the last."""
    decided = keep | leave
    decided[:, -1] = True
    at = decided.argmax(axis=1)
    rows = np.arange(len(visitors))
    return Ends(visitors[rows, at], keep[rows, at])


GROWTHBOOK = """
import json, sys
from gbstats.bayesian.tests import EffectBayesianABTest
from gbstats.frequentist.tests import SequentialConfig, SequentialTwoSidedTTest
from gbstats.models.statistics import ProportionStatistic
told = json.load(sys.stdin)
config = SequentialConfig(alpha=told["alpha"])
answers = []
for looks in told["counts"]:
    answers.append([])
    for n, k, m, j in looks:
        control, candidate = ProportionStatistic(n=m, sum=j), ProportionStatistic(n=n, sum=k)
        low, high = SequentialTwoSidedTTest(control, candidate, config).compute_result().ci
        chance = EffectBayesianABTest(control, candidate).compute_result().chance_to_win
        answers[-1].append([low, high, chance])
json.dump(answers, sys.stdout)
"""


def growthbook(
    python: str, rng: np.random.Generator, pairs: Pairs, bases: Array, lift: float
) -> dict[str, Ends]:
    """GrowthBook's two engines, looked at every tenth of the fixed test, up to four times it.

    Sequential: keep when the interval of the lift is above 0, discard when it is below the lift
    that is to be found. Bayesian, with its default prior: keep at a chance to win of 95 %, discard
    at 5 %.
    """
    sizes = np.array([fixed_visitors(base, lift, ERROR) for base in bases])
    visitors = sizes[:, None] * np.arange(1, 41) / 10
    asked = {"alpha": 2 * ERROR, "counts": looks_of(rng, pairs, visitors).tolist()}
    done = subprocess.run(
        [python, "-W", "ignore", "-c", GROWTHBOOK],
        input=json.dumps(asked), capture_output=True, text=True, check=True,
    )  # fmt: skip
    low, high, chance = np.moveaxis(np.array(json.loads(done.stdout), dtype=np.float64), -1, 0)
    return {
        "GrowthBook, sequential": first(visitors, low > 0, high < lift),
        "GrowthBook, Bayesian": first(visitors, chance >= 1 - ERROR, chance <= ERROR),
    }
