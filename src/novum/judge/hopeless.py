"""Which running trials cannot catch up any more: a rule whose error is known.

A trial is ended at a checkpoint when it stands further behind the incumbent's curve, at the same
point of the budget, than all but a stated share of the trials that came out near the incumbent or
ahead of it ever stood. The campaign's own complete trials say how far that is:

1. *Near* are complete trials whose measured effect is above what it had to earn less two standard
   errors. A true improvement is among them (but for one in forty), and an improvement is no more
   likely than a near miss to look bad on its way: that is what the rule assumes.
2. The score of a trial is the worst of its gaps over all checkpoints, each in units of the spread
   there. As one score stands for the whole curve, the rate need not be shared out over the
   checkpoints. The spread comes from the other trials, those clearly worse: so it is no function
   of the near ones, and these stay exchangeable with a new one that will end near.
3. The limit is the k-th smallest score of the n near trials, k = floor(rate * (n + 1)): of a new
   trial that would end near, the chance to fall below it is at most k / (n + 1) (conformal
   prediction within one class: V. Vovk, "Conditional validity of inductive conformal predictors",
   Machine Learning 92, 2013). Below n = 1 / rate - 1 there is no k, and the rule is silent.
4. Measured improvements form a class of their own, with a limit of their own, without the
   assumption of 1; while they are few, none but the lowest of them. The lower limit holds.

Once trials are ended, complete curves are a selected sample. So one in `SPARED` of those that
would be ended runs to its end all the same, and stands for `SPARED` of its kind (D. Horvitz and
D. Thompson, J. Amer. Statist. Assoc. 47, 1952). Without them the limit would creep up: only trials
above the old limit would ever be seen to end.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

CHECKPOINTS = (0.25, 0.5, 0.75)  # of the budget
SPARED = 5  # one in so many is not ended
NEAR = 2.0  # standard errors below what must be earned
LEAST_WORSE = 3  # trials clearly worse; with fewer the spread is not known at all

Gaps = tuple[float | None, ...]
"""At each checkpoint the lead over the incumbent's curve (behind is negative), None if unknown."""


@dataclass(frozen=True, slots=True)
class Complete:
    """A candidate's first trial that ran to its end, and what its experiment came to."""

    gaps: Gaps
    effect: float  # measured, against the incumbent of its time; better is positive
    sd: float  # of that effect
    required: float = 0.0  # what the effect had to exceed
    spared: bool = False  # it would have been ended

    @property
    def weight(self) -> float:
        """How many trials of its kind it stands for."""
        return float(SPARED) if self.spared else 1.0


@dataclass(frozen=True, slots=True)
class Limit:
    """How far behind is too far: `score` in units of the `spreads` at the checkpoints."""

    spreads: Gaps
    score: float

    def is_hopeless(self, checkpoint: int, gap: float | None) -> bool:
        """Whether a trial with this gap at this checkpoint cannot be expected to catch up."""
        spread = self.spreads[checkpoint]
        if gap is None or spread is None or not math.isfinite(gap):
            return False
        return gap / spread < self.score


def limit(past: Sequence[Complete], rate: float) -> Limit | None:
    """The limit that ends at most `rate` of the trials that would be improvements.

    None while there are too few complete trials to say.
    """
    near = [one for one in past if one.effect >= one.required - NEAR * one.sd]
    worse = [one for one in past if one.effect < one.required - NEAR * one.sd]
    spreads = tuple(_spread(worse, point) for point in range(len(CHECKPOINTS)))
    lowest = _quantile(_scores(near, spreads), rate)
    if lowest is None:
        return None
    improved = _scores([one for one in near if one.effect > one.required], spreads)
    if improved:
        own = _quantile(improved, rate)
        lowest = min(lowest, min(improved)[0] if own is None else own)
    # What stands level with the incumbent is not hopeless, whatever the others did.
    return Limit(spreads, min(lowest, 0.0))


def is_spared(seed: int) -> bool:
    """Whether the trial of this seed is one of those that are not ended."""
    return random.Random(f"spared {seed}").random() < 1 / SPARED  # noqa: S311  not a secret


def _spread(worse: Sequence[Complete], point: int) -> float | None:
    """How loosely a gap at this checkpoint goes with the effect in the end."""
    pairs = [(_known(one.gaps[point]), one.effect) for one in worse]
    known = [(gap, effect) for gap, effect in pairs if gap is not None and effect != 0]
    if len(known) < LEAST_WORSE:
        return None
    slope = median(gap / effect for gap, effect in known)
    spread = median(abs(gap - slope * effect) for gap, effect in known)
    return spread if spread > 0 and math.isfinite(spread) else None


def _scores(trials: Sequence[Complete], spreads: Gaps) -> list[tuple[float, float]]:
    """The worst gap of each trial that has one, and its weight; worst trials first."""
    scores = []
    for one in trials:
        pairs = zip(map(_known, one.gaps), spreads, strict=True)
        known = [gap / spread for gap, spread in pairs if gap is not None and spread is not None]
        if known:
            scores.append((min(known), one.weight))
    return sorted(scores)


def _quantile(scores: Sequence[tuple[float, float]], rate: float) -> float | None:
    """The largest of the sorted scores below which a new one falls at most at this rate."""
    allowed = rate * (sum(weight for _, weight in scores) + 1)
    found, reached = None, 0.0
    for score, weight in scores:
        reached += weight
        if reached > allowed:
            break
        found = score
    return found


def _known(gap: float | None) -> float | None:
    return gap if gap is not None and math.isfinite(gap) else None
