"""What other processes ask of a campaign, read: any of them may have written it."""

import re
from dataclasses import asdict, dataclass, replace
from typing import Any

from novum.ledger import Request
from novum.records import Edit, Proposal, kind_in_words

NOT_UNDERSTOOD = (AttributeError, KeyError, TypeError, ValueError)
LARGEST = 1e100  # of numbers in a request; what is not less than it is none
PERSON = "person"
OUTSIDE = re.compile(r"outside(:[a-z0-9][a-z0-9._-]{0,39})?")


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
        dial = {name: _number(value, name) for name, value in asked.dial.items()}
        return replace(asked, dial=dial)
    return asked


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGEST:
        raise TypeError(f"{name} must be a number")
    return value


def proposal_in(request: Request) -> Proposal:
    """The proposal in a request, which may also say its kind, source, key, what is expected of it,
    and who proposes: `outside`, or `outside:NAME`; else a person does.

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
    expected = body.get("expected")
    return Proposal(
        body["title"],
        edits,
        body["hypothesis"],
        expected=None if expected is None else _number(expected, "expected"),
        researcher=_proposer(body.get("researcher", PERSON)),
        kind=kind_in_words(_text(body.get("kind", ""), "kind")),
        **{name: _text(body.get(name, ""), name) for name in ("source", "key")},
    )


def _proposer(value: object) -> str:
    """Who proposes: a request can't say that it is one of the lab's own researchers."""
    if value == PERSON or (isinstance(value, str) and OUTSIDE.fullmatch(value)):
        return str(value)
    raise ValueError(f"who proposes is {PERSON}, outside or outside:NAME")


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text")
    return value
