"""Confirmations in the ledger: their plans, their trials by block and arm, and their claims."""

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from novum.judge.confirm import Claim
from novum.ledger.part import Part
from novum.ledger.rows import TRIAL_COLUMNS, Trial, read_trial

ABLATION = "ablation"
Split = Literal["validation", "holdout"]


@dataclass(frozen=True, slots=True)
class Arm:
    """A commit that is run: an experiment's own, or the incumbent's `without` some keeps."""

    experiment: int  # its id
    commit: str
    without: tuple[int, ...] = ()  # numbers of the keeps that were taken out


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared, and how. The first arm is the incumbent."""

    arms: tuple[Arm, ...]
    pairs: int  # at most
    split: Split
    dial: Mapping[str, float] | None = None  # another value of the lab's dial


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A row of `confirmation`."""

    id: int
    campaign: int
    experiment: int
    reason: str
    after: int
    plan: Plan
    started: float
    ended: float | None


@dataclass(frozen=True, slots=True)
class Finding:
    """A row of `claim`: the incumbent against one arm, and what the search believed of that."""

    arm: int
    claim: Claim
    believed: float | None
    detail: str


class Confirmations(Part):
    """The part of the ledger that confirmations are kept in."""

    def open(
        self, campaign: int, experiment: int, reason: str, after: int, plan: Plan
    ) -> Confirmation:
        """Record a plan, before anything of it runs."""
        with self._write() as db:
            cursor = db.execute(
                "INSERT INTO confirmation (campaign, experiment, reason, after, plan, started)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (campaign, experiment, reason, after, json.dumps(asdict(plan)), time.time()),
            )
            number = int(cursor.lastrowid or 0)
        return _read(self._rows("SELECT * FROM confirmation WHERE id = ?", number)[0])

    def close(self, confirmation: int, findings: Sequence[Finding]) -> None:
        """Record what came of it, at once; again changes nothing."""
        with self._write() as db:
            changed = db.execute(
                "UPDATE confirmation SET ended = ? WHERE id = ? AND ended IS NULL",
                (time.time(), confirmation),
            ).rowcount
            for found in findings if changed else ():
                claim = found.claim
                db.execute(
                    "INSERT INTO claim (confirmation, arm, pairs, gain, low, high, evidence,"
                    " level, split, believed, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        confirmation,
                        found.arm,
                        claim.pairs,
                        claim.gain,
                        claim.low,
                        claim.high,
                        claim.evidence,
                        claim.level,
                        claim.split,
                        found.believed,
                        found.detail,
                    ),
                )

    def unfinished(self, campaign: int) -> Confirmation | None:
        """The confirmation that an interruption left open, if there is one."""
        query = "SELECT * FROM confirmation WHERE campaign = ? AND ended IS NULL"
        rows = self._rows(query, campaign)
        return _read(rows[0]) if rows else None

    def finished(self, campaign: int) -> list[Confirmation]:
        """Those that came to an end, oldest first."""
        query = "SELECT * FROM confirmation WHERE campaign = ? AND ended IS NOT NULL ORDER BY id"
        return [_read(row) for row in self._rows(query, campaign)]

    def findings(self, confirmation: int) -> list[Finding]:
        """What came of one, by arm."""
        query = "SELECT * FROM claim WHERE confirmation = ? ORDER BY id"
        return [_read_finding(row) for row in self._rows(query, confirmation)]

    def outcomes(self, campaign: int) -> list[bool]:
        """Whether each claim of a campaign was confirmed, in order; ablations claim nothing."""
        query = (
            "SELECT evidence * level >= 1 FROM claim JOIN confirmation"
            " ON confirmation.id = confirmation WHERE campaign = ? AND reason != ?"
            " ORDER BY claim.id"
        )
        return [bool(row[0]) for row in self._rows(query, campaign, ABLATION)]

    def trials(self, confirmation: int) -> list[Trial]:
        """The trials of one, oldest first."""
        query = f"SELECT {TRIAL_COLUMNS} FROM trial WHERE confirmation = ? ORDER BY id"
        return [read_trial(row) for row in self._rows(query, confirmation)]


def _read(row: sqlite3.Row) -> Confirmation:
    plan = json.loads(row["plan"])
    arms = tuple(Arm(a["experiment"], a["commit"], tuple(a["without"])) for a in plan.pop("arms"))
    return Confirmation(**dict(row) | {"plan": Plan(arms=arms, **plan)})


def _read_finding(row: sqlite3.Row) -> Finding:
    claim = Claim(**{name: row[name] for name in Claim.__dataclass_fields__})
    return Finding(row["arm"], claim, row["believed"], row["detail"])
