"""Handlers that misbehave, for tests of processes that may die."""

import os
import signal
import sys
import time
from pathlib import Path


def handler(settings):
    if settings == "broken":
        raise RuntimeError("no such settings")
    if settings == "dead":
        print("this place has no receptor", file=sys.stderr, flush=True)
        os._exit(3)
    return answer


def answer(request):
    print("chatter")
    match request:
        case "abort":
            os.write(2, b"terminate called\n")
            os.abort()
        case "exit":
            os._exit(1)
        case "raise":
            raise ValueError("a bad\nmolecule")
        case "sleep":
            time.sleep(60)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "pid":
            return os.getpid()
        case "deaf":  # to Python's signals, as a loop in C is
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            time.sleep(60)
        case "pid and sleep":
            return parts(os.getpid())
        case "count" | "nothing":
            return iter(range(3 if request == "count" else 0))
        case "count and raise":
            return parts(0, 1, 2, error=ValueError("no more"))
        case "share":
            return os.sched_getaffinity(0)
    return f"did {request}"


def parts(*answers, error=None):
    yield from answers
    if error:
        raise error
    time.sleep(60)


class Closing:
    """Notes that it was closed."""

    def __init__(self, settings):
        self.path = Path(settings)

    def __call__(self, request):
        yield "here"
        if request == "sleep":
            time.sleep(60)

    def close(self):
        self.path.write_text("closed")
