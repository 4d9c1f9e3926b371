"""The ledger: SQLite, the durable record of everything. Append, query, recover.

One process writes campaigns, experiments and trials: the one that holds the lab's lock
(`Ledger.lock`). Any process may read, and may add a request. Every commit is on the disk before
the call returns (write-ahead log, full synchronisation).
"""

import contextlib
import json
import math
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

from novum.errors import UsageError
from novum.judge import Belief
from novum.ledger.confirmations import Arm, Confirmation, Confirmations, Finding, Plan
from novum.ledger.consultations import TAKEN, Consultation, Consultations
from novum.ledger.explain import explained
from novum.ledger.home import HOME, make_home
from novum.ledger.lock import hold, holder, is_held
from novum.ledger.requests import Requests
from novum.ledger.rows import (
    TRIAL_COLUMNS,
    Campaign,
    Cell,
    Experiment,
    Heartbeat,
    Request,
    Trial,
    deflated_items,
    read_campaign,
    read_experiment,
    read_trial,
)
from novum.ledger.schema import migrate
from novum.patch import Diff
from novum.records import Proposal, TrialResult, Verdict
from novum.terminal import storable

__all__ = [
    "Arm",
    "Campaign",
    "Cell",
    "Confirmation",
    "Consultation",
    "Experiment",
    "Finding",
    "Heartbeat",
    "Ledger",
    "Plan",
    "Request",
    "Trial",
]

FILE = "ledger.db"


class Ledger:
    """The ledger of one lab.

    Raises:
        LedgerError: if it comes from a newer Novum, is damaged, or the disk is full.
    """

    def __init__(self, lab: Path) -> None:
        self._mutex = threading.RLock()  # a researcher notes its costs from a thread of its own
        self.home = lab.resolve() / HOME
        self.path = self.home / FILE
        with explained(self.path):
            make_home(lab)
            # autocommit; transactions are explicit, so that each is as large as it says
            self._db = sqlite3.connect(
                self.path, timeout=30, isolation_level=None, check_same_thread=False
            )
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            migrate(self._db, self.path)
        self.confirmations = Confirmations(self._rows, self._write)
        self.consultations = Consultations(self._rows, self._write)
        self.requests = Requests(self._rows, self._write)

    @staticmethod
    def exists(lab: Path) -> bool:
        """Whether this lab has a ledger; looking does not make one."""
        return (lab / HOME / FILE).is_file()

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def lock(self) -> AbstractContextManager[None]:
        """Be the one machine that works on this lab.

        Raises:
            UsageError: if another process is.
        """
        return hold(self.home / "lock")

    def is_running(self) -> bool:
        """Whether some process holds the lab's lock."""
        return is_held(self.home / "lock")

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """All that is recorded inside is recorded at once, or not at all."""
        with self._write():
            yield

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._mutex, self._transaction() as db:
            yield db

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if self._db.in_transaction:  # inside `together`
            yield self._db
            return
        with explained(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _rows(self, query: str, *values: Any) -> list[sqlite3.Row]:  # noqa: ANN401
        with self._mutex, explained(self.path):
            return self._db.execute(query, values).fetchall()

    # Campaigns

    def start_campaign(
        self,
        tag: str,
        lab: str,
        settings: Mapping[str, Any],
        start_commit: str,
        place: Mapping[str, Any],
    ) -> Campaign:
        """Record a new campaign.

        Raises:
            UsageError: if the tag is in use.
        """
        row = (tag, time.time(), lab, json.dumps(settings), start_commit, json.dumps(place))
        with self._write() as db:
            try:
                db.execute(
                    "INSERT INTO campaign (tag, created, state, lab, settings, start_commit,"
                    " data_digest, place) VALUES (?, ?, 'open', ?, ?, ?, '', ?)",
                    row,
                )
            except sqlite3.IntegrityError:
                raise UsageError(f"the tag {tag} is in use; choose another with --tag") from None
        return read_campaign(self._rows("SELECT * FROM campaign WHERE tag = ?", tag)[0])

    def campaigns(self) -> list[Campaign]:
        """All campaigns, oldest first."""
        return [read_campaign(row) for row in self._rows("SELECT * FROM campaign ORDER BY id")]

    def campaign(self, tag: str | None = None) -> Campaign | None:
        """The campaign with that tag, or else the newest."""
        if tag is None:
            rows = self._rows("SELECT * FROM campaign ORDER BY id DESC LIMIT 1")
        else:
            rows = self._rows("SELECT * FROM campaign WHERE tag = ?", tag)
        return read_campaign(rows[0]) if rows else None

    def update_campaign(
        self, campaign: int, *, state: str, settings: Mapping[str, Any] | None = None
    ) -> None:
        """Change what may change of a campaign: its state and, if given, its settings."""
        text = None if settings is None else json.dumps(settings)
        with self._write() as db:
            db.execute(
                "UPDATE campaign SET state = ?, settings = COALESCE(?, settings) WHERE id = ?",
                (state, text, campaign),
            )

    def record_digest(self, campaign: int, digest: str) -> None:
        """Record what the data of a campaign are, once they are prepared."""
        with self._write() as db:
            db.execute("UPDATE campaign SET data_digest = ? WHERE id = ?", (digest, campaign))

    def open_session(self, campaign: int) -> int:
        """Record that this process begins to work on a campaign."""
        now = time.time()
        with self._write() as db:
            cursor = db.execute(
                "INSERT INTO session (campaign, pid, started, seen) VALUES (?, ?, ?, ?)",
                (campaign, os.getpid(), now, now),
            )
            return int(cursor.lastrowid or 0)

    def working_on(self) -> int | None:
        """The id of the campaign that some process works on now; None if there is none."""
        query = "SELECT campaign FROM session WHERE pid = ? AND started >= ? ORDER BY id DESC"
        held = holder(self.home / "lock")
        rows = self._rows(query, *held) if held else []
        return int(rows[0][0]) if rows else None

    def seconds_worked(self, campaign: int, until: float = math.inf) -> float:
        """Wall seconds over all sessions of a campaign, until a time."""
        part = "MAX(0, MIN(seen, ?) - started)"
        query = f"SELECT TOTAL({part}) FROM session WHERE campaign = ?"
        return float(self._rows(query, until, campaign)[0][0])

    # Experiments

    def add_experiment(
        self,
        campaign: int,
        number: int,
        proposal: Proposal,
        parent: str,
        diff: Diff,
        request: int | None = None,
        consultation: int | None = None,
    ) -> Experiment:
        """Record a proposal, before anything of it runs.

        It takes the `request` or the `consultation` that it came by.
        """
        with self._write() as db:
            cursor = db.execute(
                "INSERT INTO experiment (campaign, number, created, researcher, key, title,"
                " hypothesis, kind, source, expected, parent, edits, diff, added, removed)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    campaign,
                    number,
                    time.time(),
                    proposal.researcher,
                    proposal.key,
                    proposal.title,
                    proposal.hypothesis,
                    proposal.kind,
                    proposal.source,
                    proposal.expected,
                    parent,
                    json.dumps([asdict(edit) for edit in proposal.edits]),
                    diff.text,
                    diff.added,
                    diff.removed,
                ),
            )
            if request is not None:
                self.requests.answer(request, f"experiment {number}")
            if consultation is not None:
                self.consultations.settle(consultation, TAKEN, int(cursor.lastrowid or 0))
        query = "SELECT * FROM experiment WHERE campaign = ? AND number = ?"
        return read_experiment(self._rows(query, campaign, number)[0])

    def judge(
        self,
        experiment: Experiment,
        verdict: Verdict,
        belief: Belief | None,
        commit: str | None,
        session: int,
    ) -> Experiment:
        """Record a verdict, and the commit that tells it, before any ref moves."""
        with self._write() as db:
            db.execute(
                "UPDATE experiment SET outcome = ?, reason = ?, evidence = ?, belief_mean = ?,"
                " belief_sd = ?, commit_id = ?, judged = ? WHERE id = ? AND outcome IS NULL",
                (
                    verdict.outcome,
                    verdict.reason,
                    json.dumps(asdict(verdict.evidence)),
                    belief.mean if belief else None,
                    belief.sd if belief else None,
                    commit,
                    time.time(),
                    experiment.id,
                ),
            )
            db.execute("UPDATE session SET seen = ? WHERE id = ?", (time.time(), session))
        query = "SELECT * FROM experiment WHERE id = ?"
        return read_experiment(self._rows(query, experiment.id)[0])

    def experiment(self, campaign: int, number: int) -> Experiment | None:
        """One experiment by its number."""
        query = "SELECT * FROM experiment WHERE campaign = ? AND number = ?"
        rows = self._rows(query, campaign, number)
        return read_experiment(rows[0]) if rows else None

    def experiments(self, campaign: int, *, last: int | None = None) -> list[Experiment]:
        """Experiments of a campaign, oldest first; only the `last` so many, if given."""
        query = "SELECT * FROM experiment WHERE campaign = ? ORDER BY number DESC LIMIT ?"
        rows = self._rows(query, campaign, -1 if last is None else last)
        return [read_experiment(row) for row in reversed(rows)]

    def open_experiment(self, campaign: int) -> Experiment | None:
        """The experiment without a verdict, if there is one: an interruption left it."""
        query = "SELECT * FROM experiment WHERE campaign = ? AND outcome IS NULL"
        rows = self._rows(query, campaign)
        return read_experiment(rows[0]) if rows else None

    # Trials

    def start_trial(
        self,
        experiment: int,
        asked_by: int,
        seed: int,
        seconds: float,
        split: str,
        cell: Cell | None = None,
    ) -> int:
        """Record that a trial begins, in a `cell` if it confirms something; returns its id."""
        with self._write() as db:
            cursor = db.execute(
                "INSERT INTO trial (experiment, asked_by, seed, seconds, split, state, started,"
                " confirmation, block, arm) VALUES (?, ?, ?, ?, ?, 'running', ?, ?, ?, ?)",
                (
                    experiment,
                    asked_by,
                    seed,
                    seconds,
                    split,
                    time.time(),
                    *(astuple(cell) if cell else (None, None, None)),
                ),
            )
            return int(cursor.lastrowid or 0)

    def end_trial(self, trial: int, result: TrialResult, session: int) -> Trial:
        """Record how a trial ended, before any verdict rests on it."""
        measured = result.measurement
        now = time.time()
        with self._write() as db:
            db.execute(
                "UPDATE trial SET state = ?, ended = ?, metric = ?, metrics = ?,"
                " self_reported = ?, detail = ?, timing = ?, peak_memory_mb = ?, curve = ?,"
                " log = ?, items = ? WHERE id = ? AND state = 'running'",
                (
                    result.state,
                    now,
                    measured.metric if measured else None,
                    json.dumps(dict(measured.metrics)) if measured else None,
                    int(measured.self_reported) if measured else None,
                    storable(result.detail),
                    json.dumps(asdict(result.timing)),
                    result.peak_memory_mb,
                    zlib.compress(json.dumps([dict(point) for point in result.curve]).encode()),
                    zlib.compress(result.log),
                    deflated_items(measured),
                    trial,
                ),
            )
            db.execute("UPDATE session SET seen = ? WHERE id = ?", (now, session))
        query = f"SELECT {TRIAL_COLUMNS} FROM trial WHERE id = ?"
        return read_trial(self._rows(query, trial)[0])

    def end_lost_trials(self, campaign: int) -> int:
        """Mark trials whose machine died as `infrastructure`; returns how many there were."""
        with self._write() as db:
            return db.execute(
                "UPDATE trial SET state = 'infrastructure', ended = ?, detail = ?"
                " WHERE state = 'running' AND experiment IN"
                " (SELECT id FROM experiment WHERE campaign = ?)",
                (time.time(), "the machine was interrupted during this trial", campaign),
            ).rowcount

    def trials(self, experiment: int) -> list[Trial]:
        """All trials of an experiment's commit in the search, oldest first."""
        query = (
            f"SELECT {TRIAL_COLUMNS} FROM trial WHERE experiment = ? AND confirmation IS NULL"
            " ORDER BY id"
        )
        return [read_trial(row) for row in self._rows(query, experiment)]

    def trials_asked_by(self, experiment: int) -> list[Trial]:
        """All trials that this experiment's verdict needed, of whichever commit."""
        query = (
            f"SELECT {TRIAL_COLUMNS} FROM trial WHERE asked_by = ? AND confirmation IS NULL"
            " ORDER BY id"
        )
        return [read_trial(row) for row in self._rows(query, experiment)]

    def all_trials(self, campaign: int) -> list[Trial]:
        """All trials of a campaign, those of confirmations too, oldest first."""
        columns = ", ".join(f"trial.{name}" for name in TRIAL_COLUMNS.split(", "))
        query = (
            f"SELECT {columns} FROM trial JOIN experiment"
            " ON experiment.id = trial.experiment WHERE campaign = ? ORDER BY trial.id"
        )
        return [read_trial(row) for row in self._rows(query, campaign)]

    def log(self, trial: int, at_most: int | None = None) -> bytes:
        """The output of a trial, and of its evaluation; nothing if it is more than `at_most`."""
        return self._inflated("log", trial, at_most)

    def curve(self, trial: int) -> list[dict[str, float]]:
        """The points of a trial's learning curve."""
        points: list[dict[str, float]] = json.loads(self._inflated("curve", trial) or b"[]")
        return points

    def items(self, trial: int) -> tuple[tuple[float, float], ...]:
        """A score and a weight for each item that a trial's metric is the mean of, if given."""
        pairs = json.loads(self._inflated("items", trial) or b"[]")
        return tuple((score, weight) for score, weight in pairs)

    def _inflated(self, column: str, trial: int, at_most: int | None = None) -> bytes:
        rows = self._rows(f"SELECT {column} FROM trial WHERE id = ?", trial)
        if not rows or not rows[0][0]:
            return b""
        if at_most is None:
            return zlib.decompress(rows[0][0])
        text = zlib.decompressobj().decompress(rows[0][0], at_most + 1)
        return text if len(text) <= at_most else b""

    # Signs of life

    def beat(self, beat: Heartbeat) -> None:
        """Replace the sign of life of the running trial."""
        *values, point = astuple(beat)
        with self._write() as db:
            db.execute(
                "INSERT OR REPLACE INTO pulse VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
                (*values, json.dumps(dict(point))),
            )

    def heartbeat(self) -> Heartbeat | None:
        """The last sign of life of a trial, which may be over."""
        rows = self._rows("SELECT * FROM pulse")
        if not rows:
            return None
        values = dict(rows[0]) | {"point": json.loads(rows[0]["point"])}
        del values["id"]
        return Heartbeat(**values)
