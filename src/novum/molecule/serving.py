"""The service of the screen lab: it gives tasks and scores molecules, and counts the calls.

It listens on the Unix socket NOVUM_SERVICE, for one client at a time; the budget is the trial's,
however often it connects. A request and an answer are each a line of JSON:

    {"ask": "tasks"}                           {"calls": 500, "tasks": ["task-1", "task-2"]}
    {"task": "task-1", "smiles": ["CCO"]}      {"left": 499, "answers": [{"value": 0.4,
                                                "status": "ok", "reason": ""}]}
    anything else                              {"error": "what was wrong"}

A higher `value` is better, whatever the oracle; what has no value has null and a reason.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType
from typing import BinaryIO, NoReturn, cast

from novum.errors import NovumError, UsageError
from novum.molecule.cache import Cache, Remembered
from novum.molecule.screening import RECORD, Screen, Task, read_tasks

LONGEST_LINE = 4 * 1024 * 1024  # bytes of a request
MOST_MOLECULES = 10_000  # of a request
ANSWERS = "oracles.db"  # in the directory NOVUM_CACHE
NO_ANSWER_YET = 75  # the exit status EX_TEMPFAIL: run the trial again later


class _MalformedError(Exception):
    """A request that cannot be understood; the message goes to who sent it."""


def main(tasks: Path = Path("oracle.toml")) -> int:
    """Serve a trial until SIGTERM comes, and give the exit status.

    It reads NOVUM_SERVICE, NOVUM_RECORD, NOVUM_CALLS and NOVUM_SPLIT, and NOVUM_CACHE if it is set.
    """
    signal.signal(signal.SIGTERM, _leave)
    try:
        with ExitStack() as stack:
            screen = _screen(tasks, os.environ, stack)
            listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            serve(screen, listener, os.environ["NOVUM_SERVICE"])
    except KeyError as error:
        return _complain(f"the variable {error.args[0]} is not set; Novum sets it for a trial", 2)
    except UsageError as error:
        return _complain(str(error), error.exit_status)
    except (NovumError, OSError) as error:  # an oracle that is down, a cache on a full disk
        return _complain(str(error), NO_ANSWER_YET)


def serve(screen: Screen, listener: socket.socket, path: str) -> NoReturn:
    """Bind a socket and answer one client after another, for ever.

    Raises:
        NovumError: if an oracle or its cache cannot be used.
    """
    listener.bind(path)
    listener.listen(16)
    while True:
        connection, _ = listener.accept()
        with suppress(ConnectionError), connection, connection.makefile("rwb") as stream:
            _converse(screen, cast("BinaryIO", stream))


def answer(screen: Screen, line: bytes) -> dict[str, object]:
    """The answer to one request, which may be anything.

    Raises:
        NovumError: if an oracle or its cache cannot be used.
    """
    try:
        request = _understood(line)
        if request == {"ask": "tasks"}:
            return {"calls": screen.calls, "tasks": [name for name, _ in _public(screen)]}
        task, texts = _order(screen, request)
    except _MalformedError as error:
        return {"error": str(error)}
    answers = [
        {"value": task.gain(score), "status": score.status.value, "reason": score.reason}
        for score in screen.score(task, texts)
    ]
    return {"left": screen.left(task), "answers": answers}


def _converse(screen: Screen, stream: BinaryIO) -> None:
    while line := stream.readline(LONGEST_LINE):
        told = answer(screen, line) if line.endswith(b"\n") else _cut_off(stream)
        stream.write(json.dumps(told, allow_nan=False).encode() + b"\n")
        stream.flush()


def _cut_off(stream: BinaryIO) -> dict[str, object]:
    """The answer to a request that is too long, or not finished; the rest of it is not kept."""
    while (rest := stream.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
        pass
    return {"error": f"a request is a line of at most {LONGEST_LINE} bytes; send smaller batches"}


def _understood(line: bytes) -> Mapping[str, object]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        raise _MalformedError("this is not JSON") from None
    if not isinstance(request, dict):
        raise _MalformedError('a request is an object, such as {"ask": "tasks"}')
    return request


def _order(screen: Screen, request: Mapping[str, object]) -> tuple[Task, list[str]]:
    name, texts = request.get("task"), request.get("smiles")
    if set(request) != {"task", "smiles"}:
        raise _MalformedError('a request is {"ask": "tasks"} or {"task": NAME, "smiles": [...]}')
    task = dict(_public(screen)).get(name) if isinstance(name, str) else None
    if task is None:
        raise _MalformedError('there is no such task; {"ask": "tasks"} names them')
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise _MalformedError("`smiles` is a list of texts")
    if len(texts) > MOST_MOLECULES:
        raise _MalformedError(f"{len(texts)} molecules; at most {MOST_MOLECULES} in a request")
    return task, cast("list[str]", texts)


def _public(screen: Screen) -> Iterator[tuple[str, Task]]:
    """The tasks by the names that a client gets: it is not told what each asks for."""
    return ((f"task-{number}", task) for number, task in enumerate(screen.tasks, start=1))


def _screen(path: Path, environment: Mapping[str, str], stack: ExitStack) -> Screen:
    split, budget = environment["NOVUM_SPLIT"], environment["NOVUM_CALLS"]
    if not budget.isdecimal() or int(budget) < 1:
        raise UsageError(f"the dial `calls` is {budget}: it must be a whole number, at least 1")
    tasks = read_tasks(path, split)
    if place := environment.get("NOVUM_CACHE"):
        cache = Cache(Path(place) / ANSWERS)
        stack.callback(cache.close)
        for task in tasks:
            task.oracle = Remembered(task.oracle, cache)
    record = Path(environment["NOVUM_RECORD"]) / RECORD
    opened = stack.enter_context(record.open("x", encoding="utf-8"))
    return Screen(tasks, int(budget), opened, split=split)


def _leave(signal_number: int, frame: FrameType | None) -> NoReturn:
    # At once: an exception could be swallowed where Python ignores them, such as in a finalizer.
    # Every line of the record is on the disk, and SQLite needs no farewell.
    os._exit(0)


def _complain(problem: str, status: int) -> int:
    print(f"oracle.py: {problem}", file=sys.stderr)
    return status
