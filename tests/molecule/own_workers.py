"""Handlers that misbehave, for tests of processes that may die."""

import os
import signal
import sys
import time


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
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
            time.sleep(60)
    return f"did {request}"
