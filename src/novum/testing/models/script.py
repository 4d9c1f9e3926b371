"""The vocabulary of a scripted model: what it is asked, and what it answers.

A script is a sequence of answers, given in order, or a function from the request to an answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
Ending = Literal["stop", "length", "refusal", "filter"]
Break = Literal["", "cut", "stall", "error"]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of one of the client's tools. For a tool of free text, the argument is `input`."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model does with one request.

    `text` and `calls` make a turn; `ending` says why it ended. With a `status` other than 200 the
    request fails, with `text` as the message, `code` as the provider's code, and `retry_after` in
    seconds. `broken` breaks off after `share` of the events: the connection is closed (`cut`),
    nothing more comes (`stall`), or an error comes as an event (`error`, streams only). A `silent`
    one never even answers the request. `pause` is in seconds, between two events. Tokens that are
    None are counted from the texts.
    """

    text: str = ""
    calls: tuple[Call, ...] = ()
    thinking: str = ""
    ending: Ending = "stop"
    status: int = 200
    code: str = ""
    retry_after: float | None = None
    broken: Break = ""
    share: float = 0.5
    silent: bool = False
    pause: float = 0.0
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None


def say(text: str, **more: Any) -> Answer:  # noqa: ANN401  the fields of an answer
    """A turn of text."""
    return Answer(text, **more)


def call(name: str, /, **arguments: Any) -> Answer:  # noqa: ANN401  whatever the tool takes
    """A turn that calls one tool."""
    return Answer(calls=(Call(name, arguments),))


def refuse(text: str = "I can't help with that.") -> Answer:
    """The model refuses, in the way that the protocol has for it."""
    return Answer(text, ending="refusal")


def truncate(text: str) -> Answer:
    """The model's turn ends because it had no tokens left."""
    return Answer(text, ending="length")


def fail(
    status: int, text: str = "", *, code: str = "", retry_after: float | None = None
) -> Answer:
    """The request fails with an HTTP status: 401, 404, 429, 500, 503, 529, …"""
    return Answer(text or f"scripted {status}", status=status, code=code, retry_after=retry_after)


def cut(text: str, share: float = 0.5) -> Answer:
    """The connection is closed in the middle of the answer."""
    return Answer(text, broken="cut", share=share)


def stall(text: str, share: float = 0.5) -> Answer:
    """The answer begins, and does not go on."""
    return Answer(text, broken="stall", share=share)


def silence() -> Answer:
    """The request is taken, and never answered."""
    return Answer(silent=True)


@dataclass(frozen=True, slots=True)
class Outline:
    """What all protocols have in common in a request.

    `turns` are (role, text) in order, `results` the texts of tool results, oldest first.
    """

    system: str = ""
    turns: tuple[tuple[str, str], ...] = ()
    results: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it arrived. Names of headers are in lower case."""

    method: str
    path: str
    protocol: str  # openai, responses, anthropic, gemini; empty for anything else
    headers: Mapping[str, str]
    body: Json
    model: str = ""
    stream: bool = False
    outline: Outline = Outline()

    @property
    def text(self) -> str:
        """All that was said to the model and by it, without the system's text."""
        return "\n".join(text for _, text in self.outline.turns)

    @property
    def last(self) -> str:
        """The last turn's text."""
        return self.outline.turns[-1][1] if self.outline.turns else ""


Script = Sequence[Answer] | Callable[[Request], Answer]


def fragments(text: str, size: int = 24) -> list[str]:
    """A text in the pieces in which it is streamed; no text is no piece."""
    return [text[start : start + size] for start in range(0, len(text), size)]
