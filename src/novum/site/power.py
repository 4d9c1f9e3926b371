"""How many visitors until the judge `rate` decides? Found by simulating it.

A stream of visitors is drawn again and again, and ended where the judge would end it. A campaign
looks after each batch; here the looks come ever later, each at 5 % more visitors than the one
before, so the figures are some 10 to 20 % above those of a look after every visitor.
"""

import math
import random
from dataclasses import dataclass
from statistics import NormalDist

from novum.errors import UsageError
from novum.judge import Arms
from novum.judge.rate import GIVE_UP, Bars, bars

STREAMS = 300
LATER = 1.05  # each look at so many times the visitors of the one before
NORMAL = 100.0  # from this variance on, a binomial number is drawn as a normal one
MOST = 10**9  # visitors; no test that takes more is planned


@dataclass(frozen=True, slots=True)
class Plan:
    """What is looked for; rates and effects as shares of the visitors.

    Raises:
        UsageError: if such rates cannot be.
    """

    rate: float  # of the control
    lift: float  # to be found, relative: 0.2 is a fifth more conversions
    min_effect: float | None = None  # as in lab.toml, absolute; the lift itself if not given
    error_rate: float = 0.05

    def __post_init__(self) -> None:
        if not 1e-5 <= self.rate < 1:
            raise UsageError(f"the rate is {self.rate:g}; say it as a share: 0.03 for 3 %")
        if not 1e-3 <= self.lift < math.inf:
            raise UsageError(f"the lift is {self.lift:g}; say it as a part: 0.2 for a fifth more")
        if self.rate * (1 + self.lift) >= 1:
            raise UsageError(
                f"a rate of {self.rate:g} with a lift of {self.lift:g} would be over 1"
            )
        if not 0 < self.error_rate < 0.5:
            raise UsageError(f"the error rate is {self.error_rate:g}; it lies between 0 and 0.5")
        if not 1e-3 * self.rate <= self.needed < 0.999 * (1 - self.rate):
            raise UsageError(
                f"min_effect is {self.needed:g}; it is a difference of rates, a thousandth of the "
                "rate at least, and less than what is left above it"
            )
        if fixed_visitors(self) > MOST:
            raise UsageError(f"to find that takes more than {MOST:,} visitors; look for more")

    @property
    def needed(self) -> float:
        """What a change must earn: `min_effect`, as a difference of rates."""
        return self.rate * self.lift if self.min_effect is None else self.min_effect


@dataclass(frozen=True, slots=True)
class Need:
    """What a candidate with a certain true lift takes; visitors of both arms together."""

    lift: float
    kept: float  # the share of such candidates that is kept
    mean: float
    nine_in_ten: float  # decided by then


def fixed_visitors(plan: Plan) -> int:
    """Visitors of both arms that a test with one look takes, at the same errors.

    One-sided, by the normal approximation; it finds the lift with probability 1 - GIVE_UP.
    """
    z = NormalDist().inv_cdf
    better = plan.rate * (1 + plan.lift)
    variance = plan.rate * (1 - plan.rate) + better * (1 - better)
    each = (z(1 - plan.error_rate) + z(1 - GIVE_UP)) ** 2 * variance / (better - plan.rate) ** 2
    return 2 * math.ceil(each)


def needs(plan: Plan, streams: int = STREAMS, seed: int = 1) -> tuple[Need, ...]:
    """What candidates take that harm, that do nothing, and that have the lift; in this order."""
    chance = random.Random(seed)  # noqa: S311  a simulation
    tests = bars(plan.needed, plan.needed, plan.rate)
    first = max(10, fixed_visitors(plan) // 200)
    return tuple(
        _need(chance, plan, _Decision(tests, plan.error_rate), lift, first, streams)
        for lift in (max(-plan.lift, -1.0), 0.0, plan.lift)
    )


class _Decision:
    """The end of the judge's test, without its words: kept or not, or None while it goes on."""

    def __init__(self, tests: Bars, error_rate: float) -> None:
        self._keep, self._give_up = tests.keep(), tests.give_up()
        self._middle, self._bar = tests.middle, -math.log(error_rate)

    def of(self, arms: Arms) -> bool | None:
        if self._keep.log_value(arms) >= self._bar:
            effect = arms.conversions / max(1, arms.visitors)
            effect -= arms.control_conversions / max(1, arms.control_visitors)
            return effect >= self._middle
        return False if self._give_up.log_value(arms) >= -math.log(GIVE_UP) else None


def _need(
    chance: random.Random, plan: Plan, decision: _Decision, lift: float, first: int, streams: int
) -> Need:
    rates = plan.rate * (1 + lift), plan.rate
    ends = sorted(_stream(chance, decision, rates, first) for _ in range(streams))
    visitors = [visitors for visitors, _ in ends]
    return Need(
        lift=lift,
        kept=sum(kept for _, kept in ends) / streams,
        mean=sum(visitors) / streams,
        nine_in_ten=visitors[math.ceil(0.9 * streams) - 1],
    )


def _stream(
    chance: random.Random, decision: _Decision, rates: tuple[float, float], first: int
) -> tuple[int, bool]:
    """How many visitors one candidate takes, and whether it is kept."""
    arms, visitors, kept = Arms(0, 0, 0, 0), 0, None
    while kept is None:
        more = max(first, round(visitors * (LATER - 1)))
        visitors += more
        shown = binomial(chance, more, 0.5)
        arms += Arms(
            shown,
            binomial(chance, shown, rates[0]),
            more - shown,
            binomial(chance, more - shown, rates[1]),
        )
        kept = decision.of(arms)
    return visitors, kept


def binomial(chance: random.Random, count: int, rate: float) -> int:
    """How many of so many convert: the gaps between conversions are geometric."""
    if rate > 0.5:
        return count - binomial(chance, count, 1 - rate)
    if rate <= 0:
        return 0
    variance = count * rate * (1 - rate)
    if variance > NORMAL:
        drawn = round(chance.gauss(count * rate, math.sqrt(variance)))
        return min(max(drawn, 0), count)
    found, at, scale = 0, 0, math.log1p(-rate)
    while True:
        at += 1 + int(math.log(1 - chance.random()) / scale)
        if at > count:
            return found
        found += 1


def facts(plan: Plan, visitors_a_day: float, share: float = 1.0) -> dict[str, object]:
    """The plan in days of a site's traffic, as plain data; `share` of it takes part."""
    if not share <= 1:
        raise UsageError(f"the share is {share:g}; it is a part of the visitors: 0.2 for a fifth")
    daily = visitors_a_day * share
    return {
        "rate": plan.rate,
        "lift": plan.lift,
        "min_effect": plan.needed,
        "error_rate": plan.error_rate,
        "visitors_a_day": daily,
        "fixed_visitors": fixed_visitors(plan),
        "fixed_days": fixed_visitors(plan) / daily,
        "needs": [
            {
                "lift": need.lift,
                "kept": need.kept,
                "visitors_mean": need.mean,
                "visitors_90": need.nine_in_ten,
                "days_mean": need.mean / daily,
                "days_90": need.nine_in_ten / daily,
            }
            for need in needs(plan)
        ],
    }
