"""Edits and diffs: what a proposal changes, and a refusal of what it may not."""

import difflib
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from novum.errors import PatchError
from novum.records import Edit
from novum.terminal import cut

Files = Mapping[str, str]


LONGEST_NAME = 120  # characters of a path that are shown
MOST_PAIRS = 25_000_000  # of lines that are compared: beyond, a change is one whole
CONTEXT_LINES = 40  # at most so many around a change, to find a place that is unique


@dataclass(frozen=True, slots=True)
class Diff:
    """A unified diff, and how many lines it adds and removes."""

    text: str
    added: int
    removed: int

    @property
    def net_lines(self) -> int:
        """Lines added minus lines removed: what the change adds to be maintained."""
        return self.added - self.removed


def apply_edits(files: Files, edits: Sequence[Edit], editable: Collection[str]) -> dict[str, str]:
    """The files after all edits, in order; all or nothing.

    Raises:
        PatchError: if a file may not be edited, a `search` does not occur exactly once, or
            nothing changes.
    """
    changed: dict[str, str] = {}
    for edit in edits:
        if edit.path not in editable:
            allowed = ", ".join(sorted(editable))
            raise PatchError(f"{named(edit.path)} may not be edited; editable: {allowed}")
        if not _is_text(edit.replace):
            raise PatchError(f"{edit.path}: the new text cannot be written as UTF-8")
        before = changed.get(edit.path, files.get(edit.path))
        changed[edit.path] = edit.replace if edit.search is None else _replaced(edit, before)
    changed = {path: text for path, text in changed.items() if files.get(path) != text}
    if not changed:
        raise PatchError("the change leaves every file as it was")
    return {**files, **changed}


def named(path: str) -> str:
    """A path as somebody wrote it, cut; letters that only look like others are spelt out."""
    shown = path if path.isascii() and path.isprintable() else ascii(path)
    return cut(shown, LONGEST_NAME)


def _is_text(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _replaced(edit: Edit, before: str | None) -> str:
    if before is None:
        raise PatchError(f"{edit.path} does not exist, so nothing in it can be replaced")
    search = edit.search or ""
    count = before.count(search) if search else 0
    if count != 1:
        found = "is not there" if count == 0 else f"occurs {count} times"
        first = (search.strip().splitlines() or ["(empty)"])[0]
        raise PatchError(f"{edit.path}: the text to replace {found}: {first[:70]!r}")
    return before.replace(search, edit.replace)


def edits_between(before: Files, after: Files) -> tuple[Edit, ...]:
    """Edits that turn `before` into `after`, each with as little context as makes it unique.

    So they also apply to files that other changes have touched elsewhere.
    """
    edits: list[Edit] = []
    for path in sorted(after):
        old, new = before.get(path), after[path]
        if old is None:
            edits.append(Edit(path, None, new))
        elif old != new:
            edits += _edits_of_file(path, old, new)
    return tuple(edits)


def _edits_of_file(path: str, old: str, new: str) -> list[Edit]:
    lines, changed = _lines(old), _lines(new)
    edits = [_unique_edit(path, lines, changed, span) for span in _spans(lines, changed)]
    try:
        if apply_edits({path: old}, edits, {path})[path] == new:
            return edits
    except PatchError:
        pass
    return [Edit(path, old or None, new)]  # applies to exactly this text, and to no other


def _spans(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int, int, int]]:
    """From where to where the lines differ, in the old and in the new ones."""
    least = min(len(old), len(new))
    head = next((n for n in range(least) if old[n] != new[n]), least)
    tail = next((n for n in range(least - head) if old[-1 - n] != new[-1 - n]), least - head)
    old, new = old[head : len(old) - tail], new[head : len(new) - tail]
    if len(old) * len(new) > MOST_PAIRS:
        return [(head, head + len(old), head, head + len(new))]
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return [
        (head + start, head + end, head + new_start, head + new_end)
        for kind, start, end, new_start, new_end in matcher.get_opcodes()
        if kind != "equal"
    ]


def _unique_edit(
    path: str, lines: list[str], changed: list[str], span: tuple[int, int, int, int]
) -> Edit:
    start, end, new_start, new_end = span
    text, replacement = "".join(lines), "".join(changed[new_start:new_end])
    for context in range(CONTEXT_LINES):
        first, last = max(0, start - context), min(len(lines), end + context)
        search = "".join(lines[first:last])
        if search and text.count(search) == 1:
            around = "".join(lines[first:start]), "".join(lines[end:last])
            return Edit(path, search, around[0] + replacement + around[1])
    return Edit(path, text, "".join(changed))


def _lines(text: str) -> list[str]:
    """Lines as git sees them: a line feed ends one, and nothing else does."""
    return list(io.StringIO(text, newline="\n"))


def diff(before: Files, after: Files) -> Diff:
    """The unified diff between two states of the same files."""
    text = ""
    added = removed = 0
    for path in sorted({*before, *after}):
        if before.get(path) == after.get(path):
            continue
        header, *hunks = _file_diff(path, before.get(path), after.get(path))
        text += header + "".join(hunks)
        added += sum(line.startswith("+") for line in hunks)
        removed += sum(line.startswith("-") for line in hunks)
    return Diff(text, added, removed)


def _file_diff(path: str, old: str | None, new: str | None) -> list[str]:
    """The two header lines as one string, then the lines of the hunks."""
    source = "/dev/null" if old is None else f"a/{path}"
    target = "/dev/null" if new is None else f"b/{path}"
    lines = difflib.unified_diff(
        _lines(old or ""),
        _lines(new or ""),
        source,
        target,
    )
    whole = [
        line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines
    ]
    return ["".join(whole[:2]), *whole[2:]]
