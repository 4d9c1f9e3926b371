"""What other processes ask of a campaign, read: any of them may have written it."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from novum.ledger import Request
from novum.records import Edit, Proposal

NOT_UNDERSTOOD = (AttributeError, KeyError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the person wants to be confirmed: how precisely, under which dial, of which parts."""

    pairs: int | None = None
    dial: dict[str, float] | None = None
    ablate: bool = False
    prune: bool = False

    def body(self, tag: str) -> dict[str, Any]:
        """This as the body of a request to the campaign with that tag."""
        return asdict(self) | {"campaign": tag}


def is_for(request: Request, tag: str) -> bool:
    """Whether a request names this campaign, or none."""
    body = request.body
    return not isinstance(body, dict) or body.get("campaign", tag) == tag


def wants_again(request: Request) -> bool:
    """Whether a proposal is to be tried even if it repeats an earlier one."""
    return isinstance(request.body, dict) and request.body.get("again") is True


def asked_in(request: Request) -> Asked:
    """What a request wants to be confirmed.

    Raises:
        NOT_UNDERSTOOD: if it wants nothing of the kind.
    """
    asked = Asked(**{key: value for key, value in request.body.items() if key != "campaign"})
    if asked.pairs is not None and not (isinstance(asked.pairs, int) and asked.pairs > 0):
        raise TypeError("pairs is a number of pairs")
    if asked.dial is not None:
        return replace(asked, dial={name: _number(value) for name, value in asked.dial.items()})
    return asked


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("a dial has a number")
    return value


def proposal_in(request: Request) -> Proposal:
    """The proposal in a request.

    Raises:
        NOT_UNDERSTOOD: if it is none.
    """
    body = request.body
    if not isinstance(body, dict) or not isinstance(body["edits"], list):
        raise TypeError("a proposal has a title, a hypothesis and a list of edits")
    edits = tuple(Edit(**edit) for edit in body["edits"])
    texts = [body["title"], body["hypothesis"], *(edit.replace for edit in edits)]
    texts += [edit.path for edit in edits] + [edit.search or "" for edit in edits]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("title, hypothesis and edits must be text")
    return Proposal(body["title"], edits, body["hypothesis"], researcher="person")
