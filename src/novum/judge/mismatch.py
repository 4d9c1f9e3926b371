"""Were visitors split by the stated weights? Evidence that may be looked at after every visitor.

Under the null hypothesis each visitor is shown arm i with probability weight i. The alternative is
Pólya's urn: the next visitor's probabilities are the weights times (k weight + seen) / (k weight +
expected), brought to sum 1; k says how many visitors the weights are worth. While the weights stand
still, that is a Dirichlet mixture over all other splits, and the evidence (its probability of the
visitors over the null's) depends on the counts alone. Where the weights change, the urn goes on.
The evidence is a nonnegative martingale with expectation 1, whatever k is; so it ever reaches
1 / error with probability `error` at most (J. Ville). Source: M. Lindon, A. Malek, "Anytime-valid
inference for multinomial count data", NeurIPS 2022.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

ERROR = 0.01  # of one experiment whose visitors are split as stated, at all looks together
# Visitors that the weights are worth: k. Small for gross faults, which show at once, large for
# small ones. With `benchmarks/copy_replay.py`: 1,000 to 3,000 find the most of an archive's.
CONCENTRATION = 2_000.0
LEAST = 1e-6  # no arm that is shown at all has a smaller share


@dataclass(frozen=True, slots=True)
class Period:
    """A time in which the weights stood still, and who came in it; one number for each arm.

    Raises:
        ValueError: if arms are missing, a number is negative or not finite, or all weights are 0.
    """

    weights: tuple[float, ...]  # of any sum
    visitors: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.weights) != len(self.visitors):
            raise ValueError(f"{len(self.weights)} weights, but {len(self.visitors)} arms")
        if not all(0 <= number < math.inf for number in (*self.weights, *self.visitors)):
            raise ValueError("weights and visitors are numbers from 0 on")
        if any(0 < share < LEAST for share in self.shares) or not sum(self.weights) > 0:
            raise ValueError(f"all weights are 0, or one is below {LEAST:g} of their sum")

    @property
    def shares(self) -> tuple[float, ...]:
        """The weights, brought to sum 1."""
        total = sum(self.weights) or 1
        return tuple(weight / total for weight in self.weights)


def log_evidence(periods: Sequence[Period]) -> float:
    """The logarithm of the evidence that visitors were not split by the weights.

    Periods in order of time, all with the same arms; an arm that is not there yet, or no more, has
    weight 0. Infinite if such an arm was shown.
    """
    log = 0.0
    seen = [0.0] * len(periods[0].weights) if periods else []
    expected = list(seen)
    for period in periods:
        total, before = sum(period.visitors), CONCENTRATION + sum(seen)
        urn = [
            share * ((CONCENTRATION * share + had) / (CONCENTRATION * share + due))
            if share
            else 0.0
            for share, had, due in zip(period.shares, seen, expected, strict=True)
        ]
        scale = before / sum(urn)
        log += math.lgamma(before) - math.lgamma(before + total)
        for arm, (share, count) in enumerate(zip(period.shares, period.visitors, strict=True)):
            if share == 0 and count > 0:
                return math.inf
            if share > 0:
                log += math.lgamma(scale * urn[arm] + count) - math.lgamma(scale * urn[arm])
                log -= count * math.log(share)
            seen[arm] += count
            expected[arm] += total * share
    return log


def complaint(periods: Sequence[Period], error: float = ERROR) -> str | None:
    """What is wrong with the split, in words, or None: "visitors were split 5312 to 4688, which …".

    Of experiments that are split as stated, at most a share of `error` ever gets a complaint.
    """
    if log_evidence(periods) < -math.log(error):
        return None
    arms = range(len(periods[0].visitors))
    visitors = [sum(period.visitors[arm] for period in periods) for arm in arms]
    due = [sum(sum(p.visitors) * p.shares[arm] for p in periods) for arm in arms]
    return (
        f"visitors were split {_ratio(visitors)}, where {_ratio(due)} was due, which chance does "
        f"less than once in {1 / error:,.0f} times; mend the assignment or the counting"
    )


def _ratio(numbers: Sequence[float]) -> str:
    return " to ".join(f"{number:.0f}" for number in numbers)
