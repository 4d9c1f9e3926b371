"""The log of pi-autoresearch: JSON lines. A `config` line starts a segment, then come its runs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from novum.logs.rows import Problem, Row, Status, status_of
from novum.logs.table import LARGEST
from novum.terminal import storable


@dataclass(slots=True)
class Part:
    """A segment as it is read: what its config line says, and its runs."""

    name: str = ""
    metric: str = "metric"
    minimize: bool | None = None
    rows: list[Row] = field(default_factory=list)


@dataclass(slots=True)
class Lines:
    """All that a file of JSON lines says."""

    parts: list[Part] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_lines(text: str) -> Lines:
    """Read JSON lines; what cannot be read becomes a problem with its line."""
    found = Lines()
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            facts = json.loads(line)
        except (ValueError, RecursionError):
            found.problems.append(Problem(number, "not read: it is not JSON"))
            continue
        if not isinstance(facts, dict):
            found.problems.append(Problem(number, "not read: it is no JSON object"))
        elif facts.get("type") == "config":
            found.parts.append(_config(facts))
        elif "type" in facts and "status" not in facts:
            continue  # other notes of the loop's, hooks for example
        else:
            _add_run(found, number, facts)
    return found


def _config(facts: Mapping[str, Any]) -> Part:
    better = str(facts.get("bestDirection", "")).lower()
    minimize = {"lower": True, "higher": False}.get(better)
    name, metric = _text(facts.get("name")), _text(facts.get("metricName"))
    return Part(name, metric or "metric", minimize)


def _add_run(found: Lines, line: int, facts: Mapping[str, Any]) -> None:
    word, score = _text(facts.get("status")), _number(facts.get("metric"))
    status = status_of(word)
    if status is None:
        shown = repr(word[:40]) if word else "missing"
        text = f"not counted: its status is {shown}, which is neither keep, discard nor crash"
        found.problems.append(Problem(line, text))
        return
    if score is None and status in {Status.KEEP, Status.DISCARD}:
        found.problems.append(Problem(line, f"not counted: {status}, but its metric is no number"))
        return
    if not found.parts:
        found.parts.append(Part())
    milliseconds = _number(facts.get("timestamp"))
    found.parts[-1].rows.append(
        Row(
            line=line,
            commit=_text(facts.get("commit")),
            score=None if status in {Status.CRASH, Status.PENDING} else score,
            status=status,
            word=word,
            description=_text(facts.get("description")),
            metrics=dict(_numbers(facts.get("metrics"))),
            when=None if milliseconds is None else milliseconds / 1000,
        )
    )


def _numbers(facts: object) -> list[tuple[str, float]]:
    items = facts.items() if isinstance(facts, dict) else ()
    pairs = [(_text(name), _number(value)) for name, value in items]
    return [(name, value) for name, value in pairs if value is not None]


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if abs(value) < LARGEST else None
    except OverflowError:
        return None


def _text(value: object) -> str:
    return storable(value) if isinstance(value, str) else ""
