"""Evidence from normal scores of unknown variance that stays valid at every look.

The evidence is a likelihood ratio of the t-statistics, which are all that is left of the data when
location and scale are not known: the effect, in units of the noise, is half-normal in place of
zero. With the right Haar priors this ratio is an e-process whatever the location and scale are:
R. Lai, Ann. Statist. 4, 1976 (the mixture); M. Perez-Ortiz, T. Lardy, R. de Heide, P. Grunwald,
"E-statistics, group invariance and anytime-valid testing", Ann. Statist. 52, 2024; H. Wang and
A. Ramdas, "Anytime-valid t-tests and confidence sequences for Gaussian means with unknown
variance", Sequential Analysis, 2025. An effect below zero lowers every t-statistic, and the
evidence rises with t, so it holds for the one-sided null too.
"""

import math
from dataclasses import dataclass

from novum.judge.distributions import log_student


@dataclass(frozen=True, slots=True)
class Contrast:
    """A difference of two means, in the metric's unit, and what is known of its uncertainty."""

    difference: float
    pairs: float  # 1 / (1 / runs of the one + 1 / runs of the other)
    sum_squares: float  # within all groups of runs, of this contrast and others
    degrees: int  # at least 1

    @property
    def sd(self) -> float:
        """The standard deviation of one run."""
        return math.sqrt(self.sum_squares / self.degrees)

    @property
    def error(self) -> float:
        """The standard error of the difference."""
        return self.sd / math.sqrt(self.pairs)

    def log_evidence(self, width: float) -> float:
        """The logarithm of the evidence for a difference above zero, against one at or below it.

        `width` is the scale of the half-normal mixture over effects, in standard deviations of a
        run. Without any noise the evidence is infinite, for or against.
        """
        if self.sum_squares == 0:
            return math.inf if self.difference > 0 else -math.inf
        grown = 1 + self.pairs * width**2
        shrinkage = 1 - 1 / grown
        square = self.pairs * self.difference**2 / self.sum_squares
        left = square / grown
        ratio = (self.degrees + 1) / 2 * (math.log1p(square) - math.log1p(left))
        # Where the effect lies after the data: Student's t with one degree more.
        spread = (1 + left) / (self.degrees + 1)
        score = math.copysign(math.sqrt(shrinkage * square / spread), self.difference)
        return ratio - math.log(grown) / 2 + math.log(2) + log_student(score, self.degrees + 1)

    @property
    def probability(self) -> float:
        """That the true difference is above zero, by these runs and a flat prior."""
        if self.sum_squares == 0:
            return 1.0 if self.difference > 0 else 0.0
        return math.exp(log_student(self.difference / self.error, self.degrees))
