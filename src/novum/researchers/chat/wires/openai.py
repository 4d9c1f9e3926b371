"""OpenAI's chat completions, as OpenAI and nearly everything else speaks them."""

from typing import Literal

from novum.researchers.chat.models import Model
from novum.researchers.chat.prices import Tokens
from novum.researchers.chat.talk import Json, Limits, Reply, Talk, WireError, count
from novum.researchers.chat.wires import faults

ENDS: dict[str, Literal["stop", "length", "refusal"]] = {
    "length": "length",
    "content_filter": "refusal",
}


class OpenAI:
    """`/chat/completions`."""

    def address(self, model: Model) -> str:
        """Where requests go."""
        return f"{model.url}/chat/completions"

    def headers(self, model: Model) -> dict[str, str]:
        """How the key is shown."""
        return {"Authorization": f"Bearer {model.key}"} if model.key else {}

    def body(self, model: Model, talk: Talk, limits: Limits) -> Json:
        """A request; what only OpenAI itself knows is sent to nobody else."""
        own = model.provider == "openai"
        messages = [("system", talk.system), *talk.turns]
        body: Json = {
            "model": model.model,
            "messages": [{"role": role, "content": text} for role, text in messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_completion_tokens" if own else "max_tokens": limits.output_tokens,
        }
        if own and talk.cache_key:
            body["prompt_cache_key"] = talk.cache_key
        if limits.temperature is not None:
            body["temperature"] = limits.temperature
        return body

    def read(self, event: Json, reply: Reply) -> None:
        """Add a chunk, or, from a server that does not stream, the whole."""
        if event.get("error"):
            raise self.trouble(0, event)
        for choice in (event.get("choices") or [])[:1]:
            delta = choice.get("delta") or choice.get("message") or {}
            reply.text += delta.get("content") or ""
            reply.refusal += delta.get("refusal") or ""
            thought = delta.get("reasoning_content") or delta.get("reasoning") or ""
            reply.heard += sum(len(delta.get(k) or "") for k in ("content", "refusal"))
            reply.heard += len(thought) if isinstance(thought, str) else 0
            if reason := choice.get("finish_reason"):
                refused = reply.refusal and not reply.text
                reply.ended = "refusal" if refused else ENDS.get(reason, "stop")
                reply.reason = reason
        if usage := event.get("usage"):
            reply.tokens, reply.counted = _tokens(usage), True

    def trouble(self, status: int, body: Json) -> WireError:
        """What an error means."""
        error = faults.fields(body)
        word = f"{error.get('type') or ''} {error.get('code') or ''}".strip()
        return faults.trouble(status, str(error.get("message") or ""), word)


def _tokens(usage: Json) -> Tokens:
    details = usage.get("prompt_tokens_details") or {}
    return Tokens(
        input=count(usage.get("prompt_tokens")),
        cached=count(details.get("cached_tokens") or usage.get("prompt_cache_hit_tokens")),
        stored=count(details.get("cache_write_tokens")),
        output=count(usage.get("completion_tokens")),
    )
