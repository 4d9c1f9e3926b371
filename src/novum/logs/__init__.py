"""Logs of other people's loops: `results.tsv` in its dialects, and pi-autoresearch's JSON lines.

They are data from outside. What cannot be read is reported with its line, and nothing is guessed.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from novum.errors import UsageError
from novum.logs.phases import phases
from novum.logs.pi import Lines, read_lines
from novum.logs.rows import Log, Problem, Row, Segment, Status, status_of
from novum.logs.table import read_table

__all__ = ["Log", "Problem", "Row", "Segment", "Status", "find_log", "read_log", "status_of"]

PLACES = ("results.tsv", "autoresearch.jsonl", ".auto/log.jsonl")
LARGEST = 64 * 2**20  # bytes
LOWER = re.compile(
    r"bpb|loss|ppl|perplexity|err|mse|mae|rmse|nll|latency|time|µs|_us|_ms|cost|size"
)
HIGHER = re.compile(
    r"acc|score|reward|f1|auc|r2|bleu|rouge|throughput|per_s|win|pass|speedup|sharpe"
)
WAYS = {
    **dict.fromkeys(("lower", "minimize", "min", "down", "minimise"), True),
    **dict.fromkeys(("higher", "maximize", "max", "up", "maximise"), False),
}


def find_log(path: Path) -> Path:
    """The log that a person means by a file or by a directory.

    Raises:
        UsageError: if there is none, or more than one.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise UsageError(f"there is no {path}; name a log, or a directory that holds one")
    found = [path / place for place in PLACES if (path / place).is_file()]
    found = found or sorted(path.glob(".novum/*/results.tsv"))
    if not found:
        raise UsageError(f"no log in {path}: looked for {', '.join(PLACES)}; name the file")
    if len(found) > 1:
        names = ", ".join(str(one.relative_to(path)) for one in found)
        raise UsageError(f"{path} holds more than one log ({names}); name the file")
    return found[0]


def read_log(path: Path, *, metric: str | None = None, direction: str | None = None) -> Log:
    """Read a log, or the log in a directory.

    `metric` names the column of scores, `direction` is `minimize` or `maximize`; both are found
    in the log if they are not given.

    Raises:
        UsageError: if there is no log, it cannot be read at all, or has no runs.
    """
    path = find_log(path)
    text = _text(path)
    try:
        if text.lstrip().startswith("{"):
            log = _pi(path, read_lines(text), metric)
        else:
            log = _table(path, text, metric)
    except UsageError as error:
        raise UsageError(f"{path} cannot be read as a log: {error}") from None
    if not log.rows:
        first = f"; line {log.problems[0].line}: {log.problems[0].text}" if log.problems else ""
        raise UsageError(f"{path} holds no run that could be read{first}")
    if direction is not None:
        return replace(log, minimize=WAYS[direction], told="--direction")
    return log


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > LARGEST:
        raise UsageError(f"{path} is larger than {LARGEST >> 20} MB: not a log of experiments")
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = content.decode("utf-16" if wide else "utf-8-sig", "replace")
    if "\x00" in text:
        raise UsageError(f"{path} is not text, so it is no log of experiments")
    if not text.strip():
        raise UsageError(f"{path} is empty")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _table(path: Path, text: str, metric: str | None) -> Log:
    table = read_table(text, metric)
    stretches = phases(table.rows)
    segments = tuple(Segment(name, table.metric, rows) for name, rows in stretches)
    said = next((table.comments[key] for key in table.comments if "direction" in key), "")
    minimize = WAYS.get(said.lower())
    told = "a comment in the log"
    if minimize is None:
        minimize, told = _direction(table.metric, segments)
    return Log(path, "tsv", table.metric, minimize, told, segments, tuple(table.problems))


def _pi(path: Path, lines: Lines, metric: str | None) -> Log:
    parts = [part for part in lines.parts if part.rows]
    names = list(dict.fromkeys(part.metric for part in parts))
    chosen = metric or (names[0] if names else "metric")
    if metric is None and len(names) > 1:
        raise UsageError(f"its segments have different metrics, {', '.join(names)}; use --metric")
    problems = list(lines.problems)
    segments = []
    for part in parts:
        rows = part.rows
        if part.metric != chosen:
            rows = [_with_metric(row, chosen) for row in rows if chosen in row.metrics]
        if rows:
            segments.append(Segment(part.name, chosen, tuple(rows)))
    if parts and not segments:
        known = sorted({*names, *(name for p in parts for row in p.rows for name in row.metrics)})
        raise UsageError(f"there is no metric {chosen}; it has {', '.join(known)}")
    ways = {part.minimize for part in parts if part.metric == chosen} - {None}
    if len(ways) == 1:
        minimize, told = ways == {True}, "the log"
    else:
        minimize, told = _direction(chosen, segments)
    return Log(path, "pi", chosen, minimize, told, tuple(segments), tuple(problems))


def _with_metric(row: Row, metric: str) -> Row:
    scored = row.status in {Status.KEEP, Status.DISCARD}
    return replace(row, score=row.metrics[metric] if scored else None)


def _direction(metric: str, segments: Sequence[Segment]) -> tuple[bool, str]:
    """Whether lower is better, and how that is known: by what was kept, or by the name."""
    lower = higher = 0
    for segment in segments:
        kept = [r.score for r in segment.rows if r.status is Status.KEEP and r.score is not None]
        lower += sum(b < a for a, b in pairwise(kept))
        higher += sum(b > a for a, b in pairwise(kept))
    most = max(lower, higher)
    if most and 3 * most >= 2 * (lower + higher):
        return lower > higher, f"{most} of {lower + higher} keeps in a row went that way"
    name = metric.lower()
    if HIGHER.search(name) and not LOWER.search(name):
        return False, "the name of the metric"
    if LOWER.search(name):
        return True, "the name of the metric"
    return True, "nothing but habit; say --direction if it is wrong"
