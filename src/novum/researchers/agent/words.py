"""What an agent says of its change: title, hypothesis, kind, expected effect. Read tolerantly."""

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

from novum.terminal import cut, harmless

NOTE = ".novum-proposal.toml"
_BLOCK = re.compile(r"```(?:toml)?[ \t]*\n(.*?)\n[ \t]*```", re.DOTALL)
_PAIR = re.compile(
    r"^[ \t>*-]*(title|hypothesis|kind|expected)[ \t*]*[=:][ \t]*(.+?)[ \t]*$", re.I | re.M
)
_TITLE, _HYPOTHESIS, _KIND = 100, 2000, 40  # characters


@dataclass(frozen=True, slots=True)
class Said:
    """What was said; empty where nothing was."""

    title: str = ""
    hypothesis: str = ""
    kind: str = ""
    expected: float | None = None


def said_in(note: str, words: str) -> Said:
    """From the note that the agent wrote, else from its last words, whatever their form."""
    for text in (note, *reversed(_BLOCK.findall(words)), words):
        fields = _fields(text)
        if fields.get("title") or fields.get("hypothesis"):
            return _said(fields, words)
    return _said({}, words)


def _fields(text: str) -> Mapping[str, object]:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        pairs = _PAIR.findall(text)
        return {name.lower(): value.strip("\"'`*") for name, value in pairs}
    nested = found.get("proposal")
    return nested if isinstance(nested, dict) else found


def _said(fields: Mapping[str, object], words: str) -> Said:
    plain = _BLOCK.sub("", words).strip() or words.strip()
    hypothesis = _line(fields.get("hypothesis"), _HYPOTHESIS) or _line(plain, _HYPOTHESIS)
    title = _line(fields.get("title"), _TITLE) or _first_sentence(hypothesis)
    return Said(
        title, hypothesis, _line(fields.get("kind"), _KIND), _number(fields.get("expected"))
    )


def _line(value: object, most: int) -> str:
    return cut(" ".join(harmless(value).split()), most) if isinstance(value, str) else ""


def _first_sentence(text: str) -> str:
    first = re.split(r"(?<=[.!?])\s", text, maxsplit=1)[0].lstrip("#*- ").rstrip(".: ")
    return _line(first, _TITLE)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
