"""What a comparison says: sentences, a table, and `compare.md` with the picture beside it."""

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

from novum.comparison.facts import ERROR_RATE, Facts, Interval, Run, interval
from novum.comparison.picture import draw
from novum.export import write_whole
from novum.judge.words import number
from novum.report import write_picture
from novum.report.words import quoted, table
from novum.terminal import counted, duration

PAGE, PICTURE = "compare.md", "compare.png"
HEAD = (
    "researcher",
    "confirmed",
    "measured gain",
    "confirmed gain",
    "believed gain",
    "keeps",
    "of these confirmed",
    "trials",
    "time",
    "usd",
    "tokens",
)
NOTE = (
    "Each number is a mean over the repeats; in brackets is Student's 95 % interval for it, where "
    "there is more than one. Gains are over the start, better is positive. *Measured*: what was "
    "found, run again beside the start on fresh seeds, and on the holdout where there is one; 0 if "
    "nothing was kept. *Confirmed*: the same if it was confirmed, else 0. *Believed*: what the "
    "search believes. A keep is *confirmed* if it lies in code whose gain is. Time is wall time, "
    "confirmations included."
)


def kind_of(researcher: str) -> str:
    """`tuner`, `null`, or whoever else has ideas: `ideas`."""
    name = researcher.partition(":")[0]
    return name if name in {"tuner", "null"} else "ideas"


def write_page(facts: Facts, directory: Path) -> list[Path]:
    """Write the page and, where Matplotlib is there, the picture; the files that were written."""
    written: list[Path] = []
    picture = ""
    if facts.begun:
        told = sentences(facts)
        written, picture = write_picture(directory / PICTURE, lambda: draw(facts, told))
    write_whole(directory / PAGE, page(facts, picture).encode())
    return [directory / PAGE, *written]


def page(facts: Facts, picture: str) -> str:
    """The whole page."""
    lab = facts.lab
    better = "lower" if lab.minimize else "higher"
    parts = [
        f"# {quoted(lab.lab.name)}: {len(facts.wish.researchers)} researchers compared",
        quoted(lab.lab.question, 1000),
        f"Comparison {quoted(facts.name)}: {counted(facts.wish.experiments, 'experiment')} and "
        f"{counted(facts.wish.repeats, 'repeat')} each; {quoted(lab.metric.name)}, {better} is "
        "better.",
        picture,
        "\n".join(f"- {quoted(one, 1000)}" for one in sentences(facts)),
        table(HEAD, rows(facts), " ".join(name for name in HEAD[1:] if " " not in name)),
        NOTE,
        "Campaigns: " + ", ".join(f"`{run.entry.tag}`" for run in facts.runs),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def as_text(facts: Facts) -> str:
    """The sentences and the table, for a terminal."""
    lines = [HEAD, *rows(facts)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(HEAD))]
    shown = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join(["", *shown, "", *sentences(facts), ""])


def rows(facts: Facts) -> list[tuple[str, ...]]:
    """A line for each researcher, under `HEAD`."""
    return [_row(quoted(one), facts.of(one)) for one in facts.begun]


def _row(name: str, runs: Sequence[Run]) -> tuple[str, ...]:
    measured = [run.measured for run in runs if run.measured is not None]
    keeps = sum(run.keeps for run in runs)
    sure = sum(run.keeps_confirmed for run in runs)
    unpriced = sum(run.usage.unpriced for run in runs)
    spent = sum(run.usage.requests for run in runs)
    return (
        name,
        f"{sum(run.confirmed != 0 for run in runs)} of {len(runs)}",
        words(interval(measured)) if measured else "not measured yet",
        words(interval([run.confirmed for run in runs])),
        words(interval([run.believed for run in runs])),
        _plain(keeps / len(runs)),
        f"{sure / keeps:.0%}".replace("%", " %") if keeps else "–",
        _plain(sum(run.trials for run in runs) / len(runs)),
        duration(sum(run.seconds for run in runs) / len(runs)),
        f"{sum(run.usage.usd for run in runs) / len(runs):.4g}{' + ?' if unpriced else ''}"
        if spent
        else "–",
        f"{sum(run.usage.tokens for run in runs) / len(runs):.0f}" if spent else "–",
    )


def _plain(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def words(found: Interval) -> str:
    """A mean with its interval: +0.0123 [0.0101, 0.0145]."""
    sign = "+" if found.mean > 0 else ""
    if not found.known:
        return f"{sign}{found.mean:.3g}"
    half = (found.high - found.low) / 2
    if half <= 1e-9 * abs(found.mean):
        return f"{sign}{found.mean:.6g}"
    low, high = number(found.low, half), number(found.high, half)
    return f"{sign}{number(found.mean, half)} [{low}, {high}]"


def sentences(facts: Facts) -> list[str]:
    """What it comes to, the answer to the question first; at least one sentence."""
    said = [*_answers(facts), *_control(facts)]
    if not facts.complete:
        done = sum(run.finished and run.measured is not None for run in facts.runs)
        planned = len(facts.wish.researchers) * facts.wish.repeats
        said.append(f"Not all campaigns are at their end: {done} of {planned} are.")
    return said


def _answers(facts: Facts) -> Iterator[str]:
    """Do ideas beat the parameter grid here?"""
    ideas = [one for one in facts.begun if kind_of(one) == "ideas"]
    grids = [one for one in facts.begun if kind_of(one) == "tuner"]
    if not ideas or not grids:
        missing = "a tuner" if ideas else "a researcher with ideas"
        yield f"Whether ideas beat the parameter grid is not asked here: {missing} did not run."
    # All comparisons together are wrong at most at this rate.
    pairs = [(one, other) for one, other in product(ideas, grids)]
    pairs += [(one, "null") for one in [*ideas, *grids] if "null" in facts.begun]
    for one, other in pairs:
        found = facts.difference(one, other, ERROR_RATE / len(pairs))
        level = f"{100 * (1 - ERROR_RATE / len(pairs)):.3g} % interval"
        if found is not None:
            yield _answer(one, other, found, level)


def _answer(one: str, other: str, found: Interval, level: str) -> str:
    grid = kind_of(other) == "tuner"
    many = counted(found.count, "repeat")
    what = "ideas beat the parameter grid here" if grid else f"{one} finds more than luck does"
    told = f"{one} minus {other}: {words(found)}"
    end = f"{told}, {level}, {many}."
    if not found.known:
        return f"One repeat cannot tell whether {what}; {told}. More repeats (--repeats 3) can."
    if found.low > 0:
        return f"Yes, {what}: {end}"
    if found.high < 0:
        beaten = "the parameter grid beats ideas here" if grid else f"{one} finds less than luck"
        return f"No, {beaten}: {end}"
    return f"It is open whether {what}: {end}"


def _control(facts: Facts) -> Iterator[str]:
    runs = [run for one in facts.begun if kind_of(one) == "null" for run in facts.of(one)]
    if not runs:
        return
    fooled = sum(run.confirmed != 0 for run in runs)
    rate = f"{100 * facts.lab.judge.error_rate:g} %"
    if fooled == 0:
        yield f"The control, which changes nothing, was confirmed in none of {len(runs)} campaigns."
        return
    yield (
        f"The control, which changes nothing, was confirmed in {fooled} of {len(runs)} campaigns; "
        f"more than {rate} in the long run would mean that what is confirmed here is luck, too."
    )
