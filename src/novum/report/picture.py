"""`progress.png`: every experiment, the keeps, and what the search believes."""

from typing import TYPE_CHECKING

from novum.confirmed import gain_words
from novum.export import one_line
from novum.records import Outcome
from novum.report import canvas
from novum.report.canvas import BAND, BELIEF, FAINT, KEPT, SOFT, STEP, Style, Titled
from novum.report.facts import Facts, Result
from novum.report.scale import limits
from novum.report.words import percent, rounded, spread
from novum.terminal import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.figure import Figure

CAVEAT = "gain = what the search believes; not yet confirmed"
LEGEND = {
    "kept": "kept",
    "best score": "best score so far",
    "belief ± sd": "belief about the best, ± sd",
    "discarded": "discarded",
    "off the scale": "off the scale",
    "failed": "crash or invalid",
    "baseline ± 1 sd": "noise of one run, ± sd",
}


def draw(facts: Facts) -> bytes:
    """The picture as PNG, 1600 by 900.

    Raises:
        ImportError: without Matplotlib.
    """

    def paint(figure: "Figure", renderer: "RendererAgg") -> None:
        axes = _frame(figure, facts, renderer)
        _beliefs(axes, facts)
        _dots(axes, facts)
        canvas.legend(axes, LEGEND)
        _ends(figure, axes, facts)
        up = facts.lab.minimize
        canvas.titles(figure, axes, renderer, _titles_of_keeps(facts), up=up)
        _heading(figure, axes, facts, renderer)

    return canvas.painted(paint)


def _frame(figure: "Figure", facts: Facts, renderer: "RendererAgg") -> "Axes":
    first, last = facts.results[0].number, facts.results[-1].number
    length = max(last - first, 4)
    newest = facts.kept[-1].number if facts.kept else first
    room = newest + 0.16 * length if facts.kept else 0.0
    across = (first - 0.02 * length, max(last, first + 4, room) + 0.02 * length)
    better = "lower" if facts.lab.minimize else "higher"
    metric = f"{one_line(facts.lab.metric.name, 60)} ({better} is better)"
    axes = canvas.frame(figure, across, limits(facts), ("experiment", metric), renderer)
    canvas.count_across(axes, first, last)
    return axes


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
    scored = [result for result in facts.results if result.score is not None]
    discarded = [result for result in scored if result.outcome is Outcome.DISCARD]
    canvas.discards(axes, list(zip(*_points(discarded), strict=True)), many)
    kept = [result for result in scored if result.outcome is Outcome.KEEP]
    x, best = _record(kept, facts)
    axes.step(x, best, where="post", color=STEP, linewidth=2.2, zorder=3.5, label="best score")
    edge: Style = {"edgecolors": "white", "linewidths": 1.2}
    big = canvas.big_size(many)
    axes.scatter(*_points(kept), s=big, color=KEPT, zorder=5, label="kept", **edge)
    canvas.crosses(axes, [result.number for result in facts.results if result.failed])


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


def _ends(figure: "Figure", axes: "Axes", facts: Facts) -> None:
    """What the two lines are worth, in words at their right ends."""
    baseline, belief = facts.baseline, facts.belief
    if baseline is None or baseline.score is None or belief is None:
        return
    first = f"baseline\n{rounded(baseline.score, facts.noise_sd or 0.0)}"
    now = f"believed\n{spread(belief.mean, belief.sd)}".replace(" ±", "\n±")
    canvas.ends(figure, axes, [(baseline.score, first, SOFT), (belief.mean, now, BELIEF)])


def _titles_of_keeps(facts: Facts) -> list[Titled]:
    found = []
    for result in (facts.baseline, *facts.kept):
        if result is None or result.score is None:
            continue
        text = canvas.drawable(result.title, f"experiment {result.number}")
        text = "" if result is facts.baseline else text
        found.append(Titled(result.number, result.score, text, result.evidence.effect))
    return found


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
        below = f"{known.basis}, 95 % interval; {below}"
    below += " · scores are self-reported" if facts.lab.self_reported else ""
    canvas.heading(figure, axes, renderer, f"{name}: {counts}, {gain}", below)
