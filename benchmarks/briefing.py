"""What a briefing costs: milliseconds to compose one after 100, 1,000 and 10,000 experiments.

    python benchmarks/briefing.py

The ledger is real, and its experiments are made up: diffs, logs and curves of usual sizes, one in
a hundred kept, one in ten crashed. Times are medians of five. The standing is what a campaign
holds in memory anyway, and what `novum brief` has to read first.
"""

import platform
import random
import tempfile
import time
from pathlib import Path
from statistics import median

from novum.briefing.composing import compose
from novum.judge import Belief
from novum.lab import parse_lab
from novum.ledger import Campaign, Ledger
from novum.patch import apply_edits, diff
from novum.records import (
    Edit,
    Evidence,
    Measurement,
    Outcome,
    Proposal,
    Timing,
    TrialResult,
    TrialState,
    Verdict,
)
from novum.standing import Standing

LAB = """
[lab]
name = "made-up"
question = "Which constants lower the loss?"
[metric]
name = "loss"
direction = "minimize"
[budget]
seconds = 300
[files]
editable = ["train.py"]
[trial]
run = ["python", "train.py"]
"""
LINES = 450  # of the file that is edited
POINTS = 100  # of a curve
KINDS = ("optimiser", "schedule", "architecture", "initialisation", "data")
LOG = b"step 1 | loss 3.2 | 71,234 tokens/s\n" * 40
TRACEBACK = (
    b"Traceback (most recent call last):\n"
    b'  File "/tmp/x/train.py", line 12, in forward\n    y = x @ w\n'
    b"RuntimeError: mat1 and mat2 shapes cannot be multiplied (64x128 and 64x128)\n"
)
REPEATS = 5


def fill(ledger: Ledger, campaign: Campaign, count: int) -> dict[str, str]:
    """Make up so many experiments and a baseline; returns the files of the last keep."""
    rng = random.Random(1)
    session = ledger.open_session(campaign.id)
    files = {"train.py": "".join(f"constant_{line} = {line}\n" for line in range(LINES))}
    score, parent = 3.0, campaign.start_commit
    for start in range(0, count + 1, 100):
        with ledger.together():
            for number in range(start, min(start + 100, count + 1)):
                kind = rng.choice(KINDS)
                line = rng.randrange(LINES)
                now = files["train.py"].split("\n")[line]
                edit = Edit("train.py", f"{now}\n", f"{now.partition(' ')[0]} = {LINES + number}\n")
                after = apply_edits(files, (edit,), files)
                idea = Proposal(
                    f"Idea {number}", (edit,), "Because. " * 30, -0.01, kind, key=f"k{number}"
                )
                change = diff(files, after)
                experiment = ledger.add_experiment(campaign.id, number, idea, parent, change)
                trial = ledger.start_trial(experiment.id, experiment.id, number, 300, "validation")
                crashed, kept = number % 10 == 5, number % 100 == 0
                effect = abs(rng.gauss(0, 0.01)) if kept else rng.gauss(-0.01, 0.01)
                result = _crash() if crashed else _measured(score - effect, rng)
                ledger.end_trial(trial, result, session)
                verdict = Verdict(
                    Outcome.CRASH if crashed else Outcome.KEEP if kept else Outcome.DISCARD,
                    result.detail if crashed else f"effect {effect:.3f}",
                    Evidence()
                    if crashed
                    else Evidence(
                        effect, 0.005, 0.3, 0.0, 1, (score - effect,), score, 0.003, 0.004
                    ),
                )
                if kept:
                    score, files, parent = score - effect, after, f"{number:040d}"
                belief = Belief(score, 0.003)
                commit = parent if kept else f"{number:040d}"
                ledger.judge(experiment, verdict, belief, commit, session)
    return files


def _crash() -> TrialResult:
    detail = "RuntimeError: mat1 and mat2 shapes cannot be multiplied"
    return TrialResult(TrialState.CRASH, detail=detail, log=LOG + TRACEBACK)


def _measured(score: float, rng: random.Random) -> TrialResult:
    curve = tuple(
        {"step": 10.0 * n, "tokens": 1e4 * n, "loss": score + 3 * 0.95**n + rng.gauss(0, 0.01)}
        for n in range(POINTS)
    )
    timing = Timing(5.0, 300.0, 20.0, 300.0)
    return TrialResult(TrialState.MEASURED, Measurement(score), "", LOG, curve, timing, 900.0)


def measure(count: int) -> None:
    """Print what a briefing after so many experiments costs."""
    with tempfile.TemporaryDirectory() as directory:
        ledger = Ledger(Path(directory))
        lab = parse_lab(LAB)
        settings = {"seconds": 300, "researcher": "chat", "target": None}
        campaign = ledger.start_campaign("made-up", LAB, settings, "0" * 40, {})
        files = fill(ledger, campaign, count)
        begin = time.perf_counter()
        standing = Standing.read(ledger, lab, campaign)
        read = time.perf_counter() - begin
        seconds, busy = [], []
        for _ in range(REPEATS):
            begin, working = time.perf_counter(), time.process_time()
            parent = standing.incumbent.commit or ""
            briefing = compose(ledger, standing, parent=parent, files=files, researcher="chat")
            seconds.append(time.perf_counter() - begin)
            busy.append(time.process_time() - working)
        ledger.close()
    print(
        f"| {count:,} | {1e3 * median(seconds):.0f} ms | {1e3 * median(busy):.0f} ms | "
        f"{len(briefing.text):,} | {read:.2f} s |"
    )


def main() -> None:
    """Measure after 100, 1,000 and 10,000 experiments."""
    print(f"{platform.machine()}, Python {platform.python_version()}")
    print("| experiments | wall time | processor time | characters | reading the standing |")
    print("|---|---|---|---|---|")
    for count in (100, 1_000, 10_000):
        measure(count)


if __name__ == "__main__":
    main()
