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
    experiment: Experiment | None


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
        experiment = self.plan().experiment
        seen = self._store.first_seen(visitor) if experiment and experiment.claim else None
        return self._guest(visitor, int(now if seen is None else seen), now, None)

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
    experiment = plan.experiment
    held = among(key, visitor, "holdout", traffic.holdout)
    if experiment is not None and experiment.claim:
        if born < experiment.opened:
            experiment = None
        elif held:
            return Choice(experiment.id, Arm.HOLDOUT, experiment.control or plan.first)
    if held:
        return Choice(NOWHERE, Arm.HOLDOUT, plan.first)
    outside = Choice(NOWHERE, Arm.OUTSIDE, plan.incumbent)
    if experiment is None:
        return outside
    if last is not None and last.experiment == experiment.id and last.arm is not Arm.HOLDOUT:
        return _shown(experiment, last.arm)
    share = traffic.holdout / (1 - traffic.holdout) if experiment.claim else traffic.share
    purpose = f"experiment {experiment.id}"
    if not among(key, visitor, f"{purpose}: share", share):
        return outside
    if experiment.claim or experiment.control is None:
        return _shown(experiment, Arm.CANDIDATE)
    weights = {Arm.CANDIDATE: experiment.weight, Arm.CONTROL: 1 - experiment.weight}
    return _shown(experiment, assign(key, visitor, purpose, weights))


def _shown(experiment: Experiment, arm: Arm) -> Choice:
    shown = experiment.candidate if arm is Arm.CANDIDATE else experiment.control
    assert shown is not None
    return Choice(experiment.id, arm, shown)
