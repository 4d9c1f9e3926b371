"""Several challengers at once: who wins, what is handed on, what a kill or a person's word does."""

import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from race_cases import (
    BAD,
    FAIR,
    GOOD,
    POOR,
    QUICK,
    START,
    People,
    Stopped,
    commit,
    copies,
    new_lab,
    trial_of,
)

from novum import asking
from novum.campaign.requests import proposal_in
from novum.campaign.traffic import arms_of
from novum.errors import PatchError, SiteError, UsageError
from novum.ledger import Ledger
from novum.patch import apply_edits
from novum.records import Outcome
from novum.site import approving, measuring, overview
from novum.site import store as store_module
from novum.site.copies import COPY, copy_in
from novum.site.measuring import NoVisitorsError, Watch, everybody, measure
from novum.site.outside import read_events
from novum.site.race import Wish, end, race
from novum.site.records import Arm, Exposure, State
from novum.site.store import Store, store_of

CLEAR = {GOOD: 0.5, BAD: 0.02}
ALIKE = dict.fromkeys((GOOD, FAIR, POOR, BAD), 0.2)


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.setattr(measuring, "QUIET", 2.0)
    return new_lab(tmp_path / "lab")


@pytest.fixture
def store(lab):
    with closing(store_of(lab)) as made:
        made.begin(made.put_variant(copy_in((lab / COPY).read_text())), "serve")
        yield made


def waiting(lab):
    with closing(Ledger(lab)) as ledger:
        return ledger.requests.waiting("proposal")


def said(lab, wish, people):
    lines = []
    end = race(lab, wish, lines.append, people)
    return "\n".join([*lines, end])


def joins(store):
    return {one.id: one.joins for one in store.running()}


def test_the_best_wins_and_is_handed_to_the_campaign(lab, store):
    files = copies(lab, BAD, FAIR, GOOD, POOR)
    told = said(lab, Wish(copies=files), People(lab, store, CLEAR))
    assert "experiment 3 (the copy of Get-paid-on-time.toml) is better by" in told
    assert f"headline: {GOOD}: shown to be better" in told
    assert f"novum run {lab}" in told
    assert store.running() == () and store.race() is None
    (request,) = waiting(lab)
    proposal = proposal_in(request)
    assert proposal.researcher == "outside:race"
    before = {COPY: (lab / COPY).read_text()}
    after = apply_edits(before, proposal.edits, [COPY])
    assert copy_in(after[COPY]).headline == GOOD


def test_the_campaign_judges_the_winner_by_the_very_visitors_that_the_race_had(lab, store):
    people = People(lab, store, CLEAR)
    said(lab, Wish(copies=copies(lab, FAIR, GOOD)), people)
    winner = next(one for one in store.experiments() if people.headline(one.candidate) == GOOD)
    with closing(store_of(lab)) as other:
        site = people.chooser._config
        raced = []
        for run in range(9):
            watch = Watch(other, site, f"run {run}", winner.id)
            if not watch.is_full():
                break
            raced.append((other.batch(winner.id, f"run {run}", 200), watch.numbers()))
    assert raced, "at least one batch was full"
    trial, nobody = trial_of(lab, GOOD), People(lab, store, each=0)
    for run, (batch, numbers) in enumerate(raced):
        assert measure(replace(trial, run=run), nobody) == numbers
        assert store.batch(winner.id, f"run {run}", 200) == batch
    assert nobody.pauses == 0, "no visitor was waited for"
    assert [batch.after for batch, _ in raced] == [0, *(b.until for b, _ in raced[:-1])]
    assert all(batch.seen == 200 for batch, _ in raced)


def test_a_campaign_tries_the_winner_first_and_needs_no_other_visitors_for_it(lab, store):
    rules = (lab / "lab.toml").read_text().replace("pairs = 30", "at_end = false\npairs = 30")
    (lab / "lab.toml").write_text(rules)
    commit(lab)
    people = People(lab, store, CLEAR)
    said(lab, Wish(copies=copies(lab, FAIR, GOOD)), people)
    (winner,) = (e for e in store.experiments() if people.headline(e.candidate) == GOOD)
    before = store.counts(everybody(winner), 1e9)
    command = [sys.executable, "-m", "novum", "run", str(lab), "--experiments", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            time.sleep(0.05)
            people(0)
            people.pauses = 0
        assert process.returncode == 0, process.stdout.read()
    assert store.counts(everybody(winner), 1e9) == before
    with closing(Ledger(lab)) as ledger:
        baseline, tried = ledger.experiments(ledger.campaigns()[0].id)
        arms = [arms_of(trial.measurement) for trial in ledger.trials(tried.id)]
    assert tried.verdict.outcome is Outcome.KEEP and tried.proposal.researcher == "outside:race"
    assert [one.visitors + one.control_visitors for one in arms] == [200] * len(arms)
    assert sum(one.visitors for one in arms) <= before.candidate.visitors
    assert baseline.verdict.outcome is Outcome.KEEP


def test_killed_at_any_instant_it_goes_on_and_comes_to_the_same(lab, store):
    def kill():
        raise Stopped

    people = People(lab, store, CLEAR, after=dict.fromkeys((1, 4, 9, 15), kill))
    wish, kills = Wish(copies=copies(lab, BAD, GOOD, FAIR)), 0
    while True:
        try:
            told = said(lab, wish, people)
            break
        except Stopped:
            wish, kills = Wish(), kills + 1
            assert store.race().id == 1
    assert kills > 1
    assert "(the copy of Get-paid-on-time.toml) is better by" in told
    assert len(store.experiments()) == 3 and len(waiting(lab)) == 1
    rulings = [e for e in store.audit() if str(e.detail.get("reason", "")).startswith("given up")]
    assert len({e.experiment for e in rulings}) == len(rulings)


def test_handed_over_twice_it_is_one_proposal(lab, store, monkeypatch):
    def dies(*_):
        raise Stopped

    people = People(lab, store, CLEAR)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "end_race", dies)
        with pytest.raises(Stopped):
            said(lab, Wish(copies=copies(lab, FAIR, GOOD)), people)
    assert len(waiting(lab)) == 1 and store.race() is not None
    said(lab, Wish(), people)
    assert len(waiting(lab)) == 1 and store.race() is None


def test_where_none_is_better_all_are_given_up_and_stay_ideas(lab, store):
    rates = {GOOD: 0.1, FAIR: 0.1}
    told = said(lab, Wish(copies=copies(lab, GOOD, FAIR)), People(lab, store, rates))
    assert "none is shown to be better" in told and "stay ideas" in told
    assert waiting(lab) == [] and store.race() is None
    assert "race ended" in [entry.what for entry in store.audit()]


def test_it_ends_when_its_visitors_are_spent(lab, store):
    wish = Wish(copies=copies(lab, GOOD, FAIR), budget=700)
    told = said(lab, wish, People(lab, store, ALIKE))
    assert "the visitors of the race are spent" in told
    shown = [e for one in store.experiments() for e in [store.counts(everybody(one), 1e9)]]
    seen = sum(c.candidate.visitors + c.control.visitors for c in shown)
    assert 700 <= seen < 900


def test_more_visitors_join_those_that_seem_better_and_the_log_says_with_what_chance(lab, store):
    people = People(lab, store, {GOOD: 0.38, FAIR: 0.36, BAD: 0.1, POOR: 0.1})
    said(lab, Wish(copies=copies(lab, BAD, POOR, GOOD, FAIR)), people)
    numbers = {people.headline(one.candidate): one.id for one in store.experiments()}
    changes = [entry for entry in store.audit() if entry.what == "joins"]
    assert all(entry.who == "race" for entry in changes)
    first = {entry.experiment: entry.detail["probability"] for entry in changes[:4]}
    assert first == pytest.approx(dict.fromkeys(numbers.values(), 0.25))
    at = {}  # what each change leaves, by the last exposure before it
    now = {}
    for entry in changes:
        now = {**now, entry.experiment: entry.detail["probability"]}
        at[entry.detail["after"]] = now
    assert all(sum(one.values()) == pytest.approx(1) for one in at.values())
    with store._file.reading() as db:
        rows = db.execute("SELECT number, experiment FROM exposure ORDER BY number").fetchall()
    due, got = Counter(), Counter(row["experiment"] for row in rows)
    for row in rows:
        chances = at[max(after for after in at if after < row["number"])]
        assert chances[row["experiment"]] > 0
        due.update(chances)
    for number in numbers.values():
        assert abs(got[number] - due[number]) < 4 * (due[number] + 1) ** 0.5
    assert due[numbers[GOOD]] > due[numbers[BAD]]


def test_when_it_shifts_who_has_joined_stays_and_of_others_few_move(lab, store):
    open_race(lab, store, GOOD, FAIR, POOR, BAD)
    people = People(lab, store)
    guests = [people.chooser.guest(None) for _ in range(400)]
    before = joins(store)
    store.set_joins(store.race(), {1: 0.55, 2: 0.15, 3: 0.15, 4: 0.15}, "race")
    again = [people.chooser.guest(guest.cookie) for guest in guests]
    assert [g.choice for g in again] == [g.choice for g in guests]
    unknown = [
        people.chooser.guest(replace(g.cookie, experiment=0, arm=Arm.OUTSIDE)) for g in guests
    ]
    pairs = [(a.choice, b.choice) for a, b in zip(guests, unknown, strict=True)]
    moved = [pair for pair in pairs if pair[0] != pair[1]]
    assert before == pytest.approx(dict.fromkeys((1, 2, 3, 4), 0.25))
    assert all(new.experiment == 1 and old.experiment for old, new in moved)
    assert 0.1 < len(moved) / len(guests) < 0.4
    outside = [a.experiment == 0 for a, _ in pairs]
    assert outside == [b.experiment == 0 for _, b in pairs], "who takes part is drawn once"


def test_who_is_known_by_name_stays_too(lab, store):
    open_race(lab, store, GOOD, FAIR)
    people = People(lab, store)
    names = [f"user-{n}" for n in range(60)]
    seen = {}
    for name in names:
        guest = people.chooser.known(name)
        seen[name] = guest.choice
        choice = guest.choice
        store.record(
            [Exposure(guest.cookie.visitor, choice.experiment, choice.arm, choice.variant, 1.0)]
        )
    store.set_joins(store.race(), {1: 0.05, 2: 0.95}, "race")
    assert {name: people.chooser.known(name).choice for name in names} == seen


def open_race(lab, store, *headlines, **more):
    page = copy_in((lab / COPY).read_text())
    entries = {store.put_variant(replace(page, headline=one)): "{}" for one in headlines}
    return store.open_race(page.digest, entries, base=0.2, who="race", **more)


def test_the_shares_of_those_that_run_add_up_whoever_comes_and_goes(lab, store):
    opened = open_race(lab, store, GOOD, FAIR, POOR, approval=True)
    assert store.running() == ()
    store.set_state(1, State.RUNNING, "approved", "Ines")
    assert joins(store) == {1: 1.0}
    store.set_state(2, State.RUNNING, "approved", "Ines")
    assert joins(store) == pytest.approx({1: 0.5, 2: 0.5})
    store.set_joins(opened, {1: 0.8, 2: 0.2}, "race")
    store.set_state(3, State.RUNNING, "approved", "Ines")
    assert joins(store) == pytest.approx({1: 0.8 * 2 / 3, 2: 0.2 * 2 / 3, 3: 1 / 3})
    store.set_state(1, State.STOPPED, "guard", "guard")
    assert joins(store) == pytest.approx({2: 2 / 7, 3: 5 / 7})
    assert sum(overview.facts(lab)["shown"].values()) == pytest.approx(1)
    assert "race 1 is open: 0 visitors" in overview.told(overview.facts(lab))
    with pytest.raises(SiteError, match="race 1 is open"):
        open_race(lab, store, BAD)
    store.end_race(opened, "enough", "Ines")
    store.end_race(opened, "enough", "Ines")
    assert store.running() == () and [e.joins for e in store.experiments()] == [1, 1, 1]
    assert [entry.what for entry in store.audit()].count("race ended") == 1


def test_a_site_of_an_earlier_novum_is_opened_as_it_is(tmp_path, monkeypatch):
    path = tmp_path / "site.db"
    with monkeypatch.context() as patch:
        patch.setattr(store_module, "STEPS", store_module.STEPS[:1])
        patch.setattr(Store, "_read_clock", lambda _: None)
        Store(path).close()
    assert Store(path).race() is None


def test_a_trial_and_a_race_are_not_shown_together(lab, store):
    opened = open_race(lab, store, GOOD, FAIR)
    with pytest.raises(NoVisitorsError, match=r"race 1 is open on this site.*novum race LAB --end"):
        measure(trial_of(lab, BAD), People(lab, store))
    assert {one.state for one in store.experiments()} == {State.RUNNING}
    other = store.put_variant(copy_in((lab / COPY).read_text().replace(START, BAD)))
    with pytest.raises(SiteError, match="race 1 is open"):
        store.open_experiment(other, store.incumbent())
    store.end_race(opened, "enough", "Ines")
    with closing(Ledger(lab)) as ledger, ledger.lock(), pytest.raises(UsageError):
        said(lab, Wish(ideas=3), People(lab, store))
    left = store.open_experiment(other, store.incumbent())
    told = said(lab, Wish(copies=copies(lab, GOOD, FAIR)), People(lab, store, CLEAR))
    assert f"experiment {left.id} is shown no longer" in told
    assert store.experiment(left.id).state is State.DONE


def test_it_takes_the_next_ideas_that_fit_and_says_which_it_left_out(lab, store):
    people = People(lab, store, each=0, after={2: lambda: end(lab, "Ines")})
    lines = []
    with pytest.raises(SiteError, match="race 1 was ended"):
        race(
            lab, Wish(copies=copies(lab, GOOD, START, "Guaranteed"), ideas=5), lines.append, people
        )
    told = "\n".join(lines)
    assert "left out: the copy of Guaranteed.toml: headline: says" in told
    assert f"left out: the copy of {START.replace(' ', '-')}.toml: the change leaves" in told
    assert "race 1: 6 challengers" in told
    assert {one.state for one in store.experiments()} == {State.DONE}
    with pytest.raises(UsageError, match="no race is open"):
        end(lab, "Ines")


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (Wish(), "say who is to race"),
        (Wish(ideas=1), "two challengers or more, and here are 1"),
        (Wish(copies=("nowhere.toml",)), "nowhere.toml is no copy: there is no"),
    ],
)
def test_what_cannot_begin_changes_nothing(lab, store, wish, told):
    wish = replace(wish, copies=tuple(map(Path, wish.copies)))
    with pytest.raises(UsageError, match=told):
        said(lab, wish, People(lab, store))
    assert store.experiments() == [] and store.race() is None


def test_an_open_race_is_not_begun_anew(lab, store):
    people = People(lab, store, each=0, after={1: _stop})
    with pytest.raises(Stopped):
        said(lab, Wish(copies=copies(lab, GOOD, FAIR)), people)
    with pytest.raises(UsageError, match="race 1 is open"):
        said(lab, Wish(ideas=5), people)


def _stop():
    raise Stopped


def test_stopped_by_a_person_it_says_how_to_go_on(lab, store):
    def stop():
        with closing(Ledger(lab)) as ledger:
            ledger.requests.ask("stop", {})

    people = People(lab, store, after={2: stop})
    told = said(lab, Wish(copies=copies(lab, GOOD, FAIR)), people)
    assert f"it goes on: novum race {lab}; to end it: novum race {lab} --end" in told
    assert len(store.running()) == 2


def test_without_a_server_it_says_what_to_start(lab, store, monkeypatch):
    monkeypatch.setattr(measuring, "QUIET", 0.05)
    monkeypatch.setattr(measuring, "POLL", 0.03)
    with pytest.raises(SiteError, match="start: novum serve LAB; then the race goes on"):
        said(lab, Wish(copies=copies(lab, GOOD, FAIR)), time.sleep)


def test_each_waits_for_a_persons_word_where_that_is_required(lab, store):
    (lab / "site.toml").write_text(QUICK + "[approval]\nrequired = true\n")
    commit(lab)
    wish = Wish(copies=copies(lab, GOOD, FAIR, POOR))
    with pytest.raises(SiteError, match=r"experiments 1, 2, 3 wait .*novum approve LAB NUMBER"):
        said(lab, wish, People(lab, store, CLEAR))
    approving.approve(lab, 1, "Ines")
    approving.roll_back(lab, 3, "off brand", "Ines")
    told = said(lab, Wish(), People(lab, store, CLEAR))
    assert "experiment 3 is out: rolled back: off brand" in told
    assert "experiment 1 (the copy of Get-paid-on-time.toml) is better by" in told
    assert "not decided" in told
    assert store.experiment(2).state is State.WAITING, "nobody has approved it"
    assert store.counts(everybody(store.experiment(2)), 1e9).candidate.visitors == 0


def test_a_rollback_takes_away_the_whole_race_or_one_challenger(lab, store):
    with pytest.raises(UsageError, match="no experiment 9"):
        approving.roll_back(lab, 9, "off brand", "Ines")
    people = People(
        lab, store, ALIKE, after={2: lambda: approving.roll_back(lab, 1, "off brand", "Ines")}
    )
    people.after[5] = lambda: approving.roll_back(lab, None, "all of it", "Ines")
    lines = []
    with pytest.raises(SiteError, match="race 1 was ended"):
        race(lab, Wish(copies=copies(lab, GOOD, FAIR, POOR)), lines.append, people)
    assert any("experiment 1 is out: rolled back: off brand" in line for line in lines)
    assert store.running() == () and store.race() is None
    assert [one.state for one in store.experiments()] == [State.ROLLED_BACK] * 3
    with pytest.raises(UsageError, match="experiment 2 of the site is rolled_back"):
        approving.roll_back(lab, 2, "off brand", "Ines")
    people = People(lab, store)
    with pytest.raises(UsageError, match="here are 0"):
        said(lab, Wish(copies=copies(lab, GOOD, FAIR)), people)


def test_a_guard_takes_out_one_challenger(lab, store):
    (lab / "site.toml").write_text(QUICK + "[guards]\nbounce_rate = { max_worse = 0.05 }\n")
    commit(lab)

    class Leaving(People):
        def come(self, count):
            super().come(count)
            with self.store._file.writing() as db:
                db.execute(
                    "INSERT OR IGNORE INTO signal SELECT e.experiment, e.visitor, 'bounce', 1, 0"
                    " FROM exposure e JOIN experiment x ON x.id=e.experiment JOIN variant v"
                    " ON v.digest=x.candidate WHERE e.arm='candidate' AND v.copy LIKE ?",
                    (f"%{BAD}%",),
                )

    rates = {GOOD: 0.5, BAD: 0.5}
    told = said(lab, Wish(copies=copies(lab, BAD, GOOD)), Leaving(lab, store, rates, each=20))
    assert "experiment 1 is out: guard guards_broken" in told
    assert "experiment 2 (the copy of Get-paid-on-time.toml) is better by" in told


def test_an_event_from_elsewhere_names_its_experiment_while_several_run(lab, store):
    open_race(lab, store, GOOD, FAIR)
    told = {"kind": "exposure", "visitor": "a", "arm": "control"}
    with pytest.raises(UsageError, match="several are; name one"):
        read_events(store, b"k" * 32, [told])
    assert len(read_events(store, b"k" * 32, [{**told, "experiment": 2}])) == 1


def test_the_proposal_is_refused_where_the_page_has_changed(lab, store):
    """What is handed over is a change like any other: it has to apply."""
    said(lab, Wish(copies=copies(lab, FAIR, GOOD)), People(lab, store, CLEAR))
    (request,) = waiting(lab)
    on = asking.ground(lab)
    with pytest.raises(PatchError):
        apply_edits({COPY: 'headline = "x"\n'}, proposal_in(request).edits, on.lab.files.editable)
