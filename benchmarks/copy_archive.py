"""The archive of real headline tests for copy_replay.py: ../shared/data/upworthy, with SOURCE.md.

Arms of one test with the same eyecatcher differ by the headline alone; where even the headline is
the same, something that the archive does not tell differs, and the arm is left out.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
BAD_WEEKS = range(201325, 201402)  # not reliably randomised, say the archive's authors


@dataclass(frozen=True)
class Arm:
    """A headline, and who saw and clicked it."""

    headline: str
    impressions: int
    clicks: int

    @property
    def rate(self) -> float:
        """Clicks of an impression."""
        return self.clicks / self.impressions


@dataclass(frozen=True)
class Test:
    """One test of the archive: its week, and its arms by eyecatcher."""

    week: int
    groups: dict[str, list[Arm]]

    @property
    def arms(self) -> list[Arm]:
        """All arms."""
        return [arm for group in self.groups.values() for arm in group]

    def headlines(self) -> list[list[Arm]]:
        """Arms that differ by the headline alone, all clicked at least once; two or more each."""
        found = []
        for group in self.groups.values():
            by_text: dict[str, Arm] = {}
            for arm in group:
                by_text.setdefault(arm.headline, arm)
            clicked = [arm for arm in by_text.values() if arm.clicks > 0]
            if len(clicked) > 1:
                found.append(clicked)
        return found


@dataclass(frozen=True)
class Pairs:
    """The first headline of a group as the control, each other as a candidate; one row a pair."""

    candidate: Array  # rates
    control: Array
    rivals: Array  # candidates that the control of this pair meets

    def __len__(self) -> int:
        return len(self.control)

    def some(self, rows: NDArray[np.int64]) -> "Pairs":
        """Only these rows."""
        return Pairs(self.candidate[rows], self.control[rows], self.rivals[rows])


def read(path: Path) -> tuple[list[Test], list[Test]]:
    """The tests outside and inside the weeks that were not properly randomised."""
    tests: dict[str, Test] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            test = tests.setdefault(row["clickability_test_id"], Test(int(row["test_week"]), {}))
            arm = Arm(row["headline"], int(row["impressions"]), int(row["clicks"]))
            test.groups.setdefault(row["eyecatcher_id"], []).append(arm)
    good = [test for test in tests.values() if test.week not in BAD_WEEKS]
    return good, [test for test in tests.values() if test.week in BAD_WEEKS]


def pairs(groups: Iterable[list[Arm]]) -> Pairs:
    """All pairs, with the rates as recorded."""
    rows = [(arm.rate, group[0].rate, len(group) - 1) for group in groups for arm in group[1:]]
    candidate, control, rivals = np.array(rows, dtype=np.float64).T
    return Pairs(candidate, control, rivals)


def headline_effects(groups: Iterable[list[Arm]]) -> tuple[Array, float]:
    """Logarithms of what a headline does to the rate, and their standard deviation.

    What is observed of a pair varies by the effects of two headlines and by luck. The variance of
    the luck is 1 / clicks of both arms (delta method); what it leaves of the observed variance is
    that of the effects, half of it that of one headline. Each observed difference is drawn together
    by the square root of the share that is not luck, so that the drawn ones vary as the true ones
    do (T. Louis, JASA 79, 1984), and divided by the square root of 2. Which headline of a pair
    comes first is arbitrary, so each is there with both signs.
    """
    observed, luck = np.array(
        [
            (np.log(arm.rate / group[0].rate), 1 / arm.clicks + 1 / group[0].clicks)
            for group in groups
            for arm in group[1:]
        ]
    ).T
    variance = float((observed**2 - luck).mean())
    drawn = observed * np.sqrt(variance / (variance + luck) / 2)
    return np.concatenate([drawn, -drawn]), float(np.sqrt(variance / 2))
