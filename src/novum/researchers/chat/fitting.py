"""A model's changes, fitted to the files: to the file's own words, at exactly one place.

What differs only in spaces at the ends of lines, or by the same indentation throughout, is still
found, if there is one such place. What is in two places is in none.
"""

import difflib
import io
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from novum.errors import PatchError
from novum.patch import apply_edits, edits_between
from novum.records import Edit
from novum.researchers.chat.answer import Block

AROUND = 6  # lines of a file that are shown around a likely place
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Fitted:
    """The edits that apply, or what does not: told to the model, with the file's actual text."""

    edits: tuple[Edit, ...]
    fault: str = ""


class _MisfitError(Exception):
    """A change that has no place."""


def fit(blocks: tuple[Block, ...], files: Mapping[str, str], editable: Collection[str]) -> Fitted:
    """All changes, one after the other, on the files; all of them or none."""
    after = dict(files)
    faults = []
    for number, block in enumerate(blocks, 1):
        try:
            after[block.path] = _changed(block, after.get(block.path), editable)
        except _MisfitError as misfit:
            faults.append(f"Block {number}: {misfit}")
    asked = tuple(block.edit for block in blocks)
    if faults:
        return Fitted(asked, "\n\n".join(faults))
    edits = edits_between(files, after)
    try:
        apply_edits(files, edits, editable)
    except PatchError as error:
        return Fitted(asked, f"{error}.")
    return Fitted(edits)


def _changed(block: Block, text: str | None, editable: Collection[str]) -> str:
    """The file after a change.

    Raises:
        _MisfitError: with what is wrong.
    """
    if block.path not in editable:
        allowed = ", ".join(sorted(editable))
        named = f"`{block.path}` may not be edited" if block.path else "no FILE is named"
        raise _MisfitError(f"{named}; editable: {allowed}.")
    if block.ways[0][0] is None:
        return _ended(block.ways[0][1], text)
    if text is None:
        raise _MisfitError(f"{block.path} does not exist yet; write all of it with WHOLE.")
    found, faults = [], []
    for search, replace in block.ways:
        try:
            found.append(_replaced(block.path, text, search or "", replace))
        except _MisfitError as misfit:
            faults.append(str(misfit))
    if len(found) > 1:
        raise _MisfitError("it has several dividers, and fits in more than one way.")
    if not found:
        raise _MisfitError(faults[0])
    return found[0]


def _ended(new: str, old: str | None) -> str:
    """A whole file with the line ends that it had."""
    if old and "\r\n" in old and "\n" not in old.replace("\r\n", ""):
        return new.replace("\n", "\r\n")
    return new


def _replaced(path: str, text: str, search: str, replace: str) -> str:
    if not search.strip():
        raise _MisfitError(f"the SEARCH in {path} is empty; say which lines shall be replaced.")
    lines, sought, new = _lines(text), _lines(search), _lines(replace)
    for same in (_exactly, _but_for_ends):
        places = _places(lines, sought, same)
        if len(places) > 1:
            raise _MisfitError(_too_many(path, places))
        if places:
            return _put(lines, places[0], new)
    part = search.strip()
    if "\n" not in part and len(re.findall(_whole_words(part), text)) == text.count(part) == 1:
        return text.replace(part, replace.strip())  # a piece of a line
    places = _places(lines, sought, _but_for_indent)
    shifted = [(p, s) for p in places if (s := _shift(lines[p[0] : p[1]], sought, new)) is not None]
    if len(places) > 1:
        raise _MisfitError(_too_many(path, places))
    if shifted:
        return _put(lines, *shifted[0])
    raise _MisfitError(_not_there(path, lines, sought))


def _whole_words(part: str) -> str:
    """A pattern for a text that is no piece of a longer name or number."""
    return rf"(?<![\w.]){re.escape(part)}(?![\w.])"


def _lines(text: str) -> list[str]:
    return list(io.StringIO(text, newline="\n"))


def _exactly(one: str, other: str) -> bool:
    return one == other


def _but_for_ends(one: str, other: str) -> bool:
    return one.rstrip() == other.rstrip()


def _but_for_indent(one: str, other: str) -> bool:
    return one.strip() == other.strip()


def _places(lines: list[str], sought: list[str], same: Callable[[str, str], bool]) -> list[Span]:
    count = len(sought)
    starts = range(len(lines) - count + 1)
    return [
        (start, start + count)
        for start in starts
        if all(same(lines[start + i], sought[i]) for i in range(count))
    ]


def _put(lines: list[str], span: Span, new: list[str]) -> str:
    """The text with other lines in a span, and with the line ends that are there."""
    start, end = span
    old = lines[start:end]
    if old and old[-1].endswith("\r\n"):
        new = [line.removesuffix("\n") + "\r\n" for line in new]
    if new and old and not old[-1].endswith("\n"):  # the file does not end its last line
        new = [*new[:-1], new[-1].rstrip("\r\n")]
    return "".join([*lines[:start], *new, *lines[end:]])


def _shift(old: list[str], sought: list[str], new: list[str]) -> list[str] | None:
    """The new lines, indented as the old are, where all were sought by the same shift."""
    pairs = [(_indent(a), _indent(b)) for a, b in zip(old, sought, strict=True) if a.strip()]
    if not pairs:
        return None
    deeper = {a.removesuffix(b) for a, b in pairs if a.endswith(b)}
    if len(deeper) == 1 and all(a.endswith(b) for a, b in pairs):
        (more,) = deeper
        return [more + line if line.strip() else line for line in new]
    flatter = {b.removesuffix(a) for a, b in pairs if b.endswith(a)}
    if len(flatter) == 1 and all(b.endswith(a) for a, b in pairs):
        (less,) = flatter
        if all(line.startswith(less) for line in new if line.strip()):
            return [line.removeprefix(less) for line in new]
    return None


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _too_many(path: str, places: list[Span]) -> str:
    where = ", ".join(str(start + 1) for start, _ in places[:5])
    return (
        f"the SEARCH occurs {len(places)} times in {path} (at lines {where}); "
        "add lines before or after it until it occurs once."
    )


def _not_there(path: str, lines: list[str], sought: list[str]) -> str:
    """What is sought, and what is there instead, where it is most alike."""
    key = max((line.strip() for line in sought), key=len)
    bare = [line.strip() for line in lines]
    near = difflib.get_close_matches(key, bare, n=1, cutoff=0.5)
    told = f"the SEARCH is not in {path}: no place has the lines from {sought[0].strip()!r} on."
    if not near:
        return f"{told} Nothing there is like it; copy the lines from the file as it is shown."
    place = bare.index(near[0])
    start, end = max(0, place - AROUND), min(len(lines), place + AROUND + len(sought))
    shown = "".join(lines[start:end]).rstrip("\n")
    return f"{told} Lines {start + 1} to {end} of {path} are, between the rules:\n---\n{shown}\n---"
