"""A campaign on simulated visitors, beside the truth that only the simulator knows.

    novum new copy mysite && novum run mysite --visitors simulated --experiments 20
    python benchmarks/copy_truth.py mysite

Each experiment and each claim, with the lift that its visitors showed, the interval that holds at
any time, and the lift that an endless crowd of the same taste would show: the same two pages, seen
by people who never knew another, recorded by a site without a fault. Without experiments whose copy
nobody saw. Counts are those of the ledger: the site itself forgets single visitors after a while.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path

from novum.campaign.traffic import arms_of
from novum.judge import Arms
from novum.judge.proportions import lift_interval
from novum.judge.rate import bars
from novum.ledger import Ledger
from novum.report import read_facts
from novum.report.exhibits import Material, read_material
from novum.site.copies import COPY, copy_in
from novum.site.embedded import TASTE
from novum.site.page import LAYOUT, Layout
from novum.site.visitors.pages import read
from novum.site.visitors.truth import Truth

ERROR = 0.05  # of each end of an interval
BASE = 0.04  # the crowd's, if nothing else is said


@dataclass(frozen=True)
class Compared:
    """Two copies, and who of those that saw them converted."""

    name: str
    candidate: str  # the text of copy.toml
    control: str
    arms: Arms


def compared(material: Material) -> Iterator[Compared]:
    """All experiments whose copy was seen, and then the claims beside the start."""
    for one in material.tried:
        counted = [arms_of(trial.measurement) for trial in one.trials if trial.measurement]
        if one.result.number and counted:
            copies = one.files[COPY], one.before[COPY]
            yield Compared(str(one.result.number), *copies, reduce(add, counted))
    texts: Mapping[int, str] = {one.result.number: one.files[COPY] for one in material.tried}
    for claim in (one for one in material.facts.claims if one.against == 0):
        counted = [
            arms_of(trial.measurement)
            for trial in material.beside_start(claim)
            if trial.measurement
        ]
        if counted:
            yield Compared(f"{claim.of} claimed", texts[claim.of], texts[0], reduce(add, counted))


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("lab", type=Path)
    lab = parser.parse_args().lab
    layout, truth = Layout(lab / LAYOUT), Truth(TASTE, BASE)

    def rate(text: str) -> float:
        page = layout.page(copy_in(text)).plain.decode()
        return truth.recorded_rate(read(page).words)

    with closing(Ledger(lab)) as ledger:
        campaign = ledger.campaign()
        if campaign is None:
            sys.exit(f"{lab} has no campaign yet")
        material = read_material(read_facts(ledger, campaign), ledger, campaign)
    print("| | candidate | control | lift seen | interval, 90 % | true lift | inside |")
    print("|---|---|---|---|---|---|---|")
    found = list(compared(material))
    inside = [_row(one, rate(one.candidate), rate(one.control)) for one in found]
    print(f"\nthe truth is inside {sum(inside)} of {len(inside)} intervals")
    incumbent = material.facts.incumbent
    best = next(t for t in material.tried if incumbent and t.result.number == incumbent.number)
    first, now = rate(material.tried[0].files[COPY]), rate(best.files[COPY])
    print(f"true rate at the start {first:.2%}, of the best {now:.2%}: {now / first - 1:+.0%}")


def _row(one: Compared, candidate: float, control: float) -> bool:
    """Print it; whether the truth is inside the interval."""
    arms, true = one.arms, candidate / control - 1
    ours = arms.conversions / arms.visitors
    theirs = arms.control_conversions / arms.control_visitors
    low, high = lift_interval(bars(0.0, 0.0, theirs).bettor, arms, ERROR)
    inside = low <= true <= high
    print(
        f"| {one.name} | {ours:.2%} of {arms.visitors:,} | {theirs:.2%} of "
        f"{arms.control_visitors:,} | {ours / theirs - 1:+.0%} | {low:+.0%} to {high:+.0%} "
        f"| {true:+.0%} | {'yes' if inside else 'no'} |"
    )
    return inside


if __name__ == "__main__":
    main()
