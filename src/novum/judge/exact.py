"""For a score without noise: one run decides, by an exact comparison with what must be earned.

Nothing is estimated, so nothing is believed with uncertainty. That the score has no noise is the
person's claim (`metric.noise = "none"`); where two runs of a commit differ, the verdict says so.
"""

from novum.judge import Arms, Belief, Case, Noise, Ruling, average
from novum.judge.terms import broken_guard, required
from novum.judge.words import reason
from novum.records import Evidence, Outcome


def disagreement(values: tuple[float, ...]) -> str | None:
    """What to say of runs of one commit that should be equal and are not; None if they are."""
    if not values or min(values) == max(values):
        return None
    return (
        f'runs of one commit differ ({min(values):.9g} to {max(values):.9g}), so noise = "none" is '
        'not true of this lab: set metric.noise = "gaussian"'
    )


class ExactJudge:
    """Keep what earns what it must, and what is equal with less code."""

    name = "exact"

    def opening(self, values: tuple[float, ...], arms: Arms | None = None) -> Belief:
        """The baseline's score, at face value; the mean, if its runs differ against the claim."""
        return Belief(average(values), 0.0)

    def refresh(self, belief: Belief, values: tuple[float, ...], noise: Noise) -> Belief:
        """The score stands: a second run could only repeat it."""
        return belief

    def consider(self, case: Case) -> Ruling:
        """Keep or discard, at once."""
        value = average(case.values)
        standing = case.incumbent.mean
        effect = standing - value if case.rules.minimize else value - standing
        needed = required(case.rules, case.net_lines)
        simpler = effect == 0 and case.net_lines < 0
        keep = effect > needed or simpler
        evidence = Evidence(
            effect=effect,
            probability=1.0 if effect > needed else 0.0,
            required=needed,
            runs=len(case.values),
            values=case.values,
            incumbent=standing,
            policy=self.name,
        )
        stands = Belief(standing, 0.0)
        guard = broken_guard(case)
        if guard is not None:
            return Ruling(evidence, guard, None, Outcome.DISCARD, stands)
        words = "simplification win: equal, with less code, 1 run"
        if not simpler:
            words = reason(evidence, keep)
        if warning := disagreement(case.values):
            words = f"{words}; {warning}"
        if keep:
            return Ruling(evidence, words, None, Outcome.KEEP, Belief(value, 0.0))
        return Ruling(evidence, words, None, Outcome.DISCARD, stands)
