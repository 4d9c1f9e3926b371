"""The judge `rate` and the mismatch alarm on an archive of real headline tests, beside other tests.

    python benchmarks/copy_replay.py             the figures of docs/copy-statistics.md, 20 minutes
    python benchmarks/copy_replay.py --quick     the same, coarser, in about a minute
    python benchmarks/copy_replay.py --gbstats gb/bin/python    GrowthBook's statistics, too

The archive's own traffic is not enough to decide most pairs. So visitors are drawn, with
replacement, from what was recorded: each converts with the recorded rate of the headline that is
shown. That rate stands for the truth here; it holds the luck of the recording, so effects are
larger than true ones. Needs numpy, scipy and statsmodels; benchmarks/copy_rivals.py says how to get
gbstats. The parts: mismatch, pairs, aa, campaigns.
"""

import argparse
import itertools
import math
import os
import platform
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy.stats import chisquare

from copy_archive import Arm, Array, Pairs, Test, headline_effects, pairs, read
from copy_bounds import best_arm_visitors, hoeffding, least_visitors
from copy_campaigns import BATCH, START, VISITORS, Outcome, judged, one_look
from copy_looks import SCENARIOS, false_keeps
from copy_rivals import (
    LOOKS,
    Ends,
    fixed,
    fixed_visitors,
    group_sequential,
    group_sequential_bounds,
    growthbook,
)
from novum.judge import mismatch
from novum.judge.rate import bars
from rates import ERROR, LIFT, POWER, simulate

ARCHIVE = Path(__file__).parents[1] / "../shared/data/upworthy/headline_tests.csv"
GRID = 1.1  # steps of the rate that the judge believes beforehand
BINS = np.array([-np.inf, -0.4, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4, np.inf])
LONGEST = 10  # times the fixed test's visitors; then a pair counts as discarded
CLEAR = 0.4
MIN_EFFECTS = (0.1, 0.2, 0.4)  # of the start's rate, in campaigns


@dataclass(frozen=True)
class Size:
    """How much is simulated."""

    pairs: int  # at most
    streams: int  # of A/A
    campaigns: int
    growthbook: int  # pairs


FULL, QUICK = Size(10**9, 2000, 400, 1000), Size(250, 200, 40, 100)


def show_mismatch(good: list[Test], bad: list[Test]) -> None:
    """How often the alarm fires on the recorded impressions."""
    print("\n## Sample ratio mismatch\n\n| tests | number | alarm | chi-square, p < 0.001 |")
    print("|---|---|---|---|")
    for name, tests in (("in the weeks not well randomised", bad), ("others", good)):
        splits = [tuple(arm.impressions for arm in test.arms) for test in tests]
        splits = [split for split in splits if len(split) > 1]
        alarms = [
            mismatch.complaint([mismatch.Period((1,) * len(split), split)]) is not None
            for split in splits
        ]
        fixed_test = [chisquare(split).pvalue < 1e-3 for split in splits]
        print(f"| {name} | {len(splits)} | {np.mean(alarms):.1%} | {np.mean(fixed_test):.2%} |")


def grid_of(control: Array) -> Array:
    """The rate that is believed of each control: the nearest of a grid."""
    return np.asarray(GRID ** np.rint(np.log(control) / math.log(GRID)))


def ours(rng: np.random.Generator, chosen: Pairs, bases: Array) -> tuple[Ends, Array]:
    """The judge, with a look after every visitor; and the pairs that it did not decide."""
    visitors, kept = np.zeros(len(chosen)), np.zeros(len(chosen), dtype=bool)
    open_ = np.zeros(len(chosen), dtype=bool)
    for base in np.unique(bases):
        rows = np.flatnonzero(bases == base)
        tests = bars(LIFT * base, LIFT * base, base)
        some = chosen.some(rows)
        longest = int(LONGEST * fixed_visitors(base, LIFT, ERROR))
        ends = simulate(rng, tests, (some.candidate, some.control), len(rows), longest)
        visitors[rows], kept[rows] = ends.visitors, ends.ending == 1
        open_[rows] = ends.ending == 0
    return Ends(visitors, kept), open_


def table_row(name: str, ends: Ends, chosen: Pairs, bases: Array, plain: Array) -> str:
    """Visitors, wrong keeps and missed wins of one rule."""
    effect = chosen.candidate - chosen.control
    nothing, winner = effect <= 0, effect >= LIFT * bases
    clear = np.abs(effect / chosen.control) >= CLEAR
    return (
        f"| {name} | {ends.visitors.mean():,.0f} | {np.median(ends.visitors):,.0f} "
        f"| {ends.kept[nothing].mean():.1%} | {(~ends.kept)[winner].mean():.1%} "
        f"| {ends.visitors[clear].sum() / plain[clear].sum():.2f} |"
    )


def show_pairs(rng: np.random.Generator, tests: list[Test], size: Size, python: str | None) -> None:
    """All rules on the archive's pairs."""
    groups = [group for test in tests for group in test.headlines()]
    every = pairs(groups)
    rows = rng.permutation(len(every))[: size.pairs]
    chosen = every.some(rows)
    bases = grid_of(chosen.control)
    plain = np.array([fixed_visitors(base, LIFT, ERROR) for base in bases])
    print(f"\n## Pairs\n\n{len(every):,} pairs, {len(rows):,} of them replayed;")
    print(f"to be found: a lift of {LIFT:.0%} (min_effect = {LIFT:g} of the control's rate)\n")
    print("| rule | visitors, mean | median | wrong keeps | missed wins | clear, of fixed |")
    print("|---|---|---|---|---|---|")
    mine, open_ = ours(rng, chosen, bases)
    show = {
        "novum, `rate`": mine,
        "fixed horizon": fixed(rng, chosen, bases, LIFT, bonferroni=False),
        "fixed horizon, Bonferroni": fixed(rng, chosen, bases, LIFT, bonferroni=True),
        f"group-sequential, {LOOKS} looks": group_sequential(rng, chosen, bases, LIFT),
    }
    for name, ends in show.items():
        print(table_row(name, ends, chosen, bases, plain))
    if python:
        few = rng.permutation(len(chosen))[: size.growthbook]
        some = chosen.some(few)
        for name, ends in growthbook(python, rng, some, bases[few], LIFT).items():
            print(table_row(f"{name} ({len(few)} pairs)", ends, some, bases[few], plain[few]))
    else:
        print("\nGrowthBook is left out: no --gbstats PYTHON was given.")
    print(f"\nnot decided by `rate` within {LONGEST} times the fixed test: {open_.mean():.2%}")
    show_bounds(chosen, bases, mine, plain)
    show_best_arm(groups)


def show_bounds(chosen: Pairs, bases: Array, mine: Ends, plain: Array) -> None:
    """What the judge takes beside what no test can beat, by true effect."""
    effect = chosen.candidate / chosen.control - 1
    bound, looser = np.zeros(len(chosen)), np.zeros(len(chosen))
    made = {base: bars(LIFT * base, LIFT * base, base) for base in np.unique(bases)}
    print("\n| true lift | pairs | kept | visitors, of fixed | bound, of fixed | efficiency |")
    print("|---|---|---|---|---|---|")
    for low, high in itertools.pairwise(BINS):
        rows = np.flatnonzero((effect >= low) & (effect < high))
        if not len(rows):
            continue
        keeps = float(mine.kept[rows].mean())
        for row in rows:
            rates = float(chosen.candidate[row]), float(chosen.control[row])
            tests = made[bases[row]]
            between = tests.floor < rates[0] - rates[1] < tests.required
            bound[row] = least_visitors(tests, rates, keeps)
            looser[row] = hoeffding(tests, rates) if between else bound[row]
        used, least = mine.visitors[rows].sum(), bound[rows].sum()
        whole = plain[rows].sum()
        print(
            f"| {low:+.0%} to {high:+.0%} | {len(rows)} | {keeps:.1%} | {used / whole:.3f} "
            f"| {least / whole:.3f} | {least / used:.2f} |".replace("inf%", "∞")
        )
    clear = (effect <= 0) | (effect >= LIFT)
    outside = bound[clear].sum() / mine.visitors[clear].sum()
    spent = mine.visitors.sum()
    print(
        f"\nefficiency over all: {bound.sum() / spent:.2f}; with Hoeffding's bound alone for the "
        f"pairs between, {looser.sum() / spent:.2f}; without the lifts between 0 and {LIFT:.0%}, "
        f"{outside:.2f}"
    )


def show_best_arm(groups: list[list[Arm]]) -> None:
    """Several headlines: what it takes to find the exact best."""
    several = [group for group in groups if len(group) > 2]
    found = np.array([best_arm_visitors([arm.rate for arm in group], ERROR) for group in several])
    traffic = np.array([sum(arm.impressions for arm in group) for group in several])
    print(
        f"\n{len(several)} groups of three headlines and more: to find the exact best, with error "
        f"{ERROR:g}, takes at least {np.median(found):,.0f} visitors in the median (T*); recorded "
        f"are {np.median(traffic):,.0f}, enough for {np.mean(traffic >= found):.0%} of the groups"
    )


def show_false_keeps(rng: np.random.Generator, tests: list[Test], size: Size) -> None:
    """A/A at rates of the archive."""
    rates = np.array([arm.rate for test in tests for arm in test.arms if arm.clicks])
    bases = np.quantile(rates, (0.1, 0.9))
    print(f"\n## A/A\n\n{size.streams} streams a row, 1,000,000 visitors, a look after each\n")
    print("| assignment | rate | at first | wrongly kept |\n|---|---|---|---|")
    for scenario in SCENARIOS:
        for base in bases:
            share = false_keeps(rng, float(base), scenario, size.streams)
            print(f"| {scenario} | {base:.2%} | {share:.3f} |", flush=True)


def show_campaigns(rng: np.random.Generator, tests: list[Test], size: Size) -> None:
    """What whole campaigns end with."""
    groups = [group for test in tests for group in test.headlines()]
    effects, sd = headline_effects(groups)
    textbook = int(fixed_visitors(START, LIFT, ERROR / 2))
    print(
        f"\n## Campaigns\n\n{size.campaigns} campaigns of {VISITORS:,} visitors from a rate of "
        f"{START:.2%}; effects of sd {sd:.2f} (log), {BATCH} visitors a batch\n"
    )
    print("| rule | true lift, mean | median | tried | kept | kept wrongly |")
    print("|---|---|---|---|---|---|")
    found: dict[str, Outcome] = {
        f"novum, `rate`, min_effect {START * part:.4g}": judged(
            rng, effects, size.campaigns, START * part
        )
        for part in MIN_EFFECTS
    }
    found["higher after 500 an arm"] = one_look(rng, effects, size.campaigns, 1000, 0.0)
    found[f"textbook, {textbook:,} visitors each"] = one_look(
        rng, effects, size.campaigns, textbook, 1.959964
    )
    for name, outcome in found.items():
        print(outcome.row(name))


def show_spending(rng: np.random.Generator) -> None:
    """The bounds of the group-sequential test, checked by simulation."""
    upper, lower, drift = group_sequential_bounds()
    print("\ngroup-sequential bounds:", *(f"{bound:.3f}" for bound in upper), end="; futility:")
    print("", *(f"{bound:.3f}" for bound in lower), f"; drift {drift:.3f}")
    steps = rng.normal(size=(200_000, LOOKS)).cumsum(axis=1)
    times = np.arange(1, LOOKS + 1)
    null = (steps / np.sqrt(times) >= np.array(upper)).any(axis=1).mean()
    walk = (steps + drift * times / math.sqrt(LOOKS)) / np.sqrt(times)
    up, down = walk >= np.array(upper), walk < np.array(lower)
    ups = np.where(up.any(axis=1), up.argmax(axis=1), LOOKS)
    power = (ups < np.where(down.any(axis=1), down.argmax(axis=1), LOOKS)).mean()
    print(f"by simulation: error {null:.4f} ({ERROR}), power {power:.4f} ({POWER})")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--archive", type=Path, default=ARCHIVE)
    parser.add_argument("--gbstats", metavar="PYTHON", help="an interpreter that has gbstats")
    parser.add_argument(
        "--part", choices=("mismatch", "pairs", "aa", "campaigns", "all"), default="all"
    )
    given = parser.parse_args()
    if not given.archive.is_file():
        parser.error(f"there is no {given.archive}; say with --archive where the archive lies")
    size = QUICK if given.quick else FULL
    began = time.monotonic()
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "statsmodels"))
    print(f"python {sys.version.split()[0]}, {packages}, {platform.machine()}, ", end="")
    print(f"{os.cpu_count()} cores, {platform.system()} {platform.release()}; seed {given.seed}")
    good, bad = read(given.archive)

    def wanted(part: str) -> bool:
        return given.part in {part, "all"}

    # Each part has a generator of its own, so that it prints the same alone.
    if wanted("mismatch"):
        show_mismatch(good, bad)
    if wanted("pairs"):
        show_pairs(np.random.default_rng([given.seed, 1]), good, size, given.gbstats)
        show_spending(np.random.default_rng([given.seed, 2]))
    if wanted("campaigns"):
        show_campaigns(np.random.default_rng([given.seed, 3]), good, size)
    if wanted("aa"):
        show_false_keeps(np.random.default_rng([given.seed, 4]), good, size)
    print(f"\n{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
