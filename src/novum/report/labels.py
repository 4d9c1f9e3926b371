"""Where the titles of keeps stand in the picture: slanted, cut to fit, never over one another.

All lengths are pixels, y upwards. All labels have one slant, so in a frame turned by it every label
is an upright box, and two labels collide exactly if their boxes do.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

SLANT = 30.0  # degrees
OFFSET = (9.0, 11.0)  # from the dot to the start of its label
SHORTEST = 8  # characters; what is cut shorter says nothing
AROUND = 6.0  # from a dot's centre: other labels stay clear of it


@dataclass(frozen=True, slots=True)
class Dot:
    """A dot that wants a label; those with more `weight` come first."""

    x: float
    y: float
    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class Label:
    """A label of a dot that has its place: it starts at (`x`, `y`)."""

    x: float
    y: float
    text: str
    dot: Dot


@dataclass(frozen=True, slots=True)
class Room:
    """Where labels may be, how high a line is, and how wide a text."""

    right: float
    bottom: float
    top: float
    line: float
    width: Callable[[str], float]
    up: bool  # whether labels rise to the right, or fall


@dataclass(frozen=True, slots=True)
class _Box:
    """A box in the turned frame: `u` along the labels, `v` across them."""

    u: float
    v: float
    length: float
    height: float

    def meets(self, other: "_Box") -> bool:
        """Whether the boxes overlap."""
        along = self.u < other.u + other.length and other.u < self.u + self.length
        return along and abs(self.v - other.v) < (self.height + other.height) / 2


def place(dots: Iterable[Dot], room: Room, most: int) -> list[Label]:
    """The labels for as many dots as have room, at most so many, the weightiest first."""
    dots = sorted(dots, key=lambda dot: -dot.weight)
    taken = [_around(dot, room) for dot in dots]
    labels: list[Label] = []
    for dot in dots:
        if len(labels) == most:
            break
        start = (dot.x + OFFSET[0], dot.y + (OFFSET[1] if room.up else -OFFSET[1]))
        text = cut(dot.text, _free(start, room), room.width)
        box = _Box(*_turned(*start, room), room.width(text), room.line)
        if text and not any(box.meets(other) for other in taken):
            taken.append(box)
            labels.append(Label(*start, text, dot))
    return labels


def cut(text: str, width: float, measure: Callable[[str], float]) -> str:
    """As much of a text as fits, with an ellipsis; nothing if that would say nothing."""
    if measure(text) <= width:
        return text
    for length in range(len(text) - 1, SHORTEST - 1, -1):
        shorter = text[:length].rstrip() + "…"
        if measure(shorter) <= width:
            return shorter
    return ""


def _free(start: tuple[float, float], room: Room) -> float:
    """How long a label may be before it leaves the room."""
    x, y = start
    slant = math.radians(SLANT)
    across = room.line / 2  # the corners of its end stick out
    rise = (room.top - y if room.up else y - room.bottom) - across
    return min((room.right - x - across) / math.cos(slant), rise / math.sin(slant))


def _turned(x: float, y: float, room: Room) -> tuple[float, float]:
    slant = math.radians(SLANT if room.up else -SLANT)
    return (
        x * math.cos(slant) + y * math.sin(slant),
        y * math.cos(slant) - x * math.sin(slant),
    )


def _around(dot: Dot, room: Room) -> _Box:
    u, v = _turned(dot.x, dot.y, room)
    return _Box(u - AROUND, v, 2 * AROUND, 2 * AROUND)
