"""A scripted model behind the real wire protocols, on this machine, for tests.

    with ModelServer([say("Hello."), fail(429, retry_after=1), silence()]) as server:
        client(base_url=server.url + "/v1")      # OpenAI's; Anthropic's and Gemini's: server.url

It speaks OpenAI's chat completions and responses, Anthropic's messages (and `count_tokens`),
Gemini's `generateContent`, whole and streamed, each with tool calls, and `/v1/models`. It records
every request. `novum.testing.models.script` has the answers.
"""

from novum.testing.models.script import (
    Answer,
    Call,
    Outline,
    Request,
    Script,
    call,
    cut,
    fail,
    refuse,
    say,
    silence,
    stall,
    truncate,
)
from novum.testing.models.server import ModelServer

__all__ = [
    "Answer",
    "Call",
    "ModelServer",
    "Outline",
    "Request",
    "Script",
    "call",
    "cut",
    "fail",
    "refuse",
    "say",
    "silence",
    "stall",
    "truncate",
]
