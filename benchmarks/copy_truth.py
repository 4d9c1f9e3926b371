"""A campaign on simulated visitors, beside the truth that only the simulator knows.

    novum new copy mysite && novum run mysite --visitors simulated --experiments 20
    python benchmarks/copy_truth.py mysite

Each comparison of the site, with the lift that its visitors showed, the interval that holds at any
time, and the lift that an endless crowd of the same taste would show: the same page, seen by people
who never knew another, recorded by a site without a fault. Without experiments in which both copies
are the same, and without those that one of the arms saw nobody in.
"""

import argparse
import sys
from contextlib import closing
from pathlib import Path

from novum.judge import Arms
from novum.judge.proportions import lift_interval
from novum.judge.rate import bars
from novum.site.config import read_site
from novum.site.embedded import TASTE
from novum.site.measuring import everybody
from novum.site.page import LAYOUT, Layout
from novum.site.records import Experiment
from novum.site.store import Store, store_of
from novum.site.visitors.pages import read
from novum.site.visitors.truth import Truth

ERROR = 0.05  # of each end of an interval
BASE = 0.04  # the crowd's, if nothing else is said


def arms_of(store: Store, window: float, experiment: Experiment) -> Arms:
    """Who saw which copy of an experiment, and converted."""
    seen = store.counts(everybody(experiment), window)
    return Arms(
        seen.candidate.visitors,
        seen.candidate.conversions,
        seen.control.visitors,
        seen.control.conversions,
    )


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("lab", type=Path)
    lab = parser.parse_args().lab
    site, layout, truth = read_site(lab), Layout(lab / LAYOUT), Truth(TASTE, BASE)

    def rate(store: Store, digest: str) -> float:
        page = layout.page(store.variant(digest)).plain.decode()
        return truth.recorded_rate(read(page).words)

    print("| | candidate | control | lift seen | interval, 90 % | true lift | inside |")
    print("|---|---|---|---|---|---|---|")
    inside = compared = 0
    with closing(store_of(lab)) as store:
        for experiment in store.experiments():
            if experiment.control in {None, experiment.candidate}:
                continue
            assert experiment.control is not None
            arms = arms_of(store, site.window, experiment)
            if not (arms.visitors and arms.control_conversions):
                continue
            ours = arms.conversions / arms.visitors
            theirs = arms.control_conversions / arms.control_visitors
            low, high = lift_interval(bars(0.0, 0.0, theirs).bettor, arms, ERROR)
            true = rate(store, experiment.candidate) / rate(store, experiment.control) - 1
            compared, inside = compared + 1, inside + (low <= true <= high)
            print(
                f"| {experiment.id}{', claim' if experiment.claim else ''} "
                f"| {ours:.2%} of {arms.visitors:,} | {theirs:.2%} of {arms.control_visitors:,} "
                f"| {ours / theirs - 1:+.0%} | {low:+.0%} to {high:+.0%} | {true:+.0%} "
                f"| {'yes' if low <= true <= high else 'no'} |"
            )
        if not compared:
            sys.exit("nothing was compared on this site yet")
        first, now = rate(store, store.first()), rate(store, store.incumbent())
    print(f"\nthe truth is inside {inside} of {compared} intervals")
    print(f"true rate at the start {first:.2%}, of the page now {now:.2%}: {now / first - 1:+.0%}")


if __name__ == "__main__":
    main()
