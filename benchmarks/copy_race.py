"""Several challengers at once, or one after another? Visitors needed, by simulation.

    python benchmarks/copy_race.py                  the table of docs/copy-statistics.md, 6 minutes
    python benchmarks/copy_race.py --races 20       the same, coarser

The control converts 3 %, `min_effect` is 0.004, batches have 2,000 visitors, at most 20 of them for
a challenger: as in the copy lab. A search ends with the first challenger that the judge `rate`
keeps, or when all are given up.

    one after another    each alone beside the control, in random order, as in a campaign
    race, even           all at once, the same number of visitors for each that is left
    race, shifting       all at once, visitors by top-two Thompson sampling: `novum race`

Each search has the challengers of its own, the same under each rule. Needs numpy.
"""

import argparse
import math
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from novum.judge import Arms
from novum.judge.rate import GIVE_UP, bars
from novum.site.racing import MOVED
from novum.site.records import Count, Counts
from novum.site.shifting import believed, shifted

BASE, MIN_EFFECT, ERROR = 0.03, 0.004, 0.05
BATCH, BATCHES = 2_000, 20
STEP = 1_000  # visitors between two looks at who seems better
SPREAD = 0.32  # of the logarithms of real headlines' effects: docs/copy-statistics.md
TESTS = bars(MIN_EFFECT, MIN_EFFECT, BASE)
KEEP, LEAVE = TESTS.keep(), TESTS.give_up()
NOBODY = Arms(0, 0, 0, 0)
Rates = NDArray[np.float64]


@dataclass
class Challenger:
    """What was seen of one, and where it stands."""

    rate: float
    arms: Arms = NOBODY
    joins: float = 0.0
    looks: int = 0
    kept: bool | None = None  # None while it is not decided

    @property
    def visitors(self) -> int:
        """Of both arms."""
        return self.arms.visitors + self.arms.control_visitors

    def come(self, rng: np.random.Generator, count: int) -> None:
        """Show it, or its control, to so many; the judge looks whenever a batch is full."""
        shown = int(rng.binomial(count, 0.5))
        self.arms += Arms(
            shown,
            int(rng.binomial(shown, self.rate)),
            count - shown,
            int(rng.binomial(count - shown, BASE)),
        )
        if self.visitors // BATCH > self.looks:
            self.looks = self.visitors // BATCH
            self.kept = self._judged()

    def _judged(self) -> bool | None:
        arms = self.arms
        effect = arms.conversions / arms.visitors - arms.control_conversions / arms.control_visitors
        if KEEP.log_value(arms) >= -math.log(ERROR):
            return effect >= TESTS.middle
        given_up = LEAVE.log_value(arms) >= -math.log(GIVE_UP) or self.looks >= BATCHES
        return False if given_up else None


@dataclass(frozen=True)
class Found:
    """How a search ended."""

    visitors: int
    lift: float  # of the one that was kept; 0 if none was
    kept: bool


def one_after_another(rng: np.random.Generator, rates: Rates) -> Found:
    """Each alone, until one is kept."""
    visitors = 0
    for rate in rng.permutation(rates):
        one = Challenger(float(rate))
        while one.kept is None:
            one.come(rng, BATCH)
        visitors += one.visitors
        if one.kept:
            return Found(visitors, one.rate / BASE - 1, kept=True)
    return Found(visitors, 0.0, kept=False)


def race(rng: np.random.Generator, rates: Rates, *, shifts: bool) -> Found:
    """All at once, until one is kept."""
    field = [Challenger(float(rate), joins=1 / len(rates)) for rate in rates]
    while True:
        left = [one for one in field if one.kept is None]
        won = [one for one in field if one.kept]
        if won or not left:
            lift = won[0].rate / BASE - 1 if won else 0.0
            return Found(sum(one.visitors for one in field), lift, bool(won))
        _share_out(left, shifts)
        counts = rng.multinomial(STEP, [one.joins for one in left])
        for one, count in zip(left, counts, strict=True):
            one.come(rng, int(count))


def _share_out(left: list[Challenger], shifts: bool) -> None:
    total = sum(one.joins for one in left)
    for one in left:
        one.joins /= total
    if not shifts:
        return
    joins = shifted({number: believed(_counts(one.arms), BASE) for number, one in enumerate(left)})
    if any(abs(joins[number] - one.joins) >= MOVED for number, one in enumerate(left)):
        total = sum(joins.values())
        for number, one in enumerate(left):
            one.joins = joins[number] / total


def _counts(arms: Arms) -> Counts:
    return Counts(
        Count(arms.visitors, arms.conversions),
        Count(arms.control_visitors, arms.control_conversions),
    )


def headlines(rng: np.random.Generator, count: int) -> Rates:
    """Challengers whose effects vary as those of real headlines."""
    drawn: Rates = BASE * np.exp(rng.normal(0.0, SPREAD, count))
    return drawn


def one_good(rng: np.random.Generator, count: int) -> Rates:
    """One is better by a fifth; all others do nothing."""
    return np.array([BASE * 1.2] + [BASE] * (count - 1))


def two_close(rng: np.random.Generator, count: int) -> Rates:
    """Two are better, by a quarter and by a fifth; all others are worse by a tenth."""
    return np.array([BASE * 1.25, BASE * 1.2] + [BASE * 0.9] * (count - 2))


RULES: dict[str, Callable[[np.random.Generator, Rates], Found]] = {
    "one after another": one_after_another,
    "race, even": lambda rng, rates: race(rng, rates, shifts=False),
    "race, shifting": lambda rng, rates: race(rng, rates, shifts=True),
}
FIELDS: dict[str, Callable[[np.random.Generator, int], Rates]] = {
    "none better, all 0": lambda rng, count: np.full(count, BASE),
    "real headlines' effects": headlines,
    "one +20 %, the others 0": one_good,
    "+25 %, +20 %, the others -10 %": two_close,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--races", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print(f"python {platform.python_version()}, numpy {np.__version__}, {os.cpu_count()} cores")
    print(f"{asked.races} searches a row, seed {asked.seed}\n")
    print("| challengers | of which | rule | visitors, mean | of one after another | kept | lift |")
    print("|---|---|---|---|---|---|---|")
    for count in (3, 5, 8):
        for name, drawn in FIELDS.items():
            _rows(asked.seed, asked.races, count, name, drawn)


def _rows(
    seed: int,
    races: int,
    count: int,
    name: str,
    drawn: Callable[[np.random.Generator, int], Rates],
) -> None:
    fields = [drawn(np.random.default_rng((seed, count, n)), count) for n in range(races)]
    usual = 0.0
    for rule, search in RULES.items():
        rng = np.random.default_rng((seed, count, races))
        found = [search(rng, rates) for rates in fields]
        visitors = np.array([one.visitors for one in found], float)
        usual = usual or float(visitors.mean())
        error = visitors.std() / math.sqrt(races)
        kept = sum(one.kept for one in found) / races
        lift = sum(one.lift for one in found) / races
        print(
            f"| {count} | {name} | {rule} | {visitors.mean():,.0f} ± {error:,.0f} "
            f"| {visitors.mean() / usual:.2f} | {kept:.0%} | {lift:+.1%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
