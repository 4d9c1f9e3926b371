"""Is it better? The judge is pure: it sees numbers, no text, and does no input or output.

A judge is asked again after every run of a candidate (`consider`), and answers with a `Ruling`:
run something again, or an outcome. What it believes of the incumbent travels in the `Case`, and
the belief after the experiment comes back in the `Ruling`; so the ledger can hold all of it, and
a judge has no memory of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from novum.records import Evidence, Outcome


def average(values: tuple[float, ...]) -> float:
    """The mean; of equal values exactly that value, which a sum and a division may miss."""
    return values[0] + sum(value - values[0] for value in values) / len(values)


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of a true score: a mean and a standard deviation, in the metric's unit.

    An `sd` of 0 is a score taken at face value, or the single run of a baseline; `belief` counts
    it as uncertain by the noise of one run.
    """

    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class Noise:
    """Run noise, pooled over all groups of replicates of the campaign.

    `sum_squares` of deviations from each group's own mean, with `degrees` of freedom.
    """

    sum_squares: float = 0.0
    degrees: int = 0

    def with_group(self, values: tuple[float, ...]) -> "Noise":
        """This noise, refined by one more group of replicates of a single commit."""
        if len(values) < 2:
            return self
        mean = average(values)
        squares = sum((value - mean) ** 2 for value in values)
        return Noise(self.sum_squares + squares, self.degrees + len(values) - 1)

    def judged(self, evidence: Evidence) -> "Noise":
        """This noise with a decided candidate's runs, as its judge reads them."""
        if evidence.squares is None:
            return self.with_group(evidence.values)
        degrees = len(evidence.values) - 1
        return Noise(self.sum_squares + evidence.squares, self.degrees + degrees)


@dataclass(frozen=True, slots=True)
class Arms:
    """What was counted while candidate and control were shown concurrently, by an even coin."""

    visitors: int  # of the candidate
    conversions: int
    control_visitors: int
    control_conversions: int

    def __add__(self, other: "Arms") -> "Arms":
        """Both counts together."""
        return Arms(
            self.visitors + other.visitors,
            self.conversions + other.conversions,
            self.control_visitors + other.control_visitors,
            self.control_conversions + other.control_conversions,
        )


@dataclass(frozen=True, slots=True)
class Effect:
    """One past experiment as an observed effect: better is positive; `sd` is its own uncertainty.

    Feeds the prior over the effects of new ideas: `effect` and `sd` of a decided `Evidence`.
    """

    effect: float
    sd: float


@dataclass(frozen=True, slots=True)
class Rules:
    """What the person decided, as far as a judge needs it."""

    minimize: bool
    min_effect: float = 0.0
    line_cost: float = 0.0  # what each changed line must earn, in the metric's unit
    max_runs: int = 6  # of one candidate
    error_rate: float = 0.05  # of one decision, under `certain` and `rate`
    guards: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    """Guard metrics by name: the least and the greatest value that is allowed."""


@dataclass(frozen=True, slots=True)
class Case:
    """One candidate before the judge."""

    rules: Rules
    values: tuple[float, ...]  # the candidate's runs, oldest first
    incumbent: Belief
    incumbent_best: float  # the incumbent's recorded score: what `greedy` compares with
    noise: Noise  # of earlier groups; the candidate's own runs join it when it is decided
    history: tuple[Effect, ...] = ()  # the latest effects, oldest first; bounded by the caller
    net_lines: int = 0  # lines added minus lines removed
    split: float = 0.0  # standard error of the observed effect over the split's items, if known
    metrics: Mapping[str, float] = field(default_factory=dict)  # guard metrics, worst over runs
    unselected: tuple[float, ...] = ()  # the incumbent's runs that had no part in its own keep
    arms: Arms | None = None  # counts over the candidate's runs, where the metric is a rate


class Next(StrEnum):
    """What should be run before the judge can say more."""

    CANDIDATE = "candidate"
    INCUMBENT = "incumbent"


@dataclass(frozen=True, slots=True)
class Ruling:
    """Either `again` (run that once more) or an `outcome`, with the evidence in both cases."""

    evidence: Evidence
    reason: str
    again: Next | None = None
    outcome: Outcome | None = None
    belief: Belief | None = None  # of the incumbent that stands after the outcome


class Judge(Protocol):
    """Every policy: `belief`, `greedy`, `certain`, `rate`, `exact`."""

    @property
    def name(self) -> str:
        """The policy's name in `lab.toml`."""

    def opening(self, values: tuple[float, ...], arms: Arms | None = None) -> Belief:
        """The belief about the baseline, from its replicates; `arms`: what was counted in them."""

    def refresh(self, belief: Belief, values: tuple[float, ...], noise: Noise) -> Belief:
        """The belief about the incumbent after new runs of it, asked for by `Next.INCUMBENT`."""

    def consider(self, case: Case) -> Ruling:
        """Decide, or ask for another run."""
