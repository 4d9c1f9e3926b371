"""Somebody's log as a campaign in a ledger: to look at, never to go on with.

What is recorded is what the log says, and every number of it is marked as self-reported; what
is believed of it is the audit's. One campaign for each of its segments.
"""

import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from novum.audit.log import LogAudit, SegmentAudit, audit
from novum.errors import NovumError, UsageError
from novum.judge import Belief
from novum.lab import parse_lab
from novum.ledger import Campaign, Ledger
from novum.ledger.rows import IMPORTED
from novum.logs import Log, Row, Segment, Status, read_log
from novum.opening import TAG
from novum.patch import Diff
from novum.records import (
    Evidence,
    Measurement,
    Outcome,
    Proposal,
    TrialResult,
    TrialState,
    Verdict,
)
from novum.repo import Change, Repo
from novum.terminal import counted, typed

RESEARCHER = "imported"
NO_COMMIT = "-"
LONGEST_DIFF = 200_000  # characters
LAB = """\
# Made by `novum import`: a record of another loop, not a lab to run.
[lab]
name = "{name}"
question = "What {name} was after"

[metric]
name = "{metric}"
direction = "{direction}"

[budget]
seconds = 300  # not known

[files]
editable = ["unknown"]

[trial]
run = ["false"]
"""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the audit believes after each row, by line; nothing of a log without scores."""

    beliefs: Mapping[int, Belief]
    evidence: Mapping[int, Evidence]


def import_log(
    path: Path,
    directory: Path,
    tag: str | None,
    *,
    metric: str | None = None,
    direction: str | None = None,
) -> list[str]:
    """Record a log in the ledger of a directory, which is made if need be; lines to print.

    Raises:
        UsageError: if the log cannot be read, or the tag cannot be used. Nothing is changed then.
    """
    log = read_log(path, metric=metric, direction=direction)
    known = _known(log)
    if tag is not None and not TAG.fullmatch(tag):
        raise UsageError(f"`{tag}` cannot be a tag; use letters, digits, - and _, such as mar8")
    repo = _repository(log.path, directory)
    directory.mkdir(parents=True, exist_ok=True)
    with closing(Ledger(directory)) as ledger, ledger.lock(), ledger.together():
        tags = _tags(ledger, log, tag)
        told = [
            _record(ledger, log, segment, name, known, repo)
            for segment, name in zip(log.segments, tags, strict=True)
        ]
    problems = [f"line {problem.line}: {problem.text}" for problem in log.problems]
    return [*problems, *told, f"look at it: novum log {typed(directory)} --tag {tags[0]}"]


def _tags(ledger: Ledger, log: Log, tag: str | None) -> list[str]:
    """A free tag for each segment.

    Raises:
        UsageError: if the one that was asked for is in use.
    """
    taken = {campaign.tag for campaign in ledger.campaigns()}
    path = log.path.resolve()
    own = path.stem if path.stem not in {"results", "autoresearch", "log"} else path.parent.name
    base = tag or re.sub(r"[^A-Za-z0-9]+", "-", own).strip("-")[:48] or "imported"
    if tag is not None and tag in taken:
        raise UsageError(f"the tag {tag} is in use; choose another with --tag")
    found: list[str] = []
    for _ in log.segments:
        name, count = base, 1
        while name in taken:
            count += 1
            name = f"{base}-{count}"
        taken.add(name)
        found.append(name)
    return found


def _repository(log: Path, directory: Path) -> Repo | None:
    """The git repository that may have the commits: the log's own, or else the lab's."""
    for place in (*log.resolve().parents, directory.resolve()):
        if (place / ".git").exists():
            try:
                return Repo(place)
            except NovumError:
                return None
    return None


def _known(log: Log) -> _Known:
    try:
        found = audit(log)
    except UsageError:
        return _Known({}, {})  # no run has a score: there is nothing to believe
    beliefs: dict[int, Belief] = {}
    evidence: dict[int, Evidence] = {}
    for segment in found.segments:
        _believe(found, segment, beliefs, evidence)
    return _Known(beliefs, evidence)


def _believe(
    found: LogAudit,
    segment: SegmentAudit,
    beliefs: dict[int, Belief],
    evidence: dict[int, Evidence],
) -> None:
    noise = found.ruler.sd
    reigns = {reign.row.line: reign for reign in segment.reigns}
    keeps = {keep.row.line: keep for keep in segment.keeps}
    chances = {row.line: chance for row, chance in segment.missed}
    now = segment.reigns[0]
    for row in segment.segment.rows:
        before, now = now, reigns.get(row.line, now)
        if row.line >= segment.reigns[0].row.line:
            beliefs[row.line] = Belief(now.mean, now.sd)
        if row.score is None:
            continue
        keep = keeps.get(row.line)
        seen = found.log.oriented(row.score - before.mean)
        first = row is segment.reigns[0].row
        evidence[row.line] = Evidence(
            effect=0.0 if first else keep.effect if keep else seen,
            sd=now.sd if first else keep.sd if keep else (before.sd**2 + noise**2) ** 0.5,
            probability=keep.probability if keep else chances.get(row.line, 0.0),
            runs=1,
            values=(row.score,),
            incumbent=before.mean,
            incumbent_sd=before.sd,
            noise_sd=noise,
            policy=IMPORTED,
        )


def _record(
    ledger: Ledger, log: Log, segment: Segment, tag: str, known: _Known, repo: Repo | None
) -> str:
    rows = [row for row in segment.rows if row.status is not Status.PENDING]
    changes = {row.line: repo.change(row.commit) if repo else None for row in rows}
    start = next((row.commit for row in rows if row.commit), NO_COMMIT)
    settings = {"seconds": 0, "researcher": RESEARCHER, "target": None, "metric": segment.metric}
    source = {"imported from": str(log.path.resolve())}
    campaign = ledger.start_campaign(tag, _lab_text(log, segment), settings, start, source)
    ledger.update_campaign(campaign.id, state=IMPORTED, settings=settings)
    incumbent = start
    for number, row in enumerate(rows):
        change = changes[row.line]
        _add(ledger, campaign, number, row, change, incumbent, known)
        if row.status is Status.KEEP:
            incumbent = change.commit if change else row.commit or NO_COMMIT
    diffs = sum(change is not None for change in changes.values())
    left = len(segment.rows) - len(rows)
    pending = f", {left} pending left out" if left else ""
    return f"campaign {tag}: {counted(len(rows), 'experiment')}, {diffs} with a diff{pending}"


def _add(
    ledger: Ledger,
    campaign: Campaign,
    number: int,
    row: Row,
    change: Change | None,
    incumbent: str,
    known: _Known,
) -> None:
    title, _, rest = row.description.partition("\n")
    proposal = Proposal(
        title=title or f"line {row.line}",
        edits=(),
        hypothesis=rest.strip(),
        source=f"line {row.line} of the log",
        researcher=RESEARCHER,
    )
    diff = Diff("", 0, 0)
    if change is not None:
        diff = Diff(change.diff[:LONGEST_DIFF], change.added, change.removed)
    parent = change.parent if change and change.parent else incumbent
    experiment = ledger.add_experiment(campaign.id, number, proposal, parent, diff)
    trial = ledger.start_trial(experiment.id, experiment.id, 0, 0.0, "validation")
    ledger.end_trial(trial, _result(row), 0)
    commit = change.commit if change else row.commit or NO_COMMIT
    belief = known.beliefs.get(row.line)
    ledger.judge(experiment, _verdict(row, known), belief, commit, 0)


def _result(row: Row) -> TrialResult:
    memory = (row.memory_gb or 0.0) * 1024
    if row.score is None:
        state = TrialState.CRASH if row.status is Status.CRASH else TrialState.INVALID
        return TrialResult(state, detail=f"{row.word}, says the log", peak_memory_mb=memory)
    measured = Measurement(row.score, dict(row.metrics), self_reported=True)
    return TrialResult(TrialState.MEASURED, measured, peak_memory_mb=memory)


def _verdict(row: Row, known: _Known) -> Verdict:
    outcome = {
        Status.KEEP: Outcome.KEEP,
        Status.DISCARD: Outcome.DISCARD,
    }.get(row.status, Outcome.CRASH)
    if row.score is None and outcome is not Outcome.CRASH:
        outcome = Outcome.INVALID
    evidence = known.evidence.get(row.line, Evidence(policy=IMPORTED))
    return Verdict(outcome, f"line {row.line} of the log says {row.word}", evidence)


def _lab_text(log: Log, segment: Segment) -> str:
    """A `lab.toml` that says what is known, and cannot be run."""
    metric = re.sub(r"[^A-Za-z0-9_.-]", "_", segment.metric.replace("µ", "u").replace("μ", "u"))
    own = re.sub(r"[^A-Za-z0-9_.-]+", "-", log.path.stem)
    direction = "minimize" if log.minimize else "maximize"
    name, metric = (text if text[:1].isalpha() else f"x{text}" for text in (own, metric))
    text = LAB.format(name=name, metric=metric, direction=direction)
    parse_lab(text)
    return text
