"""Workers that score molecules, in batches. One that dies takes nothing with it but what it was at.

Each has an oracle of its own and remembers what it answers, so that the death of any of them, or
of all at once, loses no answer. What a dead one was at is tried again, each molecule alone.
"""

import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from novum.errors import NovumError
from novum.molecule.cache import Cache, Remembered
from novum.molecule.crew import STATUS, Crew, Loss, Lost
from novum.molecule.oracles import read_oracle
from novum.molecule.scores import Score

SCORING = "novum.molecule.scorers:Scoring"
MOST = 256  # molecules that a worker is given at once
SECONDS = 0.5  # of work that a worker is given at once, if that is more than one molecule
TRIES = 2  # workers that a molecule may kill
FLUSH = 0.05  # seconds that answers may wait to be sent together


@dataclass(frozen=True, slots=True)
class Job:
    """What every worker needs: the file of the oracle, and that of the cache."""

    oracle: Path
    cache: Path


@dataclass(frozen=True, slots=True)
class Answers:
    """Some of a batch: positions and answers; how many were found, and how many asked for."""

    scores: list[tuple[int, Score]]
    found: int
    asked: int


class Scoring:
    """What a worker does: score a batch, with an oracle of its own."""

    def __init__(self, job: Job) -> None:
        self._oracle = Remembered(read_oracle(job.oracle), Cache(job.cache))
        self._told = (0, 0)

    def __call__(self, molecules: Sequence[str]) -> Iterator[Answers | NovumError]:
        """Answers as they come; an error that says that nobody can go on."""
        waiting: list[tuple[int, Score]] = []
        sent = time.monotonic()
        try:
            for answer in self._oracle.score_each(molecules):
                waiting.append(answer)
                if time.monotonic() - sent > FLUSH:
                    yield self._answers(waiting)
                    waiting, sent = [], time.monotonic()
            yield self._answers(waiting)
        except NovumError as error:
            yield error

    def close(self) -> None:
        """End what the oracle started."""
        if close := getattr(self._oracle.oracle, "close", None):
            close()

    def _answers(self, scores: list[tuple[int, Score]]) -> Answers:
        found, asked = self._told
        self._told = (self._oracle.found, self._oracle.asked)
        return Answers(scores, self._oracle.found - found, self._oracle.asked - asked)


@dataclass(eq=False, slots=True)
class _Batch:
    molecules: Sequence[str]
    due: set[int] = field(init=False)  # positions without an answer
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.due = set(range(len(self.molecules)))


class Scorers:
    """Some workers, and the molecules that wait for them.

    `known` is the oracle of the job with its cache, to remember what a worker cannot.
    """

    def __init__(self, job: Job, known: Remembered, processes: int) -> None:
        self.found = 0  # molecules whose answer was in the cache
        self.asked = 0  # molecules that the oracle was asked for
        self._known = known
        self._least = max(1, getattr(known.oracle, "batch", 1))
        self._crew = Crew(SCORING, job, processes, apart=True)
        self._queue: deque[str] = deque()
        self._suspects: deque[str] = deque()
        self._killed: Counter[str] = Counter()
        self._each = SECONDS  # seconds that a molecule takes, as far as is known

    def score(self, molecules: Iterator[str | None]) -> Iterator[tuple[str, Score]]:
        """Molecules as they were given, and their answers as they come.

        None among the molecules means that there is none now; it is asked again after an answer.
        What was given is not to be given again before its answer.

        Raises:
            NovumError: if no worker can go on: the oracle, the cache or the system refuses.
        """
        try:
            for batch, said in self._crew.each(self._batches(molecules)):
                if isinstance(said, NovumError):
                    raise said
                if isinstance(said, Lost):
                    yield from self._unanswered(batch, said)
                else:
                    yield from self._answered(batch, said)
        finally:
            self._crew.close()

    def _batches(
        self, molecules: Iterator[str | None]
    ) -> Iterator[tuple[_Batch, Sequence[str]] | None]:
        while True:
            batch = _Batch(self._next(molecules))
            yield (batch, batch.molecules) if batch.molecules else None

    def _next(self, molecules: Iterator[str | None]) -> Sequence[str]:
        """What a worker is given: a suspect alone, or some that wait; at the end its share."""
        if self._suspects:
            return [self._suspects.popleft()]
        workers = self._crew.count
        most = min(MOST, max(self._least, int(SECONDS / max(self._each, 1e-6))))
        while (
            len(self._queue) < 2 * workers * most
            and (molecule := next(molecules, None)) is not None
        ):
            self._queue.append(molecule)
        share = max(self._least, -(-len(self._queue) // workers))
        return [self._queue.popleft() for _ in range(min(most, share, len(self._queue)))]

    def _answered(self, batch: _Batch, said: Answers) -> Iterator[tuple[str, Score]]:
        self.found += said.found
        self.asked += said.asked
        for position, score in said.scores:
            batch.due.remove(position)
            yield batch.molecules[position], score
        if not batch.due:
            self._each = (time.monotonic() - batch.started) / len(batch.molecules)

    def _unanswered(self, batch: _Batch, lost: Lost) -> Iterator[tuple[str, Score]]:
        """What a worker left: each is tried again alone; who kills again has failed."""
        if lost.loss is Loss.START:
            raise NovumError(f"no molecule can be scored: {lost.reason}")
        was_alone = len(batch.molecules) == 1
        for molecule in (batch.molecules[position] for position in sorted(batch.due)):
            self._killed[molecule] += was_alone
            if self._killed[molecule] < TRIES:
                self._suspects.append(molecule)
            else:
                del self._killed[molecule]
                yield molecule, self._failed(molecule, lost)

    def _failed(self, molecule: str, lost: Lost) -> Score:
        """The answer for it; a crash is remembered, for it would cost two workers each time."""
        raised = "the oracle raised " if lost.loss is Loss.ERROR else ""
        score = Score.without(molecule, STATUS[lost.loss], f"{raised}{lost.reason}")
        if lost.loss is Loss.CRASH:
            self._known.keep(molecule, score)
        return score
