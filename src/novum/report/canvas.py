"""What all pictures share: the sheet, the colours, the scale's manners, and where words stand.

Matplotlib is imported when something is drawn, so that all else works without it.
"""

import io
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from novum.export import one_line
from novum.report.labels import SLANT, Dot, Room, place

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.figure import Figure

Style = dict[str, Any]

INK, SOFT, FAINT, BAND = "#1c2430", "#6b7480", "#aab1ba", "#edeff2"
KEPT, STEP, TITLE = "#15924f", "#3fb877", "#0f6b3a"
BELIEF, BAD = "#4a5bd0", "#c8553d"
SIZE = (16.0, 9.0)  # inches, of 100 pixels
BOX = (0.075, 0.085, 0.84, 0.725)  # of the figure: left, bottom, width, height
EASY = (1e-4, 1e8)  # scores of this size are written without an exponent
LABELS = 24
LONGEST = 46
SMALL = 9.5
EDGE = 0.018  # of the height: where crashes lie
EDGE_PIXELS = 16  # that stay white at the left
SETTINGS = {
    "font.family": "DejaVu Sans",  # comes with Matplotlib: the picture is the same everywhere
    "font.size": 11.0,
    "axes.edgecolor": "#c9ced4",
    "axes.labelcolor": SOFT,
    "xtick.color": "#c9ced4",
    "ytick.color": "#c9ced4",
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "axes.unicode_minus": True,
}


@dataclass(frozen=True, slots=True)
class Titled:
    """A dot in the data's own units that wants a title; an empty one only keeps its place."""

    x: float
    y: float
    text: str
    weight: float
    colour: str = TITLE


def painted(paint: "Callable[[Figure, RendererAgg], None]") -> bytes:
    """A picture as PNG, 1600 by 900.

    Raises:
        ImportError: without Matplotlib.
    """
    import matplotlib  # noqa: PLC0415  an extra, and half a second
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    file = io.BytesIO()
    usual: Any = matplotlib.rcParamsDefault  # not what the user's own file says
    style: Any = {**usual, **SETTINGS}
    style.pop("backend", None)
    with warnings.catch_warnings(), matplotlib.rc_context(style):
        warnings.simplefilter("ignore")  # of Matplotlib's own
        figure = Figure(SIZE, dpi=100, facecolor="white")
        canvas: Any = FigureCanvasAgg(figure)
        paint(figure, canvas.get_renderer())
        figure.savefig(file, format="png", metadata={"Software": "novum"})
    return file.getvalue()


def frame(
    figure: "Figure",
    across: tuple[float, float],
    up: tuple[float, float],
    labels: tuple[str, str],
    renderer: "RendererAgg",
) -> "Axes":
    """Axes with these limits and labels, quiet, and with room for long numbers at the left."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    axes = figure.add_axes(BOX)
    axes.set_xlim(*across)
    axes.set_ylim(*up)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#eceef1", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=4, pad=6)
    axes.yaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 2.5, 5, 10]))
    if EASY[0] <= max(map(abs, axes.get_ylim())) < EASY[1]:
        axes.ticklabel_format(axis="y", style="plain", useOffset=False)
    else:
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.7g}")
    axes.set_xlabel(labels[0], labelpad=8)
    axes.set_ylabel(labels[1], labelpad=12, parse_math=False)
    tight = axes.get_tightbbox(renderer)
    missing = (EDGE_PIXELS - tight.x0) / (SIZE[0] * 100) if tight is not None else 0.0
    if missing > 0:
        left, bottom, width, height = BOX
        axes.set_position((left + missing, bottom, width - missing, height))
    return axes


def count_across(axes: "Axes", first: int, last: int) -> None:
    """Ticks at whole numbers, at none that did not happen: experiments `first` to `last`."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    whole = MaxNLocator(10, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)
    axes.set_xticks([tick for tick in whole.tick_values(first, last) if first <= tick <= last])


def dot_size(many: int) -> float:
    """The area of a plain dot among so many."""
    return max(12.0, min(40.0, 2400 / max(many, 1)))


def big_size(many: int) -> float:
    """The area of a dot that matters among so many."""
    return max(44.0, min(90.0, 5000 / max(many, 1)))


def discards(axes: "Axes", points: Sequence[tuple[float, float]], many: int) -> None:
    """Grey dots, and triangles at the border where they are off the scale."""
    low, high = axes.get_ylim()
    seen = [(x, y) for x, y in points if low <= y <= high]
    grey: Style = {"color": FAINT, "alpha": 0.6, "linewidths": 0, "clip_on": False}
    label = "discarded" if seen else ""
    at = [x for x, _ in seen], [y for _, y in seen]
    axes.scatter(*at, s=dot_size(many), zorder=2, label=label, **grey)
    label = "off the scale"
    for marker, height, beyond in (
        ("^", 0.988, [x for x, y in points if y > high]),
        ("v", 0.05, [x for x, y in points if y < low]),
    ):
        if beyond:
            look: Style = {"marker": marker, "s": 22, "color": FAINT, "linewidths": 0}
            heights = [height] * len(beyond)
            across = axes.get_xaxis_transform()
            axes.scatter(beyond, heights, transform=across, zorder=2, label=label, **look)
            label = ""


def crosses(axes: "Axes", places: Sequence[float]) -> None:
    """Runs without a score, at the lower edge."""
    if places:
        look: Style = {"marker": "x", "s": 24, "color": BAD, "linewidths": 1.3, "label": "failed"}
        heights = [EDGE] * len(places)
        axes.scatter(places, heights, transform=axes.get_xaxis_transform(), zorder=4, **look)


def legend(axes: "Axes", names: Mapping[str, str]) -> None:
    """One quiet row above the axes: what is drawn of `names`, in their order and words."""
    handles, labels = axes.get_legend_handles_labels()
    known = dict(zip(labels, handles, strict=True))
    shown = [name for name in names if name in known]
    axes.legend(
        [known[name] for name in shown],
        [names[name] for name in shown],
        loc="lower left",
        bbox_to_anchor=(-0.008, 1.005),
        ncols=max(len(shown), 1),
        frameon=False,
        labelcolor=SOFT,
        fontsize=10.5,
        handlelength=1.5,
        handletextpad=0.5,
        columnspacing=1.8,
        borderpad=0.2,
    )


def ends(figure: "Figure", axes: "Axes", found: Iterable[tuple[float, str, str]]) -> None:
    """Words at the right ends of lines: height, words, colour; kept apart from each other."""
    items = sorted(found)
    low, high = axes.get_ylim()
    heights = [(y - low) / (high - low) for y, _, _ in items]
    apart = 0.085
    if len(heights) == 2 and heights[1] - heights[0] < apart:
        middle = min(max(sum(heights) / 2, apart), 1 - apart)
        heights = [middle - apart / 2, middle + apart / 2]
    left, bottom, width, height = axes.get_position().bounds
    for (_, words, colour), at in zip(items, heights, strict=True):
        style: Style = {"ha": "left", "va": "center", "color": colour, "linespacing": 1.35}
        y = bottom + height * min(max(at, 0.03), 0.97)
        figure.text(left + width + 0.008, y, words, size=10.5, **style)


def titles(
    figure: "Figure", axes: "Axes", renderer: "RendererAgg", found: Sequence[Titled], *, up: bool
) -> None:
    """The titles of dots, slanted, where there is room."""
    from matplotlib.font_manager import FontProperties  # noqa: PLC0415
    from matplotlib.patheffects import withStroke  # noqa: PLC0415

    font = FontProperties(family="DejaVu Sans", size=SMALL)
    measure: Any = renderer.get_text_width_height_descent

    def width(text: str) -> float:
        return float(measure(text, font, False)[0])

    box = axes.bbox
    room = Room(box.x1, box.y0 + 0.04 * box.height, box.y1 - 4, 1.25 * SMALL * 100 / 72, width, up)
    spots = [axes.transData.transform((one.x, one.y)) for one in found]
    dots = [Dot(x, y, one.text, one.weight) for one, (x, y) in zip(found, spots, strict=True)]
    colours = {(dot.x, dot.y): one.colour for dot, one in zip(dots, found, strict=True)}
    halo = [withStroke(linewidth=3, foreground="white", alpha=0.85)]
    turn: Style = {"rotation": SLANT if up else -SLANT, "rotation_mode": "anchor"}
    look: Style = {"va": "center", "ha": "left", "path_effects": halo, **turn}
    for label in place(dots, room, LABELS):
        x, y = figure.transFigure.inverted().transform((label.x, label.y))
        colour = colours[label.dot.x, label.dot.y]
        figure.text(x, y, label.text, size=SMALL, parse_math=False, color=colour, **look)


def drawable(title: str, instead: str) -> str:
    """A title in the characters that the font has, or else other words."""
    from matplotlib.font_manager import FontProperties, findfont, get_font  # noqa: PLC0415

    known = get_font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap()
    shown = "".join(char for char in title if ord(char) in known or char.isspace())
    return one_line(shown, LONGEST) or instead


def heading(
    figure: "Figure", axes: "Axes", renderer: "RendererAgg", title: str, below: str
) -> None:
    """The headline, made small enough to fit, and the quiet line below it."""
    left = axes.get_position().x0
    style: Style = {"ha": "left", "va": "baseline", "parse_math": False}
    top = figure.text(left, 0.935, title, size=19, weight="bold", color=INK, **style)
    room = (1 - left) * SIZE[0] * 100 - EDGE_PIXELS
    top.set_fontsize(min(19.0, 19 * room / top.get_window_extent(renderer).width))
    figure.text(left, 0.896, below, size=12, color=SOFT, **style)
