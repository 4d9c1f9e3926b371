"""Run the generator of propose.py on every task of the oracle, until the calls are used up.

Frozen. The oracle is another program (oracle.py) behind a socket: it counts the calls, and keeps
the record that is measured. What this program prints and plots is only for whoever looks on.
"""

import heapq
import json
import os
import random
import socket
import time
from pathlib import Path

import propose

TOP = 10
FRUITLESS = 1000  # batches in a row without a call, then a task is over
EVERY = 100  # calls between two points of the curve

CLOCK = time.process_time if os.environ["NOVUM_CLOCK"] == "cpu" else time.monotonic


class Oracle:
    """The other end of the socket: a line of JSON there, a line of JSON back."""

    def __init__(self, path):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(path)
        self.stream = connection.makefile("rwb")

    def ask(self, **request):
        self.stream.write(json.dumps(request).encode() + b"\n")
        self.stream.flush()
        line = self.stream.readline()
        if not line:
            raise SystemExit("run.py: the oracle is gone")
        answer = json.loads(line)
        if "error" in answer:
            raise SystemExit(f"run.py: the oracle did not understand: {answer['error']}")
        return answer


class Progress:
    """The curve: the mean over the tasks of the best ten so far."""

    def __init__(self, tasks):
        self.path = Path(os.environ["NOVUM_PROGRESS"])
        self.tops = {task: [] for task in tasks}
        self.best = dict.fromkeys(tasks, 0.0)
        self.calls, self.shown, self.start = 0, 0, CLOCK()
        self.write(event="start")

    def add(self, task, values, calls):
        self.tops[task] = heapq.nlargest(TOP, [*self.tops[task], *values])
        self.best[task] = sum(self.tops[task]) / TOP
        self.calls += calls
        if self.calls - self.shown >= EVERY:
            self.shown = self.calls
            score = sum(self.best.values()) / len(self.best)
            self.write(step=self.calls, seconds=CLOCK() - self.start, score=score)

    def write(self, **line):
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def search(oracle, task, calls, progress, end):
    """One task: ask the generator and the oracle in turn, until the calls or the time are out."""
    chance = random.Random(f"{os.environ['NOVUM_SEED']} {task}")
    generator = propose.Generator(calls, chance)
    left, fruitless, scored = calls, 0, set()
    while left and fruitless < FRUITLESS and CLOCK() < end:
        batch = list(generator.ask(left))
        if not batch:
            break
        told = oracle.ask(task=task, smiles=batch)
        values = [answer["value"] for answer in told["answers"]]
        new = {
            s: v for s, v in zip(batch, values, strict=True) if v is not None and s not in scored
        }
        scored |= set(new)
        progress.add(task, list(new.values()), left - told["left"])
        fruitless = 0 if told["left"] < left else fruitless + 1
        left = told["left"]
        generator.tell(list(zip(batch, values, strict=True)))
    print(f"{task}: {calls - left} calls, best ten {progress.best[task]:.3f}", flush=True)


def main():
    oracle = Oracle(os.environ["NOVUM_SERVICE"])
    told = oracle.ask(ask="tasks")
    progress = Progress(told["tasks"])
    begin, seconds = CLOCK(), float(os.environ["NOVUM_SECONDS"])
    for number, task in enumerate(told["tasks"]):  # what one task leaves over goes to the others
        now = CLOCK()
        share = (begin + seconds - now) / (len(told["tasks"]) - number)
        search(oracle, task, told["calls"], progress, now + share)


if __name__ == "__main__":
    main()
