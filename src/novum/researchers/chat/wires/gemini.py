"""Gemini's own protocol: `streamGenerateContent`."""

import re
from typing import Literal

from novum.researchers.chat.models import Model
from novum.researchers.chat.prices import Tokens
from novum.researchers.chat.talk import Json, Limits, Reply, Talk, WireError, count
from novum.researchers.chat.wires import faults

ENDS: dict[str, Literal["stop", "length", "refusal"]] = {"STOP": "stop", "MAX_TOKENS": "length"}


class Gemini:
    """`/v1beta/models/NAME:streamGenerateContent`; beginnings are cached without being asked."""

    def address(self, model: Model) -> str:
        """Where requests go."""
        return f"{model.url}/v1beta/models/{model.model}:streamGenerateContent?alt=sse"

    def headers(self, model: Model) -> dict[str, str]:
        """How the key is shown; never in the address, which is written to logs on the way."""
        return {"x-goog-api-key": model.key} if model.key else {}

    def body(self, model: Model, talk: Talk, limits: Limits) -> Json:
        """A request."""
        settings: Json = {"maxOutputTokens": limits.output_tokens}
        if limits.temperature is not None:
            settings["temperature"] = limits.temperature
        roles = {"assistant": "model"}
        return {
            "systemInstruction": {"parts": [{"text": talk.system}]},
            "contents": [
                {"role": roles.get(role, role), "parts": [{"text": text}]}
                for role, text in talk.turns
            ],
            "generationConfig": settings,
        }

    def read(self, event: Json, reply: Reply) -> None:
        """Add a piece."""
        if event.get("error"):
            raise self.trouble(0, event)
        if reason := (event.get("promptFeedback") or {}).get("blockReason"):
            reply.ended, reply.reason = "refusal", reason
        for candidate in (event.get("candidates") or [])[:1]:
            for part in (candidate.get("content") or {}).get("parts") or []:
                reply.text += "" if part.get("thought") else part.get("text") or ""
                reply.heard += len(part.get("text") or "")
            if reason := candidate.get("finishReason"):
                reply.ended, reply.reason = ENDS.get(reason, "refusal"), reason
        if usage := event.get("usageMetadata"):
            reply.tokens, reply.counted = _tokens(usage), True

    def trouble(self, status: int, body: Json) -> WireError:
        """What an error means, and how long to wait: that is said in its details."""
        error = faults.fields(body)
        delays = [d.get("retryDelay") for d in error.get("details") or [] if isinstance(d, dict)]
        found = re.match(r"([\d.]+)s$", next((str(d) for d in delays if d), ""))
        wait = float(found[1]) if found else None
        word = str(error.get("status") or "")
        return faults.trouble(status, str(error.get("message") or ""), word, wait)


def _tokens(usage: Json) -> Tokens:
    names = ("candidatesTokenCount", "thoughtsTokenCount")
    return Tokens(
        input=count(usage.get("promptTokenCount")),
        cached=count(usage.get("cachedContentTokenCount")),
        output=sum(count(usage.get(name)) for name in names),
    )
