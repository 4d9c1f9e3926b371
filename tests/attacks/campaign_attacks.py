"""Attacks on a whole campaign: real judge, ledger and git, a researcher that means ill.

Each says what came of it; a promise that is broken is an AssertionError.
"""

import random
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from attack import Attack
from hostile_words import WORDS

from bed_cases import LAB, Bed, make_bed, score
from novum import confirmed, opening
from novum.applied import edits_of_diff
from novum.errors import PatchError, RepoError
from novum.records import Edit, Outcome, Proposal

ATTACKS: list[Attack] = list(WORDS)
NOT_RUN = "does not apply: nothing runs, nothing is written"
SAFE = "nothing of it runs, and the record is right"
UNCLAIMED = "no gain is claimed, but for the stated error rate of 5 %"


def attack(kind: str, name: str, promise: str) -> Callable[[Callable[[Bed], str]], None]:
    """Register what a function does to a campaign as an attack."""

    def register(function: Callable[[Bed], str]) -> None:
        ATTACKS.append(Attack(kind, name, promise, function))

    return register


# What a proposal changes


NAMES = {
    "a frozen file": "evaluate.py",
    "a new file": "extra.py",
    "lab.toml": "lab.toml",
    "a frozen file, in other case": "Evaluate.py",
    "an editable file, in other case": "Train.py",
    "a frozen file, with a Cyrillic letter": "\u0435valuate.py",
    "a frozen file, in full-width letters": "\uff45valuate.py",
    "an editable file, with a letter that nobody sees": "train\u200b.py",
    "a frozen file, by a roundabout path": "notes/../evaluate.py",
    "a frozen file, by a dot": "./evaluate.py",
    "a file outside the lab": "../outside.py",
    "a file by its absolute path": "/tmp/novum-attack.py",
    "a hook of git": ".git/hooks/post-commit",
    "the settings of git": ".git/config",
    "the settings of git, in other case": ".GIT/config",
    "filters of git": ".gitattributes",
    "a submodule": ".gitmodules",
    "what Python starts with": "sitecustomize.py",
    "a path file of Python": "train.pth",
    "what pytest starts with": "conftest.py",
    "a name with a NUL byte": "train.py\0.txt",
    "a name with a line feed": "train.py\nevaluate.py",
    "a name that ends in a blank": "train.py ",
    "a name that is a directory": "notes",
    "a name below a file": "train.py/evaluate.py",
    "an empty name": "",
    "a name of a hundred thousand letters": "x" * 100_000,
    "half of a character as a name": "\ud800",
}


def refused_name(path: str, bed: Bed) -> str:
    sound = Edit("train.py", None, "x = -5\n")
    before = snapshot(bed)
    bed.run([Proposal("two edits", (sound, Edit(path, None, "import os\n")), key="ill")])
    ill = bed.experiments()[-1]
    assert ill.verdict.outcome is Outcome.INVALID and "may not be edited" in ill.verdict.reason
    assert len(ill.verdict.reason) < 300 and ill.verdict.reason.isprintable()
    assert (ill.commit, bed.trial_states()) == (None, ["measured"]), "the baseline alone"
    assert bed.repo.target("refs/novum/t/00001") is None
    assert snapshot(bed) == before
    return "`invalid`, not run"


def snapshot(bed: Bed) -> dict[str, bytes]:
    """All that lies in and around the lab, but for what the machine and git keep for themselves."""
    root = bed.path.parent
    own = [bed.path / ".git" / name for name in ("objects", "refs", "logs")]
    hidden = {bed.path / ".novum", *own}
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not hidden & set(path.parents)
    }


for words, path in NAMES.items():
    attack("a proposal", f"changes {words}", NOT_RUN)(partial(refused_name, path))


@attack("a proposal", "changes the twin of an editable name, composed otherwise", NOT_RUN)
def twin(bed: Bed) -> str:
    bed.write({"mod\u00e8le.py": "y = 1\n"})
    bed.toml(LAB.replace('"model.py"', '"mod\u00e8le.py"'))
    return refused_name("mode\u0300le.py", bed)


DIFFS = {
    "makes a symbolic link": "--- /dev/null\n+++ b/train.py\nnew file mode 120000\n",
    "turns an editable file into a link": """\
diff --git a/train.py b/train.py
old mode 100644
new mode 120000
--- a/train.py
+++ b/train.py
@@ -1 +1 @@
-x = 0
+evaluate.py
""",
    "makes a submodule": """\
diff --git a/sub b/sub
new file mode 160000
index 0000000..1234567
--- /dev/null
+++ b/sub
@@ -0,0 +1 @@
+Subproject commit 1234567890123456789012345678901234567890
""",
    "makes an editable file executable": """\
diff --git a/train.py b/train.py
old mode 100644
new mode 100755
--- a/train.py
+++ b/train.py
@@ -1 +1 @@
-x = 0
+x = 1
""",
    "renames a frozen file over an editable one": """\
diff --git a/evaluate.py b/train.py
similarity index 100%
rename from evaluate.py
rename to train.py
""",
    "removes a frozen file": "--- a/evaluate.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-# frozen\n",
    "climbs out of the lab": "--- a/../x.py\n+++ b/../x.py\n@@ -0,0 +1 @@\n+x\n",
    "hides a frozen file behind an editable one": """\
--- a/train.py
+++ b/train.py
@@ -1 +1 @@
-x = 0
+x = 1
--- a/evaluate.py
+++ b/evaluate.py
@@ -1 +1 @@
-# frozen
+# mine
""",
    "quotes the name of a frozen file": """\
--- "a/ev\\141luate.py"
+++ "b/ev\\141luate.py"
@@ -1 +1 @@
-# frozen
+# mine
""",
}


def refused_diff(diff: str, bed: Bed) -> str:
    editable, before = bed.lab.files.editable, snapshot(bed)
    with pytest.raises(PatchError):
        edits_of_diff(bed.repo.files(bed.repo.head(), editable), diff, editable)
    assert snapshot(bed) == before
    return "turned down"


for words, diff in DIFFS.items():
    attack("a diff", words, NOT_RUN)(partial(refused_diff, diff))


# The repository


def spied(bed: Bed) -> Path:
    """A repository whose every hook and filter leaves a trace; where that would be."""
    trace = bed.path.parent / "trace"
    program = bed.path.parent / "spy"
    program.write_text(f"#!/bin/sh\necho $0 >> {trace}\ncat\n")
    program.chmod(0o755)
    hooks = "pre-commit post-commit post-checkout reference-transaction pre-auto-gc post-rewrite"
    for name in [*hooks.split(), "post-index-change", "post-merge", "update", "pre-push"]:
        hook = bed.path / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(program.read_text())
        hook.chmod(0o755)
    attributes = bed.path / ".git" / "info" / "attributes"
    attributes.parent.mkdir(exist_ok=True)
    attributes.write_text("* filter=spy diff=spy merge=spy\n")
    with (bed.path / ".git" / "config").open("a") as config:
        for section in (f'[filter "spy"]\n smudge = {program}\n clean = {program}\n',
                        f'[diff "spy"]\n textconv = {program}\n command = {program}\n',
                        f'[merge "spy"]\n driver = {program}\n',
                        f"[core]\n fsmonitor = {program}\n pager = {program}\n"):  # fmt: skip
            config.write(section)
    trace.unlink(missing_ok=True)
    return trace


@attack("the repository", "sets hooks, filters, drivers and monitors", SAFE)
def hooks(bed: Bed) -> str:
    trace = spied(bed)
    bed.run([bed.idea(-1), bed.idea(1)])
    bed.repo.dirty()
    bed.repo.tidy()
    assert not trace.exists(), trace.read_text()
    assert bed.verdicts() == ["keep", "keep", "discard"]
    return "none ran"


@attack("the repository", "commits to and switches the person's branch while a trial runs", SAFE)
def commits_meanwhile(bed: Bed) -> str:
    def meanwhile(order) -> float:
        bed.write({"evaluate.py": "# cheats\n", "train.py": "x = -9\n"})
        bed.git("checkout", "-q", "-B", "other")
        bed.git("commit", "-q", "--allow-empty", "-am", "mine")
        return score(order)

    start = bed.repo.head()
    bed.run([bed.idea(-1)], meanwhile)
    assert bed.git("show", "autoresearch/t:evaluate.py") == "# frozen"
    assert bed.git("rev-parse", "autoresearch/t~1") == start
    changed = bed.git("diff", "--name-only", start, "autoresearch/t")
    assert (changed, bed.git("symbolic-ref", "HEAD")) == ("train.py", "refs/heads/other")
    return "built on its own start; the person's branch is the person's"


def moved_ref(ref: str, bed: Bed) -> str:
    """Somebody points a ref elsewhere while a trial runs: told, stopped, and continued."""
    start = bed.repo.head()
    bed.run([bed.idea(-1)])
    was = bed.repo.target(ref)
    other = bed.git("commit-tree", "-m", "planted", f"{start}^{{tree}}")

    def meanwhile(order) -> float:
        bed.git("update-ref", ref, other)
        return score(order)

    with pytest.raises(RepoError, match="moved by somebody else"):
        bed.run([bed.idea(-2)], meanwhile)
    assert bed.git("rev-parse", ref) == other, "what somebody did is not overwritten"
    bed.git("update-ref", *((ref, was) if was else ("-d", ref)))
    bed.run([])
    assert bed.verdicts() == ["keep", "keep", "keep"]
    assert bed.repo.target("refs/novum/t/00002") == bed.branch
    return "stopped with a word; put back, it went on"


for words, ref in (("the ref of an experiment", "refs/novum/t/00002"),
                   ("the campaign's branch", "refs/heads/autoresearch/t")):  # fmt: skip
    promise = "told with the way back; nothing is overwritten or lost"
    attack("the repository", f"moves {words} between two steps", promise)(partial(moved_ref, ref))


@attack("the repository", "makes an editable file a link to a frozen one", SAFE)
def linked(bed: Bed) -> str:
    (bed.path / "train.py").unlink()
    (bed.path / "train.py").symlink_to("evaluate.py")
    bed.commit("a link")
    (problem,) = opening.problems(bed.lab, bed.repo)
    assert "train.py is a symbolic link" in problem
    return "no campaign begins"


@attack("the repository", "lets other users at what is held out, or left with a set-user bit", SAFE)
def other_users(bed: Bed) -> str:
    bed.run([])
    assert stat.S_IMODE((bed.path / ".novum").stat().st_mode) == 0o700
    return "`.novum` is its owner's alone"


# Luck


CAMPAIGNS, TRIES = 10, 20


def luck(bed: Bed, idea: Callable[[int], str]) -> str:
    """Campaigns of changes that do nothing: how many are kept, and how many are claimed."""
    kept = claimed = 0
    for number in range(CAMPAIGNS):
        one = make_bed(bed.path.parent / str(number))
        one.toml(LAB.replace('policy = "greedy"\nbaseline_runs = 1', 'policy = "belief"')
                 .replace("at_end = false", "pairs = 12"))  # fmt: skip

        def measure(order, salt=number) -> float:
            text = (order.tree / "train.py").read_text()
            return random.Random(f"{salt} {text} {order.seed}").gauss(1.0, 0.01)

        ideas = [Proposal(f"try {n}", (Edit("train.py", None, idea(n)),), key=str(n))
                 for n in range(TRIES)]  # fmt: skip
        one.run(ideas, measure)
        kept += one.verdicts()[1:].count("keep")
        claims = confirmed.claims(one.ledger, one.campaign())[0]
        claimed += any(claim.claim.confirmed for claim in claims)
        one.close()
    assert claimed <= 3, "4 of 10 have a chance of 0.1 % at an error rate of 5 %"
    return f"{kept} of {CAMPAIGNS * TRIES} kept; {claimed} of {CAMPAIGNS} campaigns claim a gain"


@attack("luck", "changes nothing but a random seed, again and again", UNCLAIMED)
def seeds(bed: Bed) -> str:
    return luck(bed, lambda n: f"x = 0\nseed = {n}\n")


@attack("luck", "changes the last digits of one line, again and again", UNCLAIMED)
def tiny_edits(bed: Bed) -> str:
    return luck(bed, lambda n: f"x = 0\nrate = 0.0400{n:02d}1\n")


@attack("luck", "changes comments only, again and again", UNCLAIMED)
def comments(bed: Bed) -> str:
    return luck(bed, lambda n: f"x = 0  # {n}\n")


@attack("luck", "proposes the same change in other words, again and again", "it runs once")
def repeats(bed: Bed) -> str:
    texts = ["x = 1\n", "x  =  1.0\n", "x = 1  # for luck\n", "x = 1.\n\n", "\nx = 10e-1\n"]
    ideas = [Proposal(f"again {n}", (Edit("train.py", None, text),), key=str(n))
             for n, text in enumerate(texts)]  # fmt: skip
    bed.run(ideas)
    assert len(bed.experiments()) == 2, bed.experiments()
    assert len(bed.trial_states()) == 2
    return "ran once; the others were answered with its result"


# Numbers


def strange_score(value: float, policy: str, bed: Bed) -> str:
    """A score that would overflow in the judge: no score, and the campaign goes on."""
    bed.toml(LAB.replace('policy = "greedy"', f'policy = "{policy}"'))
    bed.run([bed.idea(1), bed.idea(2)], lambda order: value if "x = 1" in text_of(order) else 1.0)
    assert bed.verdicts()[:2] == ["keep", "invalid"] and len(bed.verdicts()) == 3
    return "`invalid`, and the campaign goes on"


def text_of(order) -> str:
    return (order.tree / "train.py").read_text()


for words, value in {"not a number": float("nan"), "infinity": float("-inf"),
                     "a number that cannot be squared": -1e200,
                     "the largest number": -1.7976931348623157e308}.items():  # fmt: skip
    for policy in ("belief", "certain"):
        name = f"scores {words}, before the {policy} judge"
        attack("a strange score", name, "refused: no score")(partial(strange_score, value, policy))


@attack("a strange score", "scores negative zero and the smallest number", "a number like others")
def tiny_scores(bed: Bed) -> str:
    bed.toml(LAB.replace('policy = "greedy"', 'policy = "belief"'))
    values = iter([0.0, 0.0, -0.0, 5e-324, -5e-324, *[0.0] * 40])
    bed.run([bed.idea(n) for n in range(1, 4)], lambda order: next(values))
    assert set(bed.trial_states()) == {"measured"} and "open" not in bed.verdicts()
    return "judged"
