"""Cheats, as real patches to real labs, run as trials are run; each with the promised outcome.

`python tests/attacks/test_attacks.py --write` runs all of them and renews the table in
`docs/security.md`.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1]))  # when it is run by itself

from attack import REFUSED, Attack, broken_promise, outcome, programs, table
from campaign_attacks import ATTACKS as ON_CAMPAIGNS
from evaluator_attacks import ON_EVALUATOR, held
from gpt_attacks import ON_GPT, ON_REAL_GPT, gpt_lab
from place import Place
from small_lab_attacks import ECHOED, LAB, PRINTED, SHARED, small_lab
from watch_attacks import ON_WATCH

from bed_cases import git, make_bed
from novum.records import TrialState
from novum.sandbox import detect

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
pytestmark = pytest.mark.skipif(detect().tool == "none", reason="these promises need the sandbox")
SCORING = LAB.replace('name = "mse"', 'name = "score"')
PRINTING = SCORING.replace('evaluate = ["python", "evaluate.py"]\n', "")
ECHOING = SCORING.replace("evaluate.py", "echo.py")
SAY = "import os, pathlib, sys\n" \
      "said = pathlib.Path(os.environ['NOVUM_ARTIFACTS'], 'said')\n" \
      "print('{\"event\": \"start\"}', file=open(os.environ['NOVUM_PROGRESS'], 'a'))\n"  # fmt: skip
ON_SMALL = [*SHARED, *ON_WATCH]
ON_PRINTED = programs("a printed number", REFUSED, "invalid", PRINTED)
ON_ECHOED = programs("a number handed on", REFUSED, "invalid", {
    f"has the evaluator say {name}": f"{SAY}said.write_text({text!r}, 'latin-1')"
    for name, text in ECHOED.items()
})  # fmt: skip


def by_name(attack: Attack) -> str:
    return f"{attack.kind} {attack.name}".replace(" ", "-")


@pytest.fixture(scope="module")
def attacked(tmp_path_factory) -> Iterator[Place]:
    with small_lab(tmp_path_factory.mktemp("attacked")) as there:
        yield there


@pytest.fixture(scope="module")
def honest(attacked) -> float:
    return attacked.honest_score()


@pytest.mark.parametrize("attack", ON_SMALL, ids=by_name)
def test_a_cheat_gains_nothing(attack, attacked, honest):
    result = attacked.tried(attack)
    assert broken_promise(attack, result, honest) == "", result.log[-2000:]
    after = attacked.run("")  # and the next trial finds nothing of it
    assert (after.state, after.detail) == (TrialState.MEASURED, "")
    assert after.measurement.metric == honest
    assert git(attacked.path, "status", "--short") == ""
    assert git(attacked.path, "rev-parse", "HEAD") == attacked.start


@pytest.mark.parametrize("attack", ON_PRINTED, ids=by_name)
def test_a_program_that_prints_its_score_can_print_only_a_number(attack, attacked, tmp_path):
    result = attacked.other(PRINTING, tmp_path / "slot").run(attack.program)
    assert broken_promise(attack, result, 0.0) == "", result.log[:200]


@pytest.mark.parametrize("attack", ON_ECHOED, ids=by_name)
def test_an_evaluator_that_hands_on_what_it_is_told_hands_on_only_a_number(
    attack, attacked, tmp_path
):
    result = attacked.other(ECHOING, tmp_path / "slot").run(attack.program)
    assert broken_promise(attack, result, 0.0) == "", result.log[:200]


def test_the_table_in_the_docs_has_every_attack():
    rows = [line.split(" | ")[1] for line in PAGE.read_text().splitlines() if " | " in line]
    groups = (ON_SMALL, ON_PRINTED, ON_ECHOED, ON_GPT, ON_REAL_GPT, ON_EVALUATOR, ON_CAMPAIGNS)
    names = [attack.name for group in groups for attack in group]
    assert [row for row in rows if row in set(names)] == names


Came = Iterator[tuple[Attack, str]]


def on_trials(place: Place, attacks: list[Attack], honest: float) -> Came:
    """Attacks on one lab, and what came of them just now."""
    for attack in attacks:
        yield attack, outcome(attack, place.tried(attack), honest)


def everything(path: Path) -> Came:
    """All attacks, and what came of them just now."""
    (path / "small").mkdir()
    with small_lab(path / "small") as place:
        yield from on_trials(place, ON_SMALL, place.honest_score())
        yield from on_trials(place.other(PRINTING, path / "printed"), ON_PRINTED, 0.0)
        yield from on_trials(place.other(ECHOING, path / "echoed"), ON_ECHOED, 0.0)
    with gpt_lab(path / "gpt") as (quick, real):
        yield from on_trials(quick, ON_GPT, quick.honest_score())
        yield from on_trials(real, ON_REAL_GPT, 0.0)
    yield from held(ON_EVALUATOR, path / "evaluator.xml")
    for number, attack in enumerate(ON_CAMPAIGNS):
        (path / str(number)).mkdir()
        yield attack, attack.on(make_bed(path / str(number) / "lab"))


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as directory:
        made = table(everything(Path(directory)))
    before, _, rest = PAGE.read_text().partition("<!-- attacks -->\n")
    after = rest.partition("<!-- /attacks -->")[2]
    PAGE.write_text(f"{before}<!-- attacks -->\n{made}\n<!-- /attacks -->{after}")
