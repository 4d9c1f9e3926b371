"""What a copy lab's evaluator does: check the rules, have the copy shown, wait, tell the counts.

Everything lies in the site's file, so the evaluator may be ended at any instant: run again, it goes
on with the same experiment and the same batch of visitors.
"""

import math
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from novum.errors import LabError, UsageError
from novum.judge.mismatch import Period, complaint
from novum.lab import Lab, read_lab
from novum.site.config import Site, read_site
from novum.site.copies import COPY, read_copy
from novum.site.experiments import in_the_way
from novum.site.harm import GUARD, broken, guarded
from novum.site.page import LAYOUT, Layout
from novum.site.records import BESIDE_HOLDOUT, Batch, Copy, Counts, Experiment, State
from novum.site.rules import RULES, read_rules
from novum.site.store import FILE, Store

METRIC = "conversion_rate"
WHO = "campaign"
POLL = 1.0  # real seconds between two looks
QUIET = 30.0  # real seconds without a sign of life from a server, after which it is said to be gone
WEEK = 7 * 86400.0
ENDLESS = 10**9  # visitors: of a batch that ends by the calendar


class RefusedError(Exception):
    """The copy has no rate, and that is its own fault or a person's wish. One line."""


class NoVisitorsError(Exception):
    """The copy is not shown now, which is not its fault. One line."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is measured: the copy in `artifacts` beside that in `control`, by the files of `lab`.

    `site` is the directory of the site's file; `run` numbers the batches of one copy, `seed` those
    of a claim.
    """

    lab: Path
    artifacts: Path
    control: Path | None
    site: Path
    run: int = 0
    seed: int = 0
    split: str = "validation"

    @property
    def claims(self) -> bool:
        """Whether what was found is measured again, to be claimed."""
        return self.split == "holdout"

    @property
    def name(self) -> str:
        """What its batch of visitors is called."""
        return f"claim {self.seed}" if self.claims else run_name(self.run)


def run_name(number: int) -> str:
    """What the batch of a candidate's run of that number is called, from 0 on."""
    return f"run {number}"


def measure(trial: Trial, sleep: Callable[[float], None] = time.sleep) -> dict[str, float]:
    """The share of visitors who converted, and all other numbers; it may take weeks.

    Raises:
        RefusedError: if the copy breaks a rule, was rolled back, or visitors were split unevenly.
        NoVisitorsError: if nobody serves the site, or it waits for a person's approval.
        UsageError: if the lab's own files are not sound.
        SiteError: if the site's file cannot be used.
    """
    require_metric(read_lab(trial.lab))
    site, copy = read_site(trial.lab), _handed_in(trial)
    with closing(Store(trial.site / FILE)) as store:
        experiment = _opened(store, trial, site, copy)
        watch = Watch(store, site, trial.name, experiment.id)
        pulse = Pulse(store)
        while not watch.is_over():
            pulse.require()
            sleep(POLL)
        numbers = watch.numbers()
        if store.experiment(experiment.id).state is State.RUNNING:  # it goes on with the next batch
            store.set_state(experiment.id, State.DONE, _counted(trial.name), WHO)
        return numbers


def _counted(name: str) -> str:
    return f"{name} is counted"


def require_metric(lab: Lab) -> None:
    """See that a lab measures what a site counts.

    Raises:
        LabError: if it does not.
    """
    metric = lab.metric
    if (metric.name, metric.direction, metric.noise) != (METRIC, "maximize", "rate"):
        raise LabError(
            f'lab.toml: a site measures name = "{METRIC}", direction = "maximize", noise = "rate"'
        )


def _handed_in(trial: Trial) -> Copy:
    rules = read_rules(trial.lab / RULES)
    try:
        copy = read_copy(trial.artifacts / COPY)
    except UsageError as error:
        raise RefusedError(str(error)) from None
    if told := rules.refusals(copy):
        raise RefusedError("; ".join(told))
    layout = Layout(trial.lab / LAYOUT)
    try:
        layout.page(copy)
    except LabError as error:
        raise RefusedError(f"this copy does not fit the layout: {error}") from None
    return copy


def _opened(store: Store, trial: Trial, site: Site, copy: Copy) -> Experiment:
    """The experiment that shows the copy; what the campaign stands on is the site's incumbent."""
    candidate = store.put_variant(copy)
    control = store.put_variant(read_copy(trial.control / COPY)) if trial.control else None
    stands = candidate if trial.claims or control is None else control
    if (race := store.race()) is not None:
        raise NoVisitorsError(in_the_way(race))
    stand_on(store, stands, WHO)
    return store.open_experiment(
        candidate,
        control,
        claim=trial.claims and control == store.first() and site.traffic.holdout > 0,
        approval=site.approval.required and stands != candidate,
        who=WHO,
    )


def stand_on(store: Store, copy: str, who: str) -> None:
    """Make the page the copy of that digest, which candidates are to be shown beside.

    Raises:
        NoVisitorsError: if a person took it away.
    """
    if rolled := [e for e in store.experiments() if e.candidate == copy and _is_rolled_back(e)]:
        raise NoVisitorsError(
            f"the copy that this campaign stands on was rolled back ({rolled[-1].reason}); begin "
            "another campaign with the copy that is to be shown"
        )
    if store.begin(copy, who) != copy:
        store.promote(copy, who)


def _is_rolled_back(experiment: Experiment) -> bool:
    return experiment.state is State.ROLLED_BACK


class Pulse:
    """Whether a server gives signs of life, by a clock that nobody sets."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._last, self._heard = store.served(), time.monotonic()

    def require(self) -> None:
        """See that there was one not long ago.

        Raises:
            NoVisitorsError: if there was none.
        """
        if (last := self._store.served()) != self._last:
            self._last, self._heard = last, time.monotonic()
        if time.monotonic() - self._heard > QUIET:
            raise NoVisitorsError("no server shows the page; start: novum serve LAB")


class Watch:
    """Looks at one batch of visitors until it is over, or stopped.

    Raises, when it is asked:
        RefusedError: if the copy was rolled back, or visitors were split unevenly.
        NoVisitorsError: if it waits for a person's approval.
    """

    def __init__(self, store: Store, site: Site, name: str, experiment: int) -> None:
        self._store, self._site, self._number = store, site, experiment
        self._weeks = self._whole_weeks(store.experiment(experiment))
        self._stopped, self._full = "", math.inf
        # Until a batch is counted it is the same, whatever is killed; another campaign that tries
        # the same has visitors of its own.
        before = sum(
            (entry.experiment, entry.detail.get("reason")) == (experiment, _counted(name))
            for entry in store.audit()
        )
        self._name = f"{name}, again {before}" if before else name

    def is_over(self) -> bool:
        """Whether all visitors of the batch are there and their time to convert has passed."""
        experiment = self._store.experiment(self._number)
        self._require_shown(experiment)
        batch = self._batch(experiment)
        if experiment.state is not State.STOPPED:
            experiment = self._checked(experiment)
        if experiment.state is State.STOPPED:
            if not experiment.reason.startswith(GUARD):
                raise RefusedError(experiment.reason)
            self._stopped = experiment.reason
            return True
        if self._site.schedule.whole_weeks and batch.until is None:
            self._end_with_the_week(experiment, batch)
            return False
        if batch.until is None or batch.last is None:
            return False  # more may come
        now = self._store.clock.now()
        self._full = min(self._full, batch.last, now)  # a clock may have been put back since
        return now >= self._full + self._site.window

    def _require_shown(self, experiment: Experiment) -> None:
        if experiment.state is State.ROLLED_BACK:
            raise RefusedError(f"rolled back: {experiment.reason}")
        if experiment.state is State.WAITING:
            raise NoVisitorsError(
                f"experiment {experiment.id} of the site waits for a person's word: "
                f"novum approve LAB {experiment.id}"
            )

    def is_full(self) -> bool:
        """Whether all visitors of the batch are there."""
        return self._batch(self._store.experiment(self._number)).until is not None

    def _batch(self, experiment: Experiment) -> Batch:
        wanted = ENDLESS if self._site.schedule.whole_weeks else self._site.traffic.visitors
        return self._store.batch(experiment.id, self._name, wanted)

    def _checked(self, experiment: Experiment) -> Experiment:
        """The experiment, stopped if its visitors were split wrongly, or a guard says so."""
        if experiment.control is None:
            return experiment
        seen = self._counts(everybody(experiment))
        visitors = (seen.candidate.visitors, seen.control.visitors)
        told = complaint([Period((1, 1), visitors)])
        who = "mismatch"
        if told is None:
            who, told = "guard", broken(self._site, self._store, everybody(experiment))
        if told is None:
            return experiment
        return self._store.set_state(experiment.id, State.STOPPED, told, who)

    def _end_with_the_week(self, experiment: Experiment, batch: Batch) -> None:
        """End the batch when a week ends that began with the experiment, if enough came."""
        weeks = self._whole_weeks(experiment)
        if weeks > self._weeks and batch.seen >= self._site.traffic.visitors:
            self._store.end(batch)
        self._weeks = weeks

    def _whole_weeks(self, experiment: Experiment) -> int:
        return int((self._store.clock.now() - experiment.opened) // WEEK)

    def _counts(self, batch: Batch) -> Counts:
        return self._store.counts(batch, self._site.window)

    def numbers(self) -> dict[str, float]:
        """The result of the batch.

        Raises:
            RefusedError: if it was stopped before each arm was seen.
        """
        experiment = self._store.experiment(self._number)
        batch = self._batch(experiment)
        counts = self._counts(batch)
        ours, theirs = counts.candidate, counts.control
        if not ours.visitors or (experiment.control is not None and not theirs.visitors):
            raise RefusedError(self._stopped or "nobody saw it")
        told = {
            METRIC: ours.conversions / ours.visitors,
            "visitors": ours.visitors,
            "conversions": ours.conversions,
            "guards_broken": float(bool(self._stopped)),
        }
        if experiment.control is not None:
            told |= {
                "control_visitors": theirs.visitors,
                "control_conversions": theirs.conversions,
            }
        if experiment.claim:
            told[BESIDE_HOLDOUT] = 1.0
        return told | guarded(self._site, self._store, batch)


def everybody(experiment: Experiment) -> Batch:
    """All visitors of an experiment, as a batch."""
    return Batch("all", experiment.id, ENDLESS, 0, 0, None, None)
