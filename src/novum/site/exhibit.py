"""The exhibit `site`: what visitors did, experiment by experiment, and who was left out.

It writes `rates.png` beside the report: the conversion rate of both arms as visitors came.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from novum.export import write_whole
from novum.judge import Arms
from novum.judge.proportions import lift_interval
from novum.judge.rate import bars
from novum.report import canvas
from novum.report.canvas import FAINT, INK, KEPT, SOFT
from novum.report.exhibits import Exhibit, Material
from novum.report.words import quoted, table
from novum.site.config import read_site
from novum.site.copies import COPY, copy_in
from novum.site.measuring import everybody
from novum.site.records import Experiment, State
from novum.site.store import Store, store_of
from novum.terminal import counted

if TYPE_CHECKING:
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.figure import Figure

PICTURE = "rates.png"
EARLY = 50  # visitors of an arm, before whom its rate is not drawn
POINTS = 200  # of one line
USUAL = 0.05  # a rate to bet on, where the baseline has none


@dataclass(frozen=True, slots=True)
class _Row:
    """One experiment of the site, and which of the campaign it was."""

    shown: Experiment
    number: int
    arms: Arms
    course: Sequence[tuple[bool, bool]]  # of each visitor: was it the candidate, did they convert

    @property
    def beside(self) -> str:
        """What the candidate was compared with."""
        if self.shown.candidate == self.shown.control:
            return "itself"
        return "the holdout group" if self.shown.claim else "the incumbent"


class Site:
    """Shows a campaign in a copy lab, as those who run the site look at it."""

    def show(self, material: Material, directory: Path) -> Exhibit:
        """The exhibit, its picture written into the report's directory."""
        site = read_site(material.lab)
        with closing(store_of(material.lab)) as store:
            rows = _rows(store, material, site.window)
            left_out = store.left_out()
        error = material.facts.lab.judge.error_rate
        baseline = material.facts.baseline
        base = baseline.score if baseline and baseline.score else USUAL
        parts = ["## The site", _summary(rows, left_out)]
        files = []
        if rows:
            parts.append(_table(rows, base, error))
            try:
                write_whole(directory / PICTURE, _picture(rows))
                files.append(directory / PICTURE)
                parts.append(
                    f"![conversion rates]({PICTURE})\n\nGreen: the candidate's rate as its "
                    "visitors came; grey: the control's, at the same time."
                )
            except ImportError:
                parts.append("*No picture:* pip install 'novum[plot]'")
        return Exhibit("\n\n".join(parts), "", tuple(files))


def _rows(store: Store, material: Material, window: float) -> list[_Row]:
    """The site's experiments whose copies are this campaign's, in the order of the site."""
    numbers: dict[str, int] = {}
    for tried in material.tried:
        if (copy := copy_in(tried.files.get(COPY, ""))) is not None:
            numbers.setdefault(copy.digest, tried.result.number)
    rows = []
    for shown in store.experiments():
        if shown.candidate in numbers and shown.control in numbers:
            counts = store.counts(everybody(shown), window)
            ours, theirs = counts.candidate, counts.control
            arms = Arms(ours.visitors, ours.conversions, theirs.visitors, theirs.conversions)
            course = store.course(everybody(shown), window)
            rows.append(_Row(shown, numbers[shown.candidate], arms, course))
    return rows


def _summary(rows: Sequence[_Row], left_out: Mapping[str, int]) -> str:
    visitors = sum(row.arms.visitors + row.arms.control_visitors for row in rows)
    words = f"{counted(visitors, 'visitor')} in {counted(len(rows), 'experiment')}."
    if left_out:
        listed = ", ".join(f"{quoted(why)} {visits:,}" for why, visits in left_out.items())
        words += f" Visits that were left out: {listed}."
    return words


def _table(rows: Sequence[_Row], base: float, error: float) -> str:
    level = f"{100 * (1 - 2 * error):.0f} %"
    head = ("nr", "beside", "candidate", "control", f"lift [{level}]", "stopped")
    body = [
        (
            str(row.number),
            row.beside,
            _share(row.arms.conversions, row.arms.visitors),
            _share(row.arms.control_conversions, row.arms.control_visitors),
            _lift(row.arms, base, error),
            quoted(row.shown.reason) if row.shown.state in _ENDED else "",
        )
        for row in rows
    ]
    note = (
        "`nr` is the experiment of the campaign. All visitors of all "
        f"its batches. The interval holds with {level}, at any time. A split of the visitors that "
        "cannot be chance, a guard or a person ends an experiment."
    )
    return f"{table(head, body, 'nr candidate control')}\n\n{note}"


_ENDED = {State.STOPPED, State.ROLLED_BACK}


def _share(conversions: int, visitors: int) -> str:
    return f"{conversions / visitors:.2%} of {visitors:,}" if visitors else "–"


def _lift(arms: Arms, base: float, error: float) -> str:
    """For example "+12 % [-3, +31]"."""
    if not (arms.visitors and arms.control_conversions):
        return "–"
    seen = arms.conversions / arms.visitors * arms.control_visitors / arms.control_conversions - 1
    low, high = lift_interval(bars(0.0, 0.0, base).bettor, arms, error)
    return f"{100 * seen:+.0f} % [{100 * low:+.0f}, {100 * high:+.0f}]"


def _picture(rows: Sequence[_Row]) -> bytes:
    """The rates of both arms over all visitors; experiments one after another.

    Raises:
        ImportError: without Matplotlib.
    """

    def paint(figure: "Figure", renderer: "RendererAgg") -> None:
        total = sum(len(row.course) for row in rows)
        lines = [_lines(row.course) for row in rows]
        highest = max((rate for line in lines for arm in line for _, rate in arm), default=1.0)
        up = (0.0, 100 * highest * 1.1)
        labels = ("visitors in experiments", "conversion rate, %")
        axes = canvas.frame(figure, (0.0, float(max(total, 1))), up, labels, renderer)
        begin = 0
        for row, (ours, theirs) in zip(rows, lines, strict=True):
            for line, colour in ((theirs, SOFT), (ours, KEPT)):
                axes.plot(
                    [begin + place for place, _ in line],
                    [100 * rate for _, rate in line],
                    color=colour,
                    linewidth=1.6,
                )
            axes.axvline(begin, color=FAINT, linewidth=0.6)
            name = f"{row.number}{' holdout' if row.shown.claim else ''}"
            axes.text(begin, up[1], f" {name}", color=INK, fontsize=9, va="top")
            begin += len(row.course)

    return canvas.painted(paint)


def _lines(course: Sequence[tuple[bool, bool]]) -> tuple[list[tuple[int, float]], ...]:
    """The rate so far of the candidate and of the control, at some visitors of each."""
    found = []
    for candidate in (True, False):
        own = [(place, sold) for place, (mine, sold) in enumerate(course) if mine is candidate]
        sums = accumulate(sold for _, sold in own)
        line = [
            (place, so_far / number)
            for number, ((place, _), so_far) in enumerate(zip(own, sums, strict=True), 1)
            if number >= EARLY
        ]
        found.append(line[:: max(1, len(line) // POINTS)] + line[-1:])
    return tuple(found)
