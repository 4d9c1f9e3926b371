"""Words and numbers of the report, and text from outside made safe for Markdown."""

import re
from collections.abc import Iterable, Sequence

from novum.export import one_line
from novum.judge.words import decimals, number, with_exponent

FINEST = 9  # digits after the point; what needs more is written with an exponent
_SPECIAL = re.compile(r"([\\`*\[\]<>|~$])|((?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")


def quoted(text: str, longest: int = 160) -> str:
    """Text from outside as one line that Markdown shows as it is, in a table too."""
    shown = _SPECIAL.sub(lambda match: "\\" + match[0], one_line(text, longest))
    return shown.replace("&", "&amp;")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: str = "") -> str:
    """A Markdown table; `right` are the heads of columns of numbers, in one string."""
    numeric = right.split()
    lines = [
        _row(head),
        _row(["---:" if name in numeric else "---" for name in head]),
        *map(_row, rows),
    ]
    return "\n".join(lines)


def facts_table(rows: Iterable[tuple[str, str]]) -> str:
    """A table of two columns without a head; rows without a value are left out."""
    return table(("", ""), [row for row in rows if row[1]])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def rounded(value: float, sd: float) -> str:
    """A value with the digits that its uncertainty supports; all of them if it has none."""
    fits = sd <= 0 or value == 0 or decimals(sd) <= FINEST
    return number(value, sd) if fits else with_exponent(value, sd)


def spread(value: float, sd: float) -> str:
    """A value with its uncertainty, with the digits that this supports: 0.9974 ± 0.0012."""
    return f"{rounded(value, sd)} ± {rounded(sd, sd)}" if sd > 0 else f"{value:.6g}"


def signed(value: float, sd: float) -> str:
    """An effect with its sign and uncertainty: +0.0041 ± 0.0012."""
    text = spread(value, sd)
    return text if text.startswith("-") else f"+{text}"


def score_text(value: float | None, noise_sd: float | None) -> str:
    """A score with the digits that its noise supports; a dash where there is none."""
    return "–" if value is None else rounded(value, noise_sd or 0.0)


def percent(share: float) -> str:
    """A share as a percentage with two digits: 2.1 %, 0.034 %."""
    size = abs(share) * 100
    digits = 0 if size >= 10 else 1 if size >= 1 else 2 if size >= 0.1 else 3
    return f"{round(share * 100, digits) + 0.0:.{digits}f} %"  # never -0 %
