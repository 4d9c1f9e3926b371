"""The machine that a soak works with: a process of its own, forked, in a lab of cheap trials.

Everything is real: git, SQLite, the sandbox, the trials' processes. Scripted are the ideas alone,
which follow from a number, and what a trial scores, which follows from its idea and its seed. So
the same campaign, run again, must come to the same ledger, whatever happened to it.
"""

import faulthandler
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from novum.campaign import Machine, Parts
from novum.dataset import Dataset
from novum.errors import NovumError
from novum.export import ResultsFile
from novum.judge.policies import judge_named
from novum.lab import parse_lab
from novum.ledger import Ledger
from novum.records import Edit, Proposal
from novum.repo import Repo
from novum.runners.local import LocalRunner
from novum.search import Greedy
from novum.standing import Standing
from novum.testing import DeliberateResearcher, ScriptedResearcher

TAG = "t"
EXIT_SOUND, EXIT_TOLD, EXIT_MEMORY, EXIT_BUG = 0, 1, 3, 70
LAB = """
[lab]
name = "soak"
[metric]
name = "v"
direction = "minimize"
[budget]
seconds = 20
memory_mb = 100
disk_mb = 50
log_mb = 1
[files]
editable = ["idea"]
frozen = ["train", "evaluate"]
[trial]
run = ["sh", "train"]
{evaluate}
[judge]
policy = "{policy}"
baseline_runs = 3
[sandbox]
mode = "{sandbox}"
[confirm]
at_end = {confirm}
"""
TRAIN = """
read base number <idea
case $base in
crash) echo "it crashed"; exit 3 ;;
memory) head -c 200000000 /dev/zero | tail >/dev/null; kill -KILL $$ ;;  # it dies with its child
esac
luck=$(( (NOVUM_SEED * 7919 + number * 104729) % 211 ))
echo "idea $number"
{tell}
"""
REPORTED = 'echo "METRIC v=$(( base + luck ))"'
HANDED_IN = 'echo $(( base + luck )) >"$NOVUM_ARTIFACTS/score"'
EVALUATE = 'read v <"$NOVUM_ARTIFACTS/score"; echo "{\\"v\\": $v}" >"$NOVUM_RESULT"\n'


@dataclass(frozen=True)
class Plan:
    """A campaign: of how many ideas, by which seed, and what it is made of."""

    seed: int
    ideas: int
    evaluated: bool = False
    confined: bool = True
    policy: str = "belief"
    ahead: bool = False  # the researcher takes its time, and is asked while trials run
    confirm: bool = False

    @staticmethod
    def drawn(seed: int, ideas: int) -> "Plan":
        draw = random.Random(seed)
        return Plan(
            seed,
            ideas,
            evaluated=draw.random() < 0.3,
            confined=draw.random() < 0.8,
            policy=draw.choice(["belief", "belief", "greedy", "certain"]),
            ahead=draw.random() < 0.3,
            confirm=draw.random() < 0.3,
        )

    def make_lab(self, lab: Path) -> None:
        evaluate = 'evaluate = ["sh", "evaluate"]' if self.evaluated else ""
        files = {
            "lab.toml": LAB.format(
                evaluate=evaluate,
                policy=self.policy,
                sandbox="auto" if self.confined else "none",
                confirm=str(self.confirm).lower(),
            ),
            "train": TRAIN.format(tell=HANDED_IN if self.evaluated else REPORTED),
            "evaluate": EVALUATE,
            "idea": "100000 0\n",
            "notes/mine": "the person's\n",
        }
        for name, text in files.items():
            (lab / name).parent.mkdir(parents=True, exist_ok=True)
            (lab / name).write_text(text)
        for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "start"]):
            subprocess.run(["git", *words], cwd=lab, check=True)

    def proposals(self) -> list[Proposal]:
        draw, made = random.Random(self.seed), []
        for number in range(self.ideas):
            base, kind = 100_000 - 4 * number + round(draw.gauss(150, 150)), draw.random()
            word = "crash" if kind < 0.03 else "memory" if kind < 0.035 else base
            edit = Edit("idea", None, f"{word} {number}\n")
            if kind > 0.98:
                edit = Edit("idea", "no such text", "x")
            made.append(Proposal(f"idea {number}", (edit,), key=f"k{number}", researcher="soak"))
        return made


@dataclass(frozen=True)
class Weather:
    """What is wrong inside of one process: nothing, mostly."""

    clock: int | None = None  # the clock jumps; a seed
    provider_down: bool = False


def jumping(draw: random.Random) -> None:
    """Let the wall clock of this process jump now and then, up to ten years ahead and back."""
    real, offset = time.time, [draw.uniform(-3e8, 3e8)]

    def jumped() -> float:
        if draw.random() < 0.05:
            offset[0] = draw.choice([0.0, draw.uniform(-10, 10), draw.uniform(-3e8, 3e8)])
        return real() + offset[0]

    time.time = jumped


def start(lab: Path, plan: Plan, weather: Weather, said: Path) -> int:
    """Fork a machine; returns its pid. What it says is added to the file `said`."""
    pid = os.fork()
    if pid:
        return pid
    status = EXIT_BUG
    try:
        output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        os.setsid()
        status = _guarded(lab, plan, weather)
    finally:
        sys.stderr.flush()
        os._exit(status)


def _guarded(lab: Path, plan: Plan, weather: Weather) -> int:
    injected = []

    def no_memory(number: int, frame: object) -> None:
        injected.append(number)
        raise MemoryError("injected")

    faulthandler.enable(all_threads=True)  # a crash of C code says where
    signal.signal(signal.SIGUSR1, no_memory)
    if weather.clock is not None:
        jumping(random.Random(weather.clock))
    try:
        _work(lab, plan, weather)
    except (NovumError, OSError) as error:  # what the command line tells in a line
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return EXIT_TOLD
    except BaseException:
        traceback.print_exc()
        return EXIT_MEMORY if injected else EXIT_BUG
    return EXIT_SOUND


def _work(lab: Path, plan: Plan, weather: Weather) -> None:
    def think(*asked: object) -> None:
        if weather.provider_down:
            raise ConnectionError("the provider does not answer")

    repo = Repo(lab)
    with closing(Ledger(lab)) as ledger, ledger.lock():
        text = (lab / "lab.toml").read_text()
        settings = {"seconds": 20, "researcher": "soak", "target": None}
        campaign = ledger.campaign(TAG) or ledger.start_campaign(
            TAG, text, settings, repo.head(), {}
        )
        ledger.update_campaign(campaign.id, state="open")  # as `novum resume` does
        standing = Standing.read(ledger, parse_lab(text), campaign)
        ideas = plan.proposals()
        researcher = DeliberateResearcher(ideas, think) if plan.ahead else ScriptedResearcher(ideas)
        judge = judge_named(standing.lab.policy)
        parts = Parts(LocalRunner(), judge, Greedy(), researcher)
        Machine(ledger, repo, standing, parts, Dataset(), [ResultsFile(ledger)]).run(None)
