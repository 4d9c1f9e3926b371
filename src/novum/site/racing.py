"""A race: several challengers are shown at once, and more visitors join those that seem better.

Each is shown beside the incumbent in an experiment of its own, by an even coin, and judged by its
own batches of visitors as a campaign would: so what is said of it holds whatever shifts. The race
ends with the first that is shown to be better, or when nobody is left. Everything lies in the
site's file, so it may be ended at any instant: run again, it goes on.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add

from novum.campaign.case import guarded, rules_of
from novum.campaign.traffic import CountsError, arms_of
from novum.errors import SiteError
from novum.judge import Belief, Case, Noise, Ruling
from novum.judge.rate import RateJudge
from novum.lab import Lab
from novum.records import Measurement, Outcome
from novum.site import measuring
from novum.site.config import Site
from novum.site.entering import Entry, read_entry
from novum.site.measuring import METRIC, NoVisitorsError, RefusedError, Watch, everybody, run_name
from novum.site.records import Experiment, Race, State
from novum.site.shifting import believed, shifted
from novum.site.store import Store

WHO = "race"
MOVED = 0.05  # a probability that would change by less stays: few people move, and the log is short
SPENT = "the visitors of the race are spent"


@dataclass(slots=True)
class Challenger:
    """One who races: what was measured of it, and why it is out, if it is."""

    experiment: int
    entry: Entry
    watch: Watch
    measured: list[Measurement] = field(default_factory=list)
    ruling: Ruling | None = None
    out: str = ""


class Racing:
    """An open race, at work."""

    def __init__(
        self, store: Store, site: Site, lab: Lab, race: Race, say: Callable[[str], None]
    ) -> None:
        self._store, self._site, self._lab, self._race, self._say = store, site, lab, race, say
        self.challengers = [
            Challenger(one.id, read_entry(entry), Watch(store, site, run_name(0), one.id))
            for one, entry in store.racing(race)
        ]

    def run(self, sleep: Callable[[float], None] = time.sleep) -> Challenger | None:
        """Wait until one is shown to be better, or none is left: None. It may take weeks.

        Raises:
            SiteError: if nobody serves the site, all who are left wait for a person's word, or
                somebody ended the race. Unless that, it goes on when it is run again.
        """
        pulse = measuring.Pulse(self._store)
        while True:
            if self._store.race() != self._race:
                raise SiteError(f"race {self._race.id} was ended; see why: novum site")
            for one in self._left():
                self._look(one)
                if one.ruling is not None and one.ruling.outcome is Outcome.KEEP:
                    return one
            self._stop_if_spent()
            if not self._left():
                return None
            self._require_going(pulse)
            self._shift()
            sleep(measuring.POLL)

    def end(self, reason: str) -> None:
        """Show what is left of it to nobody any more."""
        self._store.end_race(self._race, reason, WHO)

    @property
    def visitors(self) -> int:
        """How many it had until now, of all arms together."""
        return self._store.raced(self._race)

    def _left(self) -> list[Challenger]:
        return [one for one in self.challengers if not one.out]

    def _look(self, one: Challenger) -> None:
        """See whether the batch of a challenger is over, and what the judge says then."""
        try:
            if not one.watch.is_over():
                return
            numbers = one.watch.numbers()
            one.measured.append(Measurement(numbers.pop(METRIC), numbers))
            one.ruling = self._judged(one)
        except NoVisitorsError:
            return  # it waits for a person's word
        except (RefusedError, CountsError) as error:
            self._put_out(one, str(error))
            return
        if one.ruling.outcome is Outcome.DISCARD:
            self._put_out(one, one.ruling.reason)
        elif one.ruling.outcome is None:
            name = run_name(len(one.measured))
            one.watch = Watch(self._store, self._site, name, one.experiment)

    def _judged(self, one: Challenger) -> Ruling:
        """What the judge of a campaign says of all batches so far."""
        values = tuple(measurement.metric for measurement in one.measured)
        case = Case(
            rules=rules_of(self._lab),
            values=values,
            incumbent=Belief(self._race.base, 0.0),
            incumbent_best=self._race.base,
            noise=Noise(),
            net_lines=one.entry.change.net_lines,
            metrics=guarded(self._lab, one.entry.change, one.measured),
            arms=reduce(add, map(arms_of, one.measured)),
        )
        ruling = RateJudge().consider(case)
        if len(values) < self._lab.judge.min_runs:
            return replace(ruling, outcome=None)
        return ruling

    def _put_out(self, one: Challenger, reason: str) -> None:
        one.out = reason
        if self._store.experiment(one.experiment).state is State.RUNNING:
            self._store.set_state(one.experiment, State.DONE, f"given up: {reason}", WHO)
        self._say(f"experiment {one.experiment} is out: {reason}")

    def _stop_if_spent(self) -> None:
        """When the visitors are spent, show nothing more; full batches are waited for."""
        if self._race.budget is None or self.visitors < self._race.budget:
            return
        for one in self._left():
            if self._store.experiment(one.experiment).state is State.RUNNING:
                self._store.set_state(one.experiment, State.DONE, SPENT, WHO)
            if not one.watch.is_full():
                self._put_out(one, SPENT)

    def _require_going(self, pulse: measuring.Pulse) -> None:
        states = {one.experiment: self._store.experiment(one.experiment) for one in self._left()}
        if all(one.state is State.WAITING for one in states.values()):
            numbers = ", ".join(map(str, states))
            raise SiteError(
                f"experiments {numbers} wait for a person's word: novum approve LAB NUMBER; then "
                "the race goes on with: novum race LAB"
            )
        try:
            pulse.require()
        except NoVisitorsError as error:
            raise SiteError(f"{error}; then the race goes on with: novum race LAB") from None

    def _shift(self) -> None:
        """Let more visitors join those that seem better, if that changes enough."""
        running = self._store.racing(self._race)
        shown = [one for one, _ in running if one.state is State.RUNNING]
        joins = shifted({one.id: self._believed(one) for one in shown})
        if any(abs(joins[one.id] - one.joins) >= MOVED for one in shown):
            self._store.set_joins(self._race, joins, WHO)
            told = ", ".join(f"experiment {one} {share:.0%}" for one, share in joins.items())
            self._say(f"visitors join from now on: {told}")

    def _believed(self, one: Experiment) -> Belief:
        return believed(self._store.counts(everybody(one), self._site.window), self._race.base)
