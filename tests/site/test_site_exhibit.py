"""The exhibit `site` in a report: both arms, the claim, what was stopped, and why."""

from dataclasses import replace

import pytest

from novum.records import Measurement, TrialResult, TrialState
from novum.report import write_report
from novum.site.records import LeftOut
from novum.site.store import store_of

LAB = """\
[lab]
name = "page"
[metric]
name = "conversion_rate"
direction = "maximize"
noise = "rate"
min_effect = 0.01
[budget]
seconds = 5
[files]
editable = ["train.py"]
[trial]
run = ["python", "train.py"]
evaluate = ["python", "evaluate.py"]
holdout = ["python", "evaluate.py"]
[guards]
guards_broken = { max = 0 }
[report]
exhibits = ["novum.site.exhibit:Site"]
"""
RATES = {"x = 0\n": 100, "x = 1\n": 200, "x = 2\n": 90}


def measure(order):
    text = (order.tree / "train.py").read_text()
    if text == "x = 3\n":
        return TrialResult(TrialState.INVALID, detail="headline: says `<b>`, | banned")
    beside = order.control if order.control is not None else order.tree
    counts = {
        "visitors": 1000.0,
        "conversions": float(RATES[text]),
        "control_visitors": 1010.0,
        "control_conversions": float(RATES[(beside / "train.py").read_text()]),
        "guards_broken": float(text == "x = 2\n"),
    }
    return TrialResult(TrialState.MEASURED, Measurement(RATES[text] / 1000, counts))


def beside_holdout(order):
    told = measure(order)
    if order.split != "holdout":
        return told
    metrics = {**told.measurement.metrics, "beside_holdout": 1.0}
    return replace(told, measurement=replace(told.measurement, metrics=metrics))


def reported(bed, directory, answer):
    bed.toml(LAB)
    store = store_of(bed.path)
    store.record([LeftOut("bot", 1.0)] * 1200)
    store.close()
    bed.run([bed.idea(n) for n in (1, 2, 3)], answer)
    write_report(bed.ledger, bed.campaign(), directory)
    return directory, (directory / "report.md").read_text()


@pytest.fixture
def report(bed, tmp_path):
    return reported(bed, tmp_path, beside_holdout)


def test_both_arms_are_told_with_an_interval(report):
    _, text = report
    assert "Visits that the site has left out so far: bot 1,200." in text
    assert "| 0 | itself | 10.00% of 1,000 | 9.90% of 1,010 |" in text
    assert "| 1 | the incumbent | 20.00% of 1,000 | 9.90% of 1,010 | +102 % [" in text


def test_what_was_stopped_or_refused_says_why(report):
    _, text = report
    assert "guard guards_broken: 1 is over its max of 0 |" in text
    assert "| 3 | the incumbent | – | – | – | headline: says" in text
    assert "<b>" not in text


def test_the_claim_is_beside_the_holdout_group(report):
    _, text = report
    assert "| 1 claimed | the holdout group | 20.00% of " in text


def test_without_a_holdout_group_the_claim_is_beside_the_start(bed, tmp_path):
    _, text = reported(bed, tmp_path, measure)
    assert "| 1 claimed | the start | 20.00% of " in text


def test_what_a_claim_rests_on_is_told_without_a_word_that_may_be_false(report):
    """Whether a group was held out for it only the evaluator knows; that they are new is sure."""
    _, text = report
    assert "beside the start, 1 batch of new visitors;" in text
    assert "on the holdout" not in text


def test_the_rates_are_drawn(report):
    pytest.importorskip("matplotlib")
    directory, text = report
    assert (directory / "rates.png").read_bytes().startswith(b"\x89PNG")
    assert "![conversion rates](rates.png)" in text
