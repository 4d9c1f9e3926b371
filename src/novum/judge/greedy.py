"""The original rule of autoresearch: one run, kept if it is strictly better than the record."""

import math

from novum.judge import Arms, Belief, Case, Noise, Ruling, average
from novum.judge.terms import broken_guard
from novum.judge.words import comparison
from novum.records import Evidence, Outcome


class GreedyJudge:
    """One run decides, against the incumbent's recorded score; luck is taken at face value.

    As the original `program.md` tells its agent: an improvement is kept; an equal score with
    less code is kept too, as a simplification win; all else is discarded. `min_effect` and
    `line_cost` are not looked at; guards are, for they are the person's limits.
    """

    name = "greedy"

    def opening(self, values: tuple[float, ...], arms: Arms | None = None) -> Belief:
        """The baseline's mean, at face value."""
        return Belief(average(values), 0.0)

    def refresh(self, belief: Belief, values: tuple[float, ...], noise: Noise) -> Belief:
        """The record stands: greedy asks for no second run, and looks at none."""
        return belief

    def consider(self, case: Case) -> Ruling:
        """Keep or discard, at once, by the first run."""
        value = case.values[0]
        effect = case.incumbent_best - value if case.rules.minimize else value - case.incumbent_best
        evidence = _evidence(case, effect)
        record = Belief(case.incumbent_best, 0.0)
        guard = broken_guard(case)
        if guard is not None:
            return Ruling(evidence, guard, None, Outcome.DISCARD, record)
        if effect > 0 or (effect == 0 and case.net_lines < 0):
            how = (
                comparison(evidence) if effect > 0 else "simplification win: equal, with less code"
            )
            return Ruling(evidence, how + ", 1 run", None, Outcome.KEEP, Belief(value, 0.0))
        return Ruling(evidence, comparison(evidence) + ", 1 run", None, Outcome.DISCARD, record)


def _evidence(case: Case, effect: float) -> Evidence:
    """The numbers; `probability` is what noise and a flat prior make of the effect."""
    noise = case.noise
    sd = math.sqrt(2 * noise.sum_squares / noise.degrees) if noise.degrees else 0.0
    certain = 1.0 if effect > 0 else 0.0
    return Evidence(
        effect=effect,
        sd=sd,
        probability=math.erfc(-effect / sd / math.sqrt(2)) / 2 if sd > 0 else certain,
        runs=1,
        values=case.values,
        incumbent=case.incumbent_best,
        noise_sd=sd / math.sqrt(2),
        policy="greedy",
    )
