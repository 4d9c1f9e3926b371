"""What is known of each coding agent: `presets.toml`, read, and its commands filled in."""

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from novum.errors import UsageError
from novum.lab.proposing import AgentTable

_FILE = Path(__file__).with_name("presets.toml")
Words = tuple[str, ...]


class Preset(BaseModel):
    """One agent; the keys are explained in `presets.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    title: str
    install: str = ""
    command: Words
    model: Words = ()
    budget: Words = ()
    resume: Words = ()
    with_key: Words = ()
    trusted: Words = ()
    guarded: Words = ()
    reads: str = "text"
    counts: Literal["turn", "session"] = "turn"
    prefers: Literal["acp", "command"] = "acp"
    acp: Words = ()
    acp_install: str = ""
    acp_mode: str = ""
    acp_files: bool = True
    model_environment: Mapping[str, str] = {}
    provider: str = ""
    keys: Words = ()
    addresses: Words = ()
    passed: Words = Field(default=(), alias="pass")
    one_provider: bool = False
    credentials: Words = ()
    config: Words = ()
    hosts: Words = ()
    environment: Mapping[str, str] = {}
    litter: Words = ()

    @property
    def has_key(self) -> bool:
        """Whether one of its keys is in our environment."""
        return any(os.environ.get(name) for name in self.keys)


@dataclass(frozen=True, slots=True)
class Filling:
    """What the places in a command stand for, in one turn."""

    prompt: str
    prompt_file: str
    tree: str
    editable: Words = ()
    model: str = ""
    session: str = ""
    usd: float | None = None  # what may be spent, if that is bounded
    trusted: bool = False


@cache
def presets() -> Mapping[str, Preset]:
    """All presets by name."""
    tables = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {name: Preset(name=name, **table) for name, table in tables.items()}


def preset_for(table: AgentTable, choice: str) -> Preset:
    """The preset that is chosen, with the person's own command if there is one.

    Raises:
        UsageError: if nothing is chosen, or there is no such preset.
    """
    name = choice or table.use
    known = ", ".join(presets())
    if name and name not in presets():
        raise UsageError(f"no agent is called `{name}`; known: {known}, or a command of your own")
    if not name and table.command is None:
        raise UsageError(
            f"which agent? --researcher agent:NAME, or `use` in [agent]; known: {known}; "
            "or give a `command` of your own in [agent]"
        )
    command = table.command or ()
    if not name:
        return Preset(name="command", title=command[0], command=command, acp=command)
    preset = presets()[name]
    own = {"command": command, "acp": command, "model": ()}
    return preset.model_copy(update=own) if command else preset


def filled(preset: Preset, template: Sequence[str], filling: Filling) -> list[str]:
    """A command, its places filled in."""
    lists: dict[str, Words] = {
        "{model}": preset.model if filling.model else (),
        "{budget}": preset.budget if filling.usd is not None else (),
        "{resume}": preset.resume if filling.session else (),
        "{with_key}": preset.with_key if preset.has_key else (),
        "{permissions}": preset.trusted if filling.trusted else preset.guarded,
        "{editable}": filling.editable,
    }
    own = not preset.model  # in a command of the person's, {model} is the model itself
    argv: list[str] = []
    for word in template:
        whole = lists.get(word) if not (word == "{model}" and own) else None
        argv += [_word(part, filling) for part in whole] if whole is not None else []
        argv += [_word(word, filling)] if whole is None else []
    return argv


def _word(word: str, filling: Filling) -> str:
    """A word with its places filled in. What is filled in is not looked at again."""
    values = {
        "prompt": filling.prompt,
        "prompt_file": filling.prompt_file,
        "tree": filling.tree,
        "model": filling.model,
        "session": filling.session,
        "usd": f"{max(filling.usd or 0, 0.01):.2f}",
    }
    head, brace, rest = word.partition("{")
    name, closed, tail = rest.partition("}")
    if not brace or not closed:
        return word
    if name not in values:
        return head + brace + _word(rest, filling)
    return head + values[name] + _word(tail, filling)
