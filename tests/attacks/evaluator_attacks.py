"""The attacks that the tests of the gpt lab's evaluator try, each in several ways.

They hand a model to the evaluator itself, without a trial around it.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from attack import Attack

TESTS = Path(__file__).parents[1] / "labs" / "test_gpt_evaluate.py"
PREFIX = "test_"
ON_EVALUATOR = [
    Attack("the gpt lab's evaluator", name, "it is so, in every way that is tried", "")
    for name in (
        "a model that peeks is refused",
        "what are no logits is refused",
        "an operator that is no pure function is refused",
        "an argument that is no plain value is refused",
        "a giant tensor is refused",
        "attention on tensors that do not fit is refused",
        "a failing operator does not quote the text",
        "a malformed description is refused",
        "weights that are cut off or lie about themselves are refused",
        "a link to the held out text is refused",
        "a model that changes while it is evaluated cannot be saved",
        "the artifact is data only",
        "the program runs alone and ignores what lies beside it",
    )
]


def held(attacks: list[Attack], report: Path) -> Iterator[tuple[Attack, str]]:
    """What those tests say just now: in how many ways each was tried, and how many held."""
    pytest = [sys.executable, "-m", "pytest", "-q", str(TESTS), f"--junitxml={report}"]
    subprocess.run(pytest, cwd=TESTS.parents[2], capture_output=True, check=False)
    cases = list(ElementTree.parse(report).iter("testcase"))
    for attack in attacks:
        name = PREFIX + attack.name.replace(" ", "_")
        tried = [case for case in cases if case.get("name", "").partition("[")[0] == name]
        good = sum(len(case) == 0 for case in tried)  # neither failed nor left out
        words = f"{good} of {len(tried)} held"
        yield attack, words if good == len(tried) > 0 else f"**{words}**"
