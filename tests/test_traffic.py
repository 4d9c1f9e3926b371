"""A lab whose metric is a rate: counts are checked, and the machine runs it from end to end."""

import pytest

from bed_cases import score
from novum.campaign.case import case_of
from novum.campaign.events import Judged
from novum.campaign.traffic import CountsError, arms_of
from novum.confirmed import claims
from novum.errors import CampaignError
from novum.judge import Arms
from novum.judge.confirm import concurrent
from novum.judge.rate import RateJudge
from novum.records import Edit, Measurement, Proposal, TrialResult, TrialState
from novum.runners.local import LocalRunner

COUNTS = {
    "visitors": 1000.0,
    "conversions": 100.0,
    "control_visitors": 990.0,
    "control_conversions": 90.0,
}
LAB = """\
[lab]
name = "site"

[metric]
name = "rate"
direction = "maximize"
noise = "rate"
min_effect = 0.02

[budget]
seconds = 5

[files]
editable = ["page.txt"]

[trial]
run = ["python", "show.py"]
evaluate = ["python", "count.py"]

[judge]
max_runs = 4
"""
SHOW = """
import os, pathlib
with open(os.environ["NOVUM_PROGRESS"], "a") as file:
    file.write('{"event": "start"}\\n')
page = pathlib.Path("page.txt").read_text()
pathlib.Path(os.environ["NOVUM_ARTIFACTS"], "page.txt").write_text(page)
"""
COUNT = """
import json, os, pathlib, random
def appeal(folder):
    return float(pathlib.Path(folder, "page.txt").read_text())
rates = {"": appeal(os.environ["NOVUM_ARTIFACTS"]), "control_": appeal(os.environ["NOVUM_CONTROL"])}
chance = random.Random(int(os.environ["NOVUM_SEED"]))
counts = {arm + kind: 0 for arm in rates for kind in ("visitors", "conversions")}
for _ in range(4000):
    arm = chance.choice(list(rates))
    counts[arm + "visitors"] += 1
    counts[arm + "conversions"] += chance.random() < rates[arm]
result = {**counts, "rate": counts["conversions"] / counts["visitors"]}
pathlib.Path(os.environ["NOVUM_RESULT"]).write_text(json.dumps(result))
"""


def counted(**changes):
    metrics = {**COUNTS, **changes}
    known = {name: value for name, value in metrics.items() if value is not None}
    return Measurement(0.1, known)


def test_sound_counts_are_read():
    assert arms_of(counted()) == Arms(1000, 100, 990, 90)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"conversions": None}, "no `conversions`"),
        ({"control_visitors": None}, "no `control_visitors`"),
        ({"conversions": 100.5}, "not a count"),
        ({"control_conversions": -1.0}, "not a count"),
        ({"visitors": 1e300}, "not a count"),
        ({"control_conversions": 991.0}, "more than `control_visitors`"),
        ({"visitors": 0.0, "conversions": 0.0}, "`visitors` is 0"),
        ({"control_visitors": 500.0}, "split 1000 to 500, where 750 to 750 was due"),
        ({"conversions": 150.0}, "conversions / visitors is 0.15"),
    ],
)
def test_counts_that_cannot_be_are_explained(changes, said):
    with pytest.raises(CountsError, match=said):
        arms_of(counted(**changes))


def page(appeal):
    edits = (Edit("page.txt", None, f"{appeal}\n"),)
    return Proposal(f"appeal {appeal}", edits, key=f"appeal {appeal}")


@pytest.fixture
def site(bed):
    bed.write({"show.py": SHOW, "count.py": COUNT, "page.txt": "0.2\n"})
    bed.toml(LAB)
    return bed


def test_a_campaign_on_a_rate_keeps_what_converts_better_than_the_incumbent_beside_it(site):
    """The third page beats the start, but not the second, which is shown beside it by then."""
    ideas = [page(0.1), page(0.4), page(0.25), page(0.55)]
    site.run(ideas, LocalRunner())
    assert site.verdicts() == ["keep", "discard", "keep", "discard", "keep"]
    assert site.git("show", "autoresearch/t:page.txt") == "0.55"
    evidence = site.experiments()[2].verdict.evidence
    assert (evidence.policy, evidence.low is not None) == ("rate", True)
    assert evidence.low < 0.2 < evidence.high
    assert evidence.incumbent == pytest.approx(0.2, abs=0.05)
    assert "visitors" in site.experiments()[2].verdict.reason
    baseline = site.ledger.trials(site.experiments()[0].id)
    assert len(baseline) == 1


def scripted(**changes):
    def measure(order):
        known = {**COUNTS, "control_visitors": 1000.0, "control_conversions": 100.0}
        if (order.tree / "page.txt").read_text() != "0.2\n":
            known |= changes
        known = {name: value for name, value in known.items() if value is not None}
        metric = known["conversions"] / known["visitors"]
        return TrialResult(TrialState.MEASURED, Measurement(metric, known))

    return measure


def test_counts_add_up_over_the_runs_until_they_decide(site):
    seen = []

    class Watching(RateJudge):
        def consider(self, case):
            seen.append(case.arms)
            return super().consider(case)

    site.run([page(0.3)], scripted(conversions=120.0), judge=Watching())
    first = Arms(1000, 120, 1000, 100)
    assert seen[:2] == [first, first + first]
    assert len(seen) == len(site.ledger.trials(site.experiments()[1].id)) > 1
    again = case_of(site.experiments()[1], site.told(Judged)[0].standing, site.ledger, RateJudge())
    assert again.arms == seen[-1]  # a verdict can be had from the ledger once more


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"control_conversions": None}, "no `control_conversions`"),
        ({"visitors": 2000.0, "conversions": 300.0}, "was due"),
    ],
)
def test_a_trial_with_bad_counts_is_invalid_and_says_why(site, changes, said):
    site.run([page(0.3)], scripted(**changes))
    assert site.verdicts() == ["keep", "invalid"]
    assert said in site.experiments()[1].verdict.reason
    assert site.trial_states() == ["measured", "invalid"]


def test_a_lab_that_counts_nothing_is_told_at_its_baseline(site):
    with pytest.raises(CampaignError, match="the evaluator reports no `visitors`"):
        site.run([], lambda order: 0.2)


def test_other_labs_get_no_control(bed):
    seen = []
    bed.run([], lambda order: seen.append(order.control) or score(order))
    assert seen == [None]


def test_the_files_of_the_control_are_those_of_the_incumbent(site):
    shown = []

    def measure(order):
        shown.append((order.control / "page.txt").read_text())
        known = {**COUNTS, "control_visitors": 1000.0, "control_conversions": 100.0}
        if (order.tree / "page.txt").read_text() == "0.3\n":
            known["conversions"] = 300.0
        return TrialResult(
            TrialState.MEASURED, Measurement(known["conversions"] / 1000, known)
        )  # fmt: skip

    site.run([page(0.3), page(0.35)], measure)
    assert shown[:3] == ["0.2\n", "0.2\n", "0.3\n"]


# Claims

CONFIRMED = LAB.replace("[judge]", 'holdout = ["python", "count.py"]\n\n[judge]')


def shown(site, rate):
    """A measure that remembers who was shown beside whom, and counts 1000 visitors of each."""
    seen = []

    def measure(order):
        beside = order.control if order.control is not None else order.tree
        pages = [float((where / "page.txt").read_text()) for where in (order.tree, beside)]
        seen.append((order.split, *pages))
        ours, theirs = (round(1000 * rate(page, len(seen))) for page in pages)
        counts = {**COUNTS, "conversions": float(ours), "control_visitors": 1000.0}
        counts["control_conversions"] = float(theirs)
        return TrialResult(TrialState.MEASURED, Measurement(ours / 1000, counts))

    site.run([page(0.3), page(0.4)], measure)
    return seen, claims(site.ledger, site.campaign())[0]


def test_a_claim_is_made_of_both_arms_side_by_side(site):
    site.toml(CONFIRMED)
    seen, (claim,) = shown(site, lambda page, number: page)
    claimed = [pages for split, *pages in seen if split == "holdout"]
    assert claimed and all(pages == [0.4, 0.2] for pages in claimed)
    assert claim.claim.confirmed and claim.claim.pairs == len(claimed)
    assert claim.claim.low < 0.2 < claim.claim.high


def test_a_base_rate_that_drifts_makes_no_claim(site):
    """From run to run all rates rise; the best is no better than the start once it is claimed."""
    site.toml(CONFIRMED)

    def rate(page, number):
        return (page if number < 4 else 0.2) + 0.02 * number

    seen, (claim,) = shown(site, rate)
    assert not claim.claim.confirmed
    assert claim.claim.low < 0 < claim.claim.high
    assert claim.claim.pairs == len([split for split, *_ in seen if split == "holdout"]) >= 4


@pytest.mark.parametrize("minimize", [True, False])
def test_a_claim_of_a_rate_is_about_the_better_direction(minimize):
    batches = [Arms(4000, 300, 4000, 200)]
    found = concurrent(batches, 0.05, minimize=minimize, base=0.05)
    assert found.confirmed is not minimize
    assert found.gain == pytest.approx(-0.025 if minimize else 0.025)
    assert found.low < found.gain < found.high
    huge = concurrent([Arms(10**9, 10**8, 10**9, 10**7)], 0.05, minimize=minimize, base=0.05)
    assert huge.evidence >= 0 and huge.confirmed is not minimize
    assert concurrent([], 0.05, minimize=minimize, base=0.05).pairs == 0
