"""What a request would be billed: tokens by a rule of thumb, and the caches that providers have.

The rule (four characters to a token) is not any model's; the caches behave as the providers' do:
Anthropic reads and writes at the breakpoints that a request marks; OpenAI finds the longest
beginning that it has seen, from 1024 tokens on, in steps of 128.
"""

import json
from dataclasses import dataclass, field
from threading import Lock

from novum.testing.models.script import Answer, Json, Request

FIRST, STEP = 1024, 128  # OpenAI's cache: the shortest beginning, and its steps, in tokens


def tokens(text: str) -> int:
    """About how many tokens a text has."""
    return -(-len(text) // 4)


@dataclass(frozen=True, slots=True)
class Bill:
    """Tokens of one request. `input` counts all that was sent, what was cached and stored too."""

    input: int
    output: int
    thinking: int = 0  # among the output
    cached: int = 0
    stored: int = 0  # newly written to the cache


@dataclass
class Till:
    """Counts tokens, and remembers what was cached."""

    _marked: dict[str, int] = field(default_factory=dict)
    _seen: list[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def bill(self, request: Request, answer: Answer) -> Bill:
        """The bill of a request with its answer; afterwards its text is cached."""
        sent = _flat(request)
        count = tokens(sent) if answer.input_tokens is None else answer.input_tokens
        with self._lock:
            if request.protocol == "anthropic":
                cached, stored = self._at_marks(request.body)
            else:
                cached, stored = self._of_beginning(sent), 0
        if answer.cached_tokens is not None:
            cached, stored = answer.cached_tokens, 0
        said = answer.text + "".join(json.dumps(dict(c.arguments)) for c in answer.calls)
        thinking = tokens(answer.thinking)
        output = tokens(said) + thinking if answer.output_tokens is None else answer.output_tokens
        cached = min(cached, count)
        return Bill(count, output, thinking, cached, min(stored, count - cached))

    def _at_marks(self, body: Json) -> tuple[int, int]:
        """Tokens read at the last known breakpoint, and written up to the last one."""
        so_far = json.dumps(body.get("tools", []))
        marks: list[str] = []
        for block in _blocks(body):
            so_far += json.dumps({k: v for k, v in block.items() if k != "cache_control"})
            if "cache_control" in block:
                marks.append(so_far)
        known = max((tokens(mark) for mark in marks if mark in self._marked), default=0)
        written = max((tokens(mark) for mark in marks), default=0) - known
        self._marked.update((mark, 1) for mark in marks)
        return known, max(0, written)

    def _of_beginning(self, sent: str) -> int:
        longest = max((_common(sent, before) for before in self._seen), default=0)
        self._seen.append(sent)
        count = longest // 4 // STEP * STEP
        return count if count >= FIRST else 0


def _flat(request: Request) -> str:
    outline = request.outline
    tools = json.dumps(request.body.get("tools", "")) if request.body.get("tools") else ""
    return tools + outline.system + request.text + "".join(outline.results)


def _blocks(body: Json) -> list[Json]:
    """All blocks of a request to Anthropic, in the order in which they are cached."""
    system = body.get("system") or []
    found = [{"type": "text", "text": system}] if isinstance(system, str) else list(system)
    for message in body.get("messages", []):
        content = message.get("content", "")
        one = [{"type": "text", "text": content}]
        found += one if isinstance(content, str) else content
    return found


def _common(one: str, other: str) -> int:
    """The length of the common beginning, by halving."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low
