"""The audit of a log as one screen of text, headline first, and as plain data for `--json`."""

import math
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from novum.audit.log import DOUBTFUL, SURVIVES, KeepAudit, LogAudit, SegmentAudit
from novum.export import one_line
from novum.judge.words import probability
from novum.logs import Status
from novum.report.words import percent, rounded, signed
from novum.terminal import counted, harmless

PROBLEMS = 12  # lines that were not used are shown, at most so many
MISSED = 0.5  # a discard that is at least so probably better was probably better
WIDE = 60
WHAT_IS_MEANT = (
    "seen: against the incumbent's record. believed: given the whole log. true?: the probability\n"
    f"of a true gain: from {SURVIVES} on a keep would survive, below {DOUBTFUL} it is likely luck."
)


def audit_view(audit: LogAudit) -> RenderableType:
    """The audit as text."""
    parts: list[RenderableType] = [Text(headline(audit), style="bold")]
    parts += [Text(line) for line in gains(audit)]
    parts += [Text(), _facts(audit)]
    if audit.keeps:
        parts += [Text(), _keeps_table(audit), Text(WHAT_IS_MEANT, style="dim")]
    parts += _problems(audit)
    return Group(*parts)


def headline(audit: LogAudit) -> str:
    """How much of the log would survive, in a sentence."""
    keeps = len(audit.keeps)
    if not audit.attempts:
        return "Nothing to judge: no run was compared with another."
    if not keeps:
        return f"Nothing was kept, of {counted(audit.attempts, 'attempt')}."
    return (
        f"Of {counted(keeps, 'keep')}, {audit.surviving} would survive; about "
        f"{audit.false:.1f} are false."
    )


def gains(audit: LogAudit) -> list[str]:
    """The total gain, as the log has it and as it is to be believed; a line a segment."""
    lines = []
    for segment in audit.segments:
        if segment.keeps:
            name = f"{named(segment)}: " if len(audit.segments) > 1 else ""
            lines.append(f"{name}{_gain(audit, segment)}")
    return lines


def _gain(audit: LogAudit, segment: SegmentAudit) -> str:
    unit = audit.ruler.sd
    gain, seen = segment.gain, segment.seen
    base = segment.reigns[0].mean
    relative = f", {percent(gain.mean / abs(base))} of the baseline" if base else ""
    ends = f"{rounded(gain.low, unit)} to {rounded(gain.high, unit)}"
    return (
        f"Total gain {signed(gain.mean, unit).split(' ')[0]} (95 %: {ends}{relative}); the "
        f"records say {signed(seen, unit).split(' ')[0]}{_best(audit, segment)}."
    )


def _best(audit: LogAudit, segment: SegmentAudit) -> str:
    """The best record, where the log gave it up for a worse one."""
    rows = [segment.reigns[0].row, *(keep.row for keep in segment.keeps)]
    best = max(rows, key=lambda row: audit.log.oriented(row.score or 0.0))
    first, last = segment.reigns[0].row.score or 0.0, segment.reigns[-1].row.score or 0.0
    seen = audit.log.oriented((best.score or 0.0) - first)
    if best.score == last or best is rows[0]:
        return ""
    return f", and {signed(seen, audit.ruler.sd).split(' ')[0]} at their best, in line {best.line}"


def named(segment: SegmentAudit) -> str:
    """A segment by its name, or by the line where it begins."""
    return one_line(segment.segment.name, 40) or f"from line {segment.reigns[0].row.line}"


def _facts(audit: LogAudit) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    for name, text in facts_rows(audit):
        table.add_row(Text(name, style="bold"), Text(harmless(text)))
    return table


def facts_rows(audit: LogAudit) -> list[tuple[str, str]]:
    """What was looked at, and what the noise alone would do: names and sentences."""
    log, small = audit.log, sum(keep.luck_sized for keep in audit.keeps)
    luck = sum(segment.luck.keeps for segment in audit.segments)
    better = "lower" if log.minimize else "higher"
    rows = [
        ("log", f"{log.path}: {_counts(audit)}"),
        ("metric", f"{one_line(log.metric, 60)}, {better} is better ({log.told})"),
        ("noise of one run", noise_words(audit)),
    ]
    if audit.attempts:
        most = max(segment.luck.gain for segment in audit.segments)
        rows.append(
            (
                "pure noise",
                f"if no idea had any effect, a greedy search of {audit.attempts} attempts would "
                f"still keep {luck:.1f}, and seem to gain {number_of(audit, most)}",
            )
        )
    if audit.keeps:
        size = number_of(audit, audit.same_code)
        rows.append(
            (
                "luck-sized",
                f"{small} of {counted(len(audit.keeps), 'keep')}: no larger than {size}, by which "
                "two runs of the same code differ in 1 of 20 pairs",
            )
        )
    missed = sum(chance >= MISSED for s in audit.segments for _, chance in s.missed)
    if missed:
        rows.append(("missed", f"{counted(missed, 'discard')} probably better than the incumbent"))
    return rows


def number_of(audit: LogAudit, value: float) -> str:
    """A size with the digits that the noise supports."""
    return rounded(value, audit.ruler.sd)


def _counts(audit: LogAudit) -> str:
    rows = audit.log.rows
    counts = {status: sum(row.status is status for row in rows) for status in Status}
    words = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    several = len(audit.log.segments)
    parts = f", {several} parts with a baseline each" if several > 1 else ""
    unused = f", {counted(len(audit.log.problems), 'problem')}" if audit.log.problems else ""
    return f"{counted(len(rows), 'run')} ({words}){parts}{unused}"


def noise_words(audit: LogAudit) -> str:
    """How large the noise is, how that is known, and how weak that is."""
    ruler, degrees = audit.ruler, audit.measured.degrees
    size = f"standard deviation {rounded(ruler.sd, ruler.sd)}"
    if ruler.given:
        return f"{size}, as given{_compared(audit)}"
    if not audit.attempts:
        return "not known: nothing was run twice"
    ends = f"{rounded(ruler.low, ruler.sd)} to {rounded(ruler.high, ruler.sd)}"
    if degrees == 0:
        return (
            f"{size} (95 %: {ends}), a mere estimate from how the scores lie: nothing in the log "
            "was run twice; repeat the baseline 5 times and give --noise SD"
        )
    weak = "" if degrees >= 5 else "; few repeats, so give --noise SD if you know it better"
    repeats = ", ".join(_repeat(audit, place) for place in range(min(3, len(audit.repeats))))
    more = len(audit.repeats) - 3
    repeats += f" and {more} more" if more > 0 else ""
    return (
        f"{size} (95 %: {ends}), from {counted(len(audit.repeats), 'repeat')} ({repeats}) and from "
        f"how the scores lie{weak}"
    )


def _compared(audit: LogAudit) -> str:
    if not audit.measured.degrees:
        return ""
    sd = math.sqrt(audit.measured.sum_squares / audit.measured.degrees)
    repeats = counted(len(audit.repeats), "repeat")
    return f"; {repeats} in the log alone would say {rounded(sd, sd) if sd else '0'}"


def _repeat(audit: LogAudit, place: int) -> str:
    found = audit.repeats[place]
    moved = (found.row.score or 0.0) - (found.of.score or 0.0)
    size = number_of(audit, abs(moved))
    return f"line {found.row.line}: {found.words} moved line {found.of.line} by {size}"


def _keeps_table(audit: LogAudit) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("line", justify="right", no_wrap=True)
    for name in ("commit", "seen", "believed", "true?", ""):
        table.add_column(name, no_wrap=True)
    table.add_column("keep")  # alone wraps where the screen is narrow
    for keep in audit.keeps:
        believed = signed(keep.effect, keep.sd) if keep.sd > 0 else "0"
        table.add_row(
            str(keep.row.line),
            Text(one_line(keep.row.commit, 9)),
            signed(keep.seen, audit.ruler.sd).split(" ")[0],
            believed,
            chance(keep),
            Text(grade(keep), style=STYLES[grade(keep)]),
            Text(one_line(keep.row.description, WIDE)),
        )
    return table


STYLES = {"survives": "green", "doubtful": "yellow", "luck": "red"}


def grade(keep: KeepAudit) -> str:
    """What a keep is, in a word."""
    if keep.survives:
        return "survives"
    return "doubtful" if keep.probability >= DOUBTFUL else "luck"


def chance(keep: KeepAudit) -> str:
    """The probability of a true gain; a repeat cannot have one."""
    if keep.repeat is not None and keep.sd == 0:
        return "seed" if keep.repeat.seed else "repeat"
    return probability(keep.probability)


def _problems(audit: LogAudit) -> list[RenderableType]:
    problems = audit.log.problems
    before = sum(segment.before for segment in audit.segments)
    lines = [f"line {found.line}: {found.text}" for found in problems[:PROBLEMS]]
    if len(problems) > PROBLEMS:
        lines.append(f"and {len(problems) - PROBLEMS} more (--json has all)")
    if before:
        lines.append(f"{counted(before, 'run')} before the first keep: nothing to compare with")
    if not lines:
        return []
    title = Text("not read as they stand", style="bold")
    return [Text(), title, *(Text(f"  {harmless(line)}") for line in lines)]


def audit_facts(audit: LogAudit) -> dict[str, Any]:
    """The audit as plain data. Gains and effects: better is positive."""
    log, measured = audit.log, audit.measured
    return {
        "path": str(log.path),
        "kind": log.kind,
        "metric": log.metric,
        "direction": "minimize" if log.minimize else "maximize",
        "direction_from": log.told,
        "runs": len(log.rows),
        "attempts": audit.attempts,
        "keeps": len(audit.keeps),
        "surviving": audit.surviving,
        "survives_at": SURVIVES,
        "expected_false_keeps": audit.false,
        "expected_keeps_under_pure_noise": sum(s.luck.keeps for s in audit.segments),
        "luck_sized": sum(keep.luck_sized for keep in audit.keeps),
        "luck_size": audit.same_code,
        "share_of_ideas_that_help": audit.helps,
        "noise": asdict(audit.ruler)
        | {"repeats_sum_squares": measured.sum_squares, "repeats_degrees": measured.degrees},
        "repeats": [
            {"line": found.row.line, "of": found.of.line, "seed": found.seed}
            for found in audit.repeats
        ],
        "segments": [_segment_facts(segment) for segment in audit.segments],
        "problems": [asdict(problem) for problem in log.problems],
    }


def _segment_facts(segment: SegmentAudit) -> dict[str, Any]:
    return {
        "name": segment.segment.name,
        "baseline": segment.reigns[0].row.score,
        "last": segment.reigns[-1].row.score,
        "attempts": segment.attempts,
        "seen_gain": segment.seen,
        "gain": asdict(segment.gain),
        "pure_noise": asdict(segment.luck),
        "rows_before_the_first_keep": segment.before,
        "keeps": [_keep_facts(keep) for keep in segment.keeps],
        "missed": [
            {"line": row.line, "probability": chance}
            for row, chance in segment.missed
            if chance >= MISSED
        ],
    }


def _keep_facts(keep: KeepAudit) -> dict[str, Any]:
    return {
        "line": keep.row.line,
        "commit": keep.row.commit,
        "description": keep.row.description,
        "score": keep.row.score,
        "seen": keep.seen,
        "luck_sized": keep.luck_sized,
        "repeat": None if keep.repeat is None else keep.repeat.words,
        "probability": keep.probability,
        "effect": keep.effect,
        "sd": keep.sd,
        "survives": keep.survives,
    }
