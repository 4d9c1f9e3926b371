"""A model's answer, read: header fields, then blocks of SEARCH and REPLACE, or of a whole file.

    TITLE: Halve the batch
    HYPOTHESIS: In a short run steps, not gradient noise, are the bottleneck.
    EXPECTED: -0.01
    KIND: optimiser

    FILE: train.py
    <<<<<<< SEARCH
    BATCH = 16
    =======
    BATCH = 8
    >>>>>>> REPLACE

Why not JSON or a tool call: code inside of JSON must be escaped, which models do wrongly more often
than they copy lines wrongly; a small local model has no tools; and all the rest have seen this form
many times. No content can break it: a block's signs are a run of the same length at its beginning
and end, so a file that has such lines itself is given longer runs (`signs_for`).

Reading is tolerant of what says nothing (thoughts, Markdown fences, line ends, stars around names,
Windows paths), and never guesses at what does: an open block, or a divider that could be either of
two lines, is a fault, which is told to the model.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from math import isfinite

from novum.records import Edit

SIGNS = 7  # the length of a run, unless a file has such lines
_OPEN = re.compile(r"^\s*(<{5,})\s*(SEARCH|ORIGINAL|WHOLE)\b.*$", re.IGNORECASE)
_FIELD = re.compile(r"^[\s>#*_-]*(TITLE|HYPOTHESIS|EXPECTED|KIND|FILE)\s*[*_]*\s*:(.*)$", re.I)
_RULE = re.compile(r"^\s*(-{3,}|\*{3,}|`{3,}\w*|~{3,}\w*)\s*$")  # lines that say nothing
_SIGN = re.compile(r"^([<=>])\1{4,}", re.MULTILINE)
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_THOUGHT = re.compile(r"^\s*<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Block:
    """One change as it was written. There may be several ways to divide it: (search, replace)."""

    path: str
    ways: tuple[tuple[str | None, str], ...]

    @property
    def edit(self) -> Edit:
        """The change, divided at the first divider, word for word."""
        search, replace = self.ways[0]
        return Edit(self.path, search, replace)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer says. `fault` is what makes it unreadable, for the model to put right."""

    title: str = ""
    hypothesis: str = ""
    expected: float | None = None
    kind: str = ""
    blocks: tuple[Block, ...] = ()
    fault: str = ""


def signs_for(files: Mapping[str, str]) -> int:
    """How long the runs of signs must be, so that no line of a file begins with one."""
    taken = {len(match[0]) for text in files.values() for match in _SIGN.finditer(text)}
    return next(
        count for count in range(SIGNS, SIGNS + 2 * len(taken) + 1, 2) if count not in taken
    )


def read_answer(text: str, editable: Collection[str]) -> Answer:
    """The answer that a text holds."""
    lines = _without_thoughts(text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
    reading = _Reading(tuple(editable))
    while lines:
        lines = reading.take(lines)
    return reading.answer()


def _without_thoughts(text: str) -> str:
    """A model's text without what it thought aloud before."""
    if _THOUGHT.match(text):
        return _THOUGHT.sub("", text, count=1)
    if re.match(r"\s*<(think|thinking|reasoning)>", text, re.IGNORECASE):
        return ""  # it never came to an end
    _, found, after = text.rpartition("</think>\n")  # some templates swallow the beginning
    return after if found and re.search(r"^\W*TITLE\W*:", after, re.M | re.I) else text


@dataclass
class _Reading:
    """Goes through the lines of an answer, and gathers."""

    editable: tuple[str, ...]
    fields: dict[str, str] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    fault: str = ""
    path: str = ""
    current: str = ""  # the field that further lines belong to

    def take(self, lines: list[str]) -> list[str]:
        """Read what comes next; returns the lines that are left."""
        line, rest = lines[0], lines[1:]
        if opened := _OPEN.match(line):
            self.current = ""
            return self._block(len(opened[1]), opened[2].upper() == "WHOLE", rest)
        if named := _FIELD.match(line):
            name, value = named[1].upper(), named[2].strip().strip("*_ ")
            if name == "FILE":
                self.path, self.current = plain_path(value, self.editable), ""
            else:
                self.fields[name], self.current = value, name
        elif _RULE.match(line):
            self.current = ""
        elif (alone := plain_path(line, self.editable)) in self.editable:
            self.path, self.current = alone, ""
        elif self.current == "HYPOTHESIS":
            self.fields[self.current] += f" {line.strip()}"
        elif line.strip():
            self.current = ""
        return rest

    def _block(self, signs: int, whole: bool, rest: list[str]) -> list[str]:
        number = len(self.blocks) + 1
        word = "END|WHOLE|REPLACE" if whole else "REPLACE|UPDATED"
        end = next((i for i, line in enumerate(rest) if _closes(line, signs, word)), None)
        again = next((i for i, line in enumerate(rest) if _opens(line, signs)), None)
        if end is None or (again is not None and again < end):
            wanted = f"{'>' * signs} {'END' if whole else 'REPLACE'}"
            self.fault = self.fault or f"block {number} has no end: the line `{wanted}` is missing"
            return []
        body = rest[:end]
        ways = [(None, body)] if whole else _divided(body, signs)
        if not ways:
            self.fault = self.fault or f"block {number} has no line `{'=' * signs}`"
        else:
            path = self.path or (self.editable[0] if len(self.editable) == 1 else "")
            texts = tuple((None if s is None else _joined(s), _joined(r)) for s, r in ways)
            self.blocks.append(Block(path, texts))
        return rest[end + 1 :]

    def answer(self) -> Answer:
        """What was gathered."""
        hypothesis = " ".join(self.fields.get("HYPOTHESIS", "").split())
        title = " ".join(self.fields.get("TITLE", "").split()).strip("`\"'")
        return Answer(
            title=title or re.split(r"(?<=[.!?])\s", hypothesis)[0],
            hypothesis=hypothesis,
            expected=_number(self.fields.get("EXPECTED", "")),
            kind=" ".join(self.fields.get("KIND", "").split()).strip("`\"'.").lower()[:40],
            blocks=tuple(self.blocks),
            fault=self.fault,
        )


def _closes(line: str, signs: int, word: str) -> bool:
    return bool(re.match(rf"^\s*>{{{signs}}}\s*({word})\b[\s`]*$", line, re.IGNORECASE))


def _opens(line: str, signs: int) -> bool:
    found = _OPEN.match(line)
    return found is not None and len(found[1]) == signs


def _divided(body: list[str], signs: int) -> list[tuple[list[str] | None, list[str]]]:
    """All ways to divide a block: at each line that is the divider."""
    places = [i for i, line in enumerate(body) if re.match(rf"^={{{signs}}}\s*$", line)]
    return [(body[:place], body[place + 1 :]) for place in places]


def _joined(lines: list[str]) -> str:
    """Lines as a text; fences around all of them are Markdown's, not the file's."""
    if len(lines) >= 2 and re.match(r"^```\w*\s*$", lines[0]) and lines[-1].strip() == "```":
        lines = lines[1:-1]
    return "".join(f"{line}\n" for line in lines)


def plain_path(path: str, editable: Collection[str]) -> str:
    """A path as the lab writes it, if it is an editable file; or else as it was written."""
    bare = path.strip().strip("`*\"'# ").rstrip(":").strip("`*\"' ")
    plain = bare.replace("\\", "/").removeprefix("./")
    if plain in editable:
        return plain
    ends = [name for name in editable if plain.endswith(f"/{name}")]
    return ends[0] if len(ends) == 1 and " " not in plain else bare


def _number(text: str) -> float | None:
    """The one number of a text; with two of them, or a per cent, there is none."""
    text = text.replace("−", "-").replace("–", "-")
    found = _NUMBER.findall(text)
    if len(found) != 1 or "%" in text:
        return None
    number = float(found[0])
    return number if isfinite(number) else None
