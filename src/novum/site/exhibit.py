"""The exhibit `site`: what visitors did, experiment by experiment, and who was left out.

It writes `rates.png` beside the report: the conversion rate of both arms, batch by batch. Counts
are those of the ledger: the site forgets its single visitors after a while.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING

from novum.campaign.traffic import arms_of
from novum.export import write_whole
from novum.judge import Arms
from novum.judge.proportions import lift_interval
from novum.judge.rate import bars
from novum.ledger import Trial
from novum.records import Outcome
from novum.report import canvas
from novum.report.canvas import FAINT, INK, KEPT, SOFT
from novum.report.exhibits import Exhibit, Material
from novum.report.words import quoted, table
from novum.site.records import BESIDE_HOLDOUT
from novum.site.store import store_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.figure import Figure

PICTURE = "rates.png"
USUAL = 0.05  # a rate to bet on, where the baseline has none
LETTER, LINE = 0.006, 0.03  # of the picture's width and height: a letter, a line of names
WIDEST = 10.0  # a lift beyond which an interval says nothing


@dataclass(frozen=True, slots=True)
class _Row:
    """One experiment of the campaign, or its claim."""

    name: str
    beside: str
    batches: tuple[Arms, ...]
    why: str = ""  # it was stopped or refused

    @property
    def arms(self) -> Arms:
        """All batches together."""
        return reduce(add, self.batches, Arms(0, 0, 0, 0))


class Site:
    """Shows a campaign in a copy lab, as those who run the site look at it."""

    def show(self, material: Material, directory: Path) -> Exhibit:
        """The exhibit, its picture written into the report's directory."""
        with closing(store_of(material.lab)) as store:
            left_out = store.left_out()
        rows = [*_tried(material), *_claimed(material)]
        parts = ["## The site", _summary(rows, left_out)]
        if any(row.batches for row in rows):
            parts.append(_drawn(rows, directory))
        parts.append(_table(rows, material))
        picture = directory / PICTURE
        return Exhibit("\n\n".join(parts), "", (picture,) if picture.is_file() else ())


def _tried(material: Material) -> list[_Row]:
    rows = []
    for tried in material.tried:
        result, harmed = tried.result, any(map(_is_harmful, tried.trials))
        stopped = harmed or result.outcome is Outcome.INVALID
        why = result.verdict.reason if stopped else ""
        beside = "the incumbent" if result.number else "itself"
        rows.append(_Row(str(result.number), beside, _batches(tried.trials), why))
    return rows


def _claimed(material: Material) -> list[_Row]:
    """The comparisons with the start: each is the first arm of its confirmation."""
    rows = []
    for claim in (one for one in material.facts.claims if one.against == 0):
        own = material.beside_start(claim)
        held = any(t.measurement and t.measurement.metrics.get(BESIDE_HOLDOUT) for t in own)
        beside = "the holdout group" if held else "the start"
        rows.append(_Row(f"{claim.of} claimed", beside, _batches(own)))
    return rows


def _batches(trials: Sequence[Trial]) -> tuple[Arms, ...]:
    return tuple(arms_of(trial.measurement) for trial in trials if trial.measurement is not None)


def _is_harmful(trial: Trial) -> bool:
    return trial.measurement is not None and trial.measurement.metrics.get("guards_broken", 0) > 0


def _summary(rows: Sequence[_Row], left_out: Mapping[str, int]) -> str:
    words = f"{_size(rows)} of experiments."
    if left_out:
        listed = ", ".join(f"{quoted(why)} {visits:,}" for why, visits in left_out.items())
        words += f" Visits that the site has left out so far: {listed}."
    return words


def _size(rows: Sequence[_Row]) -> str:
    """For example "6,000 visitors in 3 batches"."""
    batches = sum(len(row.batches) for row in rows)
    plural = "" if batches == 1 else "es"
    return f"{sum(_visitors(row.arms) for row in rows):,} visitors in {batches:,} batch{plural}"


def _table(rows: Sequence[_Row], material: Material) -> str:
    error, baseline = material.facts.lab.judge.error_rate, material.facts.baseline
    base = baseline.score if baseline and baseline.score else USUAL
    level = f"{100 * (1 - 2 * error):.0f} %"
    head = ("nr", "beside", "candidate", "control", f"lift [{level}]", "stopped or refused")
    body = [
        (
            row.name,
            row.beside,
            _share(row.arms.conversions, row.arms.visitors),
            _share(row.arms.control_conversions, row.arms.control_visitors),
            _lift(row.arms, base, error),
            quoted(row.why),
        )
        for row in rows
    ]
    note = f"All batches of an experiment together. The interval holds with {level}, at any time."
    return f"{table(head, body, 'nr candidate control')}\n\n{note}"


def _share(conversions: int, visitors: int) -> str:
    return f"{conversions / visitors:.2%} of {visitors:,}" if visitors else "–"


def _lift(arms: Arms, base: float, error: float) -> str:
    """For example "+12 % [-3, +31]"."""
    if not (arms.visitors and arms.control_conversions):
        return "–"
    seen = arms.conversions / arms.visitors * arms.control_visitors / arms.control_conversions - 1
    low, high = lift_interval(bars(0.0, 0.0, base).bettor, arms, error)
    most = f"{100 * high:+.0f}" if high < WIDEST else "∞"
    return f"{100 * seen:+.0f} % [{100 * low:+.0f}, {most}]"


def _drawn(rows: Sequence[_Row], directory: Path) -> str:
    try:
        write_whole(directory / PICTURE, _picture(rows))
    except ImportError:
        return "*No picture:* pip install 'novum[plot]'"
    return f"![conversion rates]({PICTURE})\n\nRates over all batches of an experiment so far."


def _picture(rows: Sequence[_Row]) -> bytes:
    """The rates of both arms over all visitors; experiments one after another.

    Raises:
        ImportError: without Matplotlib.
    """
    shown = [row for row in rows if row.batches]
    courses = [list(accumulate(row.batches)) for row in shown]
    total = sum(_visitors(row.arms) for row in shown)
    highest = max(max(_rates(arms)) for course in courses for arms in course) or 1.0

    def paint(figure: "Figure", renderer: "RendererAgg") -> None:
        across, up = (0.0, float(total)), (0.0, 115 * highest)
        labels = ("visitors in experiments", "conversion rate, %")
        axes = canvas.frame(figure, across, up, labels, renderer)
        canvas.count_across(axes, 0, total)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        below = f"{_size(shown)}; each number is an experiment"
        title = "Green: the candidate. Grey: the other copy, at the same time"
        canvas.heading(figure, axes, renderer, title, below)
        begin, ends = 0, [0.0, 0.0]
        for row, course in zip(shown, courses, strict=True):
            _lines(axes, begin, course)
            axes.axvline(begin, color=FAINT, linewidth=0.6)
            # A name that would cover the last one stands lower.
            level = 0 if begin >= ends[0] else 1
            ends[level] = begin + LETTER * (len(row.name) + 1) * total
            height = up[1] * (1 - LINE * level)
            axes.text(begin, height, f" {row.name}", color=INK, fontsize=9, va="top")
            begin += _visitors(row.arms)

    return canvas.painted(paint)


def _lines(axes: "Axes", begin: int, course: Sequence[Arms]) -> None:
    """Both rates after each batch; of a single one, all along it."""
    places = [begin, *(begin + _visitors(arms) for arms in course)]
    for arm, colour in ((1, SOFT), (0, KEPT)):
        rates = [100 * _rates(arms)[arm] for arms in course]
        axes.plot(places, [rates[0], *rates], color=colour, linewidth=1.8)


def _visitors(arms: Arms) -> int:
    return arms.visitors + arms.control_visitors


def _rates(arms: Arms) -> tuple[float, float]:
    return arms.conversions / arms.visitors, arms.control_conversions / arms.control_visitors
