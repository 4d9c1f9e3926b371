"""What waits in the ledger for a researcher: pending proposals, answers to it, the person's words.

All of it is bounded, however long the campaign is.
"""

from collections.abc import Sequence

from novum.ledger import Campaign, Consultation, Ledger, Request
from novum.ledger.consultations import REPEATED, STALE
from novum.records import Proposal

SAID = 10  # of the person's words, the newest
NEWEST = 20  # consultations that answers are looked for in
ANSWERS = 5
MIX = "mix"  # a researcher that is told what its members are told
OPEN = 4  # experiments, the newest, among which one may have no verdict yet


def pending(ledger: Ledger, campaign: Campaign) -> tuple[Proposal, ...]:
    """What was proposed and has no verdict yet: what runs first, then what waits to run."""
    newest = ledger.experiments(campaign.id, last=OPEN)  # a search for open ones would read all
    running = [one for one in newest if one.verdict is None and one.number > 0]
    return (*(one.proposal for one in running), *prepared(ledger, campaign))


def prepared(ledger: Ledger, campaign: Campaign) -> tuple[Proposal, ...]:
    """What was proposed and is no experiment yet, oldest first."""
    waiting = ledger.consultations.waiting(campaign.id)
    return tuple(one.proposal for one in waiting if one.proposal is not None)


def answers(ledger: Ledger, campaign: Campaign, researcher: str) -> tuple[str, ...]:
    """What the machine said to a researcher's last proposals that became no trial, oldest first."""
    asked = ledger.consultations.newest(campaign.id, NEWEST)
    told = [one for one in asked if one.state in {REPEATED, STALE} and _is_of(one, researcher)]
    return tuple(_answer(one) for one in told[-ANSWERS:])


def next_idea(ledger: Ledger, campaign: Campaign) -> Request | None:
    """The oldest idea in plain words that nobody works out yet."""
    taken = {one.request for one in ledger.consultations.waiting(campaign.id)}
    waiting = ledger.requests.waiting("idea")
    return next((one for one in waiting if one.id not in taken), None)


def words_in(request: Request) -> str:
    """The words in a request; any process may have put it in, with whatever body."""
    body = request.body
    return str(body.get("text", "")) if isinstance(body, dict) else ""


def said(ledger: Ledger | None) -> Sequence[Request]:
    """The newest of the person's words, oldest first."""
    return ledger.requests.newest("say", SAID) if ledger is not None else ()


def _is_of(one: Consultation, researcher: str) -> bool:
    """Whether a researcher was asked: by its name, by one of its models, or as one of a mix."""
    asked = researcher.partition(":")[0]
    return asked in {"", MIX} or one.researcher.partition(":")[0] == asked


def _answer(one: Consultation) -> str:
    title = one.proposal.title if one.proposal is not None else "a proposal"
    return f"{title!r} {one.detail}"
