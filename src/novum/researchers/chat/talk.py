"""A conversation with a model, and what comes back: the same for all protocols."""

from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal

from novum.researchers.chat.prices import Tokens

Json = dict[str, Any]
Keep = Literal["", "minutes", "hour"]  # how long a provider shall cache the beginning


@dataclass(frozen=True, slots=True)
class Talk:
    """What is sent: the system's text, and turns of `user` and `assistant`, the user's first.

    The first `steady` characters of the first turn are likely to be sent again the next time.
    """

    system: str
    turns: tuple[tuple[str, str], ...]
    steady: int = 0
    keep: Keep = ""
    cache_key: str = ""  # one for all talks with the same beginning

    def said(self, answer: str, reply: str) -> "Talk":
        """The talk, gone on by an answer and what is said to it; an empty answer is left out.

        Then what is said is added to the last turn: two turns of the same side are not allowed.
        """
        if answer.strip():
            turns = (*self.turns, ("assistant", answer), ("user", reply))
        else:
            *before, (role, text) = self.turns
            turns = (*before, (role, f"{text}\n\n{reply}"))
        return Talk(self.system, turns, self.steady, self.keep, self.cache_key)

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join([self.system, *(text for _, text in self.turns)])


@dataclass(frozen=True, slots=True)
class Limits:
    """What one answer may be."""

    output_tokens: int
    temperature: float | None = None


@dataclass(slots=True)
class Reply:
    """An answer as it arrives. `ended` says why it is complete; until then it is empty."""

    text: str = ""
    refusal: str = ""
    ended: Literal["", "stop", "length", "refusal"] = ""
    reason: str = ""  # the provider's own word for it
    tokens: Tokens = field(default_factory=Tokens)
    counted: bool = False  # whether the provider said how many tokens it were
    began: bool = False  # whether the provider took the request
    heard: int = 0  # characters of output of any kind, thoughts too


def count(value: object) -> int:
    """A number of tokens, as told by a provider; what is no number is none."""
    return max(0, int(value)) if isinstance(value, int | float) and isfinite(value) else 0


@dataclass(eq=False)
class WireError(Exception):
    """A request came to nothing. `passing`: it says nothing about the request, so try again."""

    message: str
    passing: bool = True
    status: int = 0
    retry_after: float | None = None

    def __str__(self) -> str:
        return self.message


class NotWantedError(Exception):
    """The campaign wants no answer any more."""
