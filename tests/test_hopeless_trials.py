"""Early ending in a campaign: which trials, what is recorded, and that it all comes back."""

import math
import sys
import threading
import time
from dataclasses import dataclass, replace

import pytest

from novum.campaign import Stopped
from novum.campaign.events import Step, TrialStarted
from novum.campaign.lookout import Ending, Lookout
from novum.curves import SPARED, mark
from novum.export import results_rows
from novum.judge import Next
from novum.judge.hopeless import is_spared
from novum.judge.policies import judge_named
from novum.records import Edit, Measurement, Proposal, TrialResult, TrialState
from novum.report.facts import read_facts
from novum.report.page import page
from novum.runners import Phase, Pulse
from novum.runners.local import LocalRunner
from novum.sandbox import NONE
from novum.standing import Standing
from novum.views import status_facts

BAD = 50.0
LUCK = (0.4, -0.3, 0.1, -0.5, 0.2, 0.6, -0.2)


@dataclass
class Curved:
    """A runner whose trials have a curve: `shape` gives the loss by score and place."""

    shape: object = None
    extra: object = None
    name: str = "curved"
    places: int = 1

    def run(self, order, watch, cancel):
        score = float((order.tree / "train.py").read_text().split("=")[1])
        score += 0.2 * LUCK[order.seed % len(LUCK)]
        for tenth in range(1, 11):
            place = tenth / 10
            loss = score * place + 10 * (1 - place) + 0.1 * LUCK[order.seed * tenth % len(LUCK)]
            point = {"loss": loss} if self.shape is None else self.shape(score, place)
            watch(Pulse(Phase.TRAINING, place, place * order.seconds, point=point))
            if cancel.is_set():
                return TrialResult(TrialState.CANCELLED, detail="it was cancelled")
        metrics = {} if self.extra is None else self.extra
        return TrialResult(TrialState.MEASURED, Measurement(100 + score, metrics))


def asking(bed, rate="0.5", policy="belief", runs=3) -> None:
    text = (bed.path / "lab.toml").read_text()
    judge = f'policy = "{policy}"\nmax_runs = 1\nend_hopeless = {rate}\nbaseline_runs = {runs}\n'
    text = text.split("[judge]")[0] + "[judge]\n" + judge
    bed.toml(text)


def ideas(bed, count=10, near=6):
    """Ideas that are clearly worse, each in its own measure, and some that are level."""
    bad = [bed.idea(BAD + number, key=f"bad {number}") for number in range(count)]
    return bad + [bed.idea(0.0, key=f"near {number}") for number in range(near)]


def late(bed, count=8):
    return [bed.idea(BAD + 100 + number, key=f"late {number}") for number in range(count)]


def trials(bed):
    return bed.ledger.all_trials(bed.campaign().id)


def test_a_hopeless_trial_is_ended_discarded_and_has_no_score(bed):
    asking(bed)
    bed.run([*ideas(bed), *late(bed)], Curved())
    ended = [trial for trial in trials(bed) if trial.state is TrialState.HOPELESS]
    assert ended
    assert all(trial.measurement is None for trial in ended)
    assert all("of its budget: loss" in trial.detail for trial in ended)
    experiments = {experiment.id: experiment for experiment in bed.experiments()}
    for trial in ended:
        experiment = experiments[trial.experiment]
        assert not experiment.proposal.key.startswith("bad")  # when nothing could be known yet
        assert experiment.verdict.outcome == "discard"
        assert experiment.verdict.reason == trial.detail
        assert experiment.verdict.evidence.values == ()
        assert experiment.commit is not None


def test_what_was_ended_is_shown_as_a_discard_without_a_score_and_the_saving_is_told(bed):
    asking(bed)
    bed.run([*ideas(bed), *late(bed)], Curved())
    ended = [trial for trial in trials(bed) if trial.state is TrialState.HOPELESS]
    numbers = {e.id: e.number for e in bed.experiments()}
    rows = results_rows("v", bed.experiments(), trials(bed))[1:]
    for trial in ended:
        assert (rows[numbers[trial.experiment]][1], rows[numbers[trial.experiment]][3]) == (
            "",
            "discard",
        )
    facts = status_facts(bed.ledger, bed.campaign())
    assert facts["ended_early"] == len(ended)
    assert facts["seconds_saved"] == sum(t.seconds - t.timing.budget for t in ended)
    text = page(read_facts(bed.ledger, bed.campaign()), "")
    assert f"{len(ended)} hopeless trial" in text
    assert "Crashes" not in text


def test_one_in_five_runs_on_and_stands_for_the_others(bed):
    asking(bed)
    bed.run([*ideas(bed), *late(bed, 25)], Curved())
    for trial in trials(bed):
        spared = trial.measurement is not None and SPARED in trial.measurement.metrics
        if trial.state is TrialState.HOPELESS:
            assert not is_spared(trial.seed)
        elif spared:
            assert is_spared(trial.seed)
    counted = [SPARED in t.measurement.metrics for t in trials(bed) if t.measurement is not None]
    assert any(counted)
    standing = Standing.read(bed.ledger, bed.lab, bed.campaign())
    own = len(counted) - 3  # the baseline's
    assert len(standing.history) == own + 4 * sum(counted)
    assert sum(one.spared for one in standing.curves.past) == sum(counted)


def test_without_being_asked_nothing_is_ended_and_nothing_is_stored(bed):
    bed.run([*ideas(bed), *late(bed)], Curved())
    assert set(bed.trial_states()) == {"measured"}
    assert all(not trial.measurement.metrics for trial in trials(bed))


def test_the_baseline_and_runs_of_the_incumbent_and_second_runs_are_never_ended(bed):
    asking(bed)
    bed.run(ideas(bed), Curved())
    spoilt = Curved(lambda score, place: {"loss": 1e6})  # whatever runs now looks hopeless

    class Judge:
        name = "again"

        def __init__(self, plan):
            self.plan, self.inner = plan, judge_named("belief")

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def consider(self, case):
            ruling = self.inner.consider(case)
            if self.plan:
                return replace(ruling, again=self.plan.pop(0), outcome=None)
            return ruling

    seed = len(trials(bed)) + 1
    judge = Judge([Next.INCUMBENT, Next.CANDIDATE])

    class Turning:
        name, places = "turning", 1

        def run(self, order, watch, cancel):
            runner = Curved() if order.seed == seed else spoilt
            return runner.run(order, watch, cancel)

    bed.run([bed.idea(0.0, key="fine")], Turning(), judge=judge)
    assert bed.trial_states()[seed - 1 :] == ["measured"] * 3
    bed.run([bed.idea(0.0, key="first run")], spoilt)
    last = trials(bed)[-1]
    assert (last.state is TrialState.HOPELESS) != is_spared(last.seed)


def test_a_trial_that_is_not_for_its_own_verdict_is_left_alone(bed):
    # So confirmations (a cell of their plan), runs of the incumbent, and other splits are.
    asking(bed)
    bed.run(ideas(bed), Curved())
    standing = Standing.read(bed.ledger, bed.lab, bed.campaign())
    experiment = replace(bed.experiments()[-1], id=10_000, number=10_000)
    seed = next(seed for seed in range(100) if not is_spared(seed))
    for own, ended in ((experiment, True), (None, False)):
        lookout = Lookout(standing, own, seed, threading.Event())
        for place in (0.2, 0.25, 0.5, 0.75):
            point = {"loss": 1e6}
            lookout.see(Pulse(Phase.TRAINING, place, place * 3, point=point))
        assert lookout.ending.is_set() == ended
        done = TrialResult(TrialState.MEASURED, Measurement(1.0, {SPARED: 2.0}))
        if own is None:
            assert lookout.result(done) == done


def test_everything_comes_back_from_the_ledger(bed):
    asking(bed)
    machine = bed.machine([*ideas(bed), *late(bed)], Curved())
    machine.run(None)
    live = machine._standing
    read = Standing.read(bed.ledger, bed.lab, bed.campaign())
    assert read.curves.past == live.curves.past
    assert read.curves.reference == live.curves.reference
    assert (read.hopeless, read.saved) == (live.hopeless, live.saved)
    assert read.history == live.history


def test_an_interruption_after_a_hopeless_trial_ends_in_the_same_verdict(bed):
    asking(bed)
    bed.run(ideas(bed), Curved())

    class Power(BaseException):
        pass

    def dying(event):
        if (
            isinstance(event, Step)
            and event.name == "measured"
            and "hopeless" in bed.trial_states()
        ):
            raise Power

    with pytest.raises(Power):
        bed.run(late(bed), Curved(), observers=[dying])
    before = len(trials(bed))
    assert bed.verdicts()[-1] == "open"
    bed.run([], Curved())
    assert bed.verdicts()[-1] == "discard"
    assert len(trials(bed)) == before


def test_points_that_claim_a_time_of_their_own_are_taken_at_the_machines_time(bed):
    def shape(score, place):
        return {"loss": score + place, "seconds": 1e9, "step": -1, "budget": 1.0}

    asking(bed)
    bed.run([bed.idea(0.0)], Curved(shape))
    metrics = trials(bed)[-1].measurement.metrics
    luck = 0.2 * LUCK[trials(bed)[-1].seed % len(LUCK)]
    assert metrics[mark("loss", 1)] == pytest.approx(luck + 0.5, abs=0.1)


def test_marks_that_a_program_reports_itself_are_not_believed(bed):
    asking(bed)
    forged = {mark("loss", 0): -1e9, SPARED: 1.0, "accuracy": 0.5}
    bed.run([bed.idea(0.0)], Curved(lambda score, place: {"other": 1.0}, forged))
    assert all(dict(trial.measurement.metrics) == {"accuracy": 0.5} for trial in trials(bed))


@pytest.mark.parametrize("value", [1e308, -1e308])
def test_huge_points_hurt_nothing(bed, value):
    asking(bed)
    bed.run([*ideas(bed), bed.idea(1.0)], Curved(lambda score, place: {"loss": value}))
    assert set(bed.trial_states()) == {"measured"}


def test_a_trial_without_a_curve_runs_to_its_end(bed):
    asking(bed)
    bed.run(ideas(bed), Curved())
    bed.run([bed.idea(BAD + 500, key="silent")], Curved(lambda score, place: None))
    assert bed.trial_states()[-1] == "measured"


def test_the_curve_of_a_lucky_keep_is_shrunk_as_its_score_is(bed):
    asking(bed)
    bed.run([bed.idea(0.0)], Curved())
    before = dict(Standing.read(bed.ledger, bed.lab, bed.campaign()).curves.reference)
    bed.run([bed.idea(-5.0)], Curved())
    keep = bed.experiments()[-1]
    assert keep.verdict.outcome == "keep"
    own = bed.ledger.trials(keep.id)[0].measurement.metrics
    after = Standing.read(bed.ledger, bed.lab, bed.campaign()).curves.reference
    observed = keep.verdict.evidence.values[0] - keep.verdict.evidence.incumbent
    share = (keep.belief.mean - keep.verdict.evidence.incumbent) / observed
    key = mark("loss", 1)
    assert after[key] == pytest.approx(before[key] + share * (own[key] - before[key]))


# The person's stop


def test_the_persons_stop_ends_a_trial_at_once_and_the_rules_end_stops_nobody_else():
    stop = threading.Event()
    one, other = Ending(stop), Ending(stop)
    one.set()
    assert (one.is_set(), other.is_set(), stop.is_set()) == (True, False, False)
    threading.Timer(0.1, stop.set).start()
    assert other.wait(10)
    assert not Ending(threading.Event()).wait(0.01)


def test_a_stop_now_still_cancels_and_the_trial_is_run_again(bed):
    asking(bed)

    class Waiting:
        name, places = "waiting", 1

        def run(self, order, watch, cancel):
            while not cancel.is_set():
                watch(Pulse(Phase.TRAINING, 0.0))
                time.sleep(0.01)
            return TrialResult(TrialState.CANCELLED, detail="it was cancelled")

    def ask(event):
        if isinstance(event, TrialStarted):
            bed.another_ledger().requests.ask("stop-now", {})

    with pytest.raises(Stopped):
        bed.run([], Waiting(), observers=[ask])
    assert bed.trial_states() == ["cancelled"]


# With real processes

PROGRAM = """\
import json, os, time
x = {score}
def tell(**line):
    with open(os.environ["NOVUM_PROGRESS"], "a") as file:
        file.write(json.dumps(line) + "\\n")
seconds, seed = float(os.environ["NOVUM_SECONDS"]), int(os.environ["NOVUM_SEED"])
luck = (seed * 7919 % 101 - 50) / 500
tell(event="start")
begin = time.monotonic()
while (spent := time.monotonic() - begin) < seconds:
    tell(loss=10 - (10 - x) * spent / seconds + luck, seconds=1e6)
    time.sleep(0.01)
print(f"METRIC v={{100 + x + luck}}")
"""


def test_a_real_hopeless_trial_is_killed_before_its_budget_is_spent(bed):
    asking(bed, runs=3)
    toml = (bed.path / "lab.toml").read_text().replace("python", sys.executable)
    bed.commit("start", **{"train.py": PROGRAM.format(score=0.0), "lab.toml": toml})
    campaign = bed.ledger.start_campaign(
        "t", toml, {"seconds": 0.6, "researcher": "s", "target": None}, bed.repo.head(), {}
    )
    assert campaign.tag == "t"

    def idea(score, key):
        return Proposal(key, (Edit("train.py", None, PROGRAM.format(score=score)),), key=key)

    plan = [idea(BAD + n, f"bad {n}") for n in range(9)]
    plan += [idea(0.0 + n / 1000, f"near {n}") for n in range(3)]
    plan += [idea(2 * BAD + n, f"late {n}") for n in range(4)]
    bed.run(plan, LocalRunner(NONE))
    ended = [trial for trial in trials(bed) if trial.state is TrialState.HOPELESS]
    assert ended
    assert all(trial.timing.budget < 0.6 for trial in ended)
    assert all(math.isclose(trial.seconds, 0.6) for trial in ended)
    assert set(bed.trial_states()) == {"measured", "hopeless"}
