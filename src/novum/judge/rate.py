"""Two proportions from concurrent arms: keep, or give up, whenever the counts say so.

When the candidate is shown to be better than the price of its lines (an e-process reaches
1 / error_rate), it is kept, if what is seen then is nearer to what it must earn than to that
price, and else discarded. It is discarded too when an effect of what it must earn is excluded
(another e-process reaches 1 / GIVE_UP). Else more traffic is asked for. A look may come after
every visitor: `novum.judge.proportions` says why the error holds all the same.

Inside, more conversions are better: to minimise a rate is to maximise its complement.
"""

import math
from dataclasses import dataclass

from novum.judge import Arms, Belief, Case, Next, Noise, Ruling, average
from novum.judge.proportions import Bettor, Line, Process, interval, lift_interval, weighted
from novum.judge.terms import broken_guard, required
from novum.judge.words import comparison, number
from novum.records import Evidence, Outcome

# Weights chosen with pairs and campaigns of real headlines: docs/copy-statistics.md says how.
GIVE_UP = 0.15  # of the candidates that earn exactly what they must, at most so many are given up
GAPS = ((0.25, 0.01), (0.5, 0.04), (1.0, 0.6), (2.0, 0.25), (4.0, 0.1))  # of what is to be earned
LIFTS = (0.025, 0.05, 0.1, 0.2, 0.4, 0.8)  # of the rate, where nothing says what is worth it
KNOWN_BASE = 0.98  # the weight of the incumbent's rate as it is believed; the rest is for:
OTHER_BASES = (0.01, 0.1, 0.5, 0.9)
RAREST = 1e-5


@dataclass(frozen=True, slots=True)
class Bars:
    """What is tested, better is positive: the null `floor`, and what is worth it, `required`."""

    floor: float  # a keep shows that the difference exceeds this: the price of the lines
    required: float  # a discard shows that it does not reach this
    bettor: Bettor

    @property
    def middle(self) -> float:
        """A difference above this looks more like one that earns enough than like the floor."""
        return (self.floor + self.required) / 2

    def keep(self) -> Process:
        """The evidence that the difference exceeds the floor."""
        return self.bettor.against(Line(1.0, self.floor), 1)

    def give_up(self) -> Process:
        """The evidence that the difference falls short of what is required."""
        return self.bettor.against(Line(1.0, self.required), -1)


def bars(needed: float, min_effect: float, base: float) -> Bars:
    """The tests for a change that needs so much (`terms.required`), at a control rate of `base`.

    All in the judge's own terms. Where code was removed and lines have a price, `needed` is below
    zero: then it is to be shown that the change costs no more, and the natural bet is on zero.
    """
    base = min(max(base, RAREST), 1 - RAREST)
    floor = needed - min_effect if needed >= 0 else needed
    gap = min_effect if needed >= 0 else -needed
    gaps = tuple((gap * size, weight) for size, weight in GAPS)
    if gap <= 0:
        gaps = weighted(min(base, 1 - base) * lift for lift in LIFTS)
    others = weighted(OTHER_BASES)
    bases = ((base, KNOWN_BASE), *((rate, (1 - KNOWN_BASE) * share) for rate, share in others))
    return Bars(floor, needed, Bettor(bases, gaps))


@dataclass(frozen=True, slots=True)
class RateJudge:
    """An anytime-valid test of the candidate against the control that is shown beside it."""

    name: str = "rate"

    def opening(self, values: tuple[float, ...], arms: Arms | None = None) -> Belief:
        """The baseline's rate, with the standard error that its visitors leave."""
        return Belief(average(values), _error(arms)[0] if arms else 0.0)

    def refresh(self, belief: Belief, values: tuple[float, ...], noise: Noise) -> Belief:
        """The belief stands: the control beside the candidate is the fresh run of the incumbent."""
        return belief

    def consider(self, case: Case) -> Ruling:
        """Decide, or ask for more traffic.

        Raises:
            ValueError: if the case has no counts; the campaign sees to it that it has.
        """
        if case.arms is None:
            raise ValueError("the policy `rate` decides by counts, and there are none")
        minimize = case.rules.minimize
        arms = complement(case.arms) if minimize else case.arms
        base = 1 - case.incumbent.mean if minimize else case.incumbent.mean
        # Shorter without a price is like any other: that it does no harm takes a margin, and by
        # that margin a page would decay from keep to keep.
        priced = case.net_lines if case.rules.line_cost > 0 else 0
        needed = required(case.rules, priced)
        tests = bars(needed, case.rules.min_effect, base)
        evidence = _evidence(case, arms, tests, self.name)
        words = _words(evidence, case.arms, arms, tests, case.rules.error_rate)
        kept = Belief(_rate(case.arms.conversions, case.arms.visitors), _error(arms)[0])
        stands = _standing(case, _error(arms)[1])
        guard = broken_guard(case)
        if guard is not None:
            return Ruling(evidence, guard, None, Outcome.DISCARD, stands)
        shown = tests.keep().log_value(arms) >= -math.log(case.rules.error_rate)
        if shown and evidence.effect >= tests.middle:
            return Ruling(evidence, words, None, Outcome.KEEP, kept)
        if shown:
            reason = (
                f"{words}, shown to be better, but by far less than the {needed:.2g} it must earn"
            )
            return Ruling(evidence, reason, None, Outcome.DISCARD, stands)
        if tests.give_up().log_value(arms) >= -math.log(GIVE_UP):
            reason = f"{words}, too little for the {needed:.2g} that it must earn"
            return Ruling(evidence, reason if needed > 0 else words, None, Outcome.DISCARD, stands)
        if len(case.values) >= case.rules.max_runs:
            reason = f"{words}: not decided within max_runs"
            return Ruling(evidence, reason, None, Outcome.DISCARD, stands)
        return Ruling(evidence, f"more traffic: {words}", Next.CANDIDATE)


def complement(arms: Arms) -> Arms:
    """The visitors who did not convert, counted as conversions."""
    return Arms(
        arms.visitors,
        arms.visitors - arms.conversions,
        arms.control_visitors,
        arms.control_visitors - arms.control_conversions,
    )


def _rate(conversions: int, visitors: int) -> float:
    return conversions / visitors if visitors else 0.0


def _error(arms: Arms) -> tuple[float, float]:
    """The standard errors of the two rates; two visitors are added to each, so none is zero.

    A. Agresti and B. Caffo, Am. Stat. 54, 2000.
    """
    first = (arms.conversions + 1) / (arms.visitors + 2)
    second = (arms.control_conversions + 1) / (arms.control_visitors + 2)
    return (
        math.sqrt(first * (1 - first) / (arms.visitors + 2)),
        math.sqrt(second * (1 - second) / (arms.control_visitors + 2)),
    )


def _standing(case: Case, error: float) -> Belief:
    """What is believed of the incumbent that stays: before, and as the control beside."""
    assert case.arms is not None
    seen = _rate(case.arms.control_conversions, case.arms.control_visitors)
    before = case.incumbent
    if before.sd <= 0:
        return Belief(seen, error)
    share = before.sd**2 / (before.sd**2 + error**2)
    return Belief(before.mean + share * (seen - before.mean), before.sd * math.sqrt(1 - share))


def _evidence(case: Case, arms: Arms, tests: Bars, policy: str) -> Evidence:
    candidate, control = _error(arms)
    effect = _rate(arms.conversions, arms.visitors) - _rate(
        arms.control_conversions, arms.control_visitors
    )
    sd = math.hypot(candidate, control)
    low, high = interval(tests.bettor, arms, case.rules.error_rate)
    assert case.arms is not None
    return Evidence(
        effect=effect,
        sd=sd,
        probability=math.erfc((tests.required - effect) / sd / math.sqrt(2)) / 2,
        required=tests.required,
        runs=len(case.values),
        values=case.values,
        incumbent=_rate(case.arms.control_conversions, case.arms.control_visitors),
        incumbent_sd=control,
        noise_sd=candidate * math.sqrt(len(case.values)),
        policy=policy,
        low=low,
        high=high,
    )


def _words(evidence: Evidence, counted: Arms, arms: Arms, tests: Bars, error: float) -> str:
    """For example "better by 0.0031 ± 0.0009, 90 % interval 0.0006 to 0.0055 (lift …), …"."""
    assert evidence.low is not None and evidence.high is not None
    low, high = (number(end, evidence.sd) for end in (evidence.low, evidence.high))
    level = f"{100 * max(0.0, 1 - 2 * error):.3g} %"
    text = f"{comparison(evidence)}, {level} interval {low} to {high}"
    if counted.control_conversions > 0 and error < 0.5:
        text += f" ({_lift(counted, arms, tests, error)})"
    visitors = counted.visitors + counted.control_visitors
    runs = f"{evidence.runs} run{'' if evidence.runs == 1 else 's'}"
    return f"{text}, {visitors:,} visitors, {runs}"


def _lift(counted: Arms, arms: Arms, tests: Bars, error: float) -> str:
    """The relative lift of the metric itself, with its interval."""
    bettor = tests.bettor
    if counted != arms:  # a metric that is minimised: back from the complement
        bettor = Bettor(tuple((1 - base, weight) for base, weight in bettor.bases), bettor.gaps)
    seen = _rate(counted.conversions, counted.visitors) / _rate(
        counted.control_conversions, counted.control_visitors
    )
    low, high = lift_interval(bettor, counted, error)
    return f"lift {_percent(seen - 1)} %, {_percent(low)} to {_percent(high)}"


def _percent(share: float) -> str:
    """Two digits, signed, and no exponent."""
    return f"{100 * share:+.2g}" if abs(share) < 0.995 else f"{100 * share:+.0f}"
