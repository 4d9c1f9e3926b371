"""Processes that score molecules. One that dies takes nothing with it but what it was at.

Each has an oracle of its own and remembers what it answers, so that the death of any of them, or
of all at once, loses no answer. What a dead one was at is tried again, each molecule alone.
"""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from novum.errors import NovumError, UsageError
from novum.molecule.cache import Cache, Remembered
from novum.molecule.oracles import read_oracle
from novum.molecule.scores import Oracle, Score, Status

MOST = 256  # molecules that a process is given at once
SECONDS = 0.5  # of work that a process is given at once, if that is more than one molecule
TRIES = 2  # processes that a molecule may kill
FLUSH = 0.05  # seconds that answers may wait to be sent together
LEAVE = 5.0  # seconds for a process to end by itself


@dataclass(frozen=True, slots=True)
class Job:
    """What every process needs: the file of the oracle, and that of the cache."""

    oracle: Path
    cache: Path


@dataclass(frozen=True, slots=True)
class _Ready:
    batch: int


@dataclass(frozen=True, slots=True)
class _Answers:
    scores: list[tuple[int, Score]]
    are_all: bool  # of what it was given
    found: int  # since the message before
    asked: int


@dataclass(frozen=True, slots=True)
class _Raised:
    reason: str


@dataclass(frozen=True, slots=True)
class _Ended:
    message: str
    exit_status: int


@dataclass(slots=True, eq=False)
class _Worker:
    process: SpawnProcess
    pipe: Connection
    share: set[int]  # of the processors
    is_ready: bool = False
    started: float = 0.0
    molecules: Sequence[str] = ()
    due: set[int] = field(default_factory=set)  # positions without an answer

    @property
    def is_idle(self) -> bool:
        return self.is_ready and not self.molecules


class Pool:
    """Some processes, and the molecules that wait for them.

    Used as a context: at its end the processes are gone.
    """

    def __init__(self, job: Job, processes: int) -> None:
        self.found = 0  # molecules whose answer was in the cache
        self.asked = 0  # molecules that the oracle was asked for
        self._job = job
        self._spawn = multiprocessing.get_context("spawn")
        self._queue: deque[str] = deque()
        self._suspects: deque[str] = deque()
        self._killed: Counter[str] = Counter()
        self._batch = 1
        self._each = SECONDS  # seconds that a molecule takes, as far as is known
        self._workers = [self._started(share) for share in _shares(processes)]

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.pipe.close()
        end = time.monotonic() + (0 if any(worker.due for worker in self._workers) else LEAVE)
        for worker in self._workers:
            worker.process.join(max(0.0, end - time.monotonic()))
            _end(worker.process)

    @property
    def is_hungry(self) -> bool:
        """Whether it should be given more molecules now."""
        return len(self._queue) < 2 * len(self._workers) * self._size

    def give(self, molecule: str) -> None:
        """Have a molecule scored; what is given is not to be given again before its answer."""
        self._queue.append(molecule)

    def collect(self) -> Iterator[tuple[str, Score]]:
        """Wait until something is answered; the molecules as they were given, and their answers.

        Raises:
            NovumError: if no process can go on: the oracle, the cache or the system refuses.
        """
        for worker in self._workers:
            if worker.is_idle:
                self._send(worker)
        ready = multiprocessing.connection.wait([w.pipe for w in self._workers])
        for worker in [worker for worker in self._workers if worker.pipe in ready]:
            try:
                message = worker.pipe.recv()
            except (EOFError, OSError):
                yield from self._after_death(worker)
            else:
                yield from self._heard(worker, message)

    @property
    def _size(self) -> int:
        return min(MOST, max(1, self._batch, int(SECONDS / max(self._each, 1e-6))))

    def _started(self, share: set[int]) -> _Worker:
        ours, theirs = self._spawn.Pipe()
        process = self._spawn.Process(target=work, args=(self._job, theirs, share))
        process.start()
        theirs.close()  # so that its death is the end of the pipe
        return _Worker(process, ours, share)

    def _send(self, worker: _Worker) -> None:
        if self._suspects:
            molecules = [self._suspects.popleft()]
        else:
            # At the end everybody gets a share.
            share = max(1, self._batch, -(-len(self._queue) // len(self._workers)))
            size = min(self._size, share, len(self._queue))
            molecules = [self._queue.popleft() for _ in range(size)]
        if not molecules:
            return
        worker.molecules, worker.due = molecules, set(range(len(molecules)))
        worker.started = time.monotonic()
        with contextlib.suppress(OSError):  # it has just died; its pipe will say so
            worker.pipe.send(molecules)

    def _heard(self, worker: _Worker, message: object) -> Iterator[tuple[str, Score]]:
        if isinstance(message, _Ready):
            worker.is_ready = True
            self._batch = message.batch
        elif isinstance(message, _Answers):
            answers = [(worker.molecules[position], score) for position, score in message.scores]
            worker.due.difference_update(position for position, _ in message.scores)
            self.found += message.found
            self.asked += message.asked
            if message.are_all:
                self._each = (time.monotonic() - worker.started) / len(worker.molecules)
                worker.molecules = ()
            yield from answers
        elif isinstance(message, _Raised):
            yield from self._unanswered(worker, message.reason)
        elif isinstance(message, _Ended):
            raise (
                UsageError(message.message)
                if message.exit_status == 2
                else NovumError(message.message)
            )

    def _after_death(self, worker: _Worker) -> Iterator[tuple[str, Score]]:
        worker.process.join(LEAVE)
        _end(worker.process)
        code = worker.process.exitcode or 0
        how = f"signal {-code}: {signal.strsignal(-code)}" if code < 0 else f"status {code}"
        if not worker.is_ready:
            raise NovumError(f"a process that scores molecules could not start ({how})")
        worker.pipe.close()
        yield from self._unanswered(worker, f"the process that scored it died ({how})")
        self._workers[self._workers.index(worker)] = self._started(worker.share)

    def _unanswered(self, worker: _Worker, reason: str) -> Iterator[tuple[str, Score]]:
        """What a process left: each is tried again alone; who kills again has failed."""
        rest = [worker.molecules[position] for position in sorted(worker.due)]
        was_alone = len(worker.molecules) == 1
        worker.molecules, worker.due = (), set()
        for molecule in rest:
            self._killed[molecule] += was_alone
            if self._killed[molecule] < TRIES:
                self._suspects.append(molecule)
            else:
                del self._killed[molecule]
                yield molecule, Score.without(molecule, Status.FAILED, reason)


def work(job: Job, pipe: Connection, share: set[int]) -> None:
    """What a process does: score what comes through the pipe, until there is nobody at its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us decides
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what we started is ended on the way
    if share:  # libraries and oracles that use all processors use these
        os.sched_setaffinity(0, share)
    oracle: Oracle | None = None
    try:
        oracle = read_oracle(job.oracle)
        remembered = Remembered(oracle, Cache(job.cache))
        pipe.send(_Ready(getattr(oracle, "batch", 1)))
        while True:
            _serve(remembered, pipe.recv(), pipe)
    except (EOFError, ConnectionError):
        return
    except NovumError as error:
        pipe.send(_Ended(str(error), error.exit_status))
    finally:
        if close := getattr(oracle, "close", None):
            close()


def _shares(processes: int) -> list[set[int]]:
    """The processors of each process, where the system can say; empty: any of them."""
    if not hasattr(os, "sched_getaffinity"):
        return [set()] * processes
    ours = sorted(os.sched_getaffinity(0))
    if len(ours) < processes:
        return [set(ours)] * processes
    return [set(ours[place::processes]) for place in range(processes)]


def _serve(oracle: Remembered, molecules: Sequence[str], pipe: Connection) -> None:
    waiting: list[tuple[int, Score]] = []
    sent, found, asked = time.monotonic(), oracle.found, oracle.asked

    def tell(*, are_all: bool = False) -> None:
        nonlocal sent, found, asked
        pipe.send(_Answers(waiting, are_all, oracle.found - found, oracle.asked - asked))
        waiting.clear()
        sent, found, asked = time.monotonic(), oracle.found, oracle.asked

    answers = oracle.score_each(molecules)
    while (answer := _next(answers)) is not None:
        if isinstance(answer, _Raised):
            tell()
            pipe.send(answer)
            return
        waiting.append(answer)
        if time.monotonic() - sent > FLUSH:
            tell()
    tell(are_all=True)


def _next(answers: Iterator[tuple[int, Score]]) -> tuple[int, Score] | _Raised | None:
    """The next answer, or what somebody's oracle raised instead, which may be anything."""
    try:
        return next(answers, None)
    except NovumError:
        raise
    except Exception as error:
        return _Raised(f"the oracle raised {type(error).__name__}: {error}")


def _end(process: Any) -> None:  # noqa: ANN401  SpawnProcess, whose base has no public name
    if process.is_alive():
        process.terminate()
        process.join(1.0)
    if process.is_alive():
        process.kill()
        process.join()
