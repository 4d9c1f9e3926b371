"""What the runs of a deep check come to, as numbers. Pure."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from novum.audit.detectable import (
    Ratio,
    Reach,
    Spread,
    reach,
    spread,
    variance_ratio,
)
from novum.audit.journal import Run
from novum.audit.plan import Plan
from novum.audit.ranking import Agreement, agreement, reliability
from novum.judge.confirm import MOST as PAIRS
from novum.judge.split import paired_split_error, split_error

NIGHT_HOURS = 8


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a trial of the baseline takes, in wall seconds, and how many fit into a night."""

    seconds: float  # the budget
    startup: float
    training: float
    evaluation: float
    total: float  # with what the machine adds

    @property
    def per_hour(self) -> float:
        """Trials, one after another."""
        return 3600 / self.total

    @property
    def per_night(self) -> int:
        """Whole trials in eight hours."""
        return int(NIGHT_HOURS * self.per_hour)


@dataclass(frozen=True, slots=True)
class Ranking:
    """How a shorter budget ranks ideas beside the whole one.

    The reliabilities say how much of the scatter between ideas is not the noise of one run, at
    the whole and at the shorter budget; None where that is not known.
    """

    seconds: float
    ideas: int
    agreement: Agreement | None
    whole: float | None
    short: float | None


@dataclass(frozen=True)
class Measured:
    """The runs of a plan. The baseline was measured at the whole budget at least."""

    plan: Plan
    runs: Sequence[Run]

    def baseline(self, seconds: float) -> list[Run]:
        """Runs of the baseline, each with another seed."""
        return [
            run
            for run in self.runs
            if not run.idea and run.seconds == seconds and not run.again and run.measured
        ]

    def ideas(self, seconds: float) -> dict[str, Run]:
        """The runs of ideas at a budget, by their names; those that failed, too."""
        return {run.idea: run for run in self.runs if run.idea and run.seconds == seconds}

    def scores(self, seconds: float) -> list[float]:
        """The scores of the baseline at a budget."""
        return [run.metric for run in self.baseline(seconds) if run.metric is not None]

    @cached_property
    def same_seed(self) -> list[float]:
        """The scores of the first seed, run again and again."""
        return [
            run.metric
            for run in self.runs
            if not run.idea
            and run.seconds == self.plan.seconds
            and run.seed == 1
            and run.metric is not None
        ]

    @cached_property
    def noise(self) -> Spread | None:
        """The run noise at the whole budget."""
        return spread(self.scores(self.plan.seconds))

    @cached_property
    def seeds(self) -> Ratio | None:
        """The variance over different seeds, over that of the same one; of independent runs."""
        others = [run.metric for run in self.baseline(self.plan.seconds) if run.seed != 1]
        return variance_ratio([score for score in others if score is not None], self.same_seed)

    @cached_property
    def split(self) -> float | None:
        """The standard error of a score over which items are held out."""
        first = self.baseline(self.plan.seconds)[0]
        return split_error(first.items) if first.items else None

    @cached_property
    def paired_split(self) -> float | None:
        """The same of the difference of an idea and the baseline: the median over ideas."""
        first, *others = self.baseline(self.plan.seconds)
        compared = list(self.ideas(self.plan.seconds).values()) or others
        errors = [paired_split_error(first.items, run.items) for run in compared if run.items]
        known = [error for error in errors if error is not None]
        return statistics.median(known) if known else None

    @cached_property
    def reach(self) -> Reach | None:
        """The smallest effects that can be told from luck."""
        if self.noise is None:
            return None
        return reach(self.noise, self.plan.lab.judge.error_rate, PAIRS, self.paired_split or 0.0)

    def pace(self, seconds: float) -> Pace | None:
        """How long a trial takes at a budget."""
        runs = self.baseline(seconds)
        if not runs:
            return None
        count = len(runs)
        return Pace(
            seconds,
            sum(run.timing.startup for run in runs) / count,
            sum(run.timing.training for run in runs) / count,
            sum(run.timing.evaluation for run in runs) / count,
            sum(run.wall for run in runs) / count,
        )

    def ranking(self, seconds: float) -> Ranking:
        """How a shorter budget ranks the ideas that were measured at both."""
        whole, short = self.ideas(self.plan.seconds), self.ideas(seconds)
        pairs = [
            (whole[name].metric, short[name].metric)
            for name in whole.keys() & short.keys()
            if whole[name].measured and short[name].measured
        ]
        one = [float(a) for a, b in pairs if a is not None and b is not None]
        other = [float(b) for a, b in pairs if a is not None and b is not None]
        noises = self.noise, spread(self.scores(seconds))
        return Ranking(
            seconds,
            len(pairs),
            agreement(other, one),
            reliability(one, noises[0].sd) if noises[0] else None,
            reliability(other, noises[1].sd) if noises[1] else None,
        )

    def numbers(self) -> dict[str, Any]:
        """All of it as plain data, for JSON."""
        budgets = (*self.plan.budgets, self.plan.seconds)
        paces = [pace for pace in map(self.pace, budgets) if pace is not None]
        return {
            "metric": self.plan.lab.metric.name,
            "seconds": self.plan.seconds,
            "baseline": self.scores(self.plan.seconds),
            "same_seed": self.same_seed,
            "noise": asdict(self.noise) if self.noise else None,
            "seed_variance_ratio": asdict(self.seeds) if self.seeds else None,
            "split_error": self.split,
            "paired_split_error": self.paired_split,
            "detectable": asdict(self.reach) if self.reach else None,
            "paces": [
                asdict(pace) | {"per_hour": pace.per_hour, "per_night": pace.per_night}
                for pace in paces
            ],
            "rankings": [
                asdict(self.ranking(part)) for part in self.plan.budgets if self.plan.ideas
            ],
            "runs": [
                {key: value for key, value in asdict(run).items() if key != "items"}
                for run in self.runs
            ],
        }
