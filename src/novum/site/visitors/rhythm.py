"""When people come: a Poisson process with the rhythm of a day and a week, in UTC."""

from collections.abc import Iterator
from datetime import UTC, datetime
from statistics import fmean

from novum.site.visitors.chance import Chance

HOUR = 3600.0
HOURS = (3, 2, 1, 1, 1, 2, 4, 7, 9, 10, 11, 11, 12, 11, 11, 11, 10, 10, 10, 12, 13, 12, 9, 6)
DAYS = (11, 12, 12, 11, 10, 7, 8)  # Monday first
_MEAN = fmean(HOURS) * fmean(DAYS)


def level(time: float) -> float:
    """How many come at a time (seconds of the site's clock), as a part of a week's mean."""
    then = datetime.fromtimestamp(time, UTC)
    return HOURS[then.hour] * DAYS[then.weekday()] / _MEAN


def arrivals(chance: Chance, start: float, rate: float) -> Iterator[tuple[int, float]]:
    """Person after person, without end: number and time (seconds of the site's clock).

    `rate` is people a second of that clock, on average over a week.
    """
    time, number = start, 0
    while True:
        due = chance.waiting(1.0, "arrival", number)  # in people who are expected before
        while due > (room := _left(time) * rate * level(time)):
            due -= room
            time += _left(time)
        time += due / (rate * level(time))
        yield number, time
        number += 1


def _left(time: float) -> float:
    """Seconds until the hour ends."""
    return HOUR - time % HOUR
