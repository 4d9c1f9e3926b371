"""What a copy is worth: rules first, then a batch of visitors; kills, guards, a person's word."""

import itertools
import random
import shutil
import time
from pathlib import Path

import pytest

import novum.labs
from novum.errors import UsageError
from novum.site import measuring
from novum.site.clock import Clock
from novum.site.measuring import NoVisitorsError, RefusedError, Trial, measure
from novum.site.records import Arm, Conversion, Exposure, Signal, State
from novum.site.store import FILE, Store

SHIPPED = Path(novum.labs.__file__).parent / "copy"
BETTER = "Get paid on time"
QUICK = """
[traffic]
visitors = 400
[attribution]
window_hours = 0.0001
"""


class Stopped(BaseException):
    """As a kill: nothing of the evaluator runs any more."""


class Crowd:
    """A server's visitors: in place of each pause of the evaluator, some come and are recorded."""

    def __init__(self, store: Store, *, rates=(0.3, 0.3), share=0.5, each=50, **more):
        self.store, self.rates, self.share, self.each = store, rates, share, each
        self.bounces = more.get("bounces", (0.1, 0.1))
        self.after = more.get("after", {})  # by the number of the pause: what happens
        self.chance, self.people, self.pauses = random.Random(1), itertools.count(), 0

    def __call__(self, seconds: float) -> None:
        time.sleep(0.001)
        self.store.beat()
        self.pauses += 1
        if self.pauses in self.after:
            self.after[self.pauses]()
        for experiment in self.store.running():
            self.store.record([e for _ in range(self.each) for e in self.visit(experiment)])
        assert self.pauses < 400, "the evaluator waits for ever"

    def visit(self, experiment) -> list:
        visitor, now = f"v{next(self.people)}", self.store.clock.now()
        ours = experiment.control is None or self.chance.random() < self.share
        arm = Arm.CANDIDATE if ours else experiment.beside
        variant = experiment.candidate if ours else experiment.control
        events = [Exposure(visitor, experiment.id, arm, variant, now)]
        if self.chance.random() < self.rates[not ours]:
            events.append(Conversion(visitor, experiment.id, now))
        if self.chance.random() < self.bounces[not ours]:
            events.append(Signal(visitor, experiment.id, "bounce", 1.0, now))
        return events


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A copy lab, a better copy handed in, the start as control; and the site's file."""
    path = tmp_path / "lab"
    shutil.copytree(SHIPPED, path)
    (path / "site.toml").write_text(QUICK)
    for name in ("artifacts", "control", "cache"):
        (tmp_path / name).mkdir()
    text = (path / "copy.toml").read_text()
    (tmp_path / "control" / "copy.toml").write_text(text)
    handed = text.replace("Invoicing software for freelancers", BETTER)
    (tmp_path / "artifacts" / "copy.toml").write_text(handed)
    monkeypatch.setattr(measuring, "QUIET", 0.5)
    return tmp_path


@pytest.fixture
def store(lab):
    made = Store(lab / "cache" / FILE)
    yield made
    made.close()


def trial(lab, **changes) -> Trial:
    known = {"control": lab / "control", **changes}
    return Trial(lab / "lab", lab / "artifacts", site=lab / "cache", **known)


def add(lab, name: str, text: str) -> None:
    with (lab / "lab" / name).open("a") as file:
        file.write(text)


def test_a_batch_of_visitors_is_counted_in_both_arms(lab, store):
    numbers = measure(trial(lab), Crowd(store, rates=(0.5, 0.2)))
    assert numbers["visitors"] + numbers["control_visitors"] == 400
    assert numbers["conversion_rate"] == numbers["conversions"] / numbers["visitors"]
    assert numbers["conversion_rate"] == pytest.approx(0.5, abs=0.1)
    assert numbers["control_conversions"] / numbers["control_visitors"] < 0.3
    assert numbers["guards_broken"] == 0
    assert store.running() == (), "what is counted is shown no longer"


def test_a_baseline_is_shown_alone_and_becomes_the_page(lab, store):
    numbers = measure(trial(lab, control=None), Crowd(store))
    assert numbers["visitors"] == 400 and "control_visitors" not in numbers
    assert store.variant(store.incumbent()).headline == BETTER


def test_ended_at_any_instant_it_goes_on_with_the_same_batch(lab, store):
    def kill():
        raise Stopped

    crowd = Crowd(store, after={3: kill, 6: kill, 10: kill, 12: kill})
    for _ in range(4):
        with pytest.raises(Stopped):
            measure(trial(lab), crowd)
    numbers = measure(trial(lab), crowd)
    assert numbers["visitors"] + numbers["control_visitors"] == 400
    (experiment,) = store.experiments()
    assert store.batch(experiment.id, "run 0", 400).is_full


def test_every_batch_has_visitors_of_its_own(lab, store):
    """Those of the next run, and those of a later campaign that tries the same again."""
    crowd = Crowd(store)
    found = [measure(trial(lab, run=run), crowd) for run in (0, 1, 0, 0)]
    assert {one["visitors"] + one["control_visitors"] for one in found} == {400}
    assert len({(one["visitors"], one["conversions"]) for one in found}) == 4
    assert len(store.experiments()) == 1


def test_what_the_campaign_stands_on_becomes_the_page(lab, store):
    measure(trial(lab, control=None), Crowd(store))
    text = (lab / "artifacts" / "copy.toml").read_text()
    (lab / "control" / "copy.toml").write_text(text)
    (lab / "artifacts" / "copy.toml").write_text(text.replace(BETTER, "Another one"))
    measure(trial(lab), Crowd(store))
    assert store.variant(store.incumbent()).headline == BETTER
    assert store.variant(store.first()).headline == BETTER


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b'headline = "x"', "`subhead` is missing"),
        (b'headline = "\xff"', "cannot be read"),
        (b"headline = " + b"[" * 60_000, "nested too deeply"),
        (b"headline = 1" + b"0" * 10_000, "cannot be read"),
        (b'headline = "' + b"x" * 100_000 + b'"', "bytes, of at most"),
        (
            b'headline = "<script>alert(1)</script> guaranteed"\nsubhead = "b"\n'
            b'call_to_action = "c"\nbody = ["d"]',
            "markup",
        ),
        (
            b'headline = "a guaranteed 100"\nsubhead = "b"\ncall_to_action = "c"\nbody = ["d"]',
            "bans; headline: `100` is a claim",
        ),
    ],
)
def test_what_breaks_a_rule_is_refused_before_anybody_sees_it(lab, store, text, told):
    (lab / "artifacts" / "copy.toml").write_bytes(text)
    with pytest.raises(RefusedError, match=told):
        measure(trial(lab), Crowd(store))
    assert store.experiments() == []


def test_a_copy_that_the_layout_cannot_show_is_refused_before_anybody_sees_it(lab, store):
    path = lab / "lab" / "layout.html"
    path.write_text(
        path.read_text() + "{% if headline == 'Get paid on time' %}{{ 1 / 0 }}{% endif %}"
    )
    with pytest.raises(RefusedError, match=r"does not fit the layout: .*division"):
        measure(trial(lab), Crowd(store))
    assert store.experiments() == []


def test_a_guard_ends_a_harmful_variant_and_says_so_in_numbers(lab, store):
    add(lab, "site.toml", "[guards]\nbounce_rate = { max_worse = 0.05 }\n")
    crowd = Crowd(store, bounces=(0.9, 0.1))
    numbers = measure(trial(lab), crowd)
    assert numbers["guards_broken"] == 1
    assert numbers["visitors"] + numbers["control_visitors"] < 400
    assert numbers["bounce_rate"] > numbers["control_bounce_rate"]
    (experiment,) = store.experiments()
    assert experiment.state is State.STOPPED and "guard bounce_rate: 0.9" in experiment.reason
    assert measure(trial(lab), crowd)["guards_broken"] == 1  # killed before it could tell


def test_a_guard_of_a_mean_looks_at_each_visitor(lab, store):
    add(lab, "site.toml", "[guards]\nrevenue = { max_worse = 0.5, bound = 20 }\n")

    class Buyers(Crowd):
        def visit(self, experiment):
            seen, *more = super().visit(experiment)
            pays = self.chance.random() < 0.5 and seen.arm is Arm.CONTROL
            paid = Signal(seen.visitor, experiment.id, "revenue", 15.0, seen.time)
            return [seen, *more, *([paid] if pays else [])]

    numbers = measure(trial(lab), Buyers(store, each=10))
    assert numbers["guards_broken"] == 1
    assert numbers["revenue"] < numbers["control_revenue"]


def test_no_single_visitor_can_make_a_result_impossible(lab, store):
    """Who has a token may tell any number; it is cut to the bound, as the guard sees it."""
    add(lab, "site.toml", "[guards]\nrevenue = { max_worse = 5, bound = 20 }\n")

    class Liars(Crowd):
        def visit(self, experiment):
            seen, *more = super().visit(experiment)
            value = self.chance.choice((1e308, -1e308, 10.0))
            return [seen, *more, Signal(seen.visitor, experiment.id, "revenue", value, seen.time)]

    numbers = measure(trial(lab), Liars(store))
    assert 5 < numbers["revenue"] < 15 and 5 < numbers["control_revenue"] < 15


@pytest.mark.parametrize("jumps", [{3: 3e8, 5: -3e8}, {3: -3e8}, {9: -3e8}, {3: 3e8}])
def test_a_clock_that_jumps_changes_no_count_and_keeps_nobody_waiting(
    lab, store, monkeypatch, jumps
):
    real, ahead = time.time, []
    monkeypatch.setattr(time, "time", lambda: real() + sum(ahead))
    crowd = Crowd(store)
    crowd.after = {pause: lambda by=by: ahead.append(by) for pause, by in jumps.items()}
    numbers = measure(trial(lab), crowd)
    assert numbers["visitors"] + numbers["control_visitors"] == 400
    assert numbers["conversion_rate"] == pytest.approx(0.3, abs=0.1)


def test_a_server_that_gives_signs_of_life_is_there_whatever_its_clock_says(lab, store):
    class Elsewhere(Crowd):
        def __call__(self, seconds):
            super().__call__(seconds)
            with store._file.writing() as db:
                db.execute("UPDATE served SET at = ?", (1000.0 + self.pauses,))
            time.sleep(0.05)

    assert measure(trial(lab), Elsewhere(store, each=20))["visitors"] > 0


def test_an_uneven_split_voids_the_experiment(lab, store):
    with pytest.raises(RefusedError, match="visitors were split"):
        measure(trial(lab), Crowd(store, share=0.8))
    assert store.experiments()[0].state is State.STOPPED
    with pytest.raises(RefusedError, match="visitors were split"):
        measure(trial(lab), Crowd(store))


def test_a_variant_waits_for_approval_where_that_is_required(lab, store):
    add(lab, "site.toml", "[approval]\nrequired = true\n")
    assert measure(trial(lab, control=None), Crowd(store))["visitors"] == 400
    crowd = Crowd(store)
    (lab / "control" / "copy.toml").write_text((lab / "artifacts" / "copy.toml").read_text())
    add(lab, "../artifacts/copy.toml", "")
    text = (lab / "artifacts" / "copy.toml").read_text()
    (lab / "artifacts" / "copy.toml").write_text(text.replace(BETTER, "Another one"))
    with pytest.raises(NoVisitorsError, match="waits for a person's word: novum approve LAB 2"):
        measure(trial(lab), crowd)
    assert store.running() == ()
    store.set_state(2, State.RUNNING, "approved", "person")
    assert measure(trial(lab), crowd)["visitors"] > 0


def test_a_rollback_ends_the_trial_with_the_persons_word(lab, store):
    def roll_back():
        store.set_state(1, State.ROLLED_BACK, "off brand", "person")

    with pytest.raises(RefusedError, match="rolled back: off brand"):
        measure(trial(lab), Crowd(store, after={2: roll_back}))
    with pytest.raises(RefusedError, match="rolled back: off brand"):
        measure(trial(lab), Crowd(store))


def test_a_campaign_does_not_stand_on_what_was_rolled_back(lab, store):
    measure(trial(lab), Crowd(store))
    store.set_state(1, State.ROLLED_BACK, "off brand", "person")
    (lab / "control" / "copy.toml").write_text((lab / "artifacts" / "copy.toml").read_text())
    with pytest.raises(NoVisitorsError, match=r"was rolled back \(off brand\)"):
        measure(trial(lab), Crowd(store))


def test_without_a_server_it_is_said_what_to_start(lab, store):
    with pytest.raises(NoVisitorsError, match="novum serve LAB"):
        measure(trial(lab), lambda seconds: time.sleep(0.1))


def test_a_claim_is_counted_beside_the_holdout_group(lab, store):
    first = store.put_variant(measuring.read_copy(lab / "control" / "copy.toml"))
    store.begin(first, "serve")
    numbers = measure(trial(lab, split="holdout", seed=7), Crowd(store, rates=(0.5, 0.2)))
    (experiment,) = store.experiments()
    assert experiment.claim and experiment.control == first
    assert numbers["beside_holdout"] == 1
    assert numbers["control_visitors"] + numbers["visitors"] == 400
    assert store.incumbent() == experiment.candidate, "the best is what is shown"


def test_without_a_holdout_group_a_claim_shows_the_start_anew(lab, store):
    site = (lab / "lab" / "site.toml").read_text()
    (lab / "lab" / "site.toml").write_text(site.replace("[traffic]", "[traffic]\nholdout = 0.0"))
    store.begin(store.put_variant(measuring.read_copy(lab / "control" / "copy.toml")), "serve")
    numbers = measure(trial(lab, split="holdout", seed=7), Crowd(store))
    assert not store.experiments()[0].claim and "beside_holdout" not in numbers
    assert numbers["control_visitors"] > 0


def test_a_claim_against_a_later_copy_is_counted_beside_that(lab, store):
    store.begin(store.put_variant(measuring.read_copy(lab / "artifacts" / "copy.toml")), "serve")
    measure(trial(lab, split="holdout"), Crowd(store))
    assert not store.experiments()[0].claim


def test_whole_weeks_end_with_a_week(lab, store):
    add(lab, "site.toml", "[schedule]\nwhole_weeks = true\n")
    store.set_clock(Clock(start=0.0, origin=time.time(), speed=measuring.WEEK / 0.5))
    numbers = measure(trial(lab), Crowd(store, each=30))
    seen = numbers["visitors"] + numbers["control_visitors"]
    assert seen >= 400 and store.clock.now() >= measuring.WEEK


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("lab.toml", '"conversion_rate" ', '"rate" ', "a site measures"),
        ("site.toml", "visitors", "people", "unknown key"),
        ("rules.toml", "[length]", "[lengths]", "unknown key `lengths`"),
    ],
)
def test_a_lab_whose_files_are_not_sound_is_told(lab, store, name, old, new, told):
    path = lab / "lab" / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UsageError, match=told):
        measure(trial(lab), Crowd(store))
