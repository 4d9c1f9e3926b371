"""Our own researchers and runners pass what we ask of everybody's."""

import dataclasses
from importlib import resources
from pathlib import Path

import pytest

from novum.briefing import Briefing
from novum.errors import UsageError
from novum.lab import parse_lab
from novum.records import Edit, Proposal
from novum.researchers.backlog import Backlog
from novum.researchers.mix import Mix
from novum.researchers.null import Null
from novum.researchers.tuner import Tuner
from novum.runners.local import LocalRunner
from novum.sandbox import NONE, detect
from novum.testing import InstantRunner, ScriptedResearcher, check_researcher, check_runner
from novum.testing.conformance import ENOUGH

GPT = Path(str(resources.files("novum") / "labs" / "gpt"))


@pytest.fixture
def briefing():
    lab = parse_lab((GPT / "lab.toml").read_text())
    return Briefing(lab, "0" * 40, {"train.py": (GPT / "train.py").read_text()}, frozenset(), ())


def test_the_backlog_of_the_gpt_lab_conforms(briefing):
    proposals = check_researcher(lambda: Backlog.for_lab(briefing.lab, GPT), briefing)
    assert len(proposals) >= 30


def test_the_control_conforms_and_has_no_end(briefing):
    assert len(check_researcher(lambda: Null.for_lab(briefing.lab, GPT), briefing)) == ENOUGH


@pytest.mark.parametrize("sampler", ["grid", "random"])  # the others learn, and take their time
def test_the_tuner_conforms_in_the_gpt_lab_by_the_constants_that_it_finds(briefing, sampler):
    proposals = check_researcher(lambda: Tuner.for_lab(briefing.lab, GPT, sampler), briefing)
    assert len(proposals) == ENOUGH
    assert "MATRIX_LR" in proposals[0].key


def test_a_mix_conforms(briefing):
    proposals = check_researcher(
        lambda: Mix.for_lab(briefing.lab, GPT, "backlog=1,null=2"), briefing
    )
    assert len(proposals) == ENOUGH


def test_the_scripted_researcher_conforms(briefing):
    ideas = [Proposal(f"idea {n}", (Edit("train.py", None, f"{n}"),), key=str(n)) for n in "abc"]
    assert check_researcher(lambda: ScriptedResearcher(ideas), briefing) == ideas


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"key": ""}, "no key"),
        ({"title": " "}, "title"),
        ({"edits": (Edit("prepare.py", None, ""),)}, "prepare.py"),
    ],
)
def test_a_researcher_that_does_not_conform_is_told_why(briefing, change, complaint):
    idea = dataclasses.replace(Proposal("a", (Edit("train.py", None, "1"),), key="a"), **change)
    with pytest.raises(AssertionError, match=complaint):
        check_researcher(lambda: ScriptedResearcher([idea]), briefing)


def test_a_researcher_that_repeats_itself_is_told_so(briefing):
    class Parrot(ScriptedResearcher):
        def propose(self, briefing, desk):
            return Proposal("again", (Edit("train.py", None, "1"),), key="again")

    with pytest.raises(AssertionError, match="proposed twice"):
        check_researcher(Parrot, briefing)


@pytest.mark.parametrize("confinement", [detect(), NONE], ids=lambda found: found.tool)
def test_the_local_runner_conforms(confinement, tmp_path):
    check_runner(LocalRunner(confinement), tmp_path)


def test_a_runner_that_measures_everything_does_not_conform(tmp_path):
    with pytest.raises(AssertionError, match="not as invalid"):
        check_runner(InstantRunner(lambda order: 1.0), tmp_path)


def test_the_backlog_must_be_there(briefing, tmp_path):
    with pytest.raises(UsageError, match="no backlog"):
        Backlog.for_lab(briefing.lab, tmp_path)
