"""The policy `rate` under a look after every visitor: errors, visitors needed, coverage.

    python benchmarks/rates.py                  the tables of docs/judge.md, some minutes
    python benchmarks/rates.py --streams 200    the same, coarser

(a) A/A: two arms with the same rate, up to 1,000,000 visitors, never given up; how many are kept.
(b) The design of the fixed test: base rate 1.25 %, a lift of 20 % to be found with probability
    0.8 at a one-sided level of 0.05. Mean visitors until the policy decides, as a part of what the
    fixed test takes, beside Wald's lower bound for any test with these errors (A. Wald, Ann. Math.
    Statist. 16, 1945: the binary divergence of the two errors over the divergence of a visitor).
(c) How often the interval at the moment of the decision holds the true difference.

Visitors come in blocks of multinomial counts. A block is looked at visitor by visitor, in random
order, wherever the evidence could reach a threshold within it; elsewhere it cannot. So nothing is
skipped that a look after every visitor would have found. Needs numpy.
"""

import argparse
import math
import os
import platform
import sys
import time
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from novum.judge import Arms
from novum.judge.proportions import Line, Process, interval
from novum.judge.rate import GIVE_UP, Bars, bars

Array = NDArray[np.float64]
Counts = NDArray[np.int64]  # candidate converted, did not, control converted, did not

ERROR, POWER = 0.05, 0.8
BASE, LIFT = 0.0125, 0.2
LONGEST = 1_000_000
BLOCK = 100
HELD = 400  # streams whose interval is looked at


class Vectorised:
    """A process of novum's, for many streams at once; the last axis of counts holds the four."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.weights = np.array([bet.log_weight for bet in process.bets])
        self.steps = np.array([(*bet.candidate, *bet.control) for bet in process.bets]).T
        self.gains = np.maximum(self.steps, 0.0)
        self.most = self.gains.max(axis=1)  # that one visitor can add

    def log_value(self, counts: Counts) -> Array:
        """The logarithm of the evidence."""
        return log_sum(counts @ self.steps + self.weights)

    def ceiling(self, counts: Counts, block: Counts) -> Array:
        """What the logarithm of the evidence is never above while these visitors are added."""
        return log_sum(counts @ self.steps + self.weights + block @ self.gains)


def log_sum(logs: Array) -> Array:
    """The logarithm of the sum over the last axis."""
    top = logs.max(axis=-1)
    found: Array = top + np.log(np.exp(logs - top[..., None]).sum(axis=-1))
    return found


@dataclass
class Streams:
    """How streams of visitors ended: 1 kept, -1 given up, 0 neither; and their counts then."""

    ending: NDArray[np.int64]
    counts: Counts

    @property
    def visitors(self) -> Counts:
        """How many each stream took, both arms together."""
        return self.counts @ np.ones(4, dtype=np.int64)

    def share(self, ending: int) -> float:
        """The share of streams that ended so."""
        return float((self.ending == ending).mean())


def simulate(
    rng: np.random.Generator,
    tests: Bars,
    rates: tuple[float | Array, float | Array],
    streams: int,
    longest: int = LONGEST,
    give_up: bool = True,
) -> Streams:
    """Streams of visitors, each until it is decided, with a look after every visitor.

    The rates of candidate and control are the same for all streams, or arrays with one for each.
    """
    keep, leave = Vectorised(tests.keep()), Vectorised(tests.give_up())
    bounds = -math.log(ERROR), -math.log(GIVE_UP) if give_up else math.inf
    kinds = [np.asarray(share / 2) for rate in rates for share in (rate, 1 - rate)]
    chances = np.stack([np.broadcast_to(kind, streams) for kind in kinds], axis=-1)
    counts = np.zeros((streams, 4), dtype=np.int64)
    ceilings = np.zeros((2, streams))  # above the two kinds of evidence, at any look so far
    ending = np.zeros(streams, dtype=np.int64)
    running = np.arange(streams)
    for _ in range(longest // BLOCK):
        block = rng.multinomial(BLOCK, chances[running])
        before = counts[running]
        counts[running] += block
        near = np.zeros(len(running), dtype=bool)
        for process, bound, ceiling in zip((keep, leave), bounds, ceilings, strict=True):
            near |= _reaches(process, bound, ceiling, running, before, block)
        if near.any():
            paths = before[near, None] + one_by_one(rng, block[near]).cumsum(axis=1)
            found, last = _first(paths, keep, leave, bounds, tests.middle)
            ending[running[near]] = found
            counts[running[near]] = last
        running = running[ending[running] == 0]
        if not len(running):
            break
    return Streams(ending, counts)


def _reaches(
    process: Vectorised,
    bound: float,
    ceiling: Array,
    running: Counts,
    before: Counts,
    block: Counts,
) -> NDArray[np.bool_]:
    """Which running streams could reach the bound within this block.

    The ceiling is cheap, and is renewed, with more work, only where it touches the bound.
    """
    added = block @ process.most
    ceiling[running] += added
    close = ceiling[running] >= bound
    if close.any():
        ceiling[running[close]] = process.ceiling(before[close], block[close])
    reaches: NDArray[np.bool_] = ceiling[running] >= bound
    return reaches


def one_by_one(rng: np.random.Generator, blocks: Counts) -> Counts:
    """The visitors of each block in random order: blocks x visitors x the four."""
    kinds = np.array([np.repeat(np.arange(4), block) for block in blocks])
    found: Counts = np.eye(4, dtype=np.int64)[rng.permuted(kinds, axis=1)]
    return found


def _first(
    paths: Counts, keep: Vectorised, leave: Vectorised, bounds: tuple[float, float], middle: float
) -> tuple[Counts, Counts]:
    """How each path ends (0: it goes on), and the counts then."""
    shown = keep.log_value(paths) >= bounds[0]
    decided = shown | (leave.log_value(paths) >= bounds[1])
    ends = decided.any(axis=1)
    moments = np.where(ends, decided.argmax(axis=1), paths.shape[1] - 1)
    rows = np.arange(len(paths))
    last = paths[rows, moments]
    candidate = last[:, 0] / np.maximum(last[:, 0] + last[:, 1], 1)
    control = last[:, 2] / np.maximum(last[:, 2] + last[:, 3], 1)
    kept = shown[rows, moments] & (candidate - control >= middle)
    return np.where(ends, np.where(kept, 1, -1), 0), last


def arms_of(counts: Counts) -> Arms:
    """One row of counts, as novum takes it."""
    a, b, c, d = (int(count) for count in counts)
    return Arms(a + b, a, c + d, c)


def agreement(rng: np.random.Generator, tests: Bars, rates: tuple[float, float]) -> float:
    """The largest difference between novum's own evidence and the vectorised one, on paths."""
    worst = 0.0
    chances = [share / 2 for rate in rates for share in (rate, 1 - rate)]
    for process in (tests.keep(), tests.give_up()):
        path = rng.multinomial(1, chances, size=20_000).cumsum(axis=0)[::100]
        fast = Vectorised(process).log_value(path)
        slow = [process.log_value(arms_of(counts)) for counts in path]
        worst = max(worst, float(np.abs(fast - slow).max()))
    return worst


def fixed_visitors() -> float:
    """Visitors of both arms that the fixed test takes."""
    z = NormalDist().inv_cdf
    better = BASE * (1 + LIFT)
    variance = BASE * (1 - BASE) + better * (1 - better)
    return 2 * (z(1 - ERROR) + z(POWER)) ** 2 * variance / (better - BASE) ** 2


def wald(lift: float) -> float:
    """The least mean of visitors of any test with these errors, at this lift.

    Below half of what is to be found, it has to tell the rates from those that earn enough; above,
    from those that are not better.
    """
    candidate, control = BASE * (1 + lift), BASE
    small = lift < LIFT / 2
    line = Line(1.0, LIFT * BASE if small else 0.0)
    q = line.nearest(candidate, control)
    visitor = (divergence(candidate, line.at(q)) + divergence(control, q)) / 2
    return (divergence(ERROR, POWER) if small else divergence(POWER, ERROR)) / visitor


def divergence(first: float, second: float) -> float:
    """Kullback and Leibler's, of two coins."""
    return first * math.log(first / second) + (1 - first) * math.log((1 - first) / (1 - second))


def false_keeps(rng: np.random.Generator, streams: int) -> None:
    """Table (a)."""
    print(f"\n(a) A/A, a look after every visitor up to {LONGEST:,}; {streams:,} streams a row\n")
    print("| base rate | believed beforehand | wrongly kept |")
    print("|---|---|---|")
    for base in (0.01, 0.05, 0.3):
        for believed in (base, 2 * base):
            tests = bars(LIFT * base, LIFT * base, believed)
            # A keep needs the evidence alone here, whatever is seen: that is stricter.
            tests = Bars(tests.floor, -0.5, tests.bettor)
            ends = simulate(rng, tests, (base, base), streams, give_up=False)
            print(f"| {base:.0%} | {believed:.0%} | {ends.share(1):.3f} |")


def visitors(rng: np.random.Generator, streams: int) -> None:
    """Tables (b) and (c)."""
    fixed, needed = fixed_visitors(), LIFT * BASE
    print(f"\n(b, c) base rate {BASE:.2%}; the fixed test takes {fixed:,.0f} visitors in both arms")
    print("\n| lift | mean visitors, of the fixed test's | Wald's bound | kept | interval holds |")
    print("|---|---|---|---|---|")
    tests = bars(needed, needed, BASE)
    for lift in (-0.2, 0.0, 0.2, 0.4):
        rates = BASE * (1 + lift), BASE
        ends = simulate(rng, tests, rates, streams)
        mean = ends.visitors.mean() / fixed
        sem = ends.visitors.std() / fixed / math.sqrt(streams)
        bound = wald(lift) / fixed
        looked = min(streams, HELD)
        held = sum(_holds(tests, counts, BASE * lift) for counts in ends.counts[:looked])
        print(
            f"| {lift:+.0%} | {mean:.3f} ± {sem:.3f} | {bound:.2f} | {ends.share(1):.3f} "
            f"| {held / looked:.3f} |"
        )


def _holds(tests: Bars, counts: Counts, difference: float) -> bool:
    low, high = interval(tests.bettor, arms_of(counts), ERROR)
    return low <= difference <= high


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", choices=("a", "b", "all"), default="all")
    given = parser.parse_args()
    began = time.monotonic()
    print(
        f"python {sys.version.split()[0]}, numpy {np.__version__}, {platform.machine()}, ", end=""
    )
    print(f"{os.cpu_count()} cores, {platform.system()} {platform.release()}; seed {given.seed}")
    rng = np.random.default_rng(given.seed)
    tests = bars(LIFT * BASE, LIFT * BASE, BASE)
    print(
        f"novum's own evidence and the vectorised: {agreement(rng, tests, (BASE, BASE)):.1e} apart"
    )
    if given.part in {"b", "all"}:
        visitors(rng, given.streams)
    if given.part in {"a", "all"}:
        false_keeps(rng, given.streams)
    print(f"\n{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
