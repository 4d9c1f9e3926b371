"""Is a plate good enough to be believed? Pure numbers, by the formulas of the field."""

import math
import statistics
from collections.abc import Sequence

GOOD = 0.5  # from here on an assay is excellent, by those who introduced Z'


def z_prime(positive: Sequence[float], negative: Sequence[float]) -> float:
    """How far apart the controls are, in terms of their own scatter: at most 1.

    Z' = 1 - 3 (sd+ + sd-) / |mean+ - mean-|, with the standard deviations of samples: Zhang, Chung
    and Oldenburg, J. Biomol. Screen. 4 (1999) 67, doi 10.1177/108705719900400206. Controls with
    the same mean give minus infinity.

    Raises:
        ValueError: if either control has fewer than two wells.
    """
    gap = abs(statistics.fmean(positive) - statistics.fmean(negative))
    scatter = _sd(positive) + _sd(negative)
    return 1 - 3 * scatter / gap if gap > 0 else -math.inf


def signal_window(positive: Sequence[float], negative: Sequence[float]) -> float:
    """The gap between the controls' scatters, in standard deviations of the stronger one.

    (|mean+ - mean-| - 3 (sd+ + sd-)) / sd of the control with the larger mean: Sittampalam and
    others, J. Biomol. Screen. 2 (1997) 159, doi 10.1177/108705719700200306. Infinite if that
    control has no scatter.

    Raises:
        ValueError: if either control has fewer than two wells.
    """
    strong, weak = sorted((positive, negative), key=statistics.fmean, reverse=True)
    gap = statistics.fmean(strong) - statistics.fmean(weak)
    room = gap - 3 * (_sd(strong) + _sd(weak))
    scale = _sd(strong)
    return room / scale if scale > 0 else math.copysign(math.inf, room)


def spread(values: Sequence[float]) -> float:
    """The largest difference between replicates; 0 of fewer than two."""
    return max(values) - min(values) if len(values) > 1 else 0.0


def replicate_sd(groups: Sequence[Sequence[float]]) -> float | None:
    """The standard deviation of one well, pooled over molecules; None if nothing has replicates."""
    groups = [group for group in groups if len(group) > 1]
    degrees = sum(len(group) - 1 for group in groups)
    if degrees == 0:
        return None
    squares = sum(statistics.variance(group) * (len(group) - 1) for group in groups)
    return math.sqrt(squares / degrees)


def _sd(values: Sequence[float]) -> float:
    if len(values) < 2:
        raise ValueError("a control needs two wells or more with a number")
    return statistics.stdev(values)
