"""Anthropic's messages."""

from typing import Literal

from novum.researchers.chat.models import Model
from novum.researchers.chat.prices import Tokens
from novum.researchers.chat.talk import Json, Limits, Reply, Talk, WireError, count
from novum.researchers.chat.wires import faults

ENDS: dict[str, Literal["stop", "length", "refusal"]] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}


class Anthropic:
    """`/v1/messages`."""

    def address(self, model: Model) -> str:
        """Where requests go."""
        return f"{model.url}/v1/messages"

    def headers(self, model: Model) -> dict[str, str]:
        """How the key is shown."""
        keyed = {"x-api-key": model.key} if model.key else {}
        return {"anthropic-version": "2023-06-01", **keyed}

    def body(self, model: Model, talk: Talk, limits: Limits) -> Json:
        """A request; what is likely to be sent again ends at a mark of the cache."""
        mark = _mark(talk)
        (role, first), *more = talk.turns
        parts = [_text(first[: talk.steady], mark), _text(first[talk.steady :])]
        turns = [(role, [part for part in parts if part["text"]])]
        turns += [(role, [_text(text)]) for role, text in more]
        body: Json = {
            "model": model.model,
            "max_tokens": limits.output_tokens,
            "system": [_text(talk.system, mark)],
            "messages": [{"role": role, "content": content} for role, content in turns],
            "stream": True,
        }
        if limits.temperature is not None:
            body["temperature"] = limits.temperature
        return body

    def read(self, event: Json, reply: Reply) -> None:
        """Add an event."""
        kind = event.get("type")
        if kind == "error":
            raise self.trouble(0, event)
        if kind == "message_start":
            _count(event.get("message", {}).get("usage") or {}, reply)
        elif kind == "content_block_delta":
            delta = event.get("delta") or {}
            reply.text += delta.get("text") or ""
            reply.heard += len(delta.get("text") or delta.get("thinking") or "")
        elif kind == "message_delta":
            _count(event.get("usage") or {}, reply)
            reply.counted = True
            if reason := (event.get("delta") or {}).get("stop_reason"):
                reply.ended, reply.reason = ENDS.get(reason, "stop"), reason

    def trouble(self, status: int, body: Json) -> WireError:
        """What an error means."""
        error = faults.fields(body)
        return faults.trouble(status, str(error.get("message") or ""), str(error.get("type") or ""))


def _mark(talk: Talk) -> Json:
    if not talk.keep:
        return {}
    ttl = {"ttl": "1h"} if talk.keep == "hour" else {}
    return {"cache_control": {"type": "ephemeral", **ttl}}


def _text(text: str, mark: Json | None = None) -> Json:
    return {"type": "text", "text": text, **(mark or {})}


def _count(usage: Json, reply: Reply) -> None:
    """Take over what is said of tokens; Anthropic's input is without the cache's part."""
    before = reply.tokens
    if "input_tokens" in usage:
        cached = count(usage.get("cache_read_input_tokens"))
        stored = count(usage.get("cache_creation_input_tokens"))
        hour = count((usage.get("cache_creation") or {}).get("ephemeral_1h_input_tokens"))
        plain = count(usage["input_tokens"])
        before = Tokens(plain + cached + stored, cached, stored - hour, hour, before.output)
    output = count(usage.get("output_tokens")) or before.output
    reply.tokens = Tokens(before.input, before.cached, before.stored, before.stored_hour, output)
