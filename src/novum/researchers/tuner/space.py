"""The parameter space: what `[space]` says, or what the constants of the editable files suggest."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from novum.errors import UsageError
from novum.lab import Lab
from novum.lab.proposing import STRAY, Parameter
from novum.researchers.tuner.constants import Constant, Value, constants_in, same
from novum.terminal import cut

Point = Mapping[str, Value]
"""A value for each dimension."""

FINE = 1e-6  # of a range: smaller differences are not written down
SMALL, LARGE = 1e-12, 1e12  # constants of another size are no parameters
FLOAT_FACTOR, WHOLE_FACTOR = 4, 2  # how far from its present value a constant is searched
SEED = re.compile(r"(?i)(^|[_.])seed([_.]|$)")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
LONGEST = 60  # of a constant that is left out, with its value
PREFIX = "tuner "  # of the keys of its proposals

HOW = "write [space] in lab.toml, or constants such as LEARNING_RATE = 0.02 in an editable file"


@dataclass(frozen=True, slots=True)
class Dimension:
    """One parameter: a range with both ends, or choices. `whole`: of whole numbers only."""

    name: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    step: float | None = None
    whole: bool = False
    choices: tuple[Value, ...] = ()

    def contains(self, value: Value) -> bool:
        """Whether the space has this value."""
        if self.choices:
            return any(same(value, choice) for choice in self.choices)
        if isinstance(value, str | bool) or not self.low <= value <= self.high:
            return False
        if self.whole and value != int(value):
            return False
        steps = (value - self.low) / self.step if self.step else 0.0
        return abs(steps - round(steps)) <= STRAY * max(1.0, steps)

    def rounded(self, value: float) -> Value:
        """The number as it is written: no more digits than the range is searched with."""
        if self.whole:
            return round(value)
        size = abs(value) if self.log else self.step or self.high - self.low
        digits = math.ceil(-math.log10(FINE * size)) if size > 0 else 0
        return min(max(round(float(value), digits), self.low), self.high)

    def place_of(self, value: Value) -> int:
        """Which of the choices a value is."""
        return next(n for n, choice in enumerate(self.choices) if same(value, choice))

    def at(self, share: float) -> Value:
        """The value at a share of the way from the first to the last."""
        if self.choices:
            return self.choices[min(int(share * len(self.choices)), len(self.choices) - 1)]
        if self.log:
            value = self.low * (self.high / self.low) ** share
        else:
            value = self.low + share * (self.high - self.low)
        step = self.step or (1 if self.whole else 0)
        if step:
            value = self.low + round((value - self.low) / step) * step
        return self.rounded(value)

    def levels(self, points: int) -> tuple[Value, ...]:
        """The values of a grid: all that there are, or so many, evenly, both ends among them."""
        if self.choices:
            return self.choices
        if self.step or (self.whole and self.high - self.low < points):
            step = self.step or 1
            count = round((self.high - self.low) / step) + 1
            return tuple(self.rounded(self.low + n * step) for n in range(count))
        return tuple(dict.fromkeys(self.at(n / (points - 1)) for n in range(points)))

    @property
    def count(self) -> float:
        """How many values there are; infinite for a range of decimals."""
        if self.choices:
            return len(self.choices)
        if self.step or self.whole:
            return round((self.high - self.low) / (self.step or 1)) + 1
        return math.inf


def space_for(lab: Lab, files: Mapping[str, str]) -> tuple[Dimension, ...]:
    """The space of a lab with these editable files; each dimension holds its present value.

    Raises:
        UsageError: if a name of `[space]` is not one constant that lies inside, or there is no
            space and nothing to make one of.
    """
    known = constants_in(files)
    if not lab.space:
        found = tuple(suggested(known))
        if not found:
            names = ", ".join(lab.files.editable)
            raise UsageError(f"the tuner found no constant that it could vary in {names}: {HOW}")
        return found
    return tuple(_checked(name, parameter, known) for name, parameter in lab.space.items())


def constant_of(name: str, known: Sequence[Constant]) -> Constant:
    """The one constant with that name.

    Raises:
        UsageError: if there is none, or more than one.
    """
    found = [constant for constant in known if constant.name == name]
    if not found:
        names = ", ".join(dict.fromkeys(constant.name for constant in known)) or "none"
        raise UsageError(
            f"[space] has `{name}`, but no editable file has a line {name} = VALUE; "
            f"constants found there: {names}"
        )
    if len(found) > 1:
        places = " and ".join(constant.where for constant in found)
        raise UsageError(f"[space] has `{name}`, which is found twice: {places}; rename one")
    return found[0]


def dimension(name: str, parameter: Parameter, present: Value) -> Dimension:
    """A parameter of `[space]` as a dimension, for a constant with this present value."""
    if parameter.choices:
        return Dimension(name, choices=parameter.choices)
    assert parameter.low is not None and parameter.high is not None
    numbers = (present, parameter.low, parameter.high, parameter.step or 0)
    if all(isinstance(number, int) for number in numbers):
        ends = parameter.low, parameter.high
        return Dimension(name, *ends, parameter.log, parameter.step, whole=True)
    low, high = float(parameter.low), float(parameter.high)
    return Dimension(name, low, high, parameter.log, parameter.step)


def _checked(name: str, parameter: Parameter, known: Sequence[Constant]) -> Dimension:
    constant = constant_of(name, known)
    made = dimension(name, parameter, constant.value)
    if made.contains(constant.value):
        return made
    told = f"[space] {name}: its present value, {constant.value!r} ({constant.where}),"
    if made.choices:
        raise UsageError(f"{told} is not among the choices; add it to them")
    if isinstance(constant.value, str | bool):
        raise UsageError(f"{told} is no number; give choices instead of low and high")
    if made.low <= constant.value <= made.high:
        raise UsageError(f"{told} is not on the grid of step {made.step or 1:g} from {made.low:g}")
    raise UsageError(f"{told} lies outside {made.low:g} to {made.high:g}; widen the range")


def suggested(known: Sequence[Constant]) -> Iterator[Dimension]:
    """A space around the present values of constants, by the rule of `docs/tuner.md`.

    Texts, zeros, seeds and names that are there twice are left out.
    """
    names = [constant.name for constant in known]
    for constant in known:
        fit = NAME.fullmatch(constant.name) and not constant.name.startswith("__")
        if fit and names.count(constant.name) == 1 and not SEED.search(constant.name):
            yield from _around(constant.name, constant.value)


def left_out(known: Sequence[Constant], space: Sequence[Dimension]) -> Iterator[str]:
    """Constants that are no part of a space that was found: each with its place, and why."""
    names = [constant.name for constant in known]
    inside = {one.name for one in space}
    for constant in known:
        if constant.name in inside:
            continue
        why = "its size says that it is no parameter"
        if names.count(constant.name) > 1:
            why = "there more than once"
        elif SEED.search(constant.name):
            why = "a seed is luck"
        elif isinstance(constant.value, str):
            why = "a text; to vary it, give choices"
        elif constant.value == 0:
            why = "zero has no size; to vary it, give low and high"
        shown = f"{constant.name} = {_toml(constant.value)}"
        yield f"{_short(shown)} ({constant.where}): {why}"


def _around(name: str, value: Value) -> Iterator[Dimension]:
    if isinstance(value, bool):
        yield Dimension(name, choices=(False, True))
    elif isinstance(value, str) or not SMALL <= abs(value) <= LARGE:
        return
    elif isinstance(value, int):
        ends = sorted((math.ceil(value / WHOLE_FACTOR), value * WHOLE_FACTOR))
        ends = [max(end, 1) for end in ends] if value > 0 else [min(end, -1) for end in ends]
        yield Dimension(name, ends[0], ends[1], log=value > 0, whole=True)
    else:
        far = value * FLOAT_FACTOR
        if abs(value) <= 1:
            far = math.copysign(min(abs(far), 1.0), value)  # a share stays a share
        low, high = sorted((value / FLOAT_FACTOR, far))
        yield Dimension(name, low, high, log=value > 0)


def key_of(point: Point) -> str:
    """The key of the proposal of a point: the same for the same values, in any order."""
    return PREFIX + json.dumps(dict(sorted(point.items())), separators=(",", ":"))


def point_in(key: str, space: Sequence[Dimension]) -> Point | None:
    """The point that a key stands for; None if it is not one of this space."""
    try:
        values = json.loads(key.removeprefix(PREFIX)) if key.startswith(PREFIX) else None
    except ValueError:
        return None
    if not isinstance(values, dict) or values.keys() != {one.name for one in space}:
        return None
    inside = all(
        isinstance(value := values[one.name], str | int | float) and one.contains(value)
        for one in space
    )
    return values if inside else None


def present(space: Sequence[Dimension], known: Sequence[Constant]) -> dict[str, Constant]:
    """The constants of the dimensions, without those that are not there, or there twice."""
    found: dict[str, Constant] = {}
    for one in space:
        named = [constant for constant in known if constant.name == one.name]
        if len(named) == 1:
            found[one.name] = named[0]
    return found


def as_toml(space: Sequence[Dimension], known: Sequence[Constant]) -> str:
    """The space as the text of `[space]`, each line with the place and the present value."""
    where = present(space, known)
    width = max((len(_entry(one)) for one in space), default=0)
    lines = [
        f"{_entry(one):{width}}   # now {_toml(where[one.name].value)}, {where[one.name].where}"
        if one.name in where
        else _entry(one)
        for one in space
    ]
    return "\n".join(["[space]", *lines])


def _entry(one: Dimension) -> str:
    name = f'"{one.name}"' if "." in one.name else one.name
    if one.choices:
        return f"{name} = {{ choices = [{', '.join(map(_toml, one.choices))}] }}"
    ends = [one.rounded(end) if not one.whole else int(end) for end in (one.low, one.high)]
    more = ", log = true" if one.log else ""
    more += f", step = {_toml(one.step)}" if one.step else ""
    return f"{name} = {{ low = {_toml(ends[0])}, high = {_toml(ends[1])}{more} }}"


def _toml(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False)


def _short(text: str) -> str:
    return cut(text, LONGEST)
