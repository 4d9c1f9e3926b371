"""Anthropic's messages: `/v1/messages`, whole and streamed."""

import json

from novum.testing.models.bill import Bill
from novum.testing.models.events import named
from novum.testing.models.openai_chat import text_of
from novum.testing.models.script import Answer, Json, Outline, Request, fragments

REASONS = {"stop": "end_turn", "length": "max_tokens", "refusal": "refusal", "filter": "refusal"}
KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def outline(body: Json) -> Outline:
    """What was asked."""
    messages = body.get("messages", [])
    blocks = [
        block
        for message in messages
        if isinstance(message.get("content"), list)
        for block in message["content"]
    ]
    return Outline(
        system=text_of(body.get("system")),
        turns=tuple((m.get("role", ""), text_of(m.get("content"))) for m in messages),
        results=tuple(text_of(b.get("content")) for b in blocks if b.get("type") == "tool_result"),
        tools=tuple(str(t.get("name")) for t in body.get("tools") or []),
    )


def whole(request: Request, answer: Answer, bill: Bill) -> Json:
    """The answer in one piece."""
    return {
        **_head(request),
        "content": _blocks(answer),
        "stop_reason": _reason(answer),
        "usage": {**_sent(bill), "output_tokens": bill.output},
    }


def stream(request: Request, answer: Answer, bill: Bill) -> list[bytes]:
    """The answer as events."""
    start = {**_head(request), "usage": {**_sent(bill), "output_tokens": 1}}
    events = [named("message_start", {"message": start}), named("ping", {})]
    for index, block in enumerate(_blocks(answer)):
        events += _growth(index, block)
    end = {"stop_reason": _reason(answer), "stop_sequence": None}
    usage = {"output_tokens": bill.output}
    events.append(named("message_delta", {"delta": end, "usage": usage}))
    return [*events, named("message_stop", {})]


def error(answer: Answer) -> Json:
    """The body of a failed request."""
    kind = answer.code or KINDS.get(answer.status, "api_error")
    return {
        "type": "error",
        "error": {"type": kind, "message": answer.text},
        "request_id": "req_scripted",
    }


def broken(answer: Answer) -> bytes:
    """An error amid a stream."""
    kind = answer.code or "overloaded_error"
    return named("error", {"error": {"type": kind, "message": answer.text or "Overloaded"}})


def _head(request: Request) -> Json:
    return {
        "id": "msg_scripted",
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _reason(answer: Answer) -> str:
    return "tool_use" if answer.calls else REASONS[answer.ending]


def _sent(bill: Bill) -> Json:
    """The input by what it costs: Anthropic's `input_tokens` are without the cache's."""
    return {
        "input_tokens": bill.input - bill.cached - bill.stored,
        "cache_creation_input_tokens": bill.stored,
        "cache_read_input_tokens": bill.cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": bill.stored,
            "ephemeral_1h_input_tokens": 0,
        },
        "service_tier": "standard",
    }


def _blocks(answer: Answer) -> list[Json]:
    blocks: list[Json] = []
    if answer.thinking:
        signed = {"thinking": answer.thinking, "signature": "scripted"}
        blocks.append({"type": "thinking", **signed})
    if answer.text:
        blocks.append({"type": "text", "text": answer.text})
    for number, one in enumerate(answer.calls):
        name = f"toolu_{number}_{one.name}"
        blocks.append(
            {"type": "tool_use", "id": name, "name": one.name, "input": dict(one.arguments)}
        )
    return blocks


def _growth(index: int, block: Json) -> list[bytes]:
    """The events by which a block grows from its beginning to its end."""
    if block["type"] == "text":
        begun: Json = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": piece} for piece in fragments(block["text"])]
    elif block["type"] == "thinking":
        begun = {"type": "thinking", "thinking": "", "signature": ""}
        pieces = fragments(block["thinking"])
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    else:
        begun = {**block, "input": {}}
        pieces = fragments(json.dumps(block["input"]))
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return [
        named("content_block_start", {"index": index, "content_block": begun}),
        *(named("content_block_delta", {"index": index, "delta": delta}) for delta in deltas),
        named("content_block_stop", {"index": index}),
    ]
