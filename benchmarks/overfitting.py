"""A proposer that only swaps seeds, on a small split: who is fooled, and what is claimed?

    python benchmarks/overfitting.py [--ideas 60] [--campaigns 3]

A real lab, run by the real machine: a classifier of random features, trained on 200 points and
scored on 150. No idea has an effect: each only changes the seed. In the first lab the seed is a
number in the file, so that a run can be repeated exactly and luck of the split is all there is;
in the second the seed is the machine's, and runs are noisy as well. The truth is the error on
20,000 fresh points, mean of 5 trainings, which neither the search nor the confirmation sees.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from novum import confirmed, opening
from novum.ledger import Ledger
from novum.opening import Wish
from novum.repo import Repo
from repository import commit_all

POLICIES = ("greedy", "belief")
LABS = {"seed in the file": "SEED = 0", "seed of the machine": "SEED = os.environ['NOVUM_SEED']"}

LAB = """\
[lab]
name = "seeds"
[metric]
name = "error"
direction = "minimize"
[budget]
seconds = 10
[files]
editable = ["train.py"]
frozen = ["points.py", "evaluate.py"]
[trial]
run = ["python", "train.py"]
evaluate = ["python", "evaluate.py", "validation", "150"]
holdout = ["python", "evaluate.py", "holdout", "150"]
[judge]
policy = "{policy}"
"""
POINTS = """\
import math, random

DATA = {data}


def points(split, count):
    \"\"\"Two classes that overlap, and ten numbers that say nothing.\"\"\"
    rng = random.Random(f"{{DATA}} {{split}}")
    found = []
    for _ in range(count):
        label = rng.random() < 0.5
        x = [rng.gauss(0.5 if label else -0.5, 1) for _ in range(2)]
        found.append((x + [rng.gauss(0, 1) for _ in range(10)], label))
    return found


def features(weights, x):
    return [math.tanh(sum(w * v for w, v in zip(row, x))) for row in weights]
"""
TRAIN = """\
import json, os, random
from points import features, points

{seed}
# idea
with open(os.environ["NOVUM_PROGRESS"], "a") as file:
    file.write('{{"event": "start"}}\\n')
rng = random.Random(SEED)
weights = [[rng.gauss(0, 0.4) for _ in range(12)] for _ in range(24)]
out = [0.0] * 24
data = [(features(weights, x), 1 if label else -1) for x, label in points("train", 200)]
for _ in range(10):
    for f, sign in data:
        if sign * sum(o * v for o, v in zip(out, f)) < 1:
            out = [o + 0.05 * sign * v for o, v in zip(out, f)]
with open(os.environ["NOVUM_ARTIFACTS"] + "/model.json", "w") as file:
    json.dump([weights, out], file)
"""
EVALUATE = """\
import json, os, sys
from points import features, points

weights, out = json.load(open(os.environ["NOVUM_ARTIFACTS"] + "/model.json"))
items = []
for x, label in points(sys.argv[1], int(sys.argv[2])):
    said = sum(o * v for o, v in zip(out, features(weights, x))) > 0
    items.append([float(said != label), 1.0])
score = sum(item[0] for item in items) / len(items)
json.dump({"error": score, "items": items}, open(os.environ["NOVUM_RESULT"], "w"))
"""


@dataclass(frozen=True)
class Outcome:
    """One campaign: what it kept, believed and claimed, and what is true. Lower is better."""

    keeps: int
    recorded: tuple[float, float]  # validation scores of the start and of the incumbent
    true: tuple[float, float]
    claims: int
    confirmed: int


def make_lab(lab: Path, seed: str, policy: str, data: int, ideas: int) -> None:
    """A lab in a repository of its own, with so many ideas in its backlog."""
    lab.mkdir()
    (lab / "lab.toml").write_text(LAB.format(policy=policy))
    (lab / "points.py").write_text(POINTS.format(data=data))
    (lab / "train.py").write_text(TRAIN.format(seed=seed))
    (lab / "evaluate.py").write_text(EVALUATE)
    backlog = "\n".join(swap(seed, number) for number in range(1, ideas + 1))
    (lab / "ideas.toml").write_text(backlog)
    commit_all(lab)


def swap(seed: str, number: int) -> str:
    """Another seed, or where the seed is the machine's, a comment: the same code all the same."""
    change = ("SEED = 0", f"SEED = {number}") if seed == "SEED = 0" else ("# idea", f"# {number}")
    text = TRAIN.format(seed=seed).replace(*change)
    return (
        f'[[idea]]\nkey = "{number}"\ntitle = "seed {number}"\n'
        f"[[idea.edit]]\nfile = \"train.py\"\nreplace = '''\n{text}'''\n"
    )


def truth(lab: Path, code: str) -> float:
    """The error of some training code on many fresh points, mean of a few trainings."""
    scores = []
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        for name in ("points.py", "evaluate.py"):
            (place / name).write_text((lab / name).read_text())
        (place / "train.py").write_text(code)
        for seed in range(5):
            names = {"NOVUM_PROGRESS": "p", "NOVUM_ARTIFACTS": ".", "NOVUM_RESULT": "r.json"}
            own = os.environ | {"NOVUM_SEED": str(10_000 + seed)} | names
            for words in (["train.py"], ["evaluate.py", "test", "20000"]):
                command = [sys.executable, *words]
                subprocess.run(command, cwd=place, env=own, check=True)
            scores.append(json.loads((place / "r.json").read_text())["error"])
    return statistics.fmean(scores)


def campaign(lab: Path) -> Outcome:
    """Run one campaign, with the confirmation at its end, and compare it with the truth."""
    repo = Repo(lab)
    with closing(Ledger(lab)) as ledger, ledger.lock():
        begun = opening.begin(lab, repo, ledger, Wish(tag="t"))
        machine = opening.assemble(lab, repo, ledger, begun, [], lambda _: None)
        machine.run(None)
        experiments = ledger.experiments(begun.id)
        kept = [e for e in experiments if e.verdict and e.verdict.outcome == "keep"]
        claims = confirmed.claims(ledger, begun)[0]
        first, last = kept[0], kept[-1]
        assert first.verdict and last.verdict
        codes = [repo.file(e.commit or "", "train.py") or "" for e in (first, last)]
        return Outcome(
            keeps=len(kept) - 1,
            recorded=(
                statistics.fmean(first.verdict.evidence.values),
                statistics.fmean(last.verdict.evidence.values),
            ),
            true=(truth(lab, codes[0]), truth(lab, codes[1])),
            claims=len(claims),
            confirmed=sum(one.claim.confirmed for one in claims),
        )


def main() -> None:
    """Run all campaigns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--ideas", type=int, default=60)
    parser.add_argument("--campaigns", type=int, default=3)
    asked = parser.parse_args()
    print(f"{platform.platform()}, {platform.machine()}; Python {sys.version.split()[0]}")
    print(f"{asked.ideas} ideas, {asked.campaigns} campaigns each; error, lower is better\n")
    print("| lab | policy | keeps | recorded gain | true gain | claims confirmed |")
    print("|---|---|---|---|---|---|")
    for name, seed in LABS.items():
        for policy in POLICIES:
            found = []
            for data in range(asked.campaigns):
                with tempfile.TemporaryDirectory() as directory:
                    lab = Path(directory) / "lab"
                    make_lab(lab, seed, policy, data, asked.ideas)
                    found.append(campaign(lab))
            recorded = statistics.fmean(one.recorded[0] - one.recorded[1] for one in found)
            true = statistics.fmean(one.true[0] - one.true[1] for one in found)
            keeps = statistics.fmean(one.keeps for one in found)
            claims = f"{sum(o.confirmed for o in found)} of {sum(o.claims for o in found)}"
            print(
                f"| {name} | {policy} | {keeps:.1f} | {recorded:+.3f} | {true:+.3f} | {claims} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
