"""The counts of a trial that showed two arms to visitors, checked before anything rests on them."""

import math

from novum.judge import Arms
from novum.judge.mismatch import Period, complaint
from novum.records import Measurement

COUNTS = ("visitors", "conversions", "control_visitors", "control_conversions")
MOST = 10**12  # visitors of one trial
STRAYS = 1e-7  # of the trials that an even coin splits; what strays is a fault of the site
NEAR = 1e-3  # how far a rounded metric may be from the rate that the counts give


class CountsError(ValueError):
    """The counts are missing or cannot be; the message says which, for the person."""


def arms_of(measurement: Measurement) -> Arms:
    """The counts of one trial, as its evaluator reported them beside the metric.

    Raises:
        CountsError: if one is missing or impossible, or the split was not even.
    """
    arms = Arms(*(_count(measurement, name) for name in COUNTS))
    for name, visitors, conversions in (
        ("", arms.visitors, arms.conversions),
        ("control_", arms.control_visitors, arms.control_conversions),
    ):
        if visitors == 0:
            raise CountsError(f"`{name}visitors` is 0: an arm that nobody saw says nothing")
        if conversions > visitors:
            raise CountsError(
                f"`{name}conversions` is {conversions}, more than `{name}visitors`, {visitors}"
            )
    even = Period((1, 1), (arms.visitors, arms.control_visitors))
    if strays := complaint([even], STRAYS):
        raise CountsError(strays)
    rate = arms.conversions / arms.visitors
    if abs(measurement.metric - rate) > NEAR:
        raise CountsError(
            f"the metric is {measurement.metric:.6g}, but conversions / visitors is {rate:.6g}"
        )
    return arms


def _count(measurement: Measurement, name: str) -> int:
    value = measurement.metrics.get(name)
    if value is None:
        raise CountsError(f"the evaluator reports no `{name}`, which a rate is judged by")
    if not (0 <= value <= MOST and value == math.floor(value)):
        raise CountsError(f"`{name}` is {value:.6g}, which is not a count")
    return int(value)
