"""The control: it changes nothing, without end, and no judge that is worth its name believes it."""

import ast
import json
import math
import tomllib
from dataclasses import replace
from random import Random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novum.briefing import Briefing
from novum.campaign import Machine, Parts
from novum.confirmed import claims
from novum.dataset import Dataset
from novum.judge.policies import judge_named
from novum.patch import apply_edits, diff
from novum.researchers import Desk
from novum.researchers.null import Null, with_blanks
from novum.search import Greedy
from novum.standing import Standing
from novum.testing import InstantRunner, check_researcher

TEXTS = st.text(st.sampled_from("ab \t\n\r#é\u2028"), max_size=12)


def briefing(bed, tried=(), **files) -> Briefing:
    files = files or {"train.py": "x = 0\n"}
    return Briefing(bed.lab, bed.repo.head(), files, frozenset(tried), ())


@given(text=TEXTS, number=st.integers(1, 10_000))
def test_it_changes_blanks_at_the_end_and_nothing_else_of_any_text(text, number):
    after = with_blanks(text, number)
    assert after != text
    assert after.split() == text.split()
    lines = text.replace("\r", "\n").split("\n"), after.replace("\r", "\n").split("\n")
    assert [line.rstrip(" \t") for line in lines[0]] == [line.rstrip(" \t") for line in lines[1]]


@given(text=TEXTS)
def test_every_number_is_another_change(text):
    bare = text.rstrip(" \t\r\n")
    assert len({with_blanks(bare, number) for number in range(1, 60)}) == 59


def test_it_has_no_end_and_conforms(bed):
    assert len(check_researcher(Null, briefing(bed))) == 200


def test_its_keys_are_counted_whatever_it_is_built_on(bed):
    found, files = [], {"train.py": "x = 0\n", "model.py": "width = 8\n"}
    for _ in range(40):  # as if every one were kept
        proposal = Null().propose(briefing(bed, found, **{"train.py": files["train.py"]}), Desk())
        after = apply_edits(files, proposal.edits, bed.lab.files.editable)
        changed = diff(files, after)
        assert (changed.added, changed.removed) == (1, 1)
        files = after
        found.append(proposal.key)
    assert found == [f"null-{n}" for n in range(1, 41)]
    assert files["train.py"].rstrip() == "x = 0" and len(files["train.py"]) < 20


def test_an_empty_file_and_a_missing_one_will_do(bed):
    for files in ({"train.py": ""}, {"model.py": "width = 8"}):
        proposal = Null().propose(briefing(bed, **files), Desk())
        assert apply_edits(files, proposal.edits, bed.lab.files.editable) != files
    nothing = replace(briefing(bed), files={})
    proposal = Null().propose(nothing, Desk())
    assert apply_edits({}, proposal.edits, bed.lab.files.editable)["train.py"].strip() == ""


def test_programs_and_data_mean_the_same_after_it():
    for number in range(1, 20):
        assert ast.dump(ast.parse(with_blanks("if x:\n    y = 1\n", number))) == ast.dump(
            ast.parse("if x:\n    y = 1\n")
        )
        assert tomllib.loads(with_blanks("[a]\nb = 1\n", number)) == {"a": {"b": 1}}
        assert json.loads(with_blanks('{"a": 1}\n', number)) == {"a": 1}


def test_its_runs_are_trials_like_any_other(bed):
    bed.run(count=3, researcher=Null())
    assert bed.verdicts() == ["keep", "discard", "discard", "discard"]


CAMPAIGNS, EXPERIMENTS, NOISE = 40, 60, 0.01


def control(
    bed, policy: str, confirm: bool, campaigns: int = CAMPAIGNS
) -> list[tuple[Standing, list]]:
    """Campaigns in which nothing can be gained: a score is luck, drawn by the trial's seed."""
    text = (bed.path / "lab.toml").read_text()
    text = text.replace('policy = "greedy"\nbaseline_runs = 1', f'policy = "{policy}"')
    bed.toml(text.replace("at_end = false", f"at_end = {str(confirm).lower()}"))
    lab, found = bed.lab, []
    for number in range(campaigns):
        settings = {"seconds": 3, "researcher": "null", "target": None, "seed": 10_000 * number}
        toml = (bed.path / "lab.toml").read_text()
        campaign = bed.ledger.start_campaign(f"c{number}", toml, settings, bed.repo.head(), {})
        standing = Standing.read(bed.ledger, lab, campaign)
        runner = InstantRunner(lambda order: Random(f"luck {order.seed}").gauss(1, NOISE))
        parts = Parts(runner, judge_named(policy), Greedy(), Null())
        Machine(bed.ledger, bed.repo, standing, parts, Dataset()).run(EXPERIMENTS)
        found.append((standing, claims(bed.ledger, campaign)[0]))
    return found


@pytest.mark.slow
def test_the_control_is_seldom_kept_never_far_and_confirmed_at_most_at_the_error_rate(bed):
    """40 campaigns of 60 experiments each, with the real judge and its confirmations.

    The true gain of each keep is 0. All draws are seeded, so this cannot fail by luck; the limits
    are what the promises say, with room for 40 campaigns: confirmed claims, at most as many as the
    error rate of 5 % gives with a probability of one in a thousand (7 of 40); keeps, at most one
    in twenty experiments, where greedy keeps about as many as records fall; the gain that is
    believed, on average less than half the noise of a run.
    """
    found = control(bed, "belief", confirm=True)
    confirmed = sum(any(one.claim.confirmed for one in told) for _, told in found)
    keeps = sum(len(standing.keeps) - 1 for standing, _ in found)
    gain = fmean(standing.gain for standing, _ in found)
    print(f"{keeps} keeps, {confirmed} confirmed, gain {gain / NOISE:.2f} sd")
    assert confirmed <= most_of(CAMPAIGNS, 0.05, 1e-3)
    assert keeps / (CAMPAIGNS * EXPERIMENTS) < 0.05
    assert gain < 0.5 * NOISE


@pytest.mark.slow
def test_the_control_sees_through_a_judge_that_takes_luck_for_progress(bed):
    """So the limits above are not met by whatever is put to them."""
    found = control(bed, "greedy", confirm=False, campaigns=10)
    assert fmean(standing.gain for standing, _ in found) > 1.5 * NOISE


def most_of(trials: int, rate: float, chance: float) -> int:
    """The most successes that are more likely than this chance to be reached or exceeded."""

    def tail(least: int) -> float:
        return sum(
            math.comb(trials, k) * rate**k * (1 - rate) ** (trials - k)
            for k in range(least, trials + 1)
        )

    return max(k for k in range(trials) if tail(k) >= chance)
