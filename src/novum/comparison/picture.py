"""`compare.png`: the gain over the start against experiments, wall time, and money."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from novum.comparison.facts import Facts, Run, Spot
from novum.export import one_line
from novum.report import canvas
from novum.report.canvas import FAINT, INK, SIZE, SOFT, Style
from novum.terminal import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.figure import Figure

COLOURS = ("#15924f", "#4a5bd0", "#c8553d", "#b8860b", "#8e44ad", "#0e8a9b", "#d0579a", "#5f6b2f")
LEFT, RIGHT, BOTTOM, TOP, GAP = 0.075, 0.985, 0.13, 0.785, 0.03
ANSWERS = (0.896, 0.862)  # heights of the sentences below the headline
ASIDE = 0.008  # of the width: so far apart are the diamonds of two that end together
POINTS = 400  # at which a mean over repeats is drawn
MARGIN = 0.08


@dataclass(frozen=True, slots=True)
class Panel:
    """One of the axes: what it counts, and how a spot is placed on it."""

    label: str
    of: Callable[[Spot], float]
    together: bool = False  # whether all repeats end at the same place


def draw(facts: Facts, answers: Sequence[str]) -> bytes:
    """The picture as PNG, 1600 by 900.

    Raises:
        ImportError: without Matplotlib.
    """
    colours = _colours(facts)
    panels = _panels(facts)

    def paint(figure: "Figure", renderer: "RendererAgg") -> None:
        low, high = _limits(facts)
        width = (RIGHT - LEFT - GAP * (len(panels) - 1)) / len(panels)
        for number, panel in enumerate(panels):
            left = LEFT + number * (width + GAP)
            axes = figure.add_axes((left, BOTTOM, width, TOP - BOTTOM))
            _set(axes, panel, facts, (low, high), first=number == 0)
            for one, colour in colours.items():
                _lines(axes, panel, facts.of(one), colour, one)
            _diamonds(axes, panel, facts, colours)
            if number == 0:
                first = axes
        canvas.legend(first, {one: _named(facts, one) for one in colours})
        _key(figure)
        _heading(figure, first, renderer, facts, answers)

    return canvas.painted(paint)


def _colours(facts: Facts) -> dict[str, str]:
    others = [one for one in facts.begun if one != "null"]
    found = {one: COLOURS[n % len(COLOURS)] for n, one in enumerate(others)}
    return found | ({"null": FAINT} if "null" in facts.begun else {})


def _panels(facts: Facts) -> list[Panel]:
    longest = max(run.course[-1].seconds for run in facts.runs)
    unit, size = ("h", 3600.0) if longest > 7200 else ("min", 60.0) if longest > 120 else ("s", 1.0)
    panels = [
        Panel("experiments", lambda spot: spot.experiments, together=True),
        Panel(f"wall time, {unit}", lambda spot: spot.seconds / size),
    ]
    if any(run.usage.usd > 0 for run in facts.runs):
        panels.append(Panel("money, USD", lambda spot: spot.usd))
    return panels


def _limits(facts: Facts) -> tuple[float, float]:
    """All that was believed and measured; of intervals, as much as leaves the rest in sight."""
    values = [spot.gain for run in facts.runs for spot in run.course]
    values += [test.at.gain for run in facts.runs for test in run.tested]
    low, high = min([0.0, *values]), max([0.0, *values])
    height = high - low or 1.0
    ends = [(test.low, test.high) for run in facts.runs for test in run.tested]
    low = max(min([low, *(end for end, _ in ends)]), low - height / 2)
    high = min(max([high, *(end for _, end in ends)]), high + height / 2)
    edge = MARGIN * (high - low or 1.0)
    return low - edge, high + edge


def _set(
    axes: "Axes", panel: Panel, facts: Facts, limits: tuple[float, float], *, first: bool
) -> None:
    axes.set_ylim(*limits)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#eceef1", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=4, pad=6)
    axes.axhline(0.0, color=SOFT, linewidth=1, linestyle=(0, (5, 4)), zorder=1)
    axes.set_xlabel(panel.label, labelpad=8)
    if first:
        name = one_line(facts.lab.metric.name, 40)
        axes.set_ylabel(f"gain in {name} over the start", labelpad=10, parse_math=False)
    else:
        axes.set_yticklabels([])
    longest = max(panel.of(spot) for run in facts.runs for spot in _spots(run))
    many = sum(len(run.tested) for run in facts.runs) if panel.together else 0
    if panel.together:
        canvas.count_across(axes, 0, int(longest))
    axes.set_xlim(-0.02 * longest, longest * (1.04 + ASIDE * many) or 1.0)


def _spots(run: Run) -> list[Spot]:
    return [*run.course, *(test.at for test in run.tested)]


def _lines(axes: "Axes", panel: Panel, runs: Sequence[Run], colour: str, name: str) -> None:
    """A thin line for each repeat, and a thick one for their mean."""
    for run in runs:
        across = [panel.of(spot) for spot in run.course]
        gains = [spot.gain for spot in run.course]
        axes.step(across, gains, where="post", color=colour, linewidth=0.9, alpha=0.35, zorder=2)
    grid, mean = _mean(panel, runs)
    axes.step(grid, mean, where="post", color=colour, linewidth=2.4, zorder=3, label=name)


def _diamonds(axes: "Axes", panel: Panel, facts: Facts, colours: Mapping[str, str]) -> None:
    """What was measured again on fresh seeds; side by side where many end at the same place."""
    low, high = axes.get_xlim()
    taken: Counter[float] = Counter()
    for one, colour in colours.items():
        for test in (test for run in facts.of(one) for test in run.tested):
            x = panel.of(test.at)
            if panel.together:
                taken[x] += 1
                x += (taken[x] - 1) * ASIDE * (high - low)
            if math.isfinite(test.high - test.low):
                axes.vlines(
                    x, test.low, test.high, color=colour, linewidth=1.1, alpha=0.6, zorder=4
                )
            face = colour if test.confirmed else "white"
            look: Style = {"marker": "D", "s": 40, "linewidths": 1.5, "zorder": 5}
            axes.scatter([x], [test.at.gain], facecolors=face, edgecolors=colour, **look)


def _mean(panel: Panel, runs: Sequence[Run]) -> tuple[list[float], list[float]]:
    """The mean gain over repeats; one that has ended stays where it is."""
    last = max(panel.of(run.course[-1]) for run in runs)
    places = sorted({panel.of(spot) for run in runs for spot in run.course})
    if len(places) > POINTS:
        places = [last * n / POINTS for n in range(POINTS + 1)]
    return places, [fmean(_at(panel, run, place) for run in runs) for place in places]


def _at(panel: Panel, run: Run, place: float) -> float:
    gain = 0.0
    for spot in run.course:
        if panel.of(spot) > place:
            break
        gain = spot.gain
    return gain


def _named(facts: Facts, one: str) -> str:
    runs = facts.of(one)
    confirmed = sum(run.confirmed != 0 for run in runs)
    return f"{one_line(one, 36)}: confirmed in {confirmed} of {len(runs)}"


def _key(figure: "Figure") -> None:
    words = (
        "lines: what the search believes, thick the mean over repeats; diamonds: measured again on "
        "fresh seeds, with 95 % interval, filled if confirmed"
    )
    figure.text(LEFT, 0.025, words, size=10.5, color=SOFT, ha="left", va="baseline")


def _heading(
    figure: "Figure",
    axes: "Axes",
    renderer: "RendererAgg",
    facts: Facts,
    answers: Sequence[str],
) -> None:
    name = one_line(facts.lab.lab.name, 24)
    wish = facts.wish
    each = f"{counted(wish.experiments, 'experiment')} each, {counted(wish.repeats, 'repeat')}"
    title = f"{name}: {len(facts.begun)} researchers, {each}"
    canvas.heading(figure, axes, renderer, title, "")
    room = (RIGHT - LEFT) * SIZE[0] * 100
    for height, answer in zip(ANSWERS, answers, strict=False):
        style: Style = {"size": 12, "color": INK, "ha": "left", "parse_math": False}
        below = figure.text(LEFT, height, one_line(answer, 220), **style)
        below.set_fontsize(min(12.0, 12 * room / below.get_window_extent(renderer).width))
