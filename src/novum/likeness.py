"""When is a change the same as an earlier one? By what it does, not by how it is written.

Blank space, blank lines, comments, the way numbers and quotes are written, trailing commas, and
the order of changes do not count; the place of a change does, by the lines around it.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
NUMBER = r"(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?"
TOKEN = re.compile(rf"(?P<number>{NUMBER}(?!\w))|\w+|[^\w\s]")
STRING = r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'"""
HASH, SLASHES = re.compile(rf"({STRING})|#.*"), re.compile(rf"({STRING})|//.*")
COMMENT = dict.fromkeys((".py", ".toml", ".yaml", ".yml", ".sh", ".cfg", ".jl", ".r"), HASH)
COMMENT |= dict.fromkeys((".c", ".cc", ".cpp", ".cu", ".h", ".js", ".ts", ".rs", ".go"), SLASHES)
INDENTED = {".py"}  # where a line begins is part of what it says

Line = tuple[str, str]
"""A line of a hunk: its sign (blank, minus or plus), and its text."""


def fingerprint(diff: str) -> str | None:
    """What a unified diff changes, as a hash; None if that is nothing, such as blank space."""
    blocks = sorted(
        f"{path} {block}" for path, hunk in _hunks(diff) for block in _blocks(path, hunk)
    )
    return hashlib.sha256("\n".join(blocks).encode()).hexdigest() if blocks else None


def _hunks(diff: str) -> Iterator[tuple[str, list[Line]]]:
    """The hunks of a diff with the path of their file; lines are counted, for any may look odd."""
    lines = iter(diff.split("\n"))
    path = ""
    for line in lines:
        if line.startswith("--- "):
            new = next(lines, "")[4:]
            path = (line[4:] if new == "/dev/null" else new)[2:]
        elif found := HUNK.match(line):
            old, new_count = (1 if count is None else int(count) for count in found.groups())
            yield path, _hunk(lines, old, new_count)


def _hunk(lines: Iterator[str], old: int, new: int) -> list[Line]:
    hunk: list[Line] = []
    while old > 0 or new > 0:
        line = next(lines, None)
        if line is None:
            break
        sign, text = line[:1] or " ", line[1:]
        if sign == "\\":  # no newline at the end of the file
            continue
        old -= sign in " -"
        new -= sign in " +"
        hunk.append((sign, text))
    return hunk


def _blocks(path: str, hunk: Iterable[Line]) -> Iterator[str]:
    """Each run of changed lines that says something new, with the nearest lines around it."""
    suffix = PurePosixPath(path).suffix.lower()
    said = [(sign, said) for sign, text in hunk if (said := _said(text, suffix))]
    start = 0
    while start < len(said):
        end = start
        while end < len(said) and said[end][0] != " ":
            end += 1
        removed, added = (_joined(said[start:end], sign) for sign in "-+")
        if removed != added:
            before = said[start - 1][1] if start else ""
            after = said[end][1] if end < len(said) else ""
            yield repr((before, removed, added, after))
        start = max(end, start + 1)


def _joined(lines: Iterable[Line], sign: str) -> str:
    """The lines with that sign as one text: breaking a line in two says nothing new.

    Where the first one begins counts, where the next ones begin does not.
    """
    first, *rest = [text for own, text in lines if own == sign] or [""]
    return re.sub(r" , (?=[)\]}])", " ", " ".join([first, *(text.lstrip("\t") for text in rest)]))


def _said(text: str, suffix: str) -> str:
    """What a line says: its tokens, one blank apart; empty if it says nothing."""
    if comment := COMMENT.get(suffix):
        text = comment.sub(lambda found: found[1] or "", text)
    tokens = [_number(found) or found[0].replace("'", '"') for found in TOKEN.finditer(text)]
    if not tokens:
        return ""
    indent = len(text.expandtabs()) - len(text.expandtabs().lstrip())
    return ("\t" * indent if suffix in INDENTED else "") + " ".join(tokens)


def _number(found: re.Match[str]) -> str | None:
    """A number, as any other way of writing it would be; None if it is none, or too long."""
    text = found["number"]
    if text is None or len(text) > 17:
        return None
    try:
        return repr(float(text.replace("_", "")))
    except ValueError:
        return None
