"""The runs of a deep check, in a file of lines that survives an interruption.

A line is on the disk before the next run begins. A line that was cut short by a kill is dropped.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from novum.records import Timing, TrialState

FILE = "runs.jsonl"
Key = tuple[str, float, int, int]


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what ran (`idea`, empty for the baseline), how, and what came of it.

    `again` numbers the repetitions of the same seed. `wall` is all that it took, in seconds.
    """

    idea: str
    seconds: float
    seed: int
    again: int
    state: str
    metric: float | None = None
    items: tuple[tuple[float, float], ...] = ()
    detail: str = ""
    timing: Timing = field(default_factory=Timing)
    wall: float = 0.0
    tail: str = ""  # the last lines of its output, if it was not measured

    @property
    def key(self) -> Key:
        """What makes it the run that was planned."""
        return self.idea, self.seconds, self.seed, self.again

    @property
    def measured(self) -> bool:
        """Whether it has a score."""
        return self.state == TrialState.MEASURED and self.metric is not None


class Journal:
    """The runs recorded so far, oldest first; appended to, never changed.

    Raises:
        OSError: if the disk does not take it.
    """

    def __init__(self, directory: Path, *, fresh: bool = False) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / FILE
        if fresh:
            self.path.unlink(missing_ok=True)
        self.runs = _read(self.path)

    @property
    def done(self) -> set[Key]:
        """The keys of all runs that are recorded."""
        return {run.key for run in self.runs}

    def add(self, run: Run) -> None:
        """Record a run; it is on the disk when this returns."""
        line = json.dumps(asdict(run)).encode() + b"\n"
        with self.path.open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self.runs.append(run)


def _read(path: Path) -> list[Run]:
    """The whole lines of the file, which is cut where a line that is not whole begins."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.truncate(path, len(whole))
    found = []
    for line in whole.splitlines():
        try:
            data = json.loads(line)
            data["items"] = tuple((score, weight) for score, weight in data["items"])
            data["timing"] = Timing(**data["timing"])
            found.append(Run(**data))
        except (ValueError, TypeError, KeyError):
            continue  # of another version: it is run again
    return found
