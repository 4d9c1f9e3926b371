"""What a visitor is shown, and why."""

import contextlib
from dataclasses import dataclass

from novum.errors import SiteError
from novum.site.assignment import among, assign
from novum.site.config import Site, Traffic
from novum.site.records import NOWHERE, Arm, Experiment
from novum.site.store import Store
from novum.site.tokens import Cookie, Token, known_as, new_visitor, write_token


@dataclass(frozen=True, slots=True)
class Plan:
    """What the site shows now."""

    incumbent: str  # digests
    first: str
    running: tuple[Experiment, ...]  # none, one, or those of a race

    @property
    def claim(self) -> Experiment | None:
        """The claim that is tested: nothing else is shown then."""
        return next((one for one in self.running if one.claim), None)


@dataclass(frozen=True, slots=True)
class Choice:
    """What one visitor is shown: a copy by its digest, and why."""

    experiment: int
    arm: Arm
    variant: str


@dataclass(frozen=True, slots=True)
class Guest:
    """A visitor who counts: what he carries from now on, what he is shown, by what he tells."""

    cookie: Cookie
    choice: Choice
    token: str


def plan_of(store: Store) -> Plan:
    """What a site shows now.

    Raises:
        SiteError: if it shows nothing yet.
    """
    return Plan(store.incumbent(), store.first(), store.running())


class Chooser:
    """Chooses for the visitors of a site. What others change in its store counts at once.

    Raises:
        SiteError: if the site shows nothing yet.
    """

    def __init__(self, store: Store, key: bytes, config: Site) -> None:
        self._store, self._key, self._config = store, key, config
        self._version = store.version()
        self._plan = plan_of(store)

    def plan(self) -> Plan:
        """What is shown now."""
        with contextlib.suppress(SiteError):  # a page goes on as it was, whatever befalls the file
            version = self._store.version()
            if version != self._version:
                self._plan, self._version = plan_of(self._store), version
        return self._plan

    def guest(self, cookie: Cookie | None) -> Guest:
        """What a visitor who counts is shown; without a cookie it is a new one."""
        now = self._store.clock.now()
        visitor, born = (cookie.visitor, cookie.born) if cookie else (new_visitor(), int(now))
        return self._guest(visitor, born, now, cookie)

    def known(self, name: str) -> Guest:
        """What somebody is shown whom a program of yours knows by this name."""
        visitor, now = known_as(self._key, name), self._store.clock.now()
        plan, born, last = self.plan(), int(now), None
        if plan.claim is not None:
            seen = self._store.first_seen(visitor)
            born = born if seen is None else int(seen)
        elif len(plan.running) > 1:  # what a cookie would say: in a race, the hash is not enough
            joined = self._store.last_joined(visitor)
            last = Cookie(visitor, born, *joined) if joined is not None else None
        return self._guest(visitor, born, now, last)

    def _guest(self, visitor: str, born: int, now: float, cookie: Cookie | None) -> Guest:
        choice = choose(self._key, self.plan(), self._config.traffic, visitor, born, cookie)
        token = Token(visitor, choice.experiment, choice.arm, choice.variant, int(now))
        carried = Cookie(visitor, born, choice.experiment, choice.arm)
        return Guest(carried, choice, write_token(self._key, token))


def choose(
    key: bytes, plan: Plan, traffic: Traffic, visitor: str, born: float, last: Cookie | None = None
) -> Choice:
    """What a visitor, known since `born`, is shown; in the arm of the last time where there is one.

    The holdout group is apart for ever. A claim is tested with visitors who came after it was
    opened, so that none of them took part in the search: the holdout group and as many others.
    """
    claim, running = plan.claim, plan.running
    held = among(key, visitor, "holdout", traffic.holdout)
    if claim is not None:
        if born < claim.opened:
            running = ()
        elif held:
            return Choice(claim.id, Arm.HOLDOUT, claim.control or plan.first)
    if held:
        return Choice(NOWHERE, Arm.HOLDOUT, plan.first)
    outside = Choice(NOWHERE, Arm.OUTSIDE, plan.incumbent)
    if not running:
        return outside
    for one in running:
        if last is not None and last.experiment == one.id and last.arm is not Arm.HOLDOUT:
            return _shown(one, last.arm)
    experiment, purpose = _joined(key, visitor, running)
    share = traffic.holdout / (1 - traffic.holdout) if claim is not None else traffic.share
    if not among(key, visitor, f"{purpose}: share", share):
        return outside
    if experiment.claim or experiment.control is None:
        return _shown(experiment, Arm.CANDIDATE)
    weights = {Arm.CANDIDATE: experiment.weight, Arm.CONTROL: 1 - experiment.weight}
    return _shown(experiment, assign(key, visitor, f"experiment {experiment.id}", weights))


def _joined(key: bytes, visitor: str, running: tuple[Experiment, ...]) -> tuple[Experiment, str]:
    """The experiment that a visitor joins if he takes part, and by what that is drawn.

    Who takes part in a race is drawn once for all of it: so nobody comes or goes when it shifts.
    """
    if running[0].race is None:
        return running[0], f"experiment {running[0].id}"
    race = f"race {running[0].race}"
    joined = assign(key, visitor, race, {str(one.id): one.joins for one in running})
    return next(one for one in running if str(one.id) == joined), race


def _shown(experiment: Experiment, arm: Arm) -> Choice:
    shown = experiment.candidate if arm is Arm.CANDIDATE else experiment.control
    assert shown is not None
    return Choice(experiment.id, arm, shown)
