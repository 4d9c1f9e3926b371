"""What a finished log is worth: pure, it sees numbers only.

`replay` gives what is to be believed of every keep and of the total, with the noise either given
or inferred: from repeats (runs of the incumbent's own code, which have no effect but luck), and
from the shape of the log as a whole, for effects are skewed and noise is not. Where the noise is
inferred everything is averaged over what it may be.

Scores come in with higher better, in the metric's unit, and so do all results.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from novum.judge import Noise
from novum.replay.chain import Chain, Kept, Run, solve

__all__ = ["Gain", "Kept", "Luck", "Replay", "Ruler", "Run", "Stretch", "pure_luck", "replay"]

DRAWS = 4000
SEED = 20260308
COARSE, FINE = 4.0, math.sqrt(2)  # factors between the noises that are looked at
SPREAD = 1.0  # of the logarithm of the noise, before the log is looked at
TYPICAL = 0.35  # of the median size of a difference: where the noise is looked for first
LEAST_WEIGHT = 1e-3
OUTSIDE = 0.025  # of each end of a 95 % interval


@dataclass(frozen=True, slots=True)
class Ruler:
    """The noise of one run: its standard deviation, and a 95 % interval where it was inferred."""

    sd: float
    low: float
    high: float
    given: bool


@dataclass(frozen=True, slots=True)
class Gain:
    """The last incumbent's true score minus the baseline's; a 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """One segment. Positions are those of its runs; `beliefs` are of the incumbents in turn."""

    keeps: tuple[Kept, ...]
    missed: tuple[tuple[int, float], ...]  # discards, with the probability of being better
    beliefs: tuple[tuple[float, float], ...]  # mean and standard deviation, baseline first
    gain: Gain


@dataclass(frozen=True, slots=True)
class Replay:
    """A log, replayed. `helps` is the share of all ideas that truly help, by however little."""

    ruler: Ruler
    stretches: tuple[Stretch, ...]
    helps: float


@dataclass(frozen=True, slots=True)
class Luck:
    """What a greedy search keeps and seems to gain if no idea has any effect at all."""

    keeps: float
    gain: float


def replay(
    segments: Sequence[Sequence[Run]], sd: float | None = None, others: Noise | None = None
) -> Replay:
    """Replay a log, each segment after its first run, which is its baseline.

    `sd` is the noise of one run, if it is known; `others` is what repeats outside of the chain
    (of code that was no incumbent's) say of it. At least one segment, and no empty one.
    """
    others = others or Noise()
    if sd is not None:
        sd = max(sd, _rounding(segments))
        found = [(1.0, sd, _solved(segments, sd))]
        ruler = Ruler(sd, sd, sd, given=True)
    else:
        found = _over_noises(segments, others)
        ruler = _ruler([(weight, scale) for weight, scale, _ in found])
    stretches = tuple(
        _stretch([(weight, scale, chains[place]) for weight, scale, chains in found])
        for place in range(len(segments))
    )
    helps = sum(weight * chains[0].effects.helps for weight, _, chains in found)
    return Replay(ruler, stretches, helps)


def pure_luck(attempts: int, sd: float) -> Luck:
    """What so many attempts after a baseline bring if no idea has any effect.

    The expected number of records among n exchangeable runs is 1 + 1/2 + … + 1/n, the first
    included (A. Rényi, 1962); the expected height of the last is that of the largest of n normals.
    """
    if attempts < 1:
        return Luck(0.0, 0.0)
    runs = attempts + 1
    records = sum(1 / number for number in range(2, runs + 1))
    return Luck(records, sd * _largest_of(runs))


def _largest_of(count: int) -> float:
    """The expected largest of so many standard normals, by the trapezoidal rule."""
    step, reach = 0.02, 10.0
    places = [step * number for number in range(round(reach / step) + 1)]
    below = [(math.erfc(-x / math.sqrt(2)) / 2, math.erfc(x / math.sqrt(2)) / 2) for x in places]
    # E[X] is the integral of 1 - F(x)^n - F(-x)^n over x > 0
    heights = [-math.expm1(count * math.log1p(-up)) - up**count for _, up in below]
    return step * (sum(heights) - heights[0] / 2)


def _solved(segments: Sequence[Sequence[Run]], sd: float) -> list[Chain]:
    return solve([[Run(r.score / sd, r.kept, r.repeat) for r in runs] for runs in segments])


def _over_noises(
    segments: Sequence[Sequence[Run]], others: Noise
) -> list[tuple[float, float, list[Chain]]]:
    """Weights, noises and solved chains: the posterior over the noise, on a grid."""
    centre = _typical(segments, others)
    known: dict[float, tuple[float, list[Chain]]] = {}

    def looked(sd: float) -> float:
        if sd not in known:
            chains = _solved(segments, sd)
            known[sd] = (_evidence(segments, chains, sd, others, centre), chains)
        return known[sd][0]

    best = max((centre * COARSE**step for step in range(-3, 3)), key=looked)
    near = [best * FINE**step for step in range(-4, 5)]
    top = max(map(looked, near))
    weights = {sd: math.exp(looked(sd) - top) for sd in near}
    total = sum(weights.values())
    shares = [(weight / total, sd) for sd, weight in weights.items()]
    kept = [(share, sd, known[sd][1]) for share, sd in shares if share > LEAST_WEIGHT]
    whole = sum(share for share, _, _ in kept)
    return [(share / whole, sd, chains) for share, sd, chains in kept]


def _evidence(
    segments: Sequence[Sequence[Run]], chains: Sequence[Chain], sd: float, others: Noise, at: float
) -> float:
    """The logarithm of how probable this noise is, up to a constant."""
    records = sum(len(runs) - 1 for runs in segments)
    whole = sum(chain.likelihood for chain in chains) - records * math.log(sd)
    whole -= others.degrees * math.log(sd) + others.sum_squares / (2 * sd * sd)
    return whole - (math.log(sd / at) / SPREAD) ** 2 / 2


def _typical(segments: Sequence[Sequence[Run]], others: Noise) -> float:
    """Where the noise is looked for first: from the sizes of differences."""
    sizes: list[float] = []
    for runs in segments:
        record = runs[0].score
        for run in runs[1:]:
            sizes.append(abs(run.score - record))
            record = run.score if run.kept and not run.repeat else record
    sizes = sorted(size for size in sizes if size > 0)
    least = 1e3 * _rounding(segments)
    if sizes:
        return max(TYPICAL * sizes[len(sizes) // 2], least)
    if others.sum_squares > 0:
        return max(math.sqrt(others.sum_squares / others.degrees), least)
    return least


def _rounding(segments: Sequence[Sequence[Run]]) -> float:
    """What the computer itself rounds away of such scores: no noise is smaller."""
    return max(1e-15 * max(abs(run.score) for runs in segments for run in runs), 1e-100)


def _ruler(found: Sequence[tuple[float, float]]) -> Ruler:
    """The noise as it is inferred; its grid is spread out between its points."""
    middle = math.exp(sum(weight * math.log(sd) for weight, sd in found))
    variance = sum(weight * math.log(sd / middle) ** 2 for weight, sd in found)
    half = 1.96 * math.sqrt(variance + math.log(FINE) ** 2 / 12)
    return Ruler(middle, middle * math.exp(-half), middle * math.exp(half), given=False)


def _stretch(found: Sequence[tuple[float, float, Chain]]) -> Stretch:
    weights = [weight for weight, _, _ in found]
    solved = [
        ([_in_units(kept, sd) for kept in chain.keeps()], sd, chain) for _, sd, chain in found
    ]
    keeps = tuple(
        _mixed(weights, kept) for kept in zip(*(keeps for keeps, _, _ in solved), strict=True)
    )
    missed = [chain.missed() for _, _, chain in solved]
    chances = tuple(
        (same[0][0], _mean(weights, [chance for _, chance in same]))
        for same in zip(*missed, strict=True)
    )
    epochs = range(len(found[0][2].epochs))
    beliefs = tuple(
        _moments(weights, [(m * sd, s * sd) for _, sd, c in solved for m, s in [c.belief(epoch)]])
        for epoch in epochs
    )
    draws = sorted(
        gain * sd
        for weight, sd, chain in found
        for gain in chain.gains(max(round(weight * DRAWS), 1), SEED)
    )
    mean = beliefs[-1][0] - beliefs[0][0]
    outside = round(OUTSIDE * (len(draws) - 1))
    return Stretch(keeps, chances, beliefs, Gain(mean, draws[outside], draws[-1 - outside]))


def _in_units(kept: Kept, sd: float) -> Kept:
    return Kept(kept.position, kept.probability, kept.effect * sd, kept.sd * sd)


def _mixed(weights: Sequence[float], same: Sequence[Kept]) -> Kept:
    """What is believed of one keep, over all noises."""
    chance = _mean(weights, [kept.probability for kept in same])
    mean, sd = _moments(weights, [(kept.effect, kept.sd) for kept in same])
    return Kept(same[0].position, chance, mean, sd)


def _mean(weights: Sequence[float], chances: Sequence[float]) -> float:
    return min(1.0, sum(w * chance for w, chance in zip(weights, chances, strict=True)))


def _moments(weights: Sequence[float], parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    mean = sum(w * m for w, (m, _) in zip(weights, parts, strict=True))
    variance = sum(w * (s * s + (m - mean) ** 2) for w, (m, s) in zip(weights, parts, strict=True))
    return mean, math.sqrt(variance)
