"""A real server, real requests: who sees what, and what is counted of it."""

import sqlite3
import stat
import threading
from dataclasses import replace

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx2")

from site_cases import BETTER, FIREFOX, counted, new_lab, serving, signalled

from novum.site.copies import read_copy
from novum.site.records import Arm, Count, State
from novum.site.tokens import Cookie, site_key, write_cookie


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(new_lab(tmp_path_factory.mktemp("site"))) as served:
        yield served


@pytest.fixture
def store(served):
    store = served.store()
    yield store
    store.close()


@pytest.fixture
def experiment(store, request):
    """A new experiment, which nobody has seen."""
    copy = replace(BETTER, headline=f"{BETTER.headline} <{request.node.name}>")
    yield store.open_experiment(store.put_variant(copy), store.incumbent())
    for running in store.running():
        store.set_state(running.id, State.DONE, "the test is over", "test")


def crowd(served, size):
    return [served.person() for _ in range(size)]


def shown(person, store):
    return BETTER.headline in person.land().text


def test_without_an_experiment_everybody_sees_the_incumbent(served, store):
    headline = read_copy(served.lab / "copy.toml").headline
    for person in crowd(served, 5):
        assert headline in person.land().text
        assert person.page.headers["cache-control"] == "private, no-store"
    assert store.incumbent() == store.first()


def test_a_visitor_sees_one_arm_for_ever_and_both_arms_are_seen(served, store, experiment):
    people = crowd(served, 24)
    arms = [shown(person, store) for person in people]
    assert [shown(person, store) for person in people] == arms
    assert set(arms) == {True, False}
    assert all(p.page.headers["cache-control"] == "private, no-store" for p in people)


def test_only_what_was_seen_is_an_exposure_and_nobody_converts_twice(served, store, experiment):
    people = crowd(served, 12)
    for person in people:
        person.land()
    assert counted(store, experiment) == (Count(), Count())
    for person in people[:10]:
        for _ in range(3):
            assert person.see().headers["content-type"] == "image/gif"
    for person in people[:4]:
        for _ in range(3):
            assert person.convert().status_code == 303
        assert person.ask("POST", "/did", params={"t": person.token}).status_code == 204
    ours, theirs = counted(store, experiment)
    assert ours.visitors + theirs.visitors == 10
    assert ours.conversions + theirs.conversions == 4


def test_who_lands_again_is_no_second_visitor(served, store, experiment):
    person = served.person()
    for _ in range(3):
        person.land()
        person.see()
        person.convert()
    assert set(counted(store, experiment)) == {Count(), Count(1, 1)}


def test_rolling_back_takes_effect_on_the_next_page_view(served, store, experiment):
    people = [person for person in crowd(served, 12) if shown(person, store)]
    assert people
    store.set_state(experiment.id, State.ROLLED_BACK, "ugly", "person")
    assert not any(shown(person, store) for person in people)


def test_promoting_takes_effect_on_the_next_page_view(served, store):
    person, before = served.person(), store.incumbent()
    store.promote(store.put_variant(BETTER), "person")
    assert shown(person, store)
    store.promote(before, "person")
    assert not shown(person, store)


def test_what_waits_for_approval_is_not_shown(served, store):
    digest = store.put_variant(BETTER)
    waiting = store.open_experiment(digest, store.incumbent(), approval=True)
    people = crowd(served, 12)
    assert not any(shown(person, store) for person in people)
    store.set_state(waiting.id, State.RUNNING, "good", "person")
    assert any(shown(person, store) for person in people)
    store.set_state(waiting.id, State.DONE, "", "test")


def test_who_is_in_an_arm_stays_when_weights_change(served, store, experiment):
    people = crowd(served, 16)
    arms = [shown(person, store) for person in people]
    store.set_weight(experiment.id, 0.0, "person")
    assert [shown(person, store) for person in people] == arms
    assert not any(shown(person, store) for person in crowd(served, 12))


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"user-agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"}, "bot"),
        ({"dnt": "1"}, "asks not to be tracked"),
        ({"sec-gpc": "1"}, "asks not to be tracked"),
    ],
)
def test_who_does_not_count_sees_the_incumbent_and_is_said(
    served, store, experiment, headers, reason
):
    before = store.left_out().get(reason, 0)
    for _ in range(8):
        person = served.person(**headers)
        assert not shown(person, store)
        assert person.token is None
        assert not person.cookies
        assert person.ask("GET", "/go").status_code == 302
    served.person().land()
    person = served.person()
    person.land()
    person.see()  # written after what was left out before
    assert store.left_out()[reason] == before + 8


def test_what_is_asked_for_ahead_is_given_when_it_is_wanted(served, store, experiment):
    person = served.person(**{"sec-purpose": "prefetch"})
    assert person.land().status_code == 503
    assert person.page.headers["cache-control"] == "private, no-store"
    assert person.ask("GET", "/go").status_code == 503


def test_the_teams_own_visits_are_left_out_and_may_look_at_all(served, store, experiment):
    person = served.person()
    assert person.ask("GET", "/own/guessed").status_code == 404
    assert person.ask("GET", served.own).status_code == 200
    assert not shown(person, store)
    assert person.token is None
    assert BETTER.headline in person.land(f"/?show={experiment.candidate}").text
    assert person.land("/?show=nothing").status_code == 404
    stranger = served.person()
    assert stranger.land("/?show=nothing").status_code == 200


def test_forged_cookies_are_new_visitors(served, store, experiment):
    other_key = write_cookie(b"x" * 32, Cookie("v" * 22, 0, experiment.id, Arm.CANDIDATE))
    for forged in ("", "x", "a.b.c.d.e", other_key, "é" * 50, "v" * 5000):
        person = served.person(cookie=f"nv={forged}".encode("utf-8", "replace"))
        assert person.land().status_code == 200
        assert "nv=" in person.page.headers["set-cookie"]


def test_forged_and_foreign_tokens_count_nothing(served, store, experiment):
    person = served.person()
    person.land()
    for token in ("", "x", person.token[:-1], person.token + "x", "\0", "é" * 400):
        for path in ("/seen", "/did", "/signal"):
            answer = person.ask("POST", path, params={"t": token, "kind": "bounce", "value": 1})
            assert answer.status_code == 403
        assert person.ask("GET", "/go", params={"t": token}).status_code == 302
    key = site_key(served.lab)
    assert (
        person.ask(
            "POST", "/did", params={"t": write_cookie(key, Cookie("v" * 22, 0, 1, Arm.CONTROL))}
        ).status_code
        == 403
    )
    assert counted(store, experiment) == (Count(), Count())


def test_signals_are_numbers_with_plain_names(served, store, experiment):
    person = served.person()
    person.land()
    person.see()

    def told(**said):
        return person.ask("POST", "/signal", params={"t": person.token, **said}).status_code

    assert told(kind="interaction_ms", value="1234.5") == 204
    for bad in ({"kind": "bounce"}, {"kind": "Bounce!", "value": 1}):
        assert told(**bad) == 400
    sold = person.ask("POST", "/did", params={"t": person.token, "value": "19.90"})
    assert sold.status_code == 204
    assert person.ask("POST", "/did", params={"t": person.token, "value": "inf"}).status_code == 400
    assert signalled(store, experiment.id, "interaction_ms") == [1234.5]
    assert signalled(store, experiment.id, "revenue") == [19.9]


def test_script_tags_in_a_copy_come_out_as_text(served, store):
    bad = BETTER.__class__('<script>alert("x")</script>{{ 7*7 }}', "<b>", "'\"><img src=x>", ("&",))
    before = store.incumbent()
    store.promote(store.put_variant(bad), "test")
    text = served.person().land().text
    store.promote(before, "test")
    assert "&lt;script&gt;alert" in text
    assert "{{ 7*7 }}" in text
    assert "<script>alert" not in text
    assert "<img src=x" not in text


def test_nothing_personal_is_stored(served, store, experiment):
    person = served.person(referer="https://example.org/anna", **{"x-forwarded-for": "203.0.113.9"})
    person.land()
    person.see()
    person.convert()
    home = served.lab / ".novum"
    data = b"".join(path.read_bytes() for path in home.rglob("site.db*"))
    for trace in (b"203.0.113.9", b"127.0.0.1", b"example.org", b"Firefox", FIREFOX.encode()):
        assert trace not in data
    assert stat.S_IMODE((home / "site.key").stat().st_mode) == 0o600


def test_the_page_tells_that_it_is_served(served, store):
    assert store.served() is not None
    facts = served.person().ask("GET", "/health").json()
    assert facts == {"ok": True, "incumbent": store.incumbent(), "experiments": []}


def test_many_at_once_are_all_counted(served, store, experiment):
    def visit():
        for _ in range(10):
            person = served.person()
            person.land()
            person.see()
            person.convert()

    threads = [threading.Thread(target=visit) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ours, theirs = counted(store, experiment)
    assert ours.visitors + theirs.visitors == ours.conversions + theirs.conversions == 60


def test_the_holdout_group_sees_the_first_copy_and_is_never_in_an_experiment(tmp_path):
    lab = new_lab(tmp_path / "lab", "[traffic]\nshare = 1.0\nholdout = 0.5\n")
    with serving(lab) as served:
        store = served.store()
        store.open_experiment(store.put_variant(BETTER), None)
        people = crowd(served, 24)
        arms = [shown(person, store) for person in people]
        assert set(arms) == {True, False}
        for person in people:
            person.see()
        found = {one.arm: one.visitors for one in store.traffic(0.0, 9e9).shown}
        assert found == {Arm.CANDIDATE: sum(arms), Arm.HOLDOUT: 24 - sum(arms)}
        claim = store.open_experiment(BETTER.digest, store.first(), claim=True)
        for person in people:  # who was here before takes no part in a claim
            person.land()
            person.see()
        assert counted(store, claim) == (Count(), Count())
        store.close()


def test_consent_comes_first_where_it_is_asked_for(tmp_path):
    with serving(new_lab(tmp_path / "lab", "[privacy]\nconsent = true\n")) as served:
        person = served.person()
        person.land()
        assert person.token is None
        assert "novum" in person.page.text
        assert not person.cookies
        assert person.ask("POST", "/consent").status_code == 204
        person.land()
        assert person.token is not None


def test_a_damaged_store_counts_nothing_and_keeps_nobody_from_the_page(tmp_path):
    lab = new_lab(tmp_path / "lab")
    with serving(lab) as served:
        person = served.person()
        person.land()
        with sqlite3.connect(lab / ".novum" / "cache" / "site.db") as db:
            db.execute("DROP TABLE exposure")
            db.execute("DROP TABLE conversion")
            db.execute("DROP TABLE promotion")
        db.close()
        answer = person.ask("POST", "/seen", params={"t": person.token})
        assert (answer.status_code, "site.db" in answer.text) == (503, False)
        assert "site.db" in served.complaint()
        assert person.convert().status_code == 302  # not 303, which says that it is written
        assert person.land().status_code == 200


def test_a_site_says_to_which_share_it_shows(served, store):
    said = [entry.detail for entry in store.audit() if entry.what == "served"]
    assert said == [{"share": 1.0, "holdout": 0.0}]
