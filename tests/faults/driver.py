"""A whole campaign in a process of its own, which kills itself if it is told to.

    python driver.py LAB SCORES IDEAS [STEP COUNT]

`SCORES` is `idea` (a score depends on the idea alone), `seed` (it also depends on the seed), or
`slow` (as `idea`, from a researcher that takes its time).
With a step, the process sends itself SIGKILL when that step is made for the `COUNT`th time.
"""

import os
import random
import signal
import sys
from contextlib import closing
from pathlib import Path

from novum.campaign import Machine, Parts
from novum.campaign.events import Event, Step
from novum.dataset import Dataset
from novum.judge.policies import judge_named
from novum.lab import parse_lab
from novum.ledger import Ledger
from novum.records import Edit, Measurement, Proposal, TrialResult, TrialState
from novum.repo import Repo
from novum.search import Greedy
from novum.standing import Standing
from novum.testing import DeliberateResearcher, InstantRunner, ScriptedResearcher

# One round: better each time it is kept; a crash (9), a change that does not apply (None).
ROUND = [-1, 2, -2, 9, -3, None, 1, -4, -3.5, -5, 8, -6]
CRASHES = {9, 8}


def ideas(count: int) -> list[Proposal]:
    made = []
    for number in range(count):
        value, lap = ROUND[number % len(ROUND)], number // len(ROUND)
        if value is None:
            edit = Edit("train.py", "no such text", "x")
        else:
            score = value if value in CRASHES else value - 10 * lap
            edit = Edit("train.py", None, f"x = {score}  # {number}\n")
        made.append(Proposal(f"idea {number}", (edit,), key=f"k{number}", researcher="scripted"))
    return made


def measure(by_seed: bool):
    def run(order):
        (order.scratch / "artifacts").mkdir()
        text = (order.tree / "train.py").read_text()
        (order.scratch / "artifacts" / "weights").write_text(text)
        value = float(text.split("=")[1].split("#")[0])
        if value in CRASHES:
            return TrialResult(TrialState.CRASH, detail="it crashed", log=b"log\n")
        luck = random.Random(order.seed).gauss(0, 0.3) if by_seed else 0.0
        return TrialResult(TrialState.MEASURED, Measurement(value + luck), log=b"log\n" * 50)

    return run


def killer(step: str | None, count: int):
    made = [0]

    def watch(event: Event) -> None:
        if isinstance(event, Step) and event.name == step:
            made[0] += 1
            if made[0] == count:
                os.kill(os.getpid(), signal.SIGKILL)

    return watch


def main(lab: Path, scores: str, count: int, step: str | None = None, at: int = 0) -> None:
    with closing(Ledger(lab)) as ledger, ledger.lock():
        text, repo = (lab / "lab.toml").read_text(), Repo(lab)
        campaign = ledger.campaign("t") or ledger.start_campaign(
            "t", text, {"seconds": 3, "researcher": "scripted", "target": None}, repo.head(), {}
        )
        standing = Standing.read(ledger, parse_lab(text), campaign)
        judge = judge_named(standing.lab.policy)
        runner = InstantRunner(measure(scores == "seed"))
        kind = DeliberateResearcher if scores == "slow" else ScriptedResearcher
        parts = Parts(runner, judge, Greedy(), kind(ideas(count)))
        print("ready", flush=True)
        Machine(ledger, repo, standing, parts, Dataset(), [killer(step, at)]).run(None)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), *sys.argv[4:5], *map(int, sys.argv[5:6]))
