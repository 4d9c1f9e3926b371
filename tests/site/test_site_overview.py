"""A lab that is a site: whether it is sound, what a person decides, how it looks at a glance."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import novum.labs
from novum.audit import Level
from novum.errors import UsageError
from novum.site import approving, embedded, overview
from novum.site.clock import REAL
from novum.site.copies import COPY, read_copy
from novum.site.records import Arm, Conversion, Exposure, State
from novum.site.soundness import findings
from novum.site.store import store_of

SHIPPED = Path(novum.labs.__file__).parent / "copy"


@pytest.fixture
def lab(tmp_path):
    return Path(shutil.copytree(SHIPPED, tmp_path / "lab"))


@pytest.fixture
def store(lab):
    made = store_of(lab)
    made.begin(made.put_variant(read_copy(lab / COPY)), "serve")
    yield made
    made.close()


def tried(store, headline, **more):
    """An experiment of a copy with another headline."""
    start = store.variant(store.incumbent())
    copy = type(start)(headline, start.subhead, start.call_to_action, start.body)
    return store.open_experiment(store.put_variant(copy), store.incumbent(), **more)


def test_the_lab_as_it_comes_is_sound(lab):
    (found,) = findings(lab)
    assert found.level is Level.GOOD
    assert found.text.endswith("48% of visitors in experiments, 5% held out, 2,000 a batch")


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("copy.toml", "Invoicing", "Guaranteed", "copy.toml breaks its own rules: headline: says"),
        ("copy.toml", "headline =", "head =", "unknown key `head`"),
        ("rules.toml", "grade = 9.0", "grade = -1", "`reading.grade` = -1"),
        ("site.toml", "max_worse", "worst", "guards"),
        ("site.toml", "share = 0.5", "share = 0.0", "nobody takes part in experiments"),
        ("layout.html", "{{ go }}", "/", "does not use {{ go }}"),
        ("layout.html", "{{ beacon }}", "{{ beakon }}", "beakon"),
    ],
)
def test_what_is_not_sound_is_a_problem(lab, name, old, new, told):
    path = lab / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    problems = [found for found in findings(lab) if found.level is Level.PROBLEM]
    assert told in problems[0].text


def test_a_site_without_a_holdout_group_cannot_claim(lab):
    path = lab / "site.toml"
    path.write_text(path.read_text().replace("holdout = 0.05", "holdout = 0"))
    assert [found.level for found in findings(lab)] == [Level.CAUTION, Level.GOOD]


def test_what_waits_is_approved_by_a_person_who_is_remembered(lab, store):
    tried(store, "One", approval=True)
    assert "1 variant to approve" in overview.told(overview.facts(lab))
    assert "experiment 1 is shown from the next page view on; headline: One" in approving.approve(
        lab, None, "Ines"
    )
    assert store.running()[0].id == 1
    assert [entry.who for entry in store.audit()][-1] == "Ines"
    with pytest.raises(UsageError, match="nothing waits"):
        approving.approve(lab, None, "Ines")
    with pytest.raises(UsageError, match="no experiment 9; there are: 1"):
        approving.approve(lab, 9, "Ines")
    tried(store, "Two", approval=True)
    tried(store, "Three", approval=True)
    with pytest.raises(UsageError, match="experiments 2, 3 wait: name one"):
        approving.approve(lab, None, "Ines")


def test_a_rollback_takes_the_kept_page_away_when_nothing_is_tried(lab, store):
    first = store.incumbent()
    for headline in ("One", "Two"):
        experiment = tried(store, headline)
        store.set_state(experiment.id, State.DONE, "counted", "campaign")
        store.promote(experiment.candidate, "campaign")
    claim = store.open_experiment(store.incumbent(), first, claim=True)
    assert "shown again: One" in approving.roll_back(lab, None, "off brand", "Ines")
    assert store.experiment(2).state is store.experiment(claim.id).state is State.ROLLED_BACK
    assert "shown again: Invoicing" in approving.roll_back(lab, None, "off brand", "Ines")
    assert store.incumbent() == first
    with pytest.raises(UsageError, match="nothing to roll back"):
        approving.roll_back(lab, None, "off brand", "Ines")


def test_one_screen_says_what_is_shown_to_whom(lab, store):
    store.record([Exposure("a", 0, Arm.OUTSIDE, store.incumbent(), 1.0)])
    experiment = tried(store, "A \x1b[31mred\x1b[0m one")
    seen = [
        Exposure(f"v{n}", experiment.id, Arm.CANDIDATE, experiment.candidate, 5.0) for n in range(4)
    ]
    store.record([*seen, Conversion("v1", experiment.id, 6.0)])
    known = overview.facts(lab)
    assert known["experiments"][0]["candidate"] == [4, 1]
    told = overview.told(known)
    assert "23.8%  candidate of experiment 1" in told and "25.00% of 4" in told
    assert "\x1b" not in told and "not served now" in told
    assert "headline: A " in told
    start = store.variant(store.first())
    shorter = replace(start, body=start.body[:1])
    store.open_experiment(store.put_variant(shorter), store.first())
    more = replace(start, body=("One more.", *start.body))
    store.open_experiment(store.put_variant(more), store.first())
    told = overview.told(overview.facts(lab))
    assert "body: shorter" in told and "body: One more." in told
    tried(store, "A claim", claim=True)
    assert sum(overview.facts(lab)["shown"].values()) == pytest.approx(1)


def test_simulated_people_and_real_ones_do_not_share_a_site(lab, store):
    embedded.require_real(lab)
    store.beat()
    with pytest.raises(UsageError, match="is served to real visitors; end that first"):
        embedded.serve(lab, "127.0.0.1", 0, print)
    with store._file.writing() as db:
        db.execute("DELETE FROM served")
    store.record([Exposure("a", 0, Arm.OUTSIDE, store.incumbent(), 1.0)])
    with pytest.raises(UsageError, match="had real visitors"):
        embedded.serve(lab, "127.0.0.1", 0, print)
    assert store_of(lab).clock == REAL


def test_what_is_no_lab_with_a_site_is_left_as_it_is(tmp_path):
    def visited(lab):
        with embedded.visited(lab):
            pass

    def approve(lab):
        approving.approve(lab, 1, "Ines")

    for ask in (overview.facts, embedded.require_real, visited, approve):
        with pytest.raises(UsageError, match=r"there is no .*site.toml"):
            ask(tmp_path)
    assert list(tmp_path.iterdir()) == []
