"""`audit.png`: the progress that a log shows, with the doubtful keeps marked."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from novum.audit.log import KeepAudit, LogAudit, SegmentAudit
from novum.audit.page import audit_facts, grade, headline, named, number_of
from novum.export import one_line, write_whole
from novum.logs import Row, Status
from novum.report import canvas
from novum.report.canvas import BAD, BAND, BELIEF, FAINT, KEPT, SOFT, TITLE, Style, Titled
from novum.report.scale import span
from novum.report.words import rounded, signed, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.figure import Figure

PICTURE, FACTS = "audit.png", "audit.json"
HOW_TO_GET_IT = "no picture: it needs Matplotlib; get it with: pip install 'novum[plot]'"
RECORD = "#9fb3a7"
DOUBT, DOUBT_TITLE, BAD_TITLE = "#e0962e", "#8a5a12", "#9a3d2a"
LOOKS = {"survives": (KEPT, TITLE), "doubtful": (DOUBT, DOUBT_TITLE), "luck": (BAD, BAD_TITLE)}
LEGEND = {
    "survives": "keep: would survive",
    "doubtful": "doubtful",
    "luck": "probably luck",
    "record": "its record",
    "belief": "belief about it, ± sd",
    "discarded": "discarded",
    "off the scale": "off the scale",
    "failed": "no score",
    "noise": "noise of one run, ± sd",
}


def write_audit(audit: LogAudit, directory: Path) -> list[str]:
    """Write the picture and the facts into a directory; a line for each, or why there is none."""
    text = json.dumps(audit_facts(audit), indent=2) + "\n"
    write_whole(directory / FACTS, text.encode())
    told = [f"wrote {directory / FACTS}"]
    try:
        write_whole(directory / PICTURE, draw_audit(audit))
    except ImportError:
        return [*told, HOW_TO_GET_IT]
    return [*told, f"wrote {directory / PICTURE}"]


def draw_audit(audit: LogAudit) -> bytes:
    """The picture as PNG, 1600 by 900.

    Raises:
        ImportError: without Matplotlib.
    """
    places = {id(row): place for place, row in enumerate(audit.log.rows, 1)}

    def paint(figure: "Figure", renderer: "RendererAgg") -> None:
        axes = _frame(figure, audit, renderer)
        _beliefs(axes, audit, places)
        _dots(axes, audit, places)
        canvas.legend(axes, LEGEND)
        _ends(figure, axes, audit)
        found = list(_titles(audit, places))
        canvas.titles(figure, axes, renderer, found, up=audit.log.minimize)
        name = one_line(audit.log.path.name, 40)
        said = headline(audit)
        title = f"{name}: {said[0].lower()}{said[1:].rstrip('.')}"
        canvas.heading(figure, axes, renderer, title, _below(audit))

    return canvas.painted(paint)


def _frame(figure: "Figure", audit: LogAudit, renderer: "RendererAgg") -> "Axes":
    count = len(audit.log.rows)
    length = max(count, 5)
    better = "lower" if audit.log.minimize else "higher"
    metric = f"{one_line(audit.log.metric, 60)} ({better} is better)"
    across = (1 - 0.02 * length, length + 0.06 * length)
    axes = canvas.frame(figure, across, _limits(audit), ("run", metric), renderer)
    canvas.count_across(axes, 1, count)
    return axes


def _limits(audit: LogAudit) -> tuple[float, float]:
    sign, noise = (1.0 if audit.log.minimize else -1.0), audit.ruler.sd
    kept = [sign * (keep.row.score or 0.0) for keep in audit.keeps]
    core = list(kept)
    for segment in audit.segments:
        first = sign * (segment.reigns[0].row.score or 0.0)
        core += [first - noise, first + noise]
    discards = sorted(sign * (row.score or 0.0) for row in _discarded(audit))
    return span(core, kept, discards, minimize=audit.log.minimize)


def _discarded(audit: LogAudit) -> list[Row]:
    rows = audit.log.rows
    return [row for row in rows if row.status is Status.DISCARD and row.score is not None]


def _beliefs(axes: "Axes", audit: LogAudit, places: dict[int, int]) -> None:
    """Per segment: the baseline with the noise of one run, and what is believed after it."""
    noise = audit.ruler.sd
    for number, segment in enumerate(audit.segments):
        start, end = places[id(segment.segment.rows[0])], places[id(segment.segment.rows[-1])] + 1
        first = segment.reigns[0].row.score or 0.0
        left, right = axes.get_xlim()
        if len(audit.segments) > 1:
            left, right = start - 0.5, end - 0.5
        quiet: Style = {"color": BAND, "linewidth": 0, "zorder": 0.5}
        label = "" if number else "noise"
        axes.fill_between([left, right], first - noise, first + noise, label=label, **quiet)
        axes.hlines(first, left, right, color=FAINT, linewidth=1, linestyle=(0, (5, 4)), zorder=1)
        _course(axes, segment, [places[id(r.row)] for r in segment.reigns] + [end - 1], number)
        if number:
            axes.axvline(start - 0.5, color="#d5d9de", linewidth=1, zorder=0.8)
        if len(audit.segments) > 1:
            _segment_name(axes, segment, start, end)


def _course(axes: "Axes", segment: SegmentAudit, x: list[int], number: int) -> None:
    """Each incumbent's record and what is believed of it, as long as it reigned."""
    reigns = (*segment.reigns, segment.reigns[-1])
    low, high = [r.mean - r.sd for r in reigns], [r.mean + r.sd for r in reigns]
    shade: Style = {"color": BELIEF, "alpha": 0.15, "linewidth": 0, "step": "post"}
    axes.fill_between(x, low, high, zorder=1.5, **shade)
    line: Style = {"where": "post", "color": BELIEF, "linewidth": 1.3, "zorder": 3}
    label = "" if number else "belief"
    axes.step(x, [reign.mean for reign in reigns], label=label, **line)
    soft: Style = {"where": "post", "color": RECORD, "linewidth": 1.6, "zorder": 2.8}
    label = "" if number else "record"
    axes.step(x, [reign.row.score or 0.0 for reign in reigns], label=label, **soft)


def _segment_name(axes: "Axes", segment: SegmentAudit, start: int, end: int) -> None:
    name = canvas.drawable(named(segment), "")
    most = max(int(140 * (end - start) / (axes.get_xlim()[1] - axes.get_xlim()[0])), 3)
    across = axes.get_xaxis_transform()
    style: Style = {"size": 9, "color": SOFT, "va": "top"}
    text = one_line(name, most) if end - start > 2 else ""
    axes.text(start - 0.3, 0.995, text, transform=across, parse_math=False, **style)


def _dots(axes: "Axes", audit: LogAudit, places: dict[int, int]) -> None:
    many = len(audit.log.rows)
    canvas.discards(axes, [(places[id(r)], r.score or 0.0) for r in _discarded(audit)], many)
    big = canvas.big_size(many)
    firsts = [segment.reigns[0].row for segment in audit.segments]
    white: Style = {"edgecolors": "white", "linewidths": 1.2}
    for row in firsts:
        axes.scatter(places[id(row)], row.score or 0.0, s=big, color=SOFT, zorder=5, **white)
    for name, (colour, _) in LOOKS.items():
        keeps = [keep for keep in audit.keeps if grade(keep) == name]
        if not keeps:
            continue
        solid = name == "survives"
        look: Style = white if solid else {"edgecolors": colour, "linewidths": 1.8}
        x, y = [places[id(k.row)] for k in keeps], [k.row.score or 0.0 for k in keeps]
        face = colour if solid else "white"
        axes.scatter(x, y, s=big if solid else 0.75 * big, c=face, zorder=5, label=name, **look)
    failed = [row for row in audit.log.rows if row.score is None]
    canvas.crosses(axes, [places[id(row)] for row in failed])


def _ends(figure: "Figure", axes: "Axes", audit: LogAudit) -> None:
    first, last = audit.segments[0].reigns[0], audit.segments[-1].reigns[-1]
    score = first.row.score or 0.0
    ends = [(score, f"baseline\n{rounded(score, audit.ruler.sd)}", SOFT)]
    if last is not first:
        words = f"believed\n{spread(last.mean, last.sd)}".replace(" ±", "\n±")
        ends.append((last.mean, words, BELIEF))
    canvas.ends(figure, axes, ends)


def _titles(audit: LogAudit, places: dict[int, int]) -> Iterator[Titled]:
    names = {id(keep): s.segment.name for s in audit.segments for keep in s.keeps}
    for segment in audit.segments:
        row = segment.reigns[0].row
        yield Titled(places[id(row)], row.score or 0.0, "", 0.0)
    for keep in audit.keeps:
        place = places[id(keep.row)]
        name = keep.row.description.removeprefix(f"[{names[id(keep)]}]")
        text = canvas.drawable(name, f"line {keep.row.line}")
        colour = LOOKS[grade(keep)][1]
        yield Titled(place, keep.row.score or 0.0, text, _weight(keep), colour)


def _weight(keep: KeepAudit) -> float:
    """Keeps that survive have the first claim to room, then the larger ones."""
    return keep.probability + (10 if keep.survives else 0)


def _below(audit: LogAudit) -> str:
    noise = f"noise of one run {rounded(audit.ruler.sd, audit.ruler.sd)}"
    how = "given" if audit.ruler.given else "inferred from the log"
    if len(audit.segments) > 1 or not audit.keeps:
        return f"{noise}, {how}"
    segment = audit.segments[0]
    gain, sd = segment.gain, audit.ruler.sd
    ends = f"{number_of(audit, gain.low)} to {number_of(audit, gain.high)}"
    seen = signed(segment.seen, sd).split(" ")[0]
    size = signed(gain.mean, sd).split(" ")[0]
    return f"total gain {size} (95 %: {ends}), the records say {seen} · {noise}, {how}"
