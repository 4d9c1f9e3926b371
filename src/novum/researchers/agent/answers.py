"""What an agent printed: its last words, what it used, its session, and whether it failed.

Read for these alone, and tolerantly: unknown lines and fields are passed over. Whether it did
anything is never read here; that is what the tree says.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from novum.records import Usage
from novum.terminal import harmless

Fields = dict[str, Any]
_MOST_FAILURES = 2000  # braces that begin no object; then the output is not what it should be
_TAIL = 4000  # characters of plain output that count as last words


@dataclass(frozen=True, slots=True)
class Answer:
    """What was read.

    `problem` is the agent's own word of failure, `spent` says that it came to a bound that it was
    given, and `final` that it considers itself done.
    """

    words: str = ""
    usage: Usage = field(default_factory=Usage)
    session: str = ""
    problem: str = ""
    final: bool = False
    spent: bool = False


def read_answer(shape: str, output: str) -> Answer:
    """What an agent's output says, by the shape that its preset names."""
    reader = _READERS.get(shape)
    answer = reader(list(_objects(output))) if reader else Answer()
    if shape == "aider":
        answer = replace(answer, usage=_aider_usage(output))
    if not answer.words and not answer.problem:
        plain = "\n".join(line for line in output.splitlines() if not line.startswith("{"))
        answer = replace(answer, words=plain.strip()[-_TAIL:])
    return answer


def _objects(output: str) -> Iterator[Fields]:
    """The JSON objects in an output: one on a line, or one over many."""
    decoder = json.JSONDecoder()
    at = failures = 0
    while failures < _MOST_FAILURES and (at := _next_object(output, at)) >= 0:
        try:
            found, at = decoder.raw_decode(output, at)
        except (ValueError, RecursionError):
            at, failures = at + 1, failures + 1
            continue
        if isinstance(found, dict):
            yield found


def _next_object(output: str, at: int) -> int:
    """Where the next line that begins with a brace does."""
    while (at := output.find("{", at)) > 0 and output[at - 1] not in "\n\r":
        at += 1
    return at


def _at(value: object, *path: str) -> Any:  # noqa: ANN401  it is somebody else's JSON
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _count(value: object, *path: str) -> int:
    found = _at(value, *path)
    sound = isinstance(found, (int, float)) and not isinstance(found, bool) and 0 <= found < 1e12
    return int(found) if sound else 0


def _money(value: object, *path: str) -> float | None:
    found = _at(value, *path)
    sound = isinstance(found, (int, float)) and not isinstance(found, bool) and 0 <= found < 1e6
    return float(found) if sound else None


def _text(value: object, *path: str) -> str:
    found = _at(value, *path)
    return found if isinstance(found, str) else ""


def _usage(requests: int, sent: int, cached: int, received: int, usd: float | None) -> Usage:
    requests = max(requests, 1) if sent or received or usd else requests
    return Usage(requests, sent, cached, received, usd or 0.0, 0 if usd is not None else requests)


# -- Claude Code, and Cursor, which resembles it ----------------------------------------------


def _claude(objects: list[Fields]) -> Answer:
    answer, said = Answer(), ""
    messages: dict[str, Fields] = {}  # the last state of each: they are printed more than once
    for found in objects:
        answer = replace(answer, session=_text(found, "session_id") or answer.session)
        if found.get("type") == "assistant":
            blocks = _at(found, "message", "content")
            texts = [_text(block, "text") for block in blocks] if isinstance(blocks, list) else []
            said = "\n".join(filter(None, texts)) or said
            messages[_text(found, "message", "id")] = found
        elif found.get("type") == "result":
            answer = _claude_result(found, answer)
    if not answer.final:
        used = [
            _claude_usage(_at(found, "message", "usage"), 1, None) for found in messages.values()
        ]
        answer = replace(answer, usage=sum(used, Usage()))
    return replace(answer, words=answer.words or said)


def _claude_result(found: Fields, answer: Answer) -> Answer:
    kind, words = _text(found, "subtype"), _text(found, "result")
    problem = ""
    if found.get("is_error") or kind.startswith("error"):
        errors = found.get("errors")
        told = "; ".join(map(str, errors)) if isinstance(errors, list) else ""
        problem = words or told or kind or "it failed"
    usage = _claude_usage(
        found.get("usage"), _count(found, "num_turns"), _money(found, "total_cost_usd")
    )
    return replace(
        answer,
        words=words,
        usage=usage,
        problem=problem,
        final=True,
        spent=kind.startswith("error_max"),
    )


def _claude_usage(usage: object, requests: int, usd: float | None) -> Usage:
    cached = _count(usage, "cache_read_input_tokens") or _count(usage, "cacheReadTokens")
    sent = _count(usage, "input_tokens") or _count(usage, "inputTokens")
    written = _count(usage, "cache_creation_input_tokens") or _count(usage, "cacheWriteTokens")
    received = _count(usage, "output_tokens") or _count(usage, "outputTokens")
    return _usage(requests, sent + written + cached, cached, received, usd)


# -- Codex -------------------------------------------------------------------------------------


def _codex(objects: list[Fields]) -> Answer:
    answer = Answer()
    for found in objects:
        kind = found.get("type")
        if kind == "thread.started":
            answer = replace(answer, session=_text(found, "thread_id"))
        elif kind == "item.completed" and _text(found, "item", "type") == "agent_message":
            answer = replace(answer, words=_text(found, "item", "text"))
        elif kind == "turn.completed":
            usage = found.get("usage")
            used = _usage(
                1,
                _count(usage, "input_tokens"),
                _count(usage, "cached_input_tokens"),
                _count(usage, "output_tokens"),
                None,
            )
            answer = replace(answer, usage=used, problem="", final=True)
        elif kind == "turn.failed":
            problem = _text(found, "error", "message") or "the turn failed"
            answer = replace(answer, problem=problem, final=True)
        elif kind == "error":
            answer = replace(answer, problem=_text(found, "message") or "it failed")
    return answer


# -- Gemini CLI ---------------------------------------------------------------------------------


def _gemini(objects: list[Fields]) -> Answer:
    answer, said = Answer(), ""
    for found in objects:
        answer = replace(answer, session=_text(found, "session_id") or answer.session)
        if found.get("type") == "message" and found.get("role") == "assistant":
            text = _text(found, "content")
            said = said + text if found.get("delta") else text
        elif found.get("type") in {"tool_use", "tool_result"}:
            said = ""
        elif found.get("type") == "error" or "error" in found:
            error = _text(found, "error", "message") or _text(found, "message")
            answer = replace(answer, problem=error or "it failed")
        if "stats" in found:
            answer = replace(answer, usage=_gemini_usage(found["stats"]), final=True)
            answer = replace(answer, words=_text(found, "response"))
        if found.get("type") == "result" and found.get("status") == "success":
            answer = replace(answer, problem="")
    return replace(answer, words=answer.words or said)


def _gemini_usage(stats: object) -> Usage:
    models = _at(stats, "models")
    total = Usage()
    for model in models.values() if isinstance(models, dict) else []:
        if "tokens" in model:
            tokens = model["tokens"]
            received = _count(tokens, "candidates") + _count(tokens, "thoughts")
            sent, cached = _count(tokens, "prompt"), _count(tokens, "cached")
            total += _usage(_count(model, "api", "totalRequests"), sent, cached, received, None)
        else:
            total += _flat_usage(model)
    return total if total.tokens else _flat_usage(stats)


def _flat_usage(tokens: object) -> Usage:
    sent, received = _count(tokens, "input_tokens"), _count(tokens, "output_tokens")
    return _usage(0, sent, _count(tokens, "cached"), received, None)


# -- opencode -----------------------------------------------------------------------------------


def _opencode(objects: list[Fields]) -> Answer:
    answer = Answer()
    for found in objects:
        part = found.get("part")
        answer = replace(answer, session=_text(found, "sessionID") or answer.session)
        if found.get("type") == "text":
            answer = replace(answer, words=_text(part, "text"))
        elif found.get("type") == "error":
            problem = _text(found, "error", "data", "message") or _text(found, "error", "name")
            answer = replace(answer, problem=problem or "it failed")
        elif found.get("type") == "step_finish":
            cached = _count(part, "tokens", "cache", "read")
            sent = _count(part, "tokens", "input") + _count(part, "tokens", "cache", "write")
            received = _count(part, "tokens", "output") + _count(part, "tokens", "reasoning")
            # It says 0 also where it does not know the price.
            usd = _money(part, "cost") or None
            used = _usage(1, sent + cached, cached, received, usd)
            final = _text(part, "reason") == "stop"
            answer = replace(answer, usage=answer.usage + used, final=final)
    return answer


# -- goose and aider ------------------------------------------------------------------------------


def _goose(objects: list[Fields]) -> Answer:
    words, usage = "", Usage()
    for found in objects:
        messages = found.get("messages")
        for message in messages if isinstance(messages, list) else []:
            content = _at(message, "content")
            if _text(message, "role") == "assistant" and isinstance(content, list):
                words = "\n".join(filter(None, (_text(part, "text") for part in content))) or words
        data = found.get("metadata")
        sent, received = _count(data, "input_tokens"), _count(data, "output_tokens")
        total = _count(data, "total_tokens")
        if total:
            usage = _usage(1, max(sent, total - received), 0, received, None)
    return Answer(words, usage, final=usage.tokens > 0)


_AIDER = re.compile(r"Tokens: ([\d.]+)([kM]?) sent,.*?([\d.]+)([kM]?) received\.(.*)")
_SCALE = {"": 1, "k": 1000, "M": 1_000_000}


def _aider_usage(output: str) -> Usage:
    total = Usage()
    for sent, sent_scale, received, received_scale, rest in _AIDER.findall(output):
        cost = re.search(r"Cost: \$([\d.]+) message", rest)
        usd = float(cost[1]) if cost and cost[1].count(".") < 2 else None
        numbers = [
            int(float(number) * _SCALE[scale]) if number.count(".") < 2 else 0
            for number, scale in ((sent, sent_scale), (received, received_scale))
        ]
        total += _usage(1, numbers[0], 0, numbers[1], usd)
    return total


_READERS: Mapping[str, Callable[[list[Fields]], Answer]] = {
    "claude": _claude,
    "codex": _codex,
    "gemini": _gemini,
    "opencode": _opencode,
    "goose": _goose,
}


def tail_of(output: str, lines: int = 3) -> str:
    """The last lines of an output, made harmless, for a message to a person."""
    kept = [line.strip() for line in output.splitlines() if line.strip()][-lines:]
    return harmless(" / ".join(kept))[-500:]
