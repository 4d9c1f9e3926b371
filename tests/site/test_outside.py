"""What another platform recorded counts like what was seen here, and nothing counts twice."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx2")

from site_cases import BETTER, new_lab, serving, signalled

from novum.errors import UsageError
from novum.site.outside import hook_secret, take_file
from novum.site.records import Count, Counts
from novum.site.store import store_of
from novum.site.tokens import signature, site_key

HOUR = 3600.0
EVENTS = [
    {"kind": "exposure", "visitor": "anna@example.org", "arm": "candidate"},
    {"kind": "exposure", "visitor": "bo", "arm": "control"},
    {"kind": "conversion", "visitor": "anna@example.org", "value": 12.5},
    {"kind": "signal", "visitor": "bo", "signal": "bounce", "value": 1},
]


@pytest.fixture
def lab(tmp_path):
    lab = new_lab(tmp_path / "lab")
    store = store_of(lab)
    old = store.begin(store.put_variant(BETTER.__class__("Old")), "me")
    store.open_experiment(store.put_variant(BETTER), old)
    store.close()
    return lab


def counted(lab):
    store = store_of(lab)
    batch = store.batch(1, "all", 10**6)
    told = {kind: signalled(store, 1, kind) for kind in ("revenue", "bounce")}
    found = store.counts(batch, HOUR), told
    store.close()
    return found


def test_a_signed_message_is_taken_once_and_any_other_not(lab):
    secret = hook_secret(site_key(lab)).encode()
    body = json.dumps(EVENTS).encode()
    with serving(lab) as served:

        def send(body, signed):
            headers = {"x-novum-signature": signed}
            return served.client.post("/hook", content=body, headers=headers)

        good = f"sha256={signature(secret, body)}"
        for _ in range(2):
            assert send(body, good).json() == {"taken": 4}
        assert send(body + b" ", good).status_code == 403
        assert send(body, signature(b"guessed", body)).status_code == 403
        assert send(body, "é".encode()).status_code == 403
        assert served.client.post("/hook", content=body).status_code == 403
        for bad, told in (
            (b"{", "Expecting"),
            (b"{}", "a list"),
            (b"[3]", "event 1: an event is an object"),
            (json.dumps([*EVENTS, {"kind": "x"}]).encode(), "event 5"),
            (b"[" * 100_000, "recursion"),
            (b'[{"\\ud800": 1}]', "event 1"),
            (b'[{"kind":"conversion","visitor":"a","experiment":1%030d}]' % 0, "`experiment`"),
            (b"[1" + b"0" * 5000 + b"]", "digits"),
        ):
            answer = send(bad, signature(secret, bad))
            assert (answer.status_code, told in answer.text) == (400, True), answer.text
    counts, signals = counted(lab)
    assert counts == Counts(Count(1, 1), Count(1, 0))
    assert signals == {"revenue": [12.5], "bounce": [1.0]}


def test_a_file_is_taken_once(lab, tmp_path):
    file = tmp_path / "events.csv"
    file.write_text(
        "kind,visitor,arm,time,value\n"
        "exposure,anna,candidate,1760000000,\n"
        "exposure,bo,control,2025-10-09T08:53:20Z,\n"
        "conversion,anna,,2025-10-09T09:00:00,19.9\n"
        "conversion,bo,,2025-10-11T09:00:00,\n",
        encoding="utf-8-sig",
    )
    assert take_file(lab, file) == take_file(lab, file) == 4
    assert counted(lab)[0] == Counts(Count(1, 1), Count(1, 0))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind,visitor\nexposure,anna\n", "line 2: an exposure has an arm"),
        ("kind,visitor,arm\nexposure,a,candidate\nexposure,b,third\n", "line 3: `arm` = 'third'"),
        ("kind,visitor,arm\nconversion,a,control\n", "an exposure has an arm"),
        ("kind,visitor,colour\nconversion,a,red\n", "unknown key `colour`"),
        ("kind,visitor,signal\nsignal,a,bounce\n", "a signal has a value"),
        ("kind,visitor,experiment\nconversion,a,99\n", "no experiment 99"),
        ("kind,visitor,time\nconversion,a,2999-01-01\n", "in the future"),
        ("kind,visitor,value\nconversion,a,nan\n", "`value`"),
        ("kind,visitor\nconversion,\n", "`visitor` is missing"),
        ("kind,visitor\nconversion,a,b,c\n", "unknown key"),
    ],
)
def test_what_is_not_sound_is_refused_whole(lab, tmp_path, text, told):
    file = tmp_path / "events.csv"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        take_file(lab, file)
    assert told in str(caught.value)
    assert counted(lab)[0] == Counts(Count(), Count())


def test_bytes_that_are_no_text_are_refused(lab, tmp_path):
    file = tmp_path / "events.csv"
    file.write_bytes(b"kind,visitor\nconversion,\xff\xfe\n")
    with pytest.raises(UsageError, match="no CSV in UTF-8"):
        take_file(lab, file)
    with pytest.raises(UsageError, match="cannot be read"):
        take_file(lab, tmp_path / "nothing.csv")


def test_names_from_elsewhere_are_not_stored(lab, tmp_path):
    file = tmp_path / "events.csv"
    file.write_text("kind,visitor,arm\nexposure,anna@example.org,candidate\n")
    take_file(lab, file)
    data = b"".join(path.read_bytes() for path in (lab / ".novum").rglob("site.db*"))
    assert b"anna" not in data


def test_the_command_says_how_many(lab, tmp_path):
    file = tmp_path / "events.csv"
    file.write_text("kind,visitor,arm\nexposure,anna,candidate\n")
    words = [sys.executable, "-m", "novum", "visits", str(lab), str(file)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, "1 event" in done.stdout) == (0, True), done.stderr
    secret = subprocess.run([*words[:-1], "--secret"], capture_output=True, text=True)
    assert secret.stdout.strip() == hook_secret(site_key(lab))
    neither = subprocess.run(words[:-1], capture_output=True, text=True)
    assert neither.returncode == 2
