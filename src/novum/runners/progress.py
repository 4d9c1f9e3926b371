"""What a running trial tells of itself: that training has started, and points of its curve.

The file is the candidate's to write, so nothing in it is believed, and nothing in it can hurt.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from novum.runners.metrics import finite_numbers

_LARGEST_FILE = 8 * 1024 * 1024
_LONGEST_LINE = 4096
_MOST_POINTS = 2000
_CHUNK = 64 * 1024


class Progress:
    """Reads a progress file while it is written.

    The file is created and opened here, before the candidate exists; so it does not matter what
    the candidate later puts in its place.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o644)
        self._offset = 0
        self._rest = b""
        self._skipping = False  # inside a line that is too long
        self._stride = 1
        self._seen = 0
        self._points: list[Mapping[str, float]] = []
        self._newest: Mapping[str, float] | None = None
        self.started = False

    def close(self) -> None:
        """Close the file; what was read stays."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def read(self) -> Mapping[str, float] | None:
        """Read a piece of what is new; the newest point, if there is a new one.

        No more at once: who floods the file must not keep us from watching him.
        """
        before = self._seen
        self._advance()
        return self._newest if self._seen > before else None

    def read_rest(self) -> None:
        """Read all that is left, once nobody writes any more."""
        while self._advance():
            pass

    def curve(self) -> tuple[Mapping[str, float], ...]:
        """The points, thinned evenly if there were many; the newest is always among them."""
        points = list(self._points)
        if self._newest is not None and (self._seen - 1) % self._stride:
            points.append(self._newest)
        return tuple(points)

    def _advance(self) -> bool:
        """Read the next piece, if there is one."""
        size = os.fstat(self._descriptor).st_size
        if size < self._offset:  # written anew from the beginning
            self._offset, self._rest, self._skipping = 0, b"", False
        if self._offset >= min(size, _LARGEST_FILE):
            return False
        chunk = os.pread(self._descriptor, _CHUNK, self._offset)
        self._offset += len(chunk)
        self._take(chunk)
        return bool(chunk)

    def _take(self, chunk: bytes) -> None:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"{") and not self._skipping and len(line) <= _LONGEST_LINE:
                self._line(line)
            self._skipping = False
        if len(self._rest) > _LONGEST_LINE:
            self._rest, self._skipping = b"", True

    def _line(self, line: bytes) -> None:
        try:
            data = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(data, dict):
            return
        if data.get("event") == "start":
            self.started = True
        elif point := finite_numbers(data):
            self._add(point)

    def _add(self, point: Mapping[str, float]) -> None:
        if self._seen % self._stride == 0:
            self._points.append(point)
        self._seen += 1
        self._newest = point
        if len(self._points) >= _MOST_POINTS:
            self._points = self._points[::2]
            self._stride *= 2
