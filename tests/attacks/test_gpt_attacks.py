"""Cheats in the gpt lab, run as trials are run; each with the promised outcome."""

from collections.abc import Iterator

import pytest
from attack import broken_promise
from gpt_attacks import ON_GPT, ON_REAL_GPT, RealGpt, gpt_lab
from place import Place

from bed_cases import git
from novum.sandbox import detect
from novum.sandbox.group import Group
from novum.sandbox.leftovers import own_name

pytest.importorskip("torch")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(detect().tool == "none", reason="these promises need the sandbox"),
]


@pytest.fixture(scope="module")
def gpt(tmp_path_factory) -> Iterator[tuple[Place, RealGpt]]:
    with gpt_lab(tmp_path_factory.mktemp("gpt") / "there") as places:
        yield places


@pytest.fixture(scope="module")
def honest(gpt) -> float:
    return gpt[0].honest_score()


def kernel_counts() -> bool:
    """Whether no processor time is missed here."""
    group = Group(own_name(), 1 << 30, 100)
    try:
        return any((path / name).exists() for path in group._paths
                   for name in ("cpu.stat", "cpuacct.usage"))  # fmt: skip
    finally:
        group.close()


@pytest.mark.parametrize("attack", ON_GPT, ids=lambda one: one.name.replace(" ", "-"))
def test_a_cheat_gains_nothing(attack, gpt, honest):
    if "nobody waits for" in attack.name and not kernel_counts():
        pytest.skip("only the kernel sees children that are gone at once")
    place = gpt[0]
    result = place.tried(attack)
    assert broken_promise(attack, result, honest) == "", result.log[-2000:]
    assert git(place.path, "status", "--short") == ""


def test_after_all_of_them_an_honest_trial_is_what_it_was(gpt, honest):
    assert gpt[0].honest_score() == honest


@pytest.mark.parametrize("attack", ON_REAL_GPT, ids=lambda one: one.name.replace(" ", "-"))
def test_an_edit_of_the_real_program_gains_nothing(attack, gpt):
    result = gpt[1].tried(attack)
    assert broken_promise(attack, result, 0.0) == "", result.log[-2000:]
