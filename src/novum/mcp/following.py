"""How far a proposal has come, read from the ledger: by its request, and the experiment of that."""

import re
import time
from dataclasses import dataclass

from novum.errors import UsageError
from novum.ledger import Campaign, Experiment, Ledger, Request
from novum.ledger.rows import IMPORTED
from novum.lessons import score_of
from novum.mcp.answers import Followed, State
from novum.mcp.wording import TITLE, WORDS, cut, line
from novum.opening import newest

BECAME = re.compile(r"(repeats )?experiment (\d+)\b")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is waited for: a proposal by its id, or an experiment of the newest campaign.

    Raises:
        UsageError: if it is neither, or both.
    """

    proposal: int | None = None
    experiment: int | None = None

    def __post_init__(self) -> None:
        if (self.proposal is None) == (self.experiment is None):
            raise UsageError("say what to wait for: proposal, as propose answered, or experiment")


@dataclass(frozen=True, slots=True)
class Look:
    """What one look into the ledger shows."""

    answer: Followed
    running: bool  # some machine works in the lab
    stopped: bool  # the person stopped it after this was asked

    @property
    def settled(self) -> bool:
        """Whether nothing more will come."""
        return self.answer.state not in {"waiting", "running"}


def look(ledger: Ledger, wanted: Wanted) -> Look:
    """How far it has come now.

    Raises:
        UsageError: if there is no such proposal or experiment.
    """
    running = ledger.is_running()
    request = None
    if wanted.proposal is not None:
        request = _request(ledger, wanted.proposal)
        state, experiment = _of_request(ledger, request)
        since = request.created
    else:
        experiment = experiment_of(ledger, newest(ledger), wanted.experiment or 0)
        state = "running" if experiment.verdict is None else "judged"
        since = experiment.created
    answer = _answer(wanted.proposal, state, experiment, request)
    answer.machine = _machine(ledger, running)
    return Look(answer, running, _stopped(ledger, since))


def _request(ledger: Ledger, number: int) -> Request:
    request = ledger.requests.get(number)
    if request is None or request.kind != "proposal":
        raise UsageError(f"there is no proposal {number}; use the id that propose answered")
    return request


def experiment_of(ledger: Ledger, campaign: Campaign | None, number: int) -> Experiment:
    """One experiment of a campaign.

    Raises:
        UsageError: if there is none.
    """
    found = None if campaign is None else ledger.experiment(campaign.id, number)
    if found is None or campaign is None:
        count = len(ledger.experiments(campaign.id)) if campaign else 0
        there = f"there are 0 to {count - 1}" if count else "there is none yet; propose one"
        raise UsageError(f"there is no experiment {number}; {there}")
    return found


def _of_request(ledger: Ledger, request: Request) -> tuple[State, Experiment | None]:
    if request.taken is None:
        return "waiting", None
    found = BECAME.match(request.answer or "")
    experiment = None if found is None else _named(ledger, int(found[2]), request.taken)
    if found is None or experiment is None:
        return "refused", None
    if found[1]:
        return "repeated", experiment
    return ("running" if experiment.verdict is None else "judged"), experiment


def _named(ledger: Ledger, number: int, taken: float) -> Experiment | None:
    """The experiment that was meant then: numbers begin anew with each campaign."""
    for campaign in reversed(ledger.campaigns()):
        found = ledger.experiment(campaign.id, number)
        if found is not None and campaign.state != IMPORTED and found.created <= taken:
            return found
    return None


def _answer(
    proposal: int | None, state: State, experiment: Experiment | None, request: Request | None
) -> Followed:
    verdict = experiment.verdict if experiment else None
    evidence = verdict.evidence if verdict else None
    judged = evidence is not None and evidence.runs > 0
    reason = verdict.reason if verdict else None
    if state in {"refused", "repeated"} and request is not None:
        reason = request.answer
    return Followed(
        proposal=proposal,
        experiment=experiment.number if experiment else None,
        state=state,
        verdict=str(verdict.outcome) if verdict else None,
        reason=None if reason is None else cut(reason, WORDS),
        score=score_of(experiment) if experiment else None,
        effect=evidence.effect if evidence and judged else None,
        probability=evidence.probability if evidence and judged else None,
        machine="",
    )


def _stopped(ledger: Ledger, since: float) -> bool:
    """Whether the person stopped a machine since then: it is for the person to go on."""
    stops = [*ledger.requests.newest("stop", 1), *ledger.requests.newest("stop-now", 1)]
    return any(stop.taken is not None and stop.taken >= since for stop in stops)


def _machine(ledger: Ledger, running: bool) -> str:
    """What the machine is doing, in words."""
    if not running:
        return "not running"
    working = ledger.working_on()
    if working is None:
        return "starting"
    unfinished, beat = ledger.open_experiment(working), ledger.heartbeat()
    if unfinished is None:
        confirming = ledger.confirmations.unfinished(working) is not None
        return "confirming what was found" if confirming else "waiting for proposals"
    words = f"experiment {unfinished.number} ({line(unfinished.proposal.title, TITLE)})"
    if beat is None or not beat.is_fresh(time.time()):
        return words
    words += f", {beat.phase} {beat.elapsed:.0f} s"
    shown = [f"{line(name, 40)} {value:.4g}" for name, value in list(beat.point.items())[:4]]
    return f"{words}, {', '.join(shown)}" if shown else words
