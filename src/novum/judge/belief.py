"""The default policy: keep what is probably better, and believe of it what is probably true.

1. The incumbent's true score is believed to be normal. A candidate's is the incumbent's plus an
   effect, drawn from a prior that was learned from the campaign's history (`novum.judge.prior`).
2. The candidate's runs update both at once. What they do not explain by an effect, they say
   about the incumbent: so a lucky record loses its authority, even through discarded candidates.
3. Between two experiments the machine may have changed a little: what is believed of the
   incumbent grows less certain with every run, until it is run again or candidates tell of it.
4. Where the evaluator tells what each item scored, the luck of which items were held out is part
   of the error; no replicate makes that smaller.
5. Keep when the effect probably exceeds what it must earn. Before that, run again if one more
   run is expected to gain more than a run of a new idea would (value of information, one step
   ahead: P. Frazier, W. Powell, S. Dayanik, "A knowledge-gradient policy for sequential
   information collection", SIAM J. Control Optim. 47, 2008).

Inside, higher is better and an effect is the candidate's true score minus the incumbent's.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import mul

from novum.judge import Arms, Belief, Case, Next, Noise, Ruling, average
from novum.judge.noise import Luck, log_likelihood, luck
from novum.judge.prior import Atoms, Prior, fit
from novum.judge.terms import broken_guard, required
from novum.judge.words import reason
from novum.records import Evidence, Outcome

# Chosen on the spaces of `benchmarks/judge.py --variant tune`. At 0.6 their plateau gains a quarter
# less; below 0.45 only the plateau gains more, and more keeps are worth nothing. With a patience
# of 1 hardly anything is run again, which loses a tenth of the gain.
KEEP_AT = 0.45  # probability of exceeding what must be earned
PATIENCE = 0.2  # the part of a new idea's expected gain that another run must promise
HOPELESS = 0.02  # below this probability nothing is run again
# A random walk of the machine, in variances of the noise a run. So much costs no gain on a machine
# that stands still, and makes the uncertainty of the incumbent true there (nothing else does, for
# candidates share the error of the prior); on one that walks as far, the incumbent runs again.
DRIFT = 0.003
KNOWN = 8  # degrees of freedom; before the noise is known so well, a keep takes two runs
NEGLIGIBLE = 1e-9  # an error that is less than this part of the effect
FINEST = 1e-3  # of the standard error: no finer unit for the prior
STEP = 0.25  # of the standard error: the width of the cells


@dataclass(frozen=True, slots=True)
class _View:
    """A case in the judge's own terms: higher is better."""

    sign: float
    effect: float  # observed
    incumbent: float
    variance: float  # of the incumbent's true score
    runs: int
    luck: Luck
    required: float
    simpler: bool  # less code, and lines have no price: an effect of nothing is enough
    split: float  # variance by the luck of the items, beyond that of the runs

    @property
    def error(self) -> float:
        """The standard error of the observed effect."""
        return math.sqrt(self.variance + self.luck.sd**2 / self.runs + self.split)

    @property
    def unit(self) -> float:
        """The size of luck, which the prior over effects is in."""
        return max(self.luck.sd, math.sqrt(self.split), FINEST * self.error)

    @property
    def exact(self) -> bool:
        """Whether there is no noise, or none that could matter: the effect is what was seen."""
        rounding = sys.float_info.epsilon * abs(self.incumbent)
        return self.error <= max(NEGLIGIBLE * abs(self.effect), rounding)


@dataclass(frozen=True, slots=True)
class BeliefJudge:
    """Keep at a modest probability; believe the posterior, not the record."""

    name: str = "belief"
    keep_at: float = KEEP_AT
    patience: float = PATIENCE

    def opening(self, values: tuple[float, ...], arms: Arms | None = None) -> Belief:
        """The baseline's mean and its standard error.

        One value says nothing of its own error: its `sd` is 0, and `consider` then takes the
        noise of one run, as soon as it knows it.
        """
        mean = average(values)
        noise = Noise().with_group(values)
        if noise.degrees == 0:
            return Belief(mean, 0.0)
        return Belief(mean, math.sqrt(noise.sum_squares / noise.degrees / len(values)))

    def refresh(self, belief: Belief, values: tuple[float, ...], noise: Noise) -> Belief:
        """The belief about the incumbent after new runs of it (after `Next.INCUMBENT`)."""
        scale = luck(noise, 0.0, belief.mean).sd
        variance = (belief.sd or scale) ** 2
        if not values or scale == 0:
            return Belief(average(values), 0.0) if values else belief
        error = scale**2 / len(values)
        gain = variance / (variance + error)
        mean = belief.mean + gain * (average(values) - belief.mean)
        return Belief(mean, math.sqrt(variance * (1 - gain)))

    def consider(self, case: Case) -> Ruling:
        """Decide, or ask for another run."""
        view = _view(case)
        prior = None if view.exact else fit(case.history, view.unit)
        effects = _posterior(view, prior)
        evidence = _evidence(case, view, effects, self.name)
        guard = broken_guard(case)
        if guard is not None:
            belief = _belief(case, view, effects, keep=False)
            return Ruling(evidence, guard, None, Outcome.DISCARD, belief)
        if prior is not None and view.runs < case.rules.max_runs:
            again = self._again(case, view, prior, effects)
            if again is not None:
                words = f"run the {again} again: {reason(evidence, False)}"
                return Ruling(evidence, words, again)
        if prior is not None:
            evidence = replace(evidence, squares=_squares(case, prior))
        keep = self._keeps(effects, view)
        belief = _belief(case, view, effects, keep=keep)
        outcome = Outcome.KEEP if keep else Outcome.DISCARD
        words = reason(evidence, keep, simpler=view.simpler)
        return Ruling(evidence, words, None, outcome, belief)

    def _keeps(self, effects: Atoms, view: _View) -> bool:
        """Probably better than the bar, and so on average too (harms have the longer tail).

        Simpler code need only be no worse. Its mean is asked for too: so a campaign that takes
        many such changes loses nothing on average.
        """
        bar, simpler = view.required, view.simpler
        likely = effects.above(bar, simpler) >= self.keep_at
        return likely and (effects.mean > bar or (simpler and effects.mean == bar))

    def _again(self, case: Case, view: _View, prior: Prior, effects: Atoms) -> Next | None:
        """What to run once more, if that gains more than a new idea is expected to."""
        noise = view.luck.sd**2
        hopeless = effects.above(view.required, view.simpler) < HOPELESS
        if noise == 0 or hopeless:
            return None
        keeps = self._keeps(effects, view)
        if keeps and view.luck.degrees < KNOWN and view.runs < 2:
            return Next.CANDIDATE
        options = {
            Next.CANDIDATE: view.variance + noise / (view.runs + 1) + view.split,
            Next.INCUMBENT: view.variance * noise / (view.variance + noise)
            + noise / view.runs
            + view.split,
        }
        again = min(options, key=options.__getitem__)
        before, after = view.error**2, options[again]
        sharper = view.error * math.sqrt(after / (before - after))
        now = effects.mean - view.required if keeps else 0.0
        gain = self._value(effects, view, sharper) - now
        fresh = math.sqrt(view.variance + noise + view.split)
        idea = replace(view, required=case.rules.min_effect, simpler=False)
        ideas = prior.atoms(0.0, STEP * fresh, (idea.required,))
        enough = self.patience * self._value(ideas, idea, fresh)
        return again if gain > enough else None

    def _value(self, effects: Atoms, view: _View, error: float) -> float:
        """The expected gain over the bar of deciding after one observation with this error.

        By monotonicity the observations that lead to a keep are those above one point.
        """
        effects, bar = effects.likely(), view.required

        def keeps(observed: float) -> bool:
            bells = [_bell((observed - p) / error) for p in effects.points]
            possible = sum(map(mul, bells, effects.masses)) > 0
            return possible and self._keeps(effects.seen(bells), view)

        point = _turn(keeps, bar - 10 * error, bar + 10 * error)
        reach = error * math.sqrt(2)
        return sum(
            mass * (p - bar) * math.erfc((point - p) / reach) / 2
            for p, mass in zip(effects.points, effects.masses, strict=True)
        )


def _bell(z: float) -> float:
    """The normal density, up to its constant; a power would fail where a product is infinite."""
    return math.exp(-z * z / 2)


def _turn(keeps: Callable[[float], bool], low: float, high: float) -> float:
    """Where a monotone question turns to yes, between two observations, by bisection."""
    for _ in range(11):
        middle = (low + high) / 2
        low, high = (low, middle) if keeps(middle) else (middle, high)
    return (low + high) / 2


def _view(case: Case) -> _View:
    sign = -1.0 if case.rules.minimize else 1.0
    scale = luck(case.noise, case.rules.min_effect, case.incumbent.mean)
    mean = average(case.values)
    return _View(
        sign=sign,
        effect=sign * (mean - case.incumbent.mean),
        incumbent=sign * case.incumbent.mean,
        variance=(case.incumbent.sd or scale.sd) ** 2,
        runs=len(case.values),
        luck=scale,
        required=required(case.rules, case.net_lines),
        simpler=case.net_lines < 0 and case.rules.line_cost == 0,
        # Two runs of the same code differ on single items, too: that is the noise of runs.
        split=max(0.0, case.split**2 - scale.sd**2 * (1 + 1 / len(case.values))),
    )


def _posterior(view: _View, prior: Prior | None) -> Atoms:
    """The distribution of the true effect, given the runs; without any noise, a point."""
    if prior is None:
        return Atoms([view.effect], [1.0])
    error = view.error
    atoms = prior.atoms(view.effect, STEP * error, (view.required,))
    logs = [log_likelihood((view.effect - p) / error, view.luck.degrees) for p in atoms.points]
    top = max(logs)
    return atoms.seen([math.exp(value - top) for value in logs])


def _shares(view: _View) -> float:
    """The part of an unexplained deviation that is the incumbent's, not the candidate's luck."""
    total = view.error**2
    return view.variance / total if total > 0 else 0.0


def _belief(case: Case, view: _View, effects: Atoms, *, keep: bool) -> Belief:
    """What is believed of the incumbent that stands now: of its score on this very split.

    For later candidates are measured on it too, and a luck that both share is none. So the luck
    of the items counts in the decision, and not here.
    """
    if view.split > 0:
        view = replace(view, split=0.0)
        effects = _posterior(view, None if view.exact else fit(case.history, view.unit))
    return _candidate(view, effects) if keep else _incumbent(view, effects)


def _incumbent(view: _View, effects: Atoms) -> Belief:
    """What is believed of the incumbent after the candidate's runs."""
    share = _shares(view)
    mean = view.incumbent + share * (view.effect - effects.mean)
    variance = view.variance * (1 - share) + share**2 * effects.variance
    return Belief(view.sign * mean, math.sqrt(variance + _drift(view)))


def _candidate(view: _View, effects: Atoms) -> Belief:
    """What is believed of the candidate after its runs: the incumbent's score and the effect."""
    share = _shares(view)
    mean = view.incumbent + share * view.effect + (1 - share) * effects.mean
    variance = view.variance * (1 - share) + (1 - share) ** 2 * effects.variance
    return Belief(view.sign * mean, math.sqrt(variance + _drift(view)))


def _drift(view: _View) -> float:
    """What the machine may have changed by during these runs, as a variance."""
    return DRIFT * view.runs * view.luck.sd**2


def _squares(case: Case, prior: Prior) -> float | None:
    """What the candidate's second and later runs say of the noise: squares, one degree each.

    A candidate runs again because it was lucky, so the deviations from its mean are too large.
    What it deviates by from what was believed before the run is not: that was not chosen by it.
    """
    if case.noise.degrees == 0 or Noise().with_group(case.values).sum_squares == 0:
        return None  # what luck is was only guessed; or it may be that there is none
    total = 0.0
    for runs in range(1, len(case.values)):
        view = _view(replace(case, values=case.values[:runs], split=0.0))
        before = _candidate(view, _posterior(view, prior))
        expected = math.hypot(view.luck.sd, before.sd)
        total += ((case.values[runs] - before.mean) * view.luck.sd / expected) ** 2
    return total


def _evidence(case: Case, view: _View, effects: Atoms, policy: str) -> Evidence:
    return Evidence(
        effect=view.effect,
        sd=view.error,
        probability=effects.above(view.required, view.simpler),
        required=view.required,
        runs=view.runs,
        values=case.values,
        incumbent=case.incumbent.mean,
        incumbent_sd=math.sqrt(view.variance),
        noise_sd=view.luck.sd,
        split_sd=math.sqrt(view.split),
        policy=policy,
    )
