"""OpenAI's responses: `/v1/responses`, whole and streamed."""

import json
from collections.abc import Iterator

from novum.testing.models.bill import Bill
from novum.testing.models.events import named
from novum.testing.models.openai_chat import error, text_of
from novum.testing.models.script import Answer, Call, Json, Outline, Request, fragments

__all__ = ["broken", "error", "outline", "stream", "whole"]
RESULTS = {"function_call_output", "custom_tool_call_output", "local_shell_call_output"}


def outline(body: Json) -> Outline:
    """What was asked."""
    sent = body.get("input", [])
    items = [{"role": "user", "content": sent}] if isinstance(sent, str) else sent
    said = [(i["role"], text_of(i.get("content"))) for i in items if "role" in i]
    return Outline(
        system="\n".join(
            [
                str(body.get("instructions") or ""),
                *(text for role, text in said if role in {"system", "developer"}),
            ]
        ),
        turns=tuple((role, text) for role, text in said if role in {"user", "assistant"}),
        results=tuple(_output(i.get("output")) for i in items if i.get("type") in RESULTS),
        tools=tuple(str(t.get("name") or t.get("type")) for t in body.get("tools") or []),
    )


def whole(request: Request, answer: Answer, bill: Bill) -> Json:
    """The answer in one piece."""
    items = [item for item, _ in _items(request, answer)]
    short = answer.ending in {"length", "filter"}
    reasons = {"length": "max_output_tokens", "filter": "content_filter"}
    return {
        **_head(request),
        "status": "incomplete" if short else "completed",
        "incomplete_details": {"reason": reasons[answer.ending]} if short else None,
        "output": items,
        "usage": {
            "input_tokens": bill.input,
            "input_tokens_details": {"cached_tokens": bill.cached},
            "output_tokens": bill.output,
            "output_tokens_details": {"reasoning_tokens": bill.thinking},
            "total_tokens": bill.input + bill.output,
        },
    }


def stream(request: Request, answer: Answer, bill: Bill) -> list[bytes]:
    """The answer as events."""
    end = whole(request, answer, bill)
    events: list[tuple[str, Json]] = [
        ("response.created", {"response": _head(request)}),
        ("response.in_progress", {"response": _head(request)}),
    ]
    for index, (item, bare_item) in enumerate(_items(request, answer)):
        place = {"output_index": index, "item_id": item["id"]}
        events.append(("response.output_item.added", {"output_index": index, "item": bare_item}))
        events += [(name, {**place, **data}) for name, data in _growth(item)]
        events.append(("response.output_item.done", {"output_index": index, "item": item}))
    events.append((f"response.{end['status']}", {"response": end}))
    return [named(n, {"sequence_number": k, **data}) for k, (n, data) in enumerate(events)]


def broken(answer: Answer) -> bytes:
    """An error amid a stream."""
    told = {"code": answer.code or "server_error", "message": answer.text or "scripted error"}
    failed = {"id": "resp_scripted", "object": "response", "status": "failed", "error": told}
    return named("response.failed", {"response": failed})


def _head(request: Request) -> Json:
    return {
        "id": "resp_scripted",
        "object": "response",
        "created_at": 1700000000,
        "status": "in_progress",
        "model": request.model,
        "output": [],
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
        "temperature": None,
        "top_p": None,
    }


def _items(request: Request, answer: Answer) -> Iterator[tuple[Json, Json]]:
    """Each item of the output, and how it looks when it begins."""
    if answer.thinking:
        head = {"type": "reasoning", "id": "rs_scripted"}
        summary = [{"type": "summary_text", "text": answer.thinking}]
        yield {**head, "summary": summary}, {**head, "summary": []}
    if answer.text:
        head = {"type": "message", "id": "msg_scripted", "role": "assistant"}
        part: Json = {"type": "output_text", "text": answer.text, "annotations": []}
        if answer.ending == "refusal":
            part = {"type": "refusal", "refusal": answer.text}
        status = "incomplete" if answer.ending == "length" else "completed"
        begun = {**head, "status": "in_progress", "content": []}
        yield {**head, "status": status, "content": [part]}, begun
    free = {t.get("name") for t in request.body.get("tools") or [] if t.get("type") == "custom"}
    for number, one in enumerate(answer.calls):
        yield _call(number, one, free=one.name in free)


def _call(number: int, one: Call, *, free: bool) -> tuple[Json, Json]:
    kind, field = ("custom_tool_call", "input") if free else ("function_call", "arguments")
    sent = str(one.arguments.get("input", "")) if free else json.dumps(dict(one.arguments))
    head = {
        "type": kind,
        "id": f"fc_{number}_scripted",
        "call_id": f"call_{number}_{one.name}",
        "name": one.name,
    }
    return {**head, field: sent, "status": "completed"}, {
        **head,
        field: "",
        "status": "in_progress",
    }


def _growth(item: Json) -> Iterator[tuple[str, Json]]:
    """The events by which an item grows from its beginning to its end."""
    if item["type"] == "message":
        yield from _growth_of_text(item["content"][0])
    elif item["type"] == "reasoning":
        yield from _growth_of_thinking(item["summary"][0])
    else:
        free = item["type"] == "custom_tool_call"
        name = "custom_tool_call_input" if free else "function_call_arguments"
        field = "input" if free else "arguments"
        for piece in fragments(item[field]):
            yield f"response.{name}.delta", {"delta": piece}
        yield f"response.{name}.done", {field: item[field], "name": item["name"]}


def _growth_of_text(part: Json) -> Iterator[tuple[str, Json]]:
    kind = part["type"]
    field = "refusal" if kind == "refusal" else "text"
    place = {"content_index": 0}
    yield "response.content_part.added", {**place, "part": {**part, field: ""}}
    for piece in fragments(part[field]):
        yield f"response.{kind}.delta", {**place, "delta": piece, "logprobs": []}
    yield f"response.{kind}.done", {**place, field: part[field], "logprobs": []}
    yield "response.content_part.done", {**place, "part": part}


def _growth_of_thinking(part: Json) -> Iterator[tuple[str, Json]]:
    place = {"summary_index": 0}
    yield "response.reasoning_summary_part.added", {**place, "part": {**part, "text": ""}}
    for piece in fragments(part["text"]):
        yield "response.reasoning_summary_text.delta", {**place, "delta": piece}
    yield "response.reasoning_summary_text.done", {**place, "text": part["text"]}
    yield "response.reasoning_summary_part.done", {**place, "part": part}


def _output(output: object) -> str:
    return output if isinstance(output, str) else text_of(output) or json.dumps(output)
