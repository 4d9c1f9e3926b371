"""Look-ahead: the share of time in which the trial place is busy, with it and without.

    python benchmarks/lookahead.py                 # about six minutes
    python benchmarks/lookahead.py --scale 100     # half a minute; our own overhead weighs more

A researcher that takes 60 s to think, and trials of 300 s, both divided by the scale. The trials
are real ones: a program in the sandbox that takes its budget. The time is counted from the end of
the first experiment's trial to the end of the last one's, so it holds as many thoughts as trials.
The limit without look-ahead is 300 / 360, with it 1.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from novum.briefing import Briefing
from novum.campaign import Machine, Parts
from novum.campaign.events import Event, TrialEnded, TrialStarted
from novum.dataset import Dataset
from novum.judge.policies import judge_named
from novum.lab import parse_lab
from novum.ledger import Ledger
from novum.records import Edit, Proposal
from novum.repo import Repo
from novum.researchers import Desk
from novum.runners.local import LocalRunner
from novum.sandbox import detect
from novum.search import Greedy
from novum.standing import Standing
from novum.testing import DeliberateResearcher
from repository import commit_all

THINKING, TRIAL = 60.0, 300.0
LAB = """
[lab]
name = "lookahead"
[metric]
name = "score"
direction = "minimize"
[budget]
seconds = {seconds}
[files]
editable = ["idea.txt"]
[trial]
run = ["sh", "-c", "sleep {seconds}; echo METRIC score=1.$(cat idea.txt)"]
[judge]
policy = "greedy"
baseline_runs = 1
[confirm]
at_end = false
"""


class Places:
    """Notes when the place was busy with an experiment's trial."""

    def __init__(self) -> None:
        self.busy: list[tuple[float, float]] = []
        self._began = 0.0

    def __call__(self, event: Event) -> None:
        """Note the beginning or the end of a trial."""
        now = time.monotonic()
        if isinstance(event, TrialStarted):
            self._began = now
        elif isinstance(event, TrialEnded) and event.experiment.number > 0:
            self.busy.append((self._began, now))

    @property
    def share(self) -> float:
        """The share of time in which a trial ran, from the end of the first to that of the last."""
        total = self.busy[-1][1] - self.busy[0][1]
        return sum(end - began for began, end in self.busy[1:]) / total


def share(ahead: int, experiments: int, scale: float) -> float:
    """The share of time in which the place is busy, in a campaign of so many experiments."""
    with tempfile.TemporaryDirectory() as directory:
        lab_directory = Path(directory)
        text = LAB.format(seconds=TRIAL / scale)
        (lab_directory / "lab.toml").write_text(text)
        (lab_directory / "idea.txt").write_text("000\n")
        commit_all(lab_directory)

        def think(briefing: Briefing, desk: Desk) -> None:
            desk.cancel.wait(THINKING / scale)

        ideas = [
            Proposal(f"idea {n}", (Edit("idea.txt", None, f"{n:03d}\n"),), key=str(n))
            for n in range(1, experiments + 1)
        ]
        repo, lab, ledger = Repo(lab_directory), parse_lab(text), Ledger(lab_directory)
        settings: Mapping[str, object] = {"seconds": TRIAL / scale, "target": None, "ahead": ahead}
        campaign = ledger.start_campaign("bench", text, settings, repo.head(), {})
        places = Places()
        parts = Parts(
            LocalRunner(), judge_named("greedy"), Greedy(), DeliberateResearcher(ideas, think)
        )
        standing = Standing.read(ledger, lab, campaign)
        Machine(ledger, repo, standing, parts, Dataset(), [places]).run(experiments)
        ledger.close()
        return places.share


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=10.0)
    parser.add_argument("--experiments", type=int, default=5)
    asked = parser.parse_args()
    print(
        f"{platform.platform()}, {os.cpu_count()} processors, Python {sys.version.split()[0]}, "
        f"sandbox {detect().tool}"
    )
    print(
        f"thinking {THINKING / asked.scale:g} s, trials {TRIAL / asked.scale:g} s, "
        f"{asked.experiments} experiments\n"
    )
    print("| proposals made ahead | place busy | limit |\n|---|---|---|")
    for ahead, limit in ((0, TRIAL / (TRIAL + THINKING)), (1, 1.0)):
        found = share(ahead, asked.experiments, asked.scale)
        print(f"| {ahead} | {found:.3f} | {limit:.3f} |")


if __name__ == "__main__":
    main()
