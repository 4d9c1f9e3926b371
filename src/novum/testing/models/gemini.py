"""Gemini's `models/NAME:generateContent` and `:streamGenerateContent?alt=sse`."""

import json

from novum.testing.models.bill import Bill
from novum.testing.models.events import bare
from novum.testing.models.openai_chat import text_of
from novum.testing.models.script import Answer, Json, Outline, Request, fragments

REASONS = {"stop": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY", "filter": "SAFETY"}
STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}


def outline(body: Json) -> Outline:
    """What was asked."""
    contents = body.get("contents", [])
    parts = [part for content in contents for part in content.get("parts", [])]
    replies = [p["functionResponse"] for p in parts if "functionResponse" in p]
    declared = [
        function
        for tool in body.get("tools") or []
        for function in tool.get("functionDeclarations", [])
    ]
    system = body.get("systemInstruction") or body.get("system_instruction") or {}
    return Outline(
        system=text_of(system.get("parts")) if isinstance(system, dict) else str(system),
        turns=tuple((c.get("role", "user"), text_of(c.get("parts"))) for c in contents),
        results=tuple(json.dumps(reply.get("response")) for reply in replies),
        tools=tuple(str(function.get("name")) for function in declared),
    )


def whole(request: Request, answer: Answer, bill: Bill) -> Json:
    """The answer in one piece."""
    parts = [*_thoughts([answer.thinking]), *_texts([answer.text]), *_calls(answer)]
    return _piece(request, parts, bill, REASONS[answer.ending])


def stream(request: Request, answer: Answer, bill: Bill) -> list[bytes]:
    """The answer as events."""
    thoughts, texts = _thoughts(fragments(answer.thinking)), _texts(fragments(answer.text))
    events = [bare(_piece(request, [part], bill)) for part in [*thoughts, *texts]]
    return [*events, bare(_piece(request, _calls(answer), bill, REASONS[answer.ending]))]


def error(answer: Answer) -> Json:
    """The body of a failed request."""
    status = answer.code or STATUSES.get(answer.status, "INTERNAL")
    details: list[Json] = []
    if answer.retry_after is not None:
        kind = "type.googleapis.com/google.rpc.RetryInfo"
        details = [{"@type": kind, "retryDelay": f"{answer.retry_after:g}s"}]
    told = {"code": answer.status, "message": answer.text, "status": status}
    return {"error": {**told, "details": details}}


def broken(answer: Answer) -> bytes:
    """An error amid a stream."""
    told = {"code": 503, "message": answer.text or "The model is overloaded."}
    return bare({"error": {**told, "status": "UNAVAILABLE"}})


def _thoughts(texts: list[str]) -> list[Json]:
    return [{"text": text, "thought": True} for text in texts if text]


def _texts(texts: list[str]) -> list[Json]:
    return [{"text": text} for text in texts if text]


def _calls(answer: Answer) -> list[Json]:
    return [{"functionCall": {"name": c.name, "args": dict(c.arguments)}} for c in answer.calls]


def _piece(request: Request, parts: list[Json], bill: Bill, reason: str | None = None) -> Json:
    candidate: Json = {"content": {"role": "model", "parts": parts}, "index": 0}
    if reason:
        candidate["finishReason"] = reason
    usage = {
        "promptTokenCount": bill.input,
        "cachedContentTokenCount": bill.cached,
        "candidatesTokenCount": bill.output - bill.thinking,
        "thoughtsTokenCount": bill.thinking,
        "totalTokenCount": bill.input + bill.output,
    }
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": request.model,
        "responseId": "scripted",
    }
