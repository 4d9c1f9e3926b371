"""What a learning curve says, in words: how it ends, and how it stands beside another.

Points are the candidate's own words. So nothing here decides anything, only numbers under names
that the lab knows are read, and no number can raise an error.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite

from novum.lab import Lab

Points = Sequence[Mapping[str, float]]
NAMES = {"step": "steps", "tokens": "tokens"}
AXES = tuple(NAMES)  # along which curves are compared, beside the budget
MIDDLE = 0.5  # of the shorter curve: where they are compared
FEWEST, MOST = 5, 128  # points, of which a shape can be told, and that are looked at
NOTABLE = 0.03  # a difference in steps or tokens that is worth a word
SLIGHT = 0.01  # of the fall of the other curve: less is the same height
STEEP = 0.02  # of the whole fall in the last tenth: it still falls
MORE = 1.3  # times as much as the other curve: the same schedule lets both fall alike
FLAT = 0.002  # of the whole fall in the last third: it does no more
BROKEN = 0.25  # of the whole fall, given back by the end: it diverged


@dataclass(frozen=True, slots=True)
class Curve:
    """The values of one name, turned so that lower is better, and what stood beside each."""

    name: str
    sign: float
    values: tuple[float, ...]
    axes: Mapping[str, tuple[float, ...]]

    @property
    def fall(self) -> float:
        """From a tenth of its points on, or a tenth of all; the very first points say little."""
        best = min(self.values)
        return max(self.values[len(self.values) // 10] - best, 0.1 * (self.values[0] - best))

    @property
    def end(self) -> float:
        """Its height at the end: the mean of its last points, three in a hundred."""
        last = self.values[-max(1, len(self.values) // 33) :]
        return sum(last) / len(last)

    def last(self, axis: str) -> float | None:
        """How far it went along an axis."""
        along = self.axes.get(axis)
        return along[-1] if along else None

    def at(self, axis: str, place: float) -> float | None:
        """Its height at a place on an axis, between two points on a straight line."""
        along = self.axes.get(axis, ())
        for (x, y), (x2, y2) in pairwise(zip(along, self.values, strict=False)):
            if x <= place <= x2:
                return y + (y2 - y) * (place - x) / (x2 - x) if x2 > x else y2
        return None

    def shown(self, value: float) -> str:
        """A height as the candidate told it."""
        return f"{self.sign * value:.4g}"


def read(points: Points, lab: Lab, name: str = "") -> Curve | None:
    """The curve in some points: of that name, or of the most telling one; None if there is none."""
    stride = len(points) // MOST + 1
    points = [*points[:-1:stride], *points[-1:]]
    names = (name,) if name else lab.curve_names
    found = next((n for n in names if sum(n in point for point in points) >= FEWEST), None)
    if found is None:
        return None
    told = [point for point in points if found in point]
    lower = lab.minimize if found in {lab.metric.name, "score"} else True
    sign = 1.0 if lower else -1.0
    axes = {
        axis: along
        for axis in AXES
        if len(along := tuple(point[axis] for point in told if axis in point)) == len(told)
        and all(first <= second for first, second in pairwise(along))
        and along[-1] > 0
    }
    return Curve(found, sign, tuple(sign * point[found] for point in told), axes)


def words(points: Points, reference: Points, lab: Lab, *, whole: bool = True) -> str:
    """What the curve says, beside that of the code before it; empty if it says nothing.

    `whole` says whether the trial used all of its budget.
    """
    curve = read(points, lab)
    if curve is None:
        return ""
    before = read(reference, lab, curve.name)
    said = [*_ending(curve, before)]
    if before is not None:
        said += _beside(curve, before, whole=whole)
    return "; ".join(said)


def _ending(curve: Curve, before: Curve | None) -> Iterator[str]:
    """How it ends: diverged, still falling, or flat."""
    values, fall = curve.values, curve.fall
    lost = curve.end - min(values)
    if not (isfinite(fall) and isfinite(lost)):
        yield f"{curve.name} went beyond all bounds"
        return
    if lost > BROKEN * fall:
        best = values.index(min(values)) * 100 // max(len(values) - 1, 1)
        yield (
            f"{curve.name} diverged: {curve.shown(min(values))} after {best} % of the curve, "
            f"{curve.shown(curve.end)} at the end"
        )
        return
    yield f"{curve.name} ends at {curve.shown(curve.end)}" + (
        f" (before: {before.shown(before.end)})" if before is not None else ""
    )
    last, other = _lately(curve, 10), _lately(before, 10) if before is not None else 0.0
    if last > STEEP * fall and last > MORE * other:
        beside = f"; before: {other:.2g}" if before is not None else ""
        yield f"still improving at the end ({last:.2g} in the last tenth{beside})"
    elif _lately(curve, 3) <= FLAT * fall:
        yield "flat for the last third"


def _lately(curve: Curve, part: int) -> float:
    """How much it fell over the last tenth or third of its points."""
    return curve.values[-1 - max(1, len(curve.values) // part)] - curve.end


def _beside(curve: Curve, before: Curve, *, whole: bool) -> Iterator[str]:
    """Speed, and height at equal steps or tokens, against the code before it.

    Heights are compared in the middle: a schedule that ends with the budget bends both ends.
    """
    ratios = {axis: _ratio(curve.last(axis), before.last(axis)) for axis in AXES}
    steps, tokens = ratios["step"], ratios["tokens"]
    same_batch = steps is not None and tokens is not None and abs(tokens / steps - 1) < NOTABLE
    for axis in AXES[:1] if same_batch else AXES:
        ratio, name = ratios[axis], NAMES[axis]
        if ratio is None:
            continue
        if whole and abs(ratio - 1) >= NOTABLE:
            more = f"{abs(ratio - 1):.0%} {'more' if ratio > 1 else 'fewer'}"
            yield f"{f'{ratio:.1f} times the' if ratio > 2 else more} {name} in the budget"
        place = MIDDLE * min(curve.last(axis) or 0.0, before.last(axis) or 0.0)
        mine, its = curve.at(axis, place), before.at(axis, place)
        if mine is None or its is None or not isfinite(mine - its):
            continue
        slight = abs(mine - its) <= SLIGHT * before.fall
        height = "as good" if slight else "better" if mine < its else "worse"
        yield f"{height} at equal {name} ({place:.4g}: {curve.shown(mine)}, {before.shown(its)})"


def _ratio(mine: float | None, its: float | None) -> float | None:
    if mine is None or its is None:
        return None
    ratio = mine / its if its else 0.0
    return ratio if isfinite(ratio) and ratio > 0 else None
