"""The rows of the ledger as plain records, and how they are read."""

import json
import sqlite3
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from novum.judge import Belief
from novum.patch import Diff
from novum.records import (
    Edit,
    Evidence,
    Measurement,
    Outcome,
    Proposal,
    Timing,
    TrialState,
    Verdict,
)

FRESH_SECONDS = 30.0
IMPORTED = "imported"  # a state: a record of somebody else's loop, which nothing goes on with


@dataclass(frozen=True, slots=True)
class Campaign:
    """A row of `campaign`."""

    id: int
    tag: str
    created: float
    state: str
    lab: str
    settings: Mapping[str, Any]
    start_commit: str
    data_digest: str
    place: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cell:
    """The place of a trial in a confirmation: one arm of one block."""

    confirmation: int
    block: int
    arm: int


@dataclass(frozen=True, slots=True)
class Trial:
    """A row of `trial`, without its log, curve and items, which the ledger reads alone."""

    id: int
    experiment: int
    asked_by: int
    seed: int
    seconds: float
    split: str
    state: TrialState
    started: float
    ended: float | None
    measurement: Measurement | None
    detail: str
    timing: Timing
    peak_memory_mb: float
    cell: Cell | None = None

    @property
    def searched(self) -> bool:
        """Whether this is the search's own; what confirms a claim may not steer the search."""
        return self.split == "validation" and self.cell is None


@dataclass(frozen=True, slots=True)
class Experiment:
    """A row of `experiment`.

    `commit` comes with the verdict, and is None if the change did not apply; `belief` is of the
    incumbent that stands after it.
    """

    id: int
    campaign: int
    number: int
    created: float
    proposal: Proposal
    parent: str
    diff: Diff
    commit: str | None
    verdict: Verdict | None
    belief: Belief | None
    judged: float | None


@dataclass(frozen=True, slots=True)
class Request:
    """A row of `request`."""

    id: int
    created: float
    kind: str
    body: Mapping[str, Any]
    taken: float | None
    answer: str | None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The row of `pulse`: what the running trial was doing `at` that time."""

    trial: int
    at: float
    phase: str
    elapsed: float
    clock: float
    memory_mb: float
    point: Mapping[str, float]

    def is_fresh(self, now: float) -> bool:
        """Whether it says what is so now; one that is older says nothing."""
        return abs(now - self.at) < FRESH_SECONDS  # the clock may have been set back


# All but the log, the curve and the items, which are large and read alone.
TRIAL_COLUMNS = (
    "id, experiment, asked_by, seed, seconds, split, state, started, ended, metric, metrics, "
    "self_reported, detail, timing, peak_memory_mb, confirmation, block, arm"
)


def read_campaign(row: sqlite3.Row) -> Campaign:
    """A row of `campaign`."""
    values = dict(row)
    values["settings"] = json.loads(values["settings"])
    values["place"] = json.loads(values["place"])
    return Campaign(**values)


def read_experiment(row: sqlite3.Row) -> Experiment:
    """A row of `experiment`."""
    verdict = None
    if row["outcome"] is not None:
        evidence = json.loads(row["evidence"])
        evidence["values"] = tuple(evidence["values"])
        verdict = Verdict(Outcome(row["outcome"]), row["reason"], Evidence(**evidence))
    belief = None
    if row["belief_mean"] is not None:
        belief = Belief(row["belief_mean"], row["belief_sd"])
    proposal = read_proposal(dict(row) | {"edits": json.loads(row["edits"])})
    return Experiment(
        id=row["id"],
        campaign=row["campaign"],
        number=row["number"],
        created=row["created"],
        proposal=proposal,
        parent=row["parent"],
        diff=Diff(row["diff"], row["added"], row["removed"]),
        commit=row["commit_id"],
        verdict=verdict,
        belief=belief,
        judged=row["judged"],
    )


def read_proposal(values: Mapping[str, Any]) -> Proposal:
    """A proposal from its fields by name, among others; its edits are of plain data."""
    edits = tuple(Edit(**edit) for edit in values["edits"])
    names = [name for name in Proposal.__dataclass_fields__ if name != "edits"]
    return Proposal(edits=edits, **{name: values[name] for name in names})


def read_trial(row: sqlite3.Row) -> Trial:
    """A row of `trial`."""
    measurement = None
    if row["metric"] is not None:
        metrics = json.loads(row["metrics"])
        measurement = Measurement(row["metric"], metrics, bool(row["self_reported"]))
    timing = json.loads(row["timing"]) if row["timing"] else {}
    return Trial(
        id=row["id"],
        experiment=row["experiment"],
        asked_by=row["asked_by"],
        seed=row["seed"],
        seconds=row["seconds"],
        split=row["split"],
        state=TrialState(row["state"]),
        started=row["started"],
        ended=row["ended"],
        measurement=measurement,
        detail=row["detail"] or "",
        timing=Timing(**timing),
        peak_memory_mb=row["peak_memory_mb"] or 0.0,
        cell=None
        if row["confirmation"] is None
        else Cell(row["confirmation"], row["block"], row["arm"]),
    )


def deflated_items(measured: Measurement | None) -> bytes | None:
    """The items of a measurement as they are stored; None without any."""
    if measured is None or not measured.items:
        return None
    return zlib.compress(json.dumps(measured.items).encode())


def read_request(row: sqlite3.Row) -> Request:
    """A row of `request`."""
    return Request(**dict(row) | {"body": json.loads(row["body"])})
