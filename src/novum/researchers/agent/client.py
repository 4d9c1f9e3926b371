"""Our side of the Agent Client Protocol: what an agent may ask of us, and what it tells."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from novum.researchers.agent.permissions import Permissions
from novum.researchers.agent.tree import LARGEST, open_beneath, read_beneath

if TYPE_CHECKING:
    from acp import schema

_TOLD = 400  # characters of one action in what is kept


@dataclass
class Heard:
    """What an agent told in one turn."""

    words: list[str] = field(default_factory=list)  # of its last message
    log: list[str] = field(default_factory=list)
    usd: float | None = None  # of the whole session so far
    refused: list[str] = field(default_factory=list)

    def message(self, text: str) -> None:
        """A piece of what it says."""
        self.words.append(text)
        if self.log and self.log[-1].startswith("says: "):
            self.log[-1] += text
        else:
            self.log.append(f"says: {text}")

    def action(self, text: str) -> None:
        """Something that it does: what it says afterwards is a new message."""
        self.words.clear()
        self.log.append(text[:_TOLD])


class Client:
    """Serves an agent: permissions by rule, files of its tree only, no terminal of ours."""

    def __init__(self, tree: Path, permissions: Permissions) -> None:
        self.heard = Heard()
        self._tree = tree
        self._permissions = permissions

    async def request_permission(
        self,
        session_id: str,
        tool_call: "schema.ToolCallUpdate",
        options: "list[schema.PermissionOption]",
        **kwargs: object,
    ) -> "schema.RequestPermissionResponse":
        """Whether it may do something, by what it is and which files it concerns."""
        from acp import schema  # noqa: PLC0415  heavy, and an extra

        kind, title = tool_call.kind or "other", tool_call.title or ""
        granted = self._permissions.may(kind, _paths(tool_call))
        self.heard.action(f"{'may' if granted else 'may not'} {kind}: {title}")
        if not granted:
            self.heard.refused.append(f"{kind} {title}".strip())
        wanted = ("allow_once", "allow_always") if granted else ("reject_once", "reject_always")
        for choice in wanted:
            for option in options:
                if option.kind == choice:
                    picked = schema.AllowedOutcome(option_id=option.option_id, outcome="selected")
                    return schema.RequestPermissionResponse(outcome=picked)
        return schema.RequestPermissionResponse(outcome=schema.DeniedOutcome(outcome="cancelled"))

    async def session_update(self, session_id: str, update: Any, **kwargs: object) -> None:  # noqa: ANN401
        """What it says and does."""
        kind = getattr(update, "session_update", "")
        if kind == "agent_message_chunk":
            self.heard.message(getattr(update.content, "text", ""))
        elif kind in {"tool_call", "tool_call_update"}:
            told = " ".join(filter(None, (update.kind, update.title, update.status)))
            self.heard.action(f"does: {told}")
        elif kind == "usage_update" and update.cost is not None:
            self.heard.usd = update.cost.amount if update.cost.currency == "USD" else None

    async def read_text_file(
        self,
        session_id: str,
        path: str,
        line: int | None = None,
        limit: int | None = None,
        **kwargs: object,
    ) -> "schema.ReadTextFileResponse":
        """A file of the tree, or some of its lines."""
        from acp import RequestError, schema  # noqa: PLC0415

        relative = self._permissions.inside(path)
        found = read_beneath(self._tree, relative, LARGEST) if relative else "lies outside"
        if relative and not os.path.lexists(self._tree / relative):
            raise RequestError.resource_not_found(path)
        if isinstance(found, str):
            raise RequestError.invalid_params({"details": f"{path} {found}"})
        text = found.decode("utf-8", "replace")
        if line is not None or limit is not None:
            start = max((line or 1) - 1, 0)
            end = None if limit is None else start + limit
            text = "".join(text.splitlines(keepends=True)[start:end])
        return schema.ReadTextFileResponse(content=text)

    async def write_text_file(
        self, session_id: str, path: str, content: str, **kwargs: object
    ) -> "schema.WriteTextFileResponse":
        """Write an editable file."""
        from acp import RequestError, schema  # noqa: PLC0415

        if not self._permissions.may_write(path):
            self.heard.refused.append(f"edit {path}")
            raise RequestError.invalid_params({"details": self._permissions.refusal(path)})
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK
        try:
            descriptor = open_beneath(self._tree, self._permissions.inside(path), flags)
        except OSError as error:
            raise RequestError.invalid_params({"details": f"{path}: {error.strerror}"}) from None
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(content)
        self.heard.action(f"does: write {path}")
        return schema.WriteTextFileResponse()


def _paths(call: "schema.ToolCallUpdate") -> Iterator[str]:
    """The files that an action concerns: as it says, and as its input says."""
    for location in call.locations or []:
        yield location.path
    for content in call.content or []:
        if content.type == "diff":
            yield content.path
    given = call.raw_input if isinstance(call.raw_input, dict) else {}
    for name in ("file_path", "filePath", "path", "abs_path", "destination"):
        if isinstance(given.get(name), str):
            yield given[name]
