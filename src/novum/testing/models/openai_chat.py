"""OpenAI's chat completions: `/v1/chat/completions`, whole and streamed."""

import json

from novum.testing.models.bill import Bill
from novum.testing.models.events import bare
from novum.testing.models.script import Answer, Json, Outline, Request, fragments

REASONS = {"stop": "stop", "length": "length", "refusal": "stop", "filter": "content_filter"}
KINDS = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    404: "invalid_request_error",
    429: "requests",
}
CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}


def text_of(content: object) -> str:
    """The text of a message's content: a string, or parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))


def outline(body: Json) -> Outline:
    """What was asked."""
    messages = body.get("messages", [])
    said = [(m.get("role", ""), text_of(m.get("content"))) for m in messages]
    return Outline(
        system="\n".join(text for role, text in said if role in {"system", "developer"}),
        turns=tuple((r, text) for r, text in said if r in {"user", "assistant"}),
        results=tuple(text for role, text in said if role == "tool"),
        tools=tuple(t["function"]["name"] for t in body.get("tools") or [] if "function" in t),
    )


def whole(request: Request, answer: Answer, bill: Bill) -> Json:
    """The answer in one piece."""
    message: Json = {"role": "assistant", "content": answer.text or None, "refusal": None}
    if answer.ending == "refusal":
        message |= {"content": None, "refusal": answer.text}
    if answer.thinking:
        message["reasoning_content"] = answer.thinking
    if answer.calls:
        message["tool_calls"] = _calls(answer)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _reason(answer)}
    head = _head(request, "chat.completion")
    return {**head, "choices": [choice], "usage": _usage(bill)}


def stream(request: Request, answer: Answer, bill: Bill) -> list[bytes]:
    """The answer as events."""
    head = _head(request, "chat.completion.chunk")

    def chunk(delta: Json, reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return bare({**head, "choices": [choice], "usage": None})

    name = "refusal" if answer.ending == "refusal" else "content"
    events = [chunk({"role": "assistant", "content": "", "refusal": None})]
    events += [chunk({"reasoning_content": piece}) for piece in fragments(answer.thinking)]
    events += [chunk({name: piece}) for piece in fragments(answer.text)]
    for index, one in enumerate(_calls(answer)):
        function = one["function"]
        empty = {**one, "index": index, "function": {"name": function["name"], "arguments": ""}}
        events.append(chunk({"tool_calls": [empty]}))
        for piece in fragments(function["arguments"]):
            more = {"index": index, "function": {"arguments": piece}}
            events.append(chunk({"tool_calls": [more]}))
    events.append(chunk({}, _reason(answer)))
    if (request.body.get("stream_options") or {}).get("include_usage"):
        events.append(bare({**head, "choices": [], "usage": _usage(bill)}))
    return [*events, b"data: [DONE]\n\n"]


def error(answer: Answer) -> Json:
    """The body of a failed request."""
    status = answer.status
    kind = KINDS.get(status, "server_error")
    code = answer.code or CODES.get(status)
    kind = code if code == "insufficient_quota" else kind
    return {"error": {"message": answer.text, "type": kind, "param": None, "code": code}}


def broken(answer: Answer) -> bytes:
    """An error amid a stream."""
    return bare(error(answer))


def _head(request: Request, kind: str) -> Json:
    head = {"id": "chatcmpl-scripted", "object": kind, "created": 1700000000}
    return {**head, "model": request.model, "system_fingerprint": "fp_scripted"}


def _reason(answer: Answer) -> str:
    return "tool_calls" if answer.calls else REASONS[answer.ending]


def _calls(answer: Answer) -> list[Json]:
    return [
        {
            "id": f"call_{number}_{one.name}",
            "type": "function",
            "function": {"name": one.name, "arguments": json.dumps(dict(one.arguments))},
        }
        for number, one in enumerate(answer.calls)
    ]


def _usage(bill: Bill) -> Json:
    return {
        "prompt_tokens": bill.input,
        "completion_tokens": bill.output,
        "total_tokens": bill.input + bill.output,
        "prompt_tokens_details": {"cached_tokens": bill.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": bill.thinking, "audio_tokens": 0},
    }
