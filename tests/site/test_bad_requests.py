"""Whatever is sent to the server: it answers, goes on serving, and counts what is so."""

import html
import itertools
import json
import socket
import sqlite3
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx2")

import httpx2
from site_cases import BETTER, FIREFOX, counted, new_lab, serving

from novum.site.outside import SIGNATURE, hook_secret
from novum.site.records import Arm, Copy, Count, State
from novum.site.tokens import Cookie, Token, signature, site_key, write_cookie, write_token


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(new_lab(tmp_path_factory.mktemp("site"))) as served:
        yield served


@pytest.fixture
def store(served):
    with closing(served.store()) as store:
        yield store


@pytest.fixture
def experiment(store, request):
    """A new experiment, which nobody has seen."""
    copy = replace(BETTER, headline=f"{BETTER.headline} <{request.node.name}>")
    made = store.open_experiment(store.put_variant(copy), store.incumbent())
    yield made
    store.set_state(made.id, State.DONE, "the test is over", "test")


def goes_on(served):
    """Somebody lands, and is counted."""
    person = served.person()
    assert person.land().status_code == 200
    assert person.see().status_code == 200
    assert person.convert().status_code == 303


def raw(served, *pieces, patience=20.0):
    """Bytes as they are, and what comes back until the server closes or says no more."""
    parts = urlsplit(served.where)
    with socket.create_connection((parts.hostname, parts.port), timeout=patience) as wire:
        found = bytearray()
        try:
            for piece in pieces:
                wire.sendall(piece)
            wire.shutdown(socket.SHUT_WR)
            while piece := wire.recv(65536):
                found += piece
        except TimeoutError:
            raise
        except OSError:
            pass  # it may hang up in the middle
        return bytes(found)


def get(path, *headers):
    return b"\r\n".join([b"GET " + path + b" HTTP/1.1", b"Host: x", *headers, b"", b""])


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\0" * 1000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 500,  # TLS, to a port without
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
        b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
        get(b"/" + b"a" * 200_000),
        get(b"/\xff\xfe\0"),
        get(b"/../../../../etc/passwd"),
        get(b"/%2e%2e/%2e%2e/etc/passwd"),
        get(b"/own/%00%ff"),
        get(b"/own/"),
        get(b"http://evil.example/"),
        get(b"/seen?t=%00%ff&t=&&&=&%"),
        get(b"/?" + b"a=b&" * 10_000),
        get(b"/", b"Cookie: " + b"x" * 200_000),
        get(b"/", b"User-Agent: \xff\xfe\x01"),
        get(b"/", b"Cookie: nv=\xff\xfe; =; ;;; nv; nv=" + b"v" * 4000),
        get(b"/", *[b"X-%d: y" % n for n in range(5000)]),
        get(b"/", b"Content-Length: -1"),
        get(b"/", b"Content-Length: 3", b"Content-Length: 4"),
        get(b"/", b"Transfer-Encoding: chunked", b"Content-Length: 5") + b"0\r\n\r\nGET /",
        get(b"/", b"X: y\r\n folded"),
    ],
    ids=itertools.count(),
)
def test_what_is_no_request_harms_nobody(served, store, experiment, sent):
    answer = raw(served, sent)
    assert not answer.startswith(b"HTTP/1.1 5"), answer[:200]
    assert b"Traceback" not in answer and b"root:" not in answer
    assert counted(store, experiment) == (Count(), Count())
    goes_on(served)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_methods_are_refused_everywhere(served, store, experiment, method):
    person = served.person()
    person.land()
    for path in ("/", "/seen", "/go", "/did", "/signal", "/consent", "/hook", "/variant"):
        answer = person.ask(method, path, params={"t": person.token, "kind": "bounce", "value": 1})
        assert answer.status_code == 405, path
    assert counted(store, experiment) == (Count(), Count())


def test_who_only_looks_whether_a_link_leads_somewhere_tells_nothing(served, store, experiment):
    person = served.person()
    person.land()
    said = {"t": person.token}
    assert person.ask("HEAD", "/go", params=said).status_code == 302
    assert person.ask("HEAD", "/seen", params=said).status_code == 403
    person.see()
    scanner = served.person(**{"user-agent": "SafeBrowsingBot/1.0"})  # with somebody's link
    assert scanner.ask("GET", "/go", params=said).status_code == 302
    assert sum(arm.conversions for arm in counted(store, experiment)) == 0
    person.convert()
    assert sum(arm.conversions for arm in counted(store, experiment)) == 1


def test_large_and_endless_bodies_are_cut_off(served, store, experiment):
    big = b"x" * 10_000_000
    for path, status in (("/seen", 403), ("/did", 403), ("/consent", 204), ("/variant", 413)):
        head = b"POST %s HTTP/1.1\r\nHost: x\r\nUser-Agent: %s\r\n" % (
            path.encode(),
            FIREFOX.encode(),
        )
        known = raw(served, head + b"Content-Length: %d\r\n\r\n" % len(big), big)
        assert not known or b" %d " % status in known.splitlines()[0]
        endless = head + b"Transfer-Encoding: chunked\r\n\r\n"
        chunks = [b"%x\r\n" % len(big) + big + b"\r\n"] * 2
        answer = raw(served, endless, *chunks)
        assert not answer.startswith(b"HTTP/1.1 5")
    assert counted(store, experiment) == (Count(), Count())
    goes_on(served)


def test_slow_clients_keep_nobody_waiting(served):
    parts = urlsplit(served.where)
    slow = [socket.create_connection((parts.hostname, parts.port)) for _ in range(200)]
    try:
        for number, wire in enumerate(slow):
            wire.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n"[: 5 + number % 20])
        goes_on(served)
    finally:
        for wire in slow:
            wire.close()


def test_who_hangs_up_in_the_middle_is_counted_once_and_keeps_nobody(served, store, experiment):
    person = served.person()
    person.land()
    person.see()
    parts, token = urlsplit(served.where), person.token.encode()
    for _ in range(20):
        with socket.create_connection((parts.hostname, parts.port)) as wire:
            wire.sendall(get(b"/go?t=" + token, b"User-Agent: " + FIREFOX.encode()))
    goes_on(served)
    person.convert()
    assert sum(arm.conversions for arm in counted(store, experiment)) == 2


def test_of_forged_tokens_none_counts(served, store, experiment):
    """Of another site, of another purpose; and one's own with another arm, experiment or time."""
    person = served.person()
    person.land()
    visitor, number, arm, variant, issued, mac = person.token.split(".")
    other = "k" if arm == "c" else "c"
    now = int(store.clock.now())
    key = site_key(served.lab)
    token = Token("v" * 22, experiment.id, Arm.CANDIDATE, experiment.candidate, now)
    forged = (
        write_token(b"x" * 32, token),
        write_cookie(key, Cookie("v" * 22, now, experiment.id, Arm.CANDIDATE)),
        write_token(key, Token("v" * 22, experiment.id, Arm.CANDIDATE, "d" * 32, now - 10**6)),
        f"{visitor}.{number}.{other}.{variant}.{issued}.{mac}",
        f"{visitor}.{int(number) + 1}.{arm}.{variant}.{issued}.{mac}",
        f"{visitor}.{number}.{arm}.{variant}.{int(issued) + 1}.{mac}",
        f"{'v' * 22}.{number}.{arm}.{variant}.{issued}.{mac}",
    )
    for text in forged:
        for path in ("/seen", "/did", "/signal"):
            said = {"t": text, "kind": "bounce", "value": 1}
            assert person.ask("POST", path, params=said).status_code == 403
        assert person.ask("GET", "/go", params={"t": text}).status_code == 302
    assert counted(store, experiment) == (Count(), Count())


def test_a_token_of_an_experiment_that_is_over_counts_nothing_in_the_next(served, store):
    first = store.open_experiment(store.put_variant(BETTER), store.incumbent())
    person = served.person()
    person.land()
    old = person.token
    other = replace(BETTER, headline="Another one")
    second = store.open_experiment(store.put_variant(other), store.incumbent())
    for path in ("/seen", "/did"):
        assert person.ask("POST", path, params={"t": old}).status_code == 204
    assert counted(store, second) == (Count(), Count())
    assert sum(arm.conversions for arm in counted(store, first)) == 1
    store.set_state(second.id, State.DONE, "over", "test")


def test_a_visitor_with_two_tokens_is_in_the_arm_that_he_saw_first(served, store, experiment):
    """A cookie of before may, once weights have changed, bring another arm: both are signed."""
    key, now = site_key(served.lab), int(store.clock.now())
    arms = ((Arm.CONTROL, experiment.control), (Arm.CANDIDATE, experiment.candidate))
    tokens = [write_token(key, Token("w" * 22, experiment.id, *arm, now)) for arm in arms]
    person = served.person()
    for path, token in itertools.product(("/seen", "/did", "/seen"), tokens):
        assert person.ask("POST", path, params={"t": token}).status_code == 204
    assert counted(store, experiment) == (Count(), Count(1, 1))


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "", "x", "0x10", "１e", "\0"])
def test_what_is_no_number_is_not_stored(served, store, experiment, value):
    person = served.person()
    person.land()
    person.see()
    said = {"t": person.token, "kind": "interaction_ms", "value": value}
    assert person.ask("POST", "/signal", params=said).status_code == 400
    assert person.ask("POST", "/did", params=said).status_code == 400
    assert sum(arm.conversions for arm in counted(store, experiment)) == 0


def test_signals_that_no_guard_knows_are_not_stored(served, store, experiment):
    person = served.person()
    person.land()
    for kind in ("filler1", "bounce_rate", "Bounce", "a" * 10_000, ""):
        said = {"t": person.token, "kind": kind, "value": 1}
        assert person.ask("POST", "/signal", params=said).status_code == 400


def test_another_site_cannot_consent_for_a_visitor(served):
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 204)):
        person = served.person(**{"sec-fetch-site": site})
        assert person.ask("POST", "/consent").status_code == status


def test_a_message_that_is_sent_again_counts_once_and_a_changed_one_not_at_all(
    served, store, experiment
):
    key = hook_secret(site_key(served.lab)).encode()
    said = {"kind": "exposure", "visitor": "anna", "arm": "candidate", "experiment": experiment.id}
    sold = {"kind": "conversion", "visitor": "anna", "experiment": experiment.id}
    body = json.dumps([said, sold]).encode()
    signed = {SIGNATURE: signature(key, body)}
    for _ in range(3):
        assert served.client.post("/hook", content=body, headers=signed).status_code == 200
    changed = body.replace(b"candidate", b"control")
    assert served.client.post("/hook", content=changed, headers=signed).status_code == 403
    assert counted(store, experiment) == (Count(1, 1), Count())
    large = b"[" + b" " * (5 * 1024 * 1024) + b"]"
    signed = {SIGNATURE: signature(key, large)}
    assert served.client.post("/hook", content=large, headers=signed).status_code == 413


@pytest.mark.parametrize(
    "headline",
    ["<script>x</script>", "\u202etxet \u2066", "x" * 100_000, "\ud800", "\0", "]]>", "{{ 7*7 }}"],
    ids=itertools.count(),
)
def test_any_copy_is_served_as_text(served, store, headline):
    """Rules refuse all of these; the page does not rest on that."""
    strange = Copy(headline, headline, headline, (headline,))
    before = store.incumbent()
    store.promote(store.put_variant(strange), "test")
    answer = served.person().land()
    store.promote(before, "test")
    assert answer.status_code == 200
    assert "<script>x" not in answer.text
    assert html.escape(headline.replace("\ud800", "?")) in answer.text
    goes_on(served)


@contextmanager
def locked(store):
    """Somebody else is writing into the site's file, and does not come to an end."""
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_a_visitor_gets_on_while_the_file_is_busy_and_is_counted_afterwards(
    served, store, experiment
):
    person = served.person()
    person.land()
    person.see()
    with locked(store):
        assert person.convert().status_code == 302  # not 303, which says that it is written
        assert served.person().land().status_code == 200
    while sum(arm.conversions for arm in counted(store, experiment)) == 0:
        time.sleep(0.05)


def test_two_servers_of_one_lab_know_each_others_visitors(served, store, experiment):
    with serving(served.lab) as other:
        people = [served.person() for _ in range(8)]
        for person in people:
            person.land()
            shown = BETTER.headline in person.page.text
            answer = other.client.get(
                "/", headers={"user-agent": FIREFOX, "cookie": f"nv={person.cookies['nv']}"}
            )
            assert (BETTER.headline in answer.text) is shown
            for where in (served, other):
                said = where.client.post("/did", params={"t": person.token})
                assert said.status_code == 204
                assert where.client.post("/seen", params={"t": person.token}).status_code == 204
        ours, theirs = counted(store, experiment)
        assert ours.conversions + theirs.conversions == 8
        store.set_state(experiment.id, State.ROLLED_BACK, "ugly", "person")
        for where in (served, other):
            assert BETTER.headline not in where.person().land().text


@pytest.mark.parametrize("what", ["removed", "replaced"])
def test_when_its_file_is_taken_away_nothing_is_said_to_be_counted(tmp_path, what):
    """And the page goes on as it was, with a word for its owner."""
    lab = new_lab(tmp_path / "lab")
    with serving(lab) as served:
        person = served.person()
        person.land()
        assert person.see().status_code == 200
        for path in (lab / ".novum" / "cache").iterdir():
            path.unlink()
        if what == "replaced":
            served.store().close()
        answer = person.ask("POST", "/seen", params={"t": person.token})
        assert (answer.status_code, "site.db" in answer.text) == (503, False)
        assert person.convert().status_code == 302
        assert served.person().land().status_code == 200
        assert "was removed while it was in use" in served.complaint()


def test_on_a_full_disk_the_page_goes_on_and_what_is_not_written_is_not_said(tmp_path, small_disk):
    lab = new_lab(tmp_path / "lab")
    (lab / ".novum").mkdir()
    (lab / ".novum" / "cache").symlink_to(small_disk)
    with serving(lab) as served:
        person = served.person()
        person.land()
        assert person.see().status_code == 200
        with suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 4096)
        told = set()
        while 503 not in told:  # what was set aside before is used up first
            other = served.person()
            assert other.land().status_code == 200
            told.add(other.ask("POST", "/seen", params={"t": other.token}).status_code)
        assert person.convert().status_code == 302
        assert "not all is counted: the disk is full" in served.complaint()
        (small_disk / "filler").unlink()
        assert person.convert().status_code == 303
        with closing(served.store()) as store:
            assert store.traffic(0.0, 9e12).conversions == 1


def test_a_killed_server_counts_all_that_it_answered_once(tmp_path):
    """What was lost between answer and write is told again, and counts once."""
    lab = new_lab(tmp_path / "lab")
    with serving(lab) as served:
        people = [served.person() for _ in range(12)]
        for person in people:
            person.land()
            person.see()

        def convert(person):
            with suppress(httpx2.TransportError):
                while True:
                    person.convert()

        threads = [threading.Thread(target=convert, args=(person,)) for person in people]
        for thread in threads:
            thread.start()
        time.sleep(0.1)
        served.process.kill()
        for thread in threads:
            thread.join()
    with serving(lab) as served, closing(served.store()) as store:
        for person in people:
            again = served.client.get(
                "/go", params={"t": person.token}, headers={"user-agent": FIREFOX}
            )
            assert again.status_code == 303
        assert store.traffic(0.0, 9e12).conversions == len(people)
