"""`progress.png`: every experiment, the keeps, and what the search believes.

Matplotlib is imported when something is drawn, so that all else works without it.
"""

import io
import warnings
from typing import TYPE_CHECKING, Any

from novum.confirmed import gain_words
from novum.export import one_line
from novum.records import Outcome
from novum.report.facts import Facts, Result
from novum.report.labels import SLANT, Dot, Room, place
from novum.report.scale import limits
from novum.report.words import counted, percent, rounded, spread

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
EDGE = 0.018  # of the height: where crashes lie
EASY = (1e-4, 1e8)  # scores of this size are written without an exponent
LABELS = 24
LONGEST = 46
SMALL = 9.5
EDGE_PIXELS = 16  # that stay white at the left
CAVEAT = "gain = what the search believes; not yet confirmed on holdout"
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


def draw(facts: Facts) -> bytes:
    """The picture as PNG, 1600 by 900.

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
        axes = figure.add_axes(BOX)
        _frame(axes, facts)
        _make_room(axes, canvas.get_renderer())
        _beliefs(axes, facts)
        _dots(axes, facts)
        _legend(axes)
        _ends(figure, axes, facts)
        _titles_of_keeps(figure, axes, facts, canvas.get_renderer())
        _heading(figure, axes, facts, canvas.get_renderer())
        figure.savefig(file, format="png", metadata={"Software": "novum"})
    return file.getvalue()


def _frame(axes: "Axes", facts: Facts) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    first, last = facts.results[0].number, facts.results[-1].number
    length = max(last - first, 4)
    newest = facts.kept[-1].number if facts.kept else first
    room = newest + 0.16 * length if facts.kept else 0.0
    axes.set_xlim(first - 0.02 * length, max(last, first + 4, room) + 0.02 * length)
    axes.set_ylim(*limits(facts))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#eceef1", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=4, pad=6)
    axes.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 2, 5, 10], integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 2.5, 5, 10]))
    if EASY[0] <= max(map(abs, axes.get_ylim())) < EASY[1]:
        axes.ticklabel_format(axis="y", style="plain", useOffset=False)
    else:
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.7g}")
    better = "lower" if facts.lab.minimize else "higher"
    metric = one_line(facts.lab.metric.name, 60)
    axes.set_xlabel("experiment", labelpad=8)
    axes.set_ylabel(f"{metric} ({better} is better)", labelpad=12, parse_math=False)


def _make_room(axes: "Axes", renderer: "RendererAgg") -> None:
    """Move the left side in, if the numbers of the scale are long."""
    tight = axes.get_tightbbox(renderer)
    missing = (EDGE_PIXELS - tight.x0) / (SIZE[0] * 100) if tight is not None else 0.0
    if missing > 0:
        left, bottom, width, height = BOX
        axes.set_position((left + missing, bottom, width - missing, height))


def _beliefs(axes: "Axes", facts: Facts) -> None:
    """The baseline with the noise of one run, and the course of the incumbent's belief."""
    baseline = facts.baseline
    if baseline is not None and baseline.score is not None:
        noise = facts.noise_sd or 0.0
        if noise > 0:
            low, high = baseline.score - noise, baseline.score + noise
            axes.axhspan(low, high, color=BAND, linewidth=0, zorder=0.5, label="baseline ± 1 sd")
        axes.axhline(baseline.score, color=FAINT, linewidth=1, linestyle=(0, (5, 4)), zorder=1)
    course = [(result.number, result.belief) for result in facts.results if result.belief]
    last, now = course[-1]
    right = axes.get_xlim()[1]
    axes.hlines(now.mean, last, right, color=BELIEF, linewidth=1, linestyle=(0, (1, 3)))
    x = [at for at, _ in course]
    mean = [belief.mean for _, belief in course]
    low_edge = [belief.mean - belief.sd for _, belief in course]
    high_edge = [belief.mean + belief.sd for _, belief in course]
    shade: Style = {"color": BELIEF, "alpha": 0.13, "linewidth": 0}
    axes.fill_between(x, low_edge, high_edge, step="post", zorder=1.5, **shade)
    axes.step(x, mean, where="post", color=BELIEF, linewidth=1.3, zorder=3, label="belief ± sd")


def _dots(axes: "Axes", facts: Facts) -> None:
    many = len(facts.results)
    size = max(12.0, min(40.0, 2400 / max(many, 1)))
    scored = [result for result in facts.results if result.score is not None]
    low, high = axes.get_ylim()
    discards = [result for result in scored if result.outcome is Outcome.DISCARD]
    seen = [result for result in discards if low <= (result.score or 0.0) <= high]
    label = "discarded" if seen else ""
    grey: Style = {"color": FAINT, "alpha": 0.6, "linewidths": 0, "clip_on": False}
    axes.scatter(*_points(seen), s=size, zorder=2, label=label, **grey)
    _off_the_scale(axes, discards)
    kept = [result for result in scored if result.outcome is Outcome.KEEP]
    x, best = _record(kept, facts)
    axes.step(x, best, where="post", color=STEP, linewidth=2.2, zorder=3.5, label="best score")
    edge: Style = {"edgecolors": "white", "linewidths": 1.2}
    big = max(44.0, min(90.0, 5000 / max(many, 1)))
    axes.scatter(*_points(kept), s=big, color=KEPT, zorder=5, label="kept", **edge)
    failed = [result.number for result in facts.results if result.failed]
    if failed:
        cross: Style = {"marker": "x", "s": 24, "color": BAD, "linewidths": 1.3, "label": "failed"}
        height = [EDGE] * len(failed)
        axes.scatter(failed, height, transform=axes.get_xaxis_transform(), zorder=4, **cross)


def _points(results: list[Result]) -> tuple[list[int], list[float]]:
    return [result.number for result in results], [result.score or 0.0 for result in results]


def _record(kept: list[Result], facts: Facts) -> tuple[list[int], list[float]]:
    """The best kept score so far, to the last experiment."""
    better = min if facts.lab.minimize else max
    x, scores = _points(kept)
    best: list[float] = []
    for value in scores:
        best.append(better(best[-1], value) if best else value)
    return [*x, facts.results[-1].number], [*best, best[-1]]


def _off_the_scale(axes: "Axes", results: list[Result]) -> None:
    """Outliers as triangles at the border that they are beyond."""
    low, high = axes.get_ylim()
    label = "off the scale"
    for marker, height, numbers in (
        ("^", 0.988, [result.number for result in results if (result.score or 0.0) > high]),
        ("v", 0.05, [result.number for result in results if (result.score or 0.0) < low]),
    ):
        if numbers:
            look: Style = {
                "marker": marker,
                "s": 22,
                "color": FAINT,
                "linewidths": 0,
                "label": label,
            }
            at = [height] * len(numbers)
            axes.scatter(numbers, at, transform=axes.get_xaxis_transform(), zorder=2, **look)
            label = ""


def _legend(axes: "Axes") -> None:
    """One quiet row above the axes, the keeps first."""
    handles, labels = axes.get_legend_handles_labels()
    order = ["kept", "best score", "belief ± sd", "discarded", "off the scale", "failed"]
    known = dict(zip(labels, handles, strict=True))
    shown = [name for name in (*order, "baseline ± 1 sd") if name in known]
    names = {
        "failed": "crash or invalid",
        "best score": "best score so far",
        "belief ± sd": "belief about the best, ± sd",
        "baseline ± 1 sd": "noise of one run, ± sd",
    }
    axes.legend(
        [known[name] for name in shown],
        [names.get(name, name) for name in shown],
        loc="lower left",
        bbox_to_anchor=(-0.008, 1.005),
        ncols=len(shown),
        frameon=False,
        labelcolor=SOFT,
        fontsize=10.5,
        handlelength=1.5,
        handletextpad=0.5,
        columnspacing=1.8,
        borderpad=0.2,
    )


def _ends(figure: "Figure", axes: "Axes", facts: Facts) -> None:
    """What the two lines are worth, in words at their right ends, apart from each other."""
    baseline, belief = facts.baseline, facts.belief
    if baseline is None or baseline.score is None or belief is None:
        return
    noise = facts.noise_sd or 0.0
    ends = [(baseline.score, "baseline", rounded(baseline.score, noise), SOFT)]
    value = spread(belief.mean, belief.sd).replace(" ±", "\n±")
    ends.append((belief.mean, "believed", value, BELIEF))
    ends.sort(key=lambda end: end[0])
    low, high = axes.get_ylim()
    heights = [(end[0] - low) / (high - low) for end in ends]
    apart = 0.085
    if heights[1] - heights[0] < apart:
        middle = min(max(sum(heights) / 2, apart), 1 - apart)
        heights = [middle - apart / 2, middle + apart / 2]
    left, bottom, width, height = axes.get_position().bounds
    for (_, name, value, colour), at in zip(ends, heights, strict=True):
        style: Style = {"ha": "left", "color": colour, "linespacing": 1.35}
        y = bottom + height * min(max(at, 0.03), 0.97)
        figure.text(left + width + 0.008, y, f"{name}\n{value}", va="center", size=10.5, **style)


def _titles_of_keeps(figure: "Figure", axes: "Axes", facts: Facts, renderer: Any) -> None:  # noqa: ANN401  untyped there
    from matplotlib.font_manager import FontProperties  # noqa: PLC0415
    from matplotlib.patheffects import withStroke  # noqa: PLC0415

    font = FontProperties(family="DejaVu Sans", size=SMALL)

    def width(text: str) -> float:
        return float(renderer.get_text_width_height_descent(text, font, False)[0])

    box, up = axes.bbox, facts.lab.minimize
    room = Room(box.x1, box.y0 + 0.04 * box.height, box.y1 - 4, 1.25 * SMALL * 100 / 72, width, up)
    dots = []
    for result in (facts.baseline, *facts.kept):
        if result is None or result.score is None:
            continue
        x, y = axes.transData.transform((result.number, result.score))
        text = "" if result is facts.baseline else _drawable(result)
        dots.append(Dot(x, y, text, result.evidence.effect))
    halo = [withStroke(linewidth=3, foreground="white", alpha=0.85)]
    turn: Style = {"rotation": SLANT if up else -SLANT, "rotation_mode": "anchor"}
    look: Style = {"va": "center", "ha": "left", "path_effects": halo, "color": TITLE, **turn}
    for label in place(dots, room, LABELS):
        x, y = figure.transFigure.inverted().transform((label.x, label.y))
        figure.text(x, y, label.text, size=SMALL, parse_math=False, **look)


def _drawable(result: Result) -> str:
    """The title in the characters that the font has, or else its number."""
    from matplotlib.font_manager import FontProperties, findfont, get_font  # noqa: PLC0415

    known = get_font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap()
    shown = "".join(char for char in result.title if ord(char) in known or char.isspace())
    return one_line(shown, LONGEST) or f"experiment {result.number}"


def _heading(figure: "Figure", axes: "Axes", facts: Facts, renderer: "RendererAgg") -> None:
    name = f"{one_line(facts.lab.lab.name, 24)} {one_line(facts.campaign.tag, 24)}"
    counts = f"{counted(facts.experiments, 'experiment')}, {counted(len(facts.kept), 'keep')}"
    gain = "no gain yet"
    if facts.kept:
        relative = "" if facts.gain.relative is None else f" ({percent(facts.gain.relative)})"
        gain = f"believed gain {spread(facts.gain.size, facts.gain.sd)}{relative}"
    below = CAVEAT
    if (known := facts.confirmed) is not None and known.claim.confirmed:
        below, gain = gain, f"confirmed gain {gain_words(known.claim)}"
        where = "the holdout" if known.split == "holdout" else "fresh seeds"
        below = f"{counted(known.claim.pairs, 'pair')} on {where}, 95 % interval; {below}"
    below += " · scores are self-reported" if facts.lab.self_reported else ""
    left = axes.get_position().x0
    style: Style = {"ha": "left", "va": "baseline", "parse_math": False}
    title = f"{name}: {counts}, {gain}"
    top = figure.text(left, 0.935, title, size=19, weight="bold", color=INK, **style)
    room = (1 - left) * SIZE[0] * 100 - EDGE_PIXELS
    top.set_fontsize(min(19.0, 19 * room / top.get_window_extent(renderer).width))
    figure.text(left, 0.896, below, size=12, color=SOFT, **style)
