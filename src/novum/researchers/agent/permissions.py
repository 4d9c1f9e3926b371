"""What an agent may do when it asks: read in its tree, edit what is editable, what is granted."""

import os
from collections.abc import Collection, Iterable
from pathlib import PurePosixPath

from novum.researchers.agent.tree import BRIEFING
from novum.researchers.agent.words import NOTE

_READS = {"read", "search", "think"}
_EDITS = {"edit", "delete", "move"}


class Permissions:
    """Answers an agent's questions; `root` is the tree as the agent sees it."""

    def __init__(self, root: str, editable: Collection[str], granted: Collection[str]) -> None:
        self._root = PurePosixPath(root)
        self._editable = frozenset({*editable, NOTE})
        self._granted = granted

    def inside(self, path: str) -> str:
        """The path relative to the tree; empty if it lies outside or in its `.git`."""
        normal = PurePosixPath(os.path.normpath(self._root / path))
        if normal == self._root or not normal.is_relative_to(self._root):
            return ""
        relative = normal.relative_to(self._root)
        return "" if relative.parts[0] == ".git" else str(relative)

    def may_write(self, path: str) -> bool:
        """Whether a file may be written."""
        return self.inside(path) in self._editable

    def may(self, kind: str, paths: Iterable[str]) -> bool:
        """Whether an action may be done: of one of the protocol's kinds, on these paths."""
        named = list(paths)
        if kind in _READS:
            return all(self.inside(path) or path == str(self._root) for path in named)
        if kind in _EDITS:
            return bool(named) and all(self.may_write(path) for path in named)
        return kind in self._granted

    def refusal(self, path: str) -> str:
        """Why a file may not be written, for the agent."""
        allowed = ", ".join(sorted(self._editable - {NOTE}))
        return f"{path} may not be edited; editable: {allowed}. See {BRIEFING}."
