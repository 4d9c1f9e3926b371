"""Experiments: what is shown beside what, one at a time or several in a race; and the audit log."""

import json
from collections.abc import Mapping
from sqlite3 import Connection, Row
from types import MappingProxyType

from novum.errors import SiteError
from novum.site.clock import Clock
from novum.site.records import Entry, Experiment, Race, State
from novum.site.visits import Visits, newest

JOINS = "joins"  # in the audit log: with what probability an experiment is joined from then on
NOTHING: Mapping[str, str | float | None] = MappingProxyType({})


class Experiments(Visits):
    """The experiments of a site, in its file."""

    _clock: Clock

    def open_experiment(
        self,
        candidate: str,
        control: str | None,
        *,
        claim: bool = False,
        approval: bool = False,
        who: str = "campaign",
    ) -> Experiment:
        """Show a candidate beside a control; the experiment of the same pair goes on.

        `control` None: the candidate alone. `claim`: the control is the holdout group. Where
        `approval` is required, a new one waits for it. One that was rolled back or stopped stays
        so. Another one that was running is done then: one is shown at a time.

        Raises:
            SiteError: if a copy is not known, or a race is open.
        """
        with self._file.writing() as db:
            number = self._shown(db, candidate, control, claim, approval, who)
        return self.experiment(number)

    def experiment(self, number: int) -> Experiment:
        """The experiment of that id.

        Raises:
            SiteError: if there is none.
        """
        with self._file.reading() as db:
            row = db.execute("SELECT * FROM experiment WHERE id=?", (number,)).fetchone()
        if row is None:
            raise SiteError(f"the site {self._file.path} has no experiment {number}")
        return _experiment(row)

    def experiments(self) -> list[Experiment]:
        """All of them, by their ids."""
        with self._file.reading() as db:
            return [_experiment(row) for row in db.execute("SELECT * FROM experiment ORDER BY id")]

    def running(self) -> tuple[Experiment, ...]:
        """What is shown now: none, one, or those of a race."""
        with self._file.reading() as db:
            query = "SELECT * FROM experiment WHERE state=? ORDER BY id"
            return tuple(_experiment(row) for row in db.execute(query, (State.RUNNING,)))

    def set_state(self, number: int, state: State, reason: str, who: str) -> Experiment:
        """Change where an experiment stands: from the next page view on."""
        race = self.experiment(number).race
        with self._file.writing() as db:
            self._to(db, number, state, reason, who)
            if race is not None:
                self._share_out(db, race, {}, who)
        return self.experiment(number)

    def set_weight(self, number: int, weight: float, who: str) -> Experiment:
        """Change the candidate's share of the visitors, 0 to 1; those assigned stay."""
        if not 0 <= weight <= 1:
            raise SiteError(f"a weight is from 0 to 1, not {weight}")
        self.experiment(number)
        with self._file.writing() as db:
            db.execute("UPDATE experiment SET weight=? WHERE id=?", (weight, number))
            self._note(db, who, "weight", number, detail={"candidate": weight})
        return self.experiment(number)

    def _shown(
        self,
        db: Connection,
        candidate: str,
        control: str | None,
        claim: bool,
        approval: bool,
        who: str,
        race: int | None = None,
        entry: str | None = None,
    ) -> int:
        """The experiment of a pair, shown unless it waits, or was rolled back or stopped."""
        for digest in (candidate, control):
            if digest is not None:
                self._require_known(db, digest)
        row = db.execute(
            "SELECT id, state FROM experiment WHERE candidate=? AND control IS ? AND claim=?",
            (candidate, control, claim),
        ).fetchone()
        number = self._new(db, candidate, control, claim, who) if row is None else row["id"]
        if race is not None:
            query = "UPDATE experiment SET race=?, joins=0, entry=? WHERE id=?"
            db.execute(query, (race, entry, number))
        if row is None:
            state = State.WAITING if approval else State.RUNNING
            self._to(db, number, state, "opened", who)
        elif row["state"] == State.DONE:
            self._to(db, number, State.RUNNING, "goes on", who)
        return int(number)

    def _new(
        self, db: Connection, candidate: str, control: str | None, claim: bool, who: str
    ) -> int:
        now = self._clock.now()
        values = (candidate, control, claim, State.DONE, now, now)
        number = db.execute(
            "INSERT INTO experiment (candidate, control, claim, weight, state, reason, opened,"
            " changed) VALUES (?,?,?,0.5,?,'',?,?)",
            values,
        ).lastrowid
        assert number is not None
        detail = {"control": control, "claim": float(claim), "weight": 0.5}
        self._note(db, who, "opened", number, candidate, detail)
        return number

    def _to(self, db: Connection, number: int, state: State, reason: str, who: str) -> None:
        race = db.execute("SELECT race FROM experiment WHERE id=?", (number,)).fetchone()["race"]
        if state is State.RUNNING:
            opened = self._open_race(db)
            if opened is not None and opened.id != race:
                raise SiteError(in_the_way(opened))
            query = (
                "SELECT id FROM experiment WHERE state=? AND id<>? AND (race IS NULL OR race<>?)"
            )
            for other in db.execute(query, (State.RUNNING, number, race)).fetchall():
                self._to(db, other["id"], State.DONE, f"experiment {number} is shown", who)
        values = (state, reason, self._clock.now(), number)
        db.execute("UPDATE experiment SET state=?, reason=?, changed=? WHERE id=?", values)
        self._note(db, who, state, number, detail={"reason": reason})

    # ----- races

    def race(self) -> Race | None:
        """The race that is open."""
        with self._file.reading() as db:
            return self._open_race(db)

    def open_race(
        self,
        control: str,
        entries: Mapping[str, str],
        *,
        base: float,
        budget: int | None = None,
        approval: bool = False,
        who: str,
    ) -> Race:
        """Show several candidates at once, each beside the control, in an experiment of its own.

        `entries` has a text of the caller's own for each of the candidates' digests. `base` is
        what is believed of the control's rate. The experiments are as those of `open_experiment`.

        Raises:
            SiteError: if a copy is not known, or a race is open.
        """
        with self._file.writing() as db:
            if (opened := self._open_race(db)) is not None:
                raise SiteError(in_the_way(opened))
            values = (budget, base, newest(db), self._clock.now())
            race = db.execute(
                "INSERT INTO race (budget, base, after, opened) VALUES (?,?,?,?)", values
            ).lastrowid
            self._note(db, who, "race opened", detail={"budget": budget, "base": base})
            for candidate, entry in entries.items():
                self._shown(db, candidate, control, False, approval, who, race, entry)
            found = self._open_race(db)
            assert found is not None
            self._share_out(db, found.id, {}, who)
        return found

    def racing(self, race: Race) -> list[tuple[Experiment, str]]:
        """The experiments of an open race, each with its caller's text."""
        with self._file.reading() as db:
            query = "SELECT * FROM experiment WHERE race=? ORDER BY id"
            return [(_experiment(row), row["entry"]) for row in db.execute(query, (race.id,))]

    def raced(self, race: Race) -> int:
        """How many visitors an open race has had: exposures since it was opened."""
        with self._file.reading() as db:
            query = (
                "SELECT count(*) FROM exposure WHERE number>? AND experiment IN"
                " (SELECT id FROM experiment WHERE race=?)"
            )
            return int(db.execute(query, (race.after, race.id)).fetchone()[0])

    def set_joins(self, race: Race, joins: Mapping[int, float], who: str) -> None:
        """Change which experiment visitors join, by its probability; those who joined one stay."""
        with self._file.writing() as db:
            self._share_out(db, race.id, joins, who)

    def end_race(self, race: Race, reason: str, who: str) -> None:
        """Show its experiments to nobody any more; again changes nothing."""
        with self._file.writing() as db:
            query = "UPDATE race SET ended=?, reason=? WHERE id=? AND ended IS NULL"
            if not db.execute(query, (self._clock.now(), reason, race.id)).rowcount:
                return
            own = db.execute("SELECT id, state FROM experiment WHERE race=?", (race.id,)).fetchall()
            db.execute("UPDATE experiment SET race=NULL, joins=1 WHERE race=?", (race.id,))
            for row in own:
                if _runs(row):
                    self._to(db, row["id"], State.DONE, f"race {race.id} is over", who)
            self._note(db, who, "race ended", detail={"reason": reason})

    def _open_race(self, db: Connection) -> Race | None:
        row = db.execute(
            "SELECT id, budget, base, after, opened FROM race WHERE ended IS NULL"
        ).fetchone()
        return None if row is None else Race(*row)

    def _share_out(self, db: Connection, race: int, wished: Mapping[int, float], who: str) -> None:
        """See that the probabilities of the experiments that run add up to 1; others have 0.

        Each change is noted, with the number of the last exposure before it. Who has just begun to
        run, and of whom nothing is wished, gets as much as the others have on average.
        """
        query = "SELECT id, state, joins FROM experiment WHERE race=? ORDER BY id"
        own = db.execute(query, (race,)).fetchall()
        runs = {row["id"]: wished.get(row["id"], row["joins"]) for row in own if _runs(row)}
        known = [share for share in runs.values() if share > 0]
        usual = sum(known) / len(known) if known else 1.0
        shares = {number: share or usual for number, share in runs.items()}
        total, after = sum(shares.values()), newest(db)
        for row in own:
            share = shares[row["id"]] / total if row["id"] in shares else 0.0
            if share != row["joins"]:
                db.execute("UPDATE experiment SET joins=? WHERE id=?", (share, row["id"]))
                detail = {"probability": share, "after": after}
                self._note(db, who, JOINS, row["id"], detail=detail)

    # ----- the audit log

    def note(self, who: str, what: str, detail: Mapping[str, str | float | None]) -> None:
        """Write a line of the audit log about what is not the store's own."""
        with self._file.writing() as db:
            self._note(db, who, what, detail=detail)

    def audit(self) -> list[Entry]:
        """All that was changed, by whom, oldest first."""
        with self._file.reading() as db:
            rows = db.execute("SELECT * FROM audit ORDER BY id").fetchall()
        return [
            Entry(
                row["time"],
                row["who"],
                row["what"],
                row["experiment"],
                row["variant"],
                json.loads(row["detail"]),
            )
            for row in rows
        ]

    def _note(
        self,
        db: Connection,
        who: str,
        what: str,
        experiment: int | None = None,
        variant: str | None = None,
        detail: Mapping[str, str | float | None] = NOTHING,
    ) -> None:
        values = (self._clock.now(), who, what, experiment, variant, json.dumps(dict(detail)))
        db.execute(
            "INSERT INTO audit (time, who, what, experiment, variant, detail) VALUES (?,?,?,?,?,?)",
            values,
        )

    def _require_known(self, db: Connection, digest: str) -> None:
        if db.execute("SELECT 1 FROM variant WHERE digest=?", (digest,)).fetchone() is None:
            raise SiteError(f"the site {self._file.path} knows no copy {digest}")


def in_the_way(race: Race) -> str:
    """That a race is open, and what to do."""
    return (
        f"race {race.id} is open on this site, and nothing else is shown meanwhile; go on with it: "
        "novum race LAB, or end it: novum race LAB --end"
    )


def _runs(row: Row) -> bool:
    return bool(row["state"] == State.RUNNING)


def _experiment(row: Row) -> Experiment:
    return Experiment(
        row["id"],
        row["candidate"],
        row["control"],
        bool(row["claim"]),
        row["weight"],
        State(row["state"]),
        row["reason"],
        row["opened"],
        row["changed"],
        row["race"],
        row["joins"],
    )
