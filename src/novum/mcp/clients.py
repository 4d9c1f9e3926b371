"""How each agent is told of the server: the text of its own configuration file."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CALL_SECONDS = 660  # what one call may take: `wait` takes 600 at most
START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Setting:
    """A configuration file of an agent, in the lab or the home directory, and what it says."""

    file: str
    text: str


def setting(client: str, lab: Path) -> Setting:
    """What makes an agent start the server of a lab; `client` is one of `CLIENTS`."""
    return CLIENTS[client]([_command(), "mcp", str(lab.resolve())])


def _command() -> str:
    beside = Path(sys.executable).with_name("novum")
    return str(beside) if beside.is_file() else "novum"


def _claude(words: list[str]) -> Setting:
    return Setting(".mcp.json", _json({"mcpServers": {"novum": _server(words)}}))


def _cursor(words: list[str]) -> Setting:
    return Setting(".cursor/mcp.json", _json({"mcpServers": {"novum": _server(words)}}))


def _gemini(words: list[str]) -> Setting:
    own = _server(words) | {"timeout": 1000 * CALL_SECONDS}
    reads = {"fileName": ["AGENTS.md", "GEMINI.md"]}  # by itself it reads only the latter
    text = _json({"context": reads, "mcpServers": {"novum": own}})
    return Setting(".gemini/settings.json", text)


def _opencode(words: list[str]) -> Setting:
    own = {"type": "local", "command": words, "enabled": True, "timeout": 1000 * START_SECONDS}
    return Setting("opencode.json", _json({"mcp": {"novum": own}}))


def _codex(words: list[str]) -> Setting:
    lines = [
        "[mcp_servers.novum]",
        f"command = {json.dumps(words[0])}",
        f"args = {json.dumps(words[1:])}",
        f"startup_timeout_sec = {START_SECONDS}",
        f"tool_timeout_sec = {CALL_SECONDS}",
    ]
    return Setting(".codex/config.toml", "\n".join(lines))


def _server(words: list[str]) -> dict[str, Any]:
    return {"command": words[0], "args": words[1:]}


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


CLIENTS = {
    "claude": _claude,
    "codex": _codex,
    "cursor": _cursor,
    "gemini": _gemini,
    "opencode": _opencode,
}
