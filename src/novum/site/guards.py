"""Is the candidate worse than the control by more than the person allows? Stop, or go on.

Each guard is an e-process against "it is not": it may be looked at after every visitor, and stops
a candidate that is not worse by more than `max_worse` with probability `error` at most. Visitors
are shown the candidate or the control by a coin whose probability is known beforehand.
"""

import math
from dataclasses import dataclass

from novum.judge import Arms
from novum.judge.proportions import Bettor, Line, weighted
from novum.judge.rate import complement

ERROR = 0.01  # of one guard, in one experiment whose candidate does no harm
# Where a share is looked for, if nothing is known of it: rates of the control, and how much worse.
BASES = (0.002, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 0.9)
HARMS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
BOLDEST = 0.5  # of the stake that one visitor could lose, at most so much is staked


@dataclass(frozen=True, slots=True)
class Watch:
    """What a guard says: whether to stop, and why, in words."""

    stop: bool
    words: str


def share(
    name: str,
    arms: Arms,
    max_worse: float,
    *,
    more_is_worse: bool = True,
    coin: float = 0.5,
    error: float = ERROR,
) -> Watch:
    """The guard of a share of visitors (those who bounced, unsubscribed), by its counts.

    `arms` counts those visitors as conversions; `max_worse` is a difference of shares; `coin` the
    part of the visitors that is shown the candidate. Drifts that both arms share do no harm.

    Raises:
        ValueError: if `max_worse` or `coin` cannot be.
    """
    if not (0 <= max_worse < 1 and 0 < coin < 1):
        raise ValueError("a guard of a share needs 0 <= max_worse < 1, and a coin between 0 and 1")
    seen = arms if more_is_worse else complement(arms)
    bettor = Bettor(weighted(BASES), weighted(HARMS))
    log = bettor.against(Line(1.0, max_worse), 1, coin).log_value(seen)
    rates = (
        arms.conversions / max(1, arms.visitors),
        arms.control_conversions / max(1, arms.control_visitors),
    )
    return _watch(name, rates, max_worse, log, error)


class Mean:
    """The guard of a mean (milliseconds until somebody interacts, revenue of a visitor).

    A bet on each visitor, whose stake is set before the visitor is seen (I. Waudby-Smith and
    A. Ramdas, "Estimating means of bounded random variables by betting", J. R. Stat. Soc. B 86,
    2024). Its outcome is the visitor's value over the probability of the arm, negative for the
    control, which is the difference of the means on average; a centre that earlier visitors set is
    taken from each value, which changes no average and makes luck small.

    What is tested is the mean of values cut to 0 and `bound`, for no test holds for a mean whose
    rarest values may be as large as they like. See visitors in the order of their exposures, those
    of both arms alike, each once and when its value is final.
    """

    def __init__(
        self,
        name: str,
        max_worse: float,
        bound: float,
        *,
        more_is_worse: bool = True,
        coin: float = 0.5,
        error: float = ERROR,
    ) -> None:
        """`max_worse` and `bound` in the unit of the values.

        Raises:
            ValueError: if one of them or `coin` cannot be.
        """
        if not (0 < bound < math.inf and 0 <= max_worse < bound and 0 < coin < 1):
            raise ValueError("a guard needs 0 <= max_worse < bound, and a coin between 0 and 1")
        self._name, self._max_worse, self._bound = name, max_worse, bound
        self._sign = 1 if more_is_worse else -1
        self._coin, self._error = coin, error
        self._log = 0.0
        self._highest = 0.0  # of the logarithm, so far: a guard that was to stop stays so
        self._visitors = [0, 0]  # control, candidate
        self._sums = [0.0, 0.0]
        self._outcomes = (1, 0.0, self._most() ** 2 / 4)  # number, sum, squares; one is made up

    def _most(self) -> float:
        """What a visitor can lose, by the larger of the two outcomes."""
        return self._bound / min(self._coin, 1 - self._coin) + self._max_worse

    def see(self, candidate: bool, value: float) -> None:
        """One more visitor, and what was measured of them.

        Raises:
            ValueError: if the value is not a number.
        """
        if math.isnan(value):
            raise ValueError(f"guard {self._name}: a value is not a number")
        value = min(max(value, 0.0), self._bound)
        seen = sum(self._visitors)
        centre = sum(self._sums) / seen if seen else self._bound / 2
        outcome = self._sign * (value - centre)
        outcome /= self._coin if candidate else self._coin - 1
        outcome -= self._max_worse
        self._log += math.log1p(self._stake() * outcome)
        self._highest = max(self._highest, self._log)
        self._visitors[candidate] += 1
        self._sums[candidate] += value
        number, total, squares = self._outcomes
        self._outcomes = (number + 1, total + outcome, squares + outcome**2)

    def _stake(self) -> float:
        """What is staked on harm, for each unit of the outcome: mean over mean square, if above 0.

        The growth of a small bet is stake x mean - stake^2 x mean square / 2 a visitor.
        """
        number, total, squares = self._outcomes
        error = math.sqrt(squares) / number
        hoped = max(total / number, error)  # a little, while harm is not excluded
        if total / number < -2 * error:
            return 0.0
        return min(hoped * number / squares, BOLDEST / self._most())

    def watch(self) -> Watch:
        """Whether to stop, after the visitors seen so far."""
        control, candidate = (
            total / max(1, visitors)
            for total, visitors in zip(self._sums, self._visitors, strict=True)
        )
        return _watch(self._name, (candidate, control), self._max_worse, self._highest, self._error)


def _watch(
    name: str, rates: tuple[float, float], max_worse: float, log: float, error: float
) -> Watch:
    """For example "guard bounce_rate: 0.61 beside 0.52, worse by more than 0.05"."""
    stop = log >= -math.log(error)
    seen = f"guard {name}: {rates[0]:.4g} beside {rates[1]:.4g}"
    if stop:
        return Watch(True, f"{seen}, worse by more than {max_worse:.4g} (error {error:.2g})")
    return Watch(False, f"{seen}, not shown to be worse by more than {max_worse:.4g}")
