"""What is asked of a campaign waits in the ledger until a campaign takes it up."""

import json
import subprocess
import sys

import pytest

from novum import asking
from novum.campaign.requests import NOT_UNDERSTOOD, proposal_in
from novum.errors import LabError, PatchError, UsageError
from novum.ledger import Ledger, Request
from novum.records import Edit, Proposal

DIFF = "--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-x = {}\n+x = -3\n"
READS_WORDS = '\n[researcher]\nuse = "test_asking:Reader"\n'


class Reader:
    """A researcher that takes its time."""

    instant = False


def waiting(bed, kind: str) -> list[dict]:
    return [request.body for request in bed.ledger.requests.waiting(kind)]


def test_an_idea_in_words_waits_as_it_was_written(bed):
    bed.run()
    asking.idea(bed.path, "  use Muon\nfor the matrices ")
    assert waiting(bed, "idea") == [{"text": "use Muon\nfor the matrices"}]


def test_a_word_waits_too_and_the_answer_says_who_reads_it(bed):
    assert "backlog, which proposes here, reads no words" in asking.say(
        bed.path, "look at the optimiser"
    )
    assert waiting(bed, "say") == [{"text": "look at the optimiser"}]
    bed.toml((bed.path / "lab.toml").read_text() + READS_WORDS)
    said = asking.say(bed.path, "and at the schedule")
    assert "every briefing" in said
    assert f"novum run {bed.path}" in said


def test_an_idea_with_a_patch_is_tried_as_the_next_experiment(bed):
    bed.run()
    said = asking.idea(bed.path, "Set x to -3\n\nLower is better.", DIFF.format(0))
    assert "tried first by: novum resume" in said
    bed.run()
    one = bed.experiments()[-1]
    assert bed.verdicts() == ["keep", "keep"]
    assert one.proposal.title == "Set x to -3"
    assert one.proposal.hypothesis == "Lower is better."
    assert one.proposal.researcher == "person"


def test_a_patch_is_compared_with_the_incumbent_and_not_with_what_is_checked_out(bed):
    bed.run([bed.idea(-1)])
    asking.idea(bed.path, "lower", DIFF.format(-1))
    with pytest.raises(PatchError, match="experiment 1 of campaign t, the incumbent"):
        asking.idea(bed.path, "lower", DIFF.format(0))
    assert len(waiting(bed, "proposal")) == 1


def test_before_the_first_campaign_a_patch_is_compared_with_the_checked_out_commit(bed):
    with pytest.raises(PatchError, match="the commit that is checked out"):
        asking.idea(bed.path, "lower", DIFF.format(7))
    assert not Ledger.exists(bed.path)
    assert f"novum run {bed.path}" in asking.idea(bed.path, "lower", DIFF.format(0))


def test_while_a_campaign_runs_a_patch_is_handed_to_it(bed):
    bed.run()
    with bed.ledger.lock():
        bed.ledger.open_session(bed.campaign().id)
        assert "handed to the running" in asking.idea(bed.path, "lower", DIFF.format(0))


def test_a_campaign_that_has_all_its_experiments_is_not_built_on(bed):
    bed.run([bed.idea(-1)])
    settings = dict(bed.campaign().settings)
    bed.ledger.update_campaign(bed.campaign().id, state="finished", settings=settings)
    assert asking.ground(bed.path).number == 1
    bed.ledger.update_campaign(
        bed.campaign().id, state="finished", settings=settings | {"target": 1}
    )
    assert asking.ground(bed.path).campaign is None


def test_a_finished_campaign_of_other_rules_is_not_built_on(bed):
    bed.run([bed.idea(-1)])
    bed.toml((bed.path / "lab.toml").read_text().replace("seconds = 3", "seconds = 4"))
    assert asking.ground(bed.path).campaign is None


@pytest.mark.parametrize("words", ["", "  \n", "x" * 20_001])
def test_no_words_and_too_many_are_refused_before_anything_is_written(bed, words):
    for ask in (asking.idea, asking.say):
        with pytest.raises(UsageError):
            ask(bed.path, words)
    assert not Ledger.exists(bed.path)


def test_what_is_no_lab_is_told_so(bed):
    (bed.path / "lab.toml").unlink()
    with pytest.raises(LabError, match="not a lab"):
        asking.say(bed.path, "hello")


def test_a_proposal_can_say_more_and_comes_back_as_it_was(bed):
    whole = Proposal(
        "t", (Edit("train.py", "a", "b"),), "h", -0.5, "optimiser", "a paper", "k", "outside:claude"
    )
    asking.propose(bed.ledger, whole)
    (request,) = bed.ledger.requests.waiting("proposal")
    assert proposal_in(request) == whole


@pytest.mark.parametrize(
    "more",
    [
        {"researcher": "chat:x"},
        {"researcher": "outside:Big Name"},
        {"researcher": 3},
        {"expected": "much"},
        {"expected": True},
        {"expected": float("nan")},
        {"expected": 10**400},
        {"kind": 1},
        {"key": None},
    ],
)
def test_a_proposal_with_more_that_makes_no_sense_is_not_understood(more):
    body = {"title": "t", "hypothesis": "h", "edits": []} | more
    with pytest.raises(NOT_UNDERSTOOD):
        proposal_in(Request(1, 0.0, "proposal", body, None, None))


def test_only_a_request_that_waits_can_be_withdrawn(bed):
    first, second = (bed.ledger.requests.ask("proposal", {}) for _ in range(2))
    bed.ledger.requests.answer(first, "experiment 1")
    assert not bed.ledger.requests.withdraw(first, "no")
    assert bed.ledger.requests.withdraw(second, "no")
    assert [bed.ledger.requests.get(one).answer for one in (first, second)] == [
        "experiment 1",
        "no",
    ]


def command(*words: str, cwd, text: str = "", status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "novum", *words], cwd=cwd, input=text, capture_output=True, text=True
    )
    said = done.stdout + done.stderr
    assert done.returncode == status, said
    assert "Traceback" not in said
    return said


def test_the_commands_take_the_lab_and_the_words(bed, tmp_path):
    command("idea", "use Muon", cwd=bed.path)
    command("idea", str(bed.path), "use Lion", cwd=tmp_path)
    command("say", str(bed.path), "look at the optimiser", cwd=tmp_path)
    assert [body["text"] for body in waiting(bed, "idea")] == ["use Muon", "use Lion"]
    assert [body["text"] for body in waiting(bed, "say")] == ["look at the optimiser"]
    assert "in quotes" in command("idea", "use", "Muon", "now", cwd=bed.path, status=2)
    assert "not a lab" in command("say", "hello", cwd=tmp_path, status=2)


def test_a_patch_comes_from_a_file_or_from_standard_input(bed, tmp_path):
    (tmp_path / "x.diff").write_text(DIFF.format(0))
    command("idea", "lower", "--patch", str(tmp_path / "x.diff"), cwd=bed.path)
    command("idea", "lower", "--patch", "-", cwd=bed.path, text=DIFF.format(0))
    assert [len(body["edits"]) for body in waiting(bed, "proposal")] == [1, 1]
    (tmp_path / "x.diff").write_bytes(b"\xff\xfe")
    bad = command("idea", "lower", "--patch", str(tmp_path / "x.diff"), cwd=bed.path, status=2)
    assert "UTF-8" in bad
    assert json.dumps(waiting(bed, "idea")) == "[]"
