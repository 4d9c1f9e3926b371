"""Two rates from concurrent arms: evidence that stays valid however often somebody looks.

Every visitor is shown the candidate or the control by a coin, an even one if nothing else is said,
whose probability is known beforehand; it may change with what was seen, visitor by visitor. Against
a null hypothesis "the candidate's rate is at most slope x the control's + offset", an alternative
(two rates) bets

    probability of the conversion under the alternative / under the null's nearest point

where the nearest point minimises the Kullback-Leibler divergence of coin and conversion together
(the reverse information projection). The null is convex, so the expectation of the bet is at most
1 for every pair of rates in it, and products over visitors, and mixtures of products, are
e-processes: they exceed 1/a with probability at most a, at whatever time one stops (J. Ville).
The products depend on four counts alone. Sources: R. Turner, A. Ly, P. Grünwald, "Generic
E-variables for exact sequential k-sample tests that allow for optional stopping", J. Stat. Plan.
Inference 230, 2024; R. Turner and P. Grünwald, "Exact anytime-valid confidence intervals for
contingency tables and beyond", Stat. Probab. Lett. 198, 2023.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from novum.judge import Arms

EDGE = 1e-4  # of the room: how near to an impossible rate an alternative may lie
FINEST = 1e-9  # nearer to 0 or 1 than this, rates are not computed with
NO_DIFFERENCE = 0.05  # the weight of the bet that both arms are as the base
STEPS = 200  # of a search for a nearest point, at most; mostly it takes six
CLOSE = 1e-9  # of the value: one step of Newton further, and the error is beyond the last bit


@dataclass(frozen=True, slots=True)
class Line:
    """The pairs of rates with candidate = slope x control + offset; slope > 0."""

    slope: float = 1.0
    offset: float = 0.0

    def at(self, control: float) -> float:
        """The candidate's rate on this line."""
        return self.slope * control + self.offset

    def room(self, beyond: float = 0.0) -> tuple[float, float]:
        """The control's rates for which both rates are in [0, 1], the line moved by `beyond`."""
        offset = self.offset + beyond
        return max(0.0, -offset / self.slope), min(1.0, (1 - offset) / self.slope)

    def nearest(self, candidate: float, control: float, share: float = 0.5) -> float:
        """The control's rate of the point of this line that is nearest to two rates in (0, 1).

        `share` is the part of the visitors that is shown the candidate.

        The divergence is convex along the line: Newton's method, kept within a bracket.
        """
        low, high = self.room()
        q = (low + high) / 2
        for _ in range(STEPS):
            p = self.at(q)
            if not (0 < p < 1 and 0 < q < 1):  # at an end, to rounding
                return q
            rise = share * self.slope * _rise(p, candidate) + (1 - share) * _rise(q, control)
            low, high = (low, q) if rise > 0 else (q, high)
            curve = share * self.slope**2 * _curve(p, candidate) + (1 - share) * _curve(q, control)
            found = q - rise / curve
            if abs(found - q) <= CLOSE * min(q, 1 - q):
                return found
            q = found if low < found < high else (low + high) / 2
        return q


def _rise(p: float, alternative: float) -> float:
    """How the divergence of an alternative from the rate `p` changes with `p`."""
    return (p - alternative) / (p * (1 - p))


def _curve(p: float, alternative: float) -> float:
    return alternative / p**2 + (1 - alternative) / (1 - p) ** 2


@dataclass(frozen=True, slots=True)
class Bet:
    """One alternative's bet: its weight, and what each kind of visitor adds to its logarithm."""

    log_weight: float
    candidate: tuple[float, float]  # converted, did not
    control: tuple[float, float]

    def log_value(self, arms: Arms) -> float:
        """The logarithm of its product over all visitors, times the weight."""
        return (
            self.log_weight
            + arms.conversions * self.candidate[0]
            + (arms.visitors - arms.conversions) * self.candidate[1]
            + arms.control_conversions * self.control[0]
            + (arms.control_visitors - arms.control_conversions) * self.control[1]
        )


@dataclass(frozen=True, slots=True)
class Process:
    """An e-process against one null hypothesis: a mixture of bets."""

    bets: tuple[Bet, ...]

    def log_value(self, arms: Arms) -> float:
        """The logarithm of the evidence against the null; minus infinity if nothing was bet."""
        logs = [bet.log_value(arms) for bet in self.bets]
        top = max(logs, default=-math.inf)
        if top == -math.inf:
            return top
        return top + math.log(sum(math.exp(value - top) for value in logs))


@dataclass(frozen=True, slots=True)
class Bettor:
    """Where the alternatives lie: a mixture over control rates and distances from the null.

    Beside them stand the bases themselves, as rates of both arms ("no difference"), which tell
    against nulls that are far away. All is fixed before the first visitor; the guarantee holds
    whatever it is, only the speed depends on it.
    """

    bases: tuple[tuple[float, float], ...]  # the control's rate, weight
    gaps: tuple[tuple[float, float], ...]  # the distance from the null, weight

    def against(self, line: Line, toward: int, share: float = 0.5) -> Process:
        """The evidence against the null on and below the line (`toward` 1), or on and above (-1).

        `share`, the part of the visitors that is shown the candidate, lies between 0 and 1.
        An alternative for which there is no room is left out, and the others share its weight.
        """
        found: list[Bet | None] = []
        for base, base_weight in self.bases:
            if toward * (base - line.at(base)) > 0:
                found.append(_bet(line, base, base, math.log(base_weight * NO_DIFFERENCE), share))
            for gap, gap_weight in self.gaps:
                weight = math.log(base_weight * gap_weight)
                found.append(_beyond(line, base, toward * gap, weight, share))
        bets = [bet for bet in found if bet is not None]
        total = math.log(sum(math.exp(bet.log_weight) for bet in bets) or 1.0)
        return Process(tuple(replace(bet, log_weight=bet.log_weight - total) for bet in bets))


def _beyond(line: Line, base: float, beyond: float, log_weight: float, share: float) -> Bet | None:
    """The bet on a point so far beyond the line, with the control's rate as near to the base as
    there is room."""
    low, high = line.room(beyond)
    margin = EDGE * (high - low)
    if margin <= 0:
        return None
    control = min(max(base, low + margin), high - margin)
    return _bet(line, line.at(control) + beyond, control, log_weight, share)


def _bet(
    line: Line, candidate: float, control: float, log_weight: float, share: float
) -> Bet | None:
    """The bet on two rates, or None where rates are too near to 0 or 1 to compute with."""
    if not (FINEST < candidate < 1 - FINEST and FINEST < control < 1 - FINEST):
        return None
    q = line.nearest(candidate, control, share)
    p = line.at(q)
    if not (FINEST < p < 1 - FINEST and FINEST < q < 1 - FINEST):
        return None
    return Bet(log_weight, _logs(candidate, p), _logs(control, q))


def _logs(alternative: float, null: float) -> tuple[float, float]:
    """The logarithms of the two likelihood ratios of one arm."""
    change = alternative - null
    return math.log1p(change / null), math.log1p(-change / (1 - null))


def interval(bettor: Bettor, arms: Arms, error: float) -> tuple[float, float]:
    """Where the difference candidate - control lies, at any time; each end errs at most `error`.

    The differences whose null hypotheses, one at a time, are not rejected.
    """
    middle = _rate(arms.conversions, arms.visitors) - _rate(
        arms.control_conversions, arms.control_visitors
    )

    def excluded(difference: float, toward: int) -> bool:
        process = bettor.against(Line(1.0, difference), toward)
        return process.log_value(arms) >= -math.log(error)

    low = _edge(middle, -1.0, lambda value: excluded(value, 1))
    high = _edge(middle, 1.0, lambda value: excluded(value, -1))
    return low, high


def lift_interval(bettor: Bettor, arms: Arms, error: float) -> tuple[float, float]:
    """Where candidate / control - 1 lies, at any time; each end errs at most `error`."""
    rates = (
        _rate(arms.conversions + 0.5, arms.visitors + 1),
        _rate(arms.control_conversions + 0.5, arms.control_visitors + 1),
    )

    def excluded(log_ratio: float, toward: int) -> bool:
        process = bettor.against(Line(math.exp(log_ratio), 0.0), toward)
        return process.log_value(arms) >= -math.log(error)

    middle = math.log(rates[0] / rates[1])
    reach = abs(middle) + 14.0
    low = _edge(middle, -reach, lambda value: excluded(value, 1))
    high = _edge(middle, reach, lambda value: excluded(value, -1))
    return (
        -1.0 if low == -reach else math.expm1(low),
        math.inf if high == reach else math.expm1(high),
    )


def _edge(inner: float, outer: float, excluded: Callable[[float], bool]) -> float:
    """Where, on the way from an estimate to the end of the range, all that follows is excluded.

    Looked for from the outside, so that an island which is not excluded is not cut off. The outer
    of the two last points: the interval is never too short by rounding.
    """
    end = outer
    for halvings in range(40):
        point = inner + (outer - inner) * (0.999 if halvings == 0 else 2.0**-halvings)
        if not excluded(point):
            inner = point
            break
        end = point
    if end == outer:
        return outer
    for _ in range(20):
        middle = (inner + end) / 2
        inner, end = (inner, middle) if excluded(middle) else (middle, end)
    return end


def _rate(conversions: float, visitors: float) -> float:
    return conversions / visitors if visitors > 0 else 0.5


def weighted(values: Iterable[float]) -> tuple[tuple[float, float], ...]:
    """The values, each with the same weight; the weights add up to 1."""
    known = tuple(values)
    return tuple((value, 1 / len(known)) for value in known)
