"""Keep only what is established: a sequential test with a stated error for every decision.

The candidate's runs are compared with runs of the incumbent that had no part in its own keep: a
kept score was selected for being high, and says more than is true. The noise is unknown and
pooled over all replicates of the campaign. The evidence (`novum.judge.student`) may be looked at
after every run: a candidate whose true effect is not more than what it must earn is kept with
probability `error_rate` at most.

A candidate is discarded as soon as all runs that are left, were the effect a standard error more
than it looks, would not establish it. That costs power, never validity.
"""

import math
from dataclasses import dataclass

from novum.judge import Arms, Belief, Case, Next, Noise, Ruling, average
from novum.judge.student import Contrast
from novum.judge.terms import broken_guard, required
from novum.judge.words import comparison, reason
from novum.records import Evidence, Outcome

WIDTH = 2.0  # of the mixture over effects, in standard deviations of a run
HOPE = 1.0  # standard errors by which the effect may be better than it looks


@dataclass(frozen=True, slots=True)
class CertainJudge:
    """An anytime-valid t-test of candidate against incumbent."""

    name: str = "certain"

    def opening(self, values: tuple[float, ...], arms: Arms | None = None) -> Belief:
        """The baseline's mean and its standard error; 0, if it ran once."""
        return _belief(values, Noise().with_group(values))

    def refresh(self, belief: Belief, values: tuple[float, ...], noise: Noise) -> Belief:
        """The belief stands here: `consider` sees the incumbent's unselected runs themselves."""
        return belief

    def consider(self, case: Case) -> Ruling:
        """Decide, or ask for another run of the one that has fewer."""
        needed = required(case.rules, case.net_lines)
        guard = broken_guard(case)
        if not case.unselected:
            evidence = Evidence(
                required=needed, runs=len(case.values), values=case.values, policy=self.name
            )
            if guard is not None:
                return Ruling(evidence, guard, None, Outcome.DISCARD, case.incumbent)
            words = "run the incumbent: all runs of it so far are those it was kept for"
            return Ruling(evidence, words, Next.INCUMBENT)
        return self._compared(case, needed, guard)

    def _compared(self, case: Case, needed: float, guard: str | None) -> Ruling:
        again = _wanted(case)
        noise = case.noise.with_group(case.values)
        sign = -1.0 if case.rules.minimize else 1.0
        effect = sign * (average(case.values) - average(case.unselected))
        evidence = _evidence(case, effect, needed, noise, self.name)
        stands = _belief(case.unselected, noise)
        if guard is not None:
            return Ruling(evidence, guard, None, Outcome.DISCARD, stands)
        if noise.degrees == 0:
            return Ruling(evidence, "run it again: nothing is known of the noise", again)
        contrast = _contrast(case, effect - needed, noise)
        bar = -math.log(case.rules.error_rate)
        if contrast.log_evidence(WIDTH) >= bar:
            kept = _belief(case.values, noise)
            return Ruling(evidence, _words(evidence, True), None, Outcome.KEEP, kept)
        if again is None or _most(case, contrast).log_evidence(WIDTH) < bar:
            words = f"not established: {_words(evidence, False)}"
            return Ruling(evidence, words, None, Outcome.DISCARD, stands)
        return Ruling(evidence, f"run the {again} again: {_words(evidence, False)}", again)


def _wanted(case: Case) -> Next | None:
    """Which of the two to run next, if runs are left: the one that has fewer."""
    ours, theirs = len(case.values), len(case.unselected)
    if theirs < ours and theirs < case.rules.max_runs:
        return Next.INCUMBENT
    return Next.CANDIDATE if ours < case.rules.max_runs else None


def _contrast(case: Case, difference: float, noise: Noise) -> Contrast:
    ours, theirs = len(case.values), len(case.unselected)
    return Contrast(difference, ours * theirs / (ours + theirs), noise.sum_squares, noise.degrees)


def _most(case: Case, contrast: Contrast) -> Contrast:
    """What all the runs that are left would show, if the effect is better than it looks."""
    ours = case.rules.max_runs
    theirs = max(len(case.unselected), ours)
    added = ours - len(case.values) + theirs - len(case.unselected)
    degrees = contrast.degrees + added
    return Contrast(
        contrast.difference + HOPE * contrast.error,
        ours * theirs / (ours + theirs),
        contrast.sum_squares * degrees / contrast.degrees,
        degrees,
    )


def _belief(values: tuple[float, ...], noise: Noise) -> Belief:
    if noise.degrees == 0:
        return Belief(average(values), 0.0)
    return Belief(average(values), math.sqrt(noise.sum_squares / noise.degrees / len(values)))


def _evidence(case: Case, effect: float, needed: float, noise: Noise, policy: str) -> Evidence:
    known = noise.degrees > 0
    contrast = _contrast(case, effect, noise) if known else None
    beyond = _contrast(case, effect - needed, noise) if known else None
    sd = contrast.sd if contrast else 0.0
    return Evidence(
        effect=effect,
        sd=contrast.error if contrast else 0.0,
        probability=beyond.probability if beyond else 0.5,
        required=needed,
        runs=len(case.values),
        values=case.values,
        incumbent=average(case.unselected),
        incumbent_sd=sd / math.sqrt(len(case.unselected)),
        noise_sd=sd,
        policy=policy,
    )


def _words(evidence: Evidence, keep: bool) -> str:
    if evidence.sd == 0:
        return reason(evidence, keep)
    runs = f"{evidence.runs} run{'' if evidence.runs == 1 else 's'}"
    return f"{comparison(evidence)}, {runs}" + (", established" if keep else "")
