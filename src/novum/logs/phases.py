"""Where a table starts anew: runs after that are compared with another baseline."""

import re
from collections.abc import Sequence
from itertools import groupby

from novum.logs.rows import Row, Status

LABEL = re.compile(r"\s*\[([^\]\n]{1,60})\]")
ANEW = re.compile(
    r"\b(new|fresh) (baseline|start|restart)\b|^\W*(re-?)?baseline\s*($|[:;,(–—-])", re.IGNORECASE
)


def phases(rows: Sequence[Row]) -> list[tuple[str, tuple[Row, ...]]]:
    """The rows in stretches with one baseline each, with the name that they bear.

    A stretch begins where every description starts with a label in brackets and it changes, or
    where a kept row, not the first, has the status `baseline` or says that it is a new one.
    """
    found: list[tuple[str, list[Row]]] = []
    labelled = _labelled(rows)
    for row in rows:
        name = _label(row) if labelled else ""
        new = not found or name != found[-1][0]
        if new or (_is_baseline(row) and _scored(found[-1][1])):
            found.append((name, []))
        found[-1][1].append(row)
    return [(name, tuple(rows)) for name, rows in found]


def _label(row: Row) -> str:
    match = LABEL.match(row.description)
    return match[1] if match else ""


def _labelled(rows: Sequence[Row]) -> bool:
    """Whether labels name stretches of the log, rather than kinds of ideas."""
    runs = [label for label, _ in groupby(map(_label, rows))]
    return "" not in runs and len(runs) == len(set(runs)) and 3 * len(runs) <= len(rows)


def _is_baseline(row: Row) -> bool:
    if row.status is not Status.KEEP:
        return False
    return row.word.lower().strip("*`") == "baseline" or ANEW.search(row.description) is not None


def _scored(rows: Sequence[Row]) -> bool:
    return any(row.score is not None and row.status is Status.KEEP for row in rows)
