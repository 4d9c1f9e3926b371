"""A library of molecules, scored: in parallel, in bounded memory, and on again after a kill.

Answers are remembered as they come, in any order; rows are written in the library's order. After
an interruption the same run reads the library from its start, and finds what was answered.
"""

import heapq
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal

from novum.errors import NovumError, UsageError
from novum.ledger.home import CACHE, make_home
from novum.molecule.cache import Cache, Remembered
from novum.molecule.library import Entry, entries
from novum.molecule.oracles import read_oracle
from novum.molecule.scorers import Job, Scorers
from novum.molecule.scores import Score, Status
from novum.molecule.sheets import open_files

WINDOW = 5000  # records that may be read and not written yet
BEST = 10  # molecules that are shown
DOWN = 200  # answers in a row that say the oracle is not available, before it is believed


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall be scored, by what, and where to."""

    library: Path
    oracle: Path  # oracle.toml
    out: Path
    sdf: Path | None = None
    cache: Path | None = None  # beside the oracle's file if not given
    processes: int = 1
    limit: int | None = None


@dataclass(slots=True)
class Tally:
    """What has come of a run so far."""

    better: Literal["low", "high"]
    written: int = 0
    statuses: Counter[Status] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)  # of the last statuses that are not ok
    found: int = 0
    asked: int = 0
    poses: int = 0
    seconds: float = 0.0
    _best: list[tuple[float, int, str, Entry]] = field(default_factory=list)

    def count(self, entry: Entry, score: Score) -> None:
        """Note an answer."""
        self.written += 1
        self.statuses[score.status] += 1
        if score.value is None:
            if len(self.reasons) < WINDOW:
                self.reasons[score.reason] += 1
            return
        key = score.value if self.better == "high" else -score.value
        item = (key, -entry.number, score.smiles, entry)
        is_among = len(self._best) == BEST and item < self._best[0]
        if not is_among and all(score.smiles != known for _, _, known, _ in self._best):
            heapq.heappush(self._best, item)
            if len(self._best) > BEST:
                heapq.heappop(self._best)

    @property
    def best(self) -> list[tuple[Entry, str, float]]:
        """Records, canonical SMILES and values, the best first; each molecule once."""
        sign = 1 if self.better == "high" else -1
        return [(e, smiles, sign * key) for key, _, smiles, e in sorted(self._best, reverse=True)]


@dataclass(slots=True)
class _Row:
    entry: Entry
    score: Score | None = None


def score_library(wish: Wish, told: Callable[[Tally], None] = lambda _: None) -> Tally:
    """Score a library, and write the files; `told` hears of each stretch of rows.

    Raises:
        UsageError: if the library, the oracle or a file is not sound; nothing was written.
        NovumError: if the run cannot go on; what was answered is remembered.
    """
    oracle = read_oracle(wish.oracle)  # what is wrong with it is told before anything starts
    source = islice(entries(wish.library), wish.limit)
    files = {wish.library.resolve(), wish.oracle.resolve()}
    if files & {path.resolve() for path in (wish.out, wish.sdf) if path}:
        raise UsageError(f"{wish.out} would write over what is read; choose another --out")
    cache = wish.cache or default_cache(wish.oracle)
    tally = Tally(oracle.better)
    with closing(Cache(cache)) as answers:
        job = Job(wish.oracle.resolve(), cache.resolve())
        scorers = Scorers(job, Remembered(oracle, answers), wish.processes)
        outputs = open_files(wish.out, wish.sdf)
        start = time.monotonic()
        try:
            for entry, score in _in_order(source, scorers):
                for output in outputs:
                    output.write(entry, score)
                tally.count(entry, score)
                tally.found, tally.asked = scorers.found, scorers.asked
                tally.seconds = time.monotonic() - start
                told(tally)
            for output in outputs:
                output.put()
        finally:
            for output in outputs:
                output.drop()
    return tally


def default_cache(oracle: Path) -> Path:
    """Where the answers of an oracle's file are remembered: with the lab's, if it is of a lab."""
    directory = make_home(oracle.resolve().parent) / CACHE
    directory.mkdir(exist_ok=True)
    return directory / "oracles.db"


def _in_order(source: Iterator[Entry], scorers: Scorers) -> Iterator[tuple[Entry, Score]]:
    """Records with their answers, in the order of the library."""
    window: deque[_Row] = deque()
    waiting: dict[str, list[_Row]] = {}
    unavailable = 0
    for smiles, score in scorers.score(_read(source, window, waiting)):
        unavailable = unavailable + 1 if score.status is Status.UNAVAILABLE else 0
        if unavailable >= DOWN:
            raise NovumError(
                f"the oracle is not available: {score.reason}; later, the same command goes on"
            )
        for row in waiting.pop(smiles):
            row.score = score
        while window and (score_of := window[0].score) is not None:
            yield window.popleft().entry, score_of


def _read(
    source: Iterator[Entry], window: deque[_Row], waiting: dict[str, list[_Row]]
) -> Iterator[str | None]:
    """The molecules that are not asked for already; None while there is no room for another."""
    for entry in source:
        while len(window) >= WINDOW:
            yield None
        row, rows = _Row(entry), waiting.setdefault(entry.smiles, [])
        window.append(row)
        rows.append(row)
        if len(rows) == 1:
            yield entry.smiles
