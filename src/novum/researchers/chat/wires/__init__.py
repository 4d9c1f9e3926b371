"""The wire protocols: how a talk is sent, and how the events of an answer are read.

Three, because the native protocol of each large provider says more than a compatible one does: how
much of the input was cached and stored, why an answer ended, that it was refused. OpenAI's is also
spoken by nearly everything else: llama.cpp, vLLM, Ollama, LM Studio, OpenRouter. Answers are always
streamed, so a long silence is seen, and an answer that breaks off is paid as far as it came.
"""

from typing import Protocol

from novum.researchers.chat.models import Model
from novum.researchers.chat.talk import Json, Limits, Reply, Talk, WireError
from novum.researchers.chat.wires.anthropic import Anthropic
from novum.researchers.chat.wires.gemini import Gemini
from novum.researchers.chat.wires.openai import OpenAI


class Wire(Protocol):
    """One protocol."""

    def address(self, model: Model) -> str:
        """Where requests go."""

    def headers(self, model: Model) -> dict[str, str]:
        """How the key is shown."""

    def body(self, model: Model, talk: Talk, limits: Limits) -> Json:
        """A request, to be answered as a stream."""

    def read(self, event: Json, reply: Reply) -> None:
        """Add what an event says to the reply.

        Raises:
            WireError: if it is an error.
        """

    def trouble(self, status: int, body: Json) -> WireError:
        """What an error of the provider means; `status` is 0 amid a stream."""


WIRES: dict[str, Wire] = {"anthropic": Anthropic(), "openai": OpenAI(), "gemini": Gemini()}
