"""An audit of somebody's existing log: how much of what was kept would survive a second look."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from novum.errors import UsageError
from novum.judge import Noise
from novum.logs import Log, Row, Segment, Status, read_log
from novum.logs.repeats import Repeat, repeats
from novum.replay import Gain, Luck, Ruler, Run, Stretch, pure_luck, replay

SURVIVES = 0.95  # the least probability of a true gain of a keep that would survive
DOUBTFUL = 0.5  # below this a keep is probably luck
SAME_CODE = 1.96 * math.sqrt(2)  # noises that two runs of one code exceed in 1 of 20 pairs


@dataclass(frozen=True, slots=True)
class KeepAudit:
    """One keep. `seen` is against the incumbent's record; better is positive in all of them."""

    row: Row
    seen: float
    luck_sized: bool  # no larger than the difference of two runs of the same code
    repeat: Repeat | None  # it changed nothing, or only the seed
    probability: float  # that it is truly better
    effect: float
    sd: float

    @property
    def survives(self) -> bool:
        """Whether it is a gain on its own, almost certainly."""
        return self.probability >= SURVIVES


@dataclass(frozen=True, slots=True)
class Reign:
    """An incumbent and what is believed of its true score, in the metric's own direction."""

    row: Row
    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class SegmentAudit:
    """One segment: runs that can be compared with each other."""

    segment: Segment
    attempts: int  # scored runs after the baseline
    reigns: tuple[Reign, ...]  # the baseline first
    keeps: tuple[KeepAudit, ...]  # without the baseline
    missed: tuple[tuple[Row, float], ...]  # discards, and how probably each was better
    seen: float  # the last incumbent's record against the baseline's
    gain: Gain
    luck: Luck  # if no idea had any effect
    before: int  # scored rows before the first keep: there was nothing to compare them with


@dataclass(frozen=True, slots=True)
class LogAudit:
    """All that there is to say about a log."""

    log: Log
    ruler: Ruler
    repeats: tuple[Repeat, ...]
    measured: Noise  # of the repeats alone
    segments: tuple[SegmentAudit, ...]
    helps: float

    @property
    def keeps(self) -> tuple[KeepAudit, ...]:
        """All keeps but the baselines, oldest first."""
        return tuple(keep for segment in self.segments for keep in segment.keeps)

    @property
    def surviving(self) -> int:
        """How many keeps would survive on their own."""
        return sum(keep.survives for keep in self.keeps)

    @property
    def false(self) -> float:
        """How many keeps are expected to have no true gain."""
        return sum(1 - keep.probability for keep in self.keeps)

    @property
    def attempts(self) -> int:
        """Scored runs after their baselines."""
        return sum(segment.attempts for segment in self.segments)

    @property
    def same_code(self) -> float:
        """What two runs of the same code differ by in 1 of 20 pairs, or more."""
        return SAME_CODE * self.ruler.sd


@dataclass(frozen=True, slots=True)
class _Plan:
    """The runs of a segment as the replay takes them, and the rows that they are."""

    segment: Segment
    rows: tuple[Row, ...]
    repeats: tuple[Repeat | None, ...]
    before: int

    @property
    def runs(self) -> list[Run]:
        """In the order of the log; a repeat of older code than the incumbent's is a run of it."""
        runs, incumbent = [], self.rows[0]
        for row, found in zip(self.rows, self.repeats, strict=True):
            again = found is not None and found.of is incumbent
            kept = row.status is Status.KEEP
            runs.append(Run(row.score or 0.0, kept, again))
            incumbent = row if kept and not again else incumbent
        return runs


def audit_log(
    path: Path, *, noise: float | None = None, metric: str | None, direction: str | None
) -> LogAudit:
    """Audit the log at a path, or in a directory.

    `noise` is the standard deviation of one run, if it is known.

    Raises:
        UsageError: if there is no log to read, or no run in it has a score.
    """
    return audit(read_log(path, metric=metric, direction=direction), noise)


def audit(log: Log, noise: float | None = None) -> LogAudit:
    """Audit a log that was read.

    Raises:
        UsageError: if no run in it has a score.
    """
    plans = [plan for segment in log.segments if (plan := _plan(segment))]
    if not plans:
        raise UsageError(
            f"{log.path} has {len(log.rows)} runs, and none of them has a {log.metric}: "
            "there is nothing to audit"
        )
    again = [found for plan in plans for found in plan.repeats if found is not None]
    measured, others = _measured(plans)
    oriented = [[_turned(log, run) for run in plan.runs] for plan in plans]
    played = replay(oriented, noise, others)
    segments = tuple(
        _segment(log, plan, stretch, played.ruler)
        for plan, stretch in zip(plans, played.stretches, strict=True)
    )
    return LogAudit(log, played.ruler, tuple(again), measured, segments, played.helps)


def _plan(segment: Segment) -> _Plan | None:
    """What of a segment is replayed: from the first keep on, or the first score without one."""
    scored = [
        row
        for row in segment.rows
        if row.score is not None and row.status in {Status.KEEP, Status.DISCARD}
    ]
    if not scored:
        return None
    kept = [place for place, row in enumerate(scored) if row.status is Status.KEEP]
    before = kept[0] if kept else 0
    rows = tuple(scored[before:])
    found = {id(repeat.row): repeat for repeat in repeats(rows)}
    return _Plan(segment, rows, tuple(found.get(id(row)) for row in rows), before)


def _turned(log: Log, run: Run) -> Run:
    return Run(log.oriented(run.score), run.kept, run.repeat)


def _measured(plans: Sequence[_Plan]) -> tuple[Noise, Noise]:
    """The noise of all repeats, and of those that the chain does not see as such."""
    everything = outside = Noise()
    for plan in plans:
        groups: dict[int, list[float]] = {}
        inside: dict[int, bool] = {}
        for found, run in zip(plan.repeats, plan.runs, strict=True):
            if found is not None:
                groups.setdefault(id(found.of), [found.of.score or 0.0]).append(run.score)
                inside[id(found.of)] = inside.get(id(found.of), True) and run.repeat
        for of, values in groups.items():
            everything = everything.with_group(tuple(values))
            if not inside[of]:
                outside = outside.with_group(tuple(values))
    return everything, outside


def _segment(log: Log, plan: _Plan, stretch: Stretch, ruler: Ruler) -> SegmentAudit:
    runs = plan.runs
    made = [row for row, run in zip(plan.rows, runs, strict=True) if _reigns(run)]
    made = made if runs[0].kept else [plan.rows[0], *made]
    beliefs = [(log.oriented(mean), sd) for mean, sd in stretch.beliefs]
    reigns = tuple(Reign(row, *belief) for row, belief in zip(made, beliefs, strict=True))
    attempts = len(plan.rows) - 1
    return SegmentAudit(
        segment=plan.segment,
        attempts=attempts,
        reigns=reigns,
        keeps=tuple(_keeps(log, plan, stretch, ruler)),
        missed=tuple((plan.rows[place], chance) for place, chance in stretch.missed),
        seen=log.oriented((made[-1].score or 0.0) - (made[0].score or 0.0)),
        gain=stretch.gain,
        luck=pure_luck(attempts, ruler.sd),
        before=plan.before,
    )


def _reigns(run: Run) -> bool:
    return run.kept and not run.repeat


def _keeps(log: Log, plan: _Plan, stretch: Stretch, ruler: Ruler) -> list[KeepAudit]:
    believed = {kept.position: kept for kept in stretch.keeps}
    keeps, record = [], plan.rows[0].score or 0.0
    for place, (row, run) in enumerate(zip(plan.rows, plan.runs, strict=True)):
        if place == 0 or not run.kept:
            continue
        seen = log.oriented((row.score or 0.0) - record)
        small = seen <= SAME_CODE * ruler.sd
        found = believed.get(place)
        chance, effect, sd = (found.probability, found.effect, found.sd) if found else (0, 0, 0)
        again = plan.repeats[place]
        keeps.append(KeepAudit(row, seen, small, again, chance, effect, sd))
        record = row.score or 0.0
    return keeps
