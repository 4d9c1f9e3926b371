"""A log replayed as a filter: what is believed of each incumbent's true score, given everything.

The state is the incumbent's true score. Each run is one candidate: its true score is the
incumbent's plus an effect, its record that plus noise. After a keep the candidate is the
incumbent. The log's own decisions rest on the records alone, so given the records they add
nothing, and conditioning on all records is what corrects for the winner's curse.

The state has one dimension, and each incumbent's own run pins it to a few noises around its
record: so the chain is solved exactly on a lattice, forward and backward (a hidden Markov model:
L. Rabiner, Proc. IEEE 77, 1989), and paths are drawn from it backward (forward filtering,
backward sampling: C. Carter and R. Kohn, Biometrika 81, 1994). A path's first and last score
share no run, but all that lies between: their difference has its dependence right.

All scores are in units of the noise of one run; higher is better.
"""

import math
import random
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import mul

from novum.replay.effects import LEAST, Effects, learn

CELLS = 5  # of the lattice, for one noise
REACH = 28  # cells on each side of a record: beyond 5.6 noises nothing is believed
WIDTH = 1 / CELLS
LEARNED = 3  # times that effects and beliefs are made to agree
CELLS_AROUND = range(-REACH, REACH + 1)


@dataclass(frozen=True, slots=True)
class Run:
    """One scored run of a log. A `repeat` ran the incumbent's own code once more."""

    score: float
    kept: bool
    repeat: bool = False


@dataclass(slots=True)
class Epoch:
    """The reign of one incumbent: its record, and the runs that were compared with it."""

    record: float
    centre: int  # of its window of the lattice
    runs: list[tuple[int, Run]]  # with their position in the segment
    start: int  # the position of the run that made it
    before: list[float]  # belief with its own runs, given all runs so far; sums to 1
    after: list[float]  # likelihood of all later epochs

    @property
    def belief(self) -> list[float]:
        """The probability of each cell, given the whole log."""
        joint = list(map(mul, self.before, self.after))
        total = sum(joint)
        return [value / total for value in joint]


@dataclass(frozen=True, slots=True)
class Kept:
    """What is believed of one keep's true effect."""

    position: int
    probability: float  # that it is truly better
    effect: float
    sd: float


@dataclass(frozen=True)
class Chain:
    """One segment, solved. Positions are those of its runs; the first is the baseline's."""

    epochs: tuple[Epoch, ...]
    effects: Effects
    likelihood: float  # its logarithm, of all records after the first
    observed: tuple[tuple[float, float], ...]  # effects as they were seen, with standard errors

    def keeps(self) -> list[Kept]:
        """Each keep after the baseline."""
        return [_kept(a, b, self.effects) for a, b in pairwise(self.epochs)]

    def belief(self, epoch: int) -> tuple[float, float]:
        """Mean and standard deviation of one incumbent's true score."""
        found = self.epochs[epoch]
        belief = found.belief
        offset = sum(at * mass for at, mass in zip(CELLS_AROUND, belief, strict=True))
        square = sum(at * at * mass for at, mass in zip(CELLS_AROUND, belief, strict=True))
        sd = math.sqrt(max(square - offset * offset, 0.0))
        return (found.centre + offset) * WIDTH, sd * WIDTH

    def missed(self) -> list[tuple[int, float]]:
        """Each discarded run, by position, with the probability that it was truly better."""
        return [
            (position, _missed(epoch, run, self.effects))
            for epoch in self.epochs
            for position, run in epoch.runs
            if not run.repeat
        ]

    def gains(self, count: int, seed: int) -> list[float]:
        """Draws of the last incumbent's true score minus the baseline's."""
        rng = random.Random(seed)  # noqa: S311  no secret depends on it
        ladders: dict[tuple[int, int], list[float]] = {}
        last = list(accumulate(self.epochs[-1].belief))
        return [self._gain(rng, last, ladders) for _ in range(count)]

    def _gain(
        self, rng: random.Random, last: list[float], ladders: dict[tuple[int, int], list[float]]
    ) -> float:
        cell = _drawn(rng, last)
        end = self.epochs[-1].centre - REACH + cell
        for number in range(len(self.epochs) - 2, -1, -1):
            ladder = ladders.get((number, cell))
            if ladder is None:
                later = self.epochs[number + 1].centre - REACH + cell
                ladder = _ladder(self.epochs[number], later, self.effects)
                ladders[number, cell] = ladder
            cell = _drawn(rng, ladder)
        return (end - (self.epochs[0].centre - REACH + cell)) * WIDTH


def solve(segments: Sequence[Sequence[Run]]) -> list[Chain]:
    """Every segment's chain, with effects learned from all of them together.

    The first run of a segment is its baseline.
    """
    effects = Effects()
    for _ in range(LEARNED):
        seen = [pair for runs in segments for pair in _forward(runs, effects)[2]]
        effects = learn(seen)
    return [_solved(runs, effects) for runs in segments]


def _solved(runs: Sequence[Run], effects: Effects) -> Chain:
    epochs, likelihood, observed = _forward(runs, effects)
    for earlier, later in reversed(list(pairwise(epochs))):
        evidence = list(map(mul, _own(later, effects), later.after))
        top = max(evidence)
        shift = later.centre - earlier.centre
        moves = _moves(shift, effects)
        earlier.after = [
            sum(map(mul, moves[2 * REACH - at : 4 * REACH + 1 - at], evidence)) / top
            for at in range(2 * REACH + 1)
        ]
    return Chain(tuple(epochs), effects, likelihood, tuple(observed))


def _forward(
    runs: Sequence[Run], effects: Effects
) -> tuple[list[Epoch], float, list[tuple[float, float]]]:
    """The epochs with what was believed up to their ends."""
    epoch = _epoch(runs[0], 0)
    epoch.before = _normal(epoch.record, epoch.centre)
    _scale(epoch.before)
    epochs, likelihood, observed = [epoch], 0.0, []
    for position, run in enumerate(runs[1:], 1):
        if not run.repeat:
            observed.append(_seen(epoch, run))
        if run.kept and not run.repeat:
            new = _epoch(run, position)
            moves = _moves(new.centre - epoch.centre, effects)
            arrived = [
                sum(map(mul, epoch.before, moves[2 * REACH + at : at - 1 if at else None : -1]))
                for at in range(2 * REACH + 1)
            ]
            new.before = list(map(mul, arrived, _normal(new.record, new.centre)))
            epoch = new
            epochs.append(epoch)
        else:
            epoch.runs.append((position, run))
            epoch.before = list(map(mul, epoch.before, _weights(epoch, run, effects)))
        likelihood += _scale(epoch.before)
    return epochs, likelihood, observed


def _epoch(run: Run, position: int) -> Epoch:
    centre = round(run.score * CELLS)
    return Epoch(run.score, centre, [], position, [], [1.0] * (2 * REACH + 1))


def _scale(values: list[float]) -> float:
    """Make values sum to one; returns the logarithm of what they summed to."""
    total = sum(values)
    values[:] = [value / total for value in values]
    return math.log(total)


def _normal(score: float, centre: int) -> list[float]:
    """The likelihood of a record for each cell of a window."""
    offset = score - centre * WIDTH
    root = math.sqrt(2 * math.pi)
    return [math.exp(-((offset - at * WIDTH) ** 2) / 2) / root for at in CELLS_AROUND]


def _weights(epoch: Epoch, run: Run, effects: Effects) -> list[float]:
    """The likelihood of a run that did not become the incumbent, for each cell."""
    if run.repeat:
        return [max(weight, LEAST) for weight in _normal(run.score, epoch.centre)]
    place, part = _placed(epoch, run)
    seen = [effects.seen(place - at, WIDTH)[0] for at in range(-REACH - 1, REACH + 1)]
    return [now + part * (up - now) for up, now in pairwise(seen)]


def _placed(epoch: Epoch, run: Run) -> tuple[int, float]:
    """Where a run lies from the window's centre: whole cells, and a part of one."""
    distance = run.score * CELLS - epoch.centre
    place = math.floor(distance)
    return place, distance - place


def _own(epoch: Epoch, effects: Effects) -> list[float]:
    """The likelihood of all runs of an epoch, its record included, for each cell."""
    weights = _normal(epoch.record, epoch.centre)
    for _, run in epoch.runs:
        weights = list(map(mul, weights, _weights(epoch, run, effects)))
        top = max(weights)
        weights = [weight / top for weight in weights]
    return weights


def _moves(shift: int, effects: Effects) -> list[float]:
    """The mass of each step between two windows whose centres are `shift` apart."""
    return [effects.cell(shift + step, WIDTH) for step in range(-2 * REACH, 2 * REACH + 1)]


def _seen(epoch: Epoch, run: Run) -> tuple[float, float]:
    """A run's effect against what was believed of the incumbent before it."""
    offset = sum(at * mass for at, mass in zip(CELLS_AROUND, epoch.before, strict=True))
    square = sum(at * at * mass for at, mass in zip(CELLS_AROUND, epoch.before, strict=True))
    variance = max(square - offset * offset, 0.0) * WIDTH * WIDTH
    return run.score - (epoch.centre + offset) * WIDTH, math.sqrt(variance + 1)


def _kept(earlier: Epoch, later: Epoch, effects: Effects) -> Kept:
    evidence = list(map(mul, _own(later, effects), later.after))
    shift = later.centre - earlier.centre
    moves = _moves(shift, effects)
    sums = [0.0] * (4 * REACH + 1)
    for at, mass in enumerate(earlier.before):
        for to, weight in enumerate(evidence, 2 * REACH - at):
            sums[to] += mass * weight
    masses = list(map(mul, sums, moves))
    total = sum(masses)
    steps = range(shift - 2 * REACH, shift + 2 * REACH + 1)
    mean = sum(step * mass for step, mass in zip(steps, masses, strict=True)) / total
    square = sum(step * step * mass for step, mass in zip(steps, masses, strict=True)) / total
    better = sum(mass for step, mass in zip(steps, masses, strict=True) if step > 0)
    if 0 in steps:
        better += masses[steps.index(0)] * effects.better_at_zero(WIDTH)
    sd = math.sqrt(max(square - mean * mean, 0.0)) * WIDTH
    return Kept(later.start, min(better / total, 1.0), mean * WIDTH, sd)


def _missed(epoch: Epoch, run: Run, effects: Effects) -> float:
    place, part = _placed(epoch, run)
    nearest = place + round(part)
    shares = [effects.seen(nearest - at, WIDTH) for at in CELLS_AROUND]
    belief = epoch.belief
    return sum(
        mass * helping / whole for mass, (whole, helping) in zip(belief, shares, strict=True)
    )


def _ladder(epoch: Epoch, later: int, effects: Effects) -> list[float]:
    """Cumulated weights of an epoch's cells, given the next incumbent's cell."""
    first = later - epoch.centre
    moves = [effects.cell(first - at, WIDTH) for at in CELLS_AROUND]
    return list(accumulate(map(mul, epoch.before, moves)))


def _drawn(rng: random.Random, ladder: list[float]) -> int:
    return min(bisect_left(ladder, rng.random() * ladder[-1]), len(ladder) - 1)
