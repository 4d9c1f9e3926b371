"""What a visitor is shown, and why: pure, from what the site shows now and who the visitor is."""

from dataclasses import dataclass

from novum.site.assignment import among, assign
from novum.site.config import Traffic
from novum.site.records import NOWHERE, Arm, Experiment
from novum.site.store import Store
from novum.site.tokens import Cookie


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


def plan_of(store: Store) -> Plan:
    """What a site shows now.

    Raises:
        SiteError: if it shows nothing yet.
    """
    return Plan(store.incumbent(), store.first(), store.running())


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
        if born < int(experiment.opened):
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
