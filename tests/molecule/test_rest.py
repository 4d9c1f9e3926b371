"""A service's answers: matched, repeated politely, and without its secrets in them."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("rdkit")
pytest.importorskip("httpx2")

from novum.errors import UsageError
from novum.molecule.cache import Cache, Remembered
from novum.molecule.oracles import oracle_from
from novum.molecule.scores import Status

ASKED = ["CCO", "CCN", "CCC"]
LENGTHS = {"answers": "predictions", "value": "score", "body": {"molecules": "$molecules"}}


@contextmanager
def serving(answer):
    """A real service; `answer(request)` gives status, headers, and a body or the JSON of one."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            asked.append({"path": self.path, "body": body, "headers": dict(self.headers)})
            status, headers, content = answer(asked[-1])
            if not isinstance(content, bytes):
                content = json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST

        def log_message(self, *_):
            pass

    asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/predict", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make(url, tmp_path, **table):
    given = {"kind": "rest", "url": url, "better": "high", "wait": 0.01, **LENGTHS, **table}
    return oracle_from(given, tmp_path)


def lengths(request):
    scores = [{"score": len(one)} for one in request["body"]["molecules"]]
    return 200, {}, {"predictions": scores}


def test_a_service_scores_batches(tmp_path):
    with serving(lengths) as (url, asked):
        oracle = make(url, tmp_path, batch=2)
        scores = oracle.score(["OCC", "C(", "CC", "CCCC"])
    assert [score.value for score in scores] == [3, None, 2, 4]
    assert scores[1].status is Status.UNREADABLE
    assert [request["body"]["molecules"] for request in asked] == [["CCO", "CC"], ["CCCC"]]


def test_answers_that_name_their_molecules_are_matched_by_name(tmp_path):
    def backwards(request):
        items = request["body"]["data"]["items"]
        told = [{"id": i["id"], "structure": i["s"], "y": [i["id"]]} for i in reversed(items)]
        return 200, {}, told

    body = {"data": {"items": "$molecules"}, "model": "a"}
    names = {"answers": "", "value": "y.0", "index": "id", "smiles": "structure"}
    with serving(backwards) as (url, _):
        each = {"id": "$index", "s": "$smiles"}
        scores = make(url, tmp_path, body=body, each=each, **names).score(ASKED)
    assert [(score.smiles, score.value) for score in scores] == [("CCO", 0), ("CCN", 1), ("CCC", 2)]


def test_a_service_for_one_molecule_is_asked_by_its_address(tmp_path):
    with serving(lambda _: (200, {}, {"result": {"logd": 2.5, "error_bar": 0.5}})) as (url, asked):
        table = {"method": "GET", "params": {"smiles": "$smiles", "n": 3}, "batch": 1}
        oracle = make(url, tmp_path, **table, body=None, answers="result", value="logd")
        scores = oracle.score(["C#N", "c1ccccc1"])
    assert [score.value for score in scores] == [2.5, 2.5]
    assert scores[0].numbers == {"error_bar": 0.5}
    assert [request["path"] for request in asked] == [
        "/predict?smiles=C%23N&n=3",
        "/predict?smiles=c1ccccc1&n=3",
    ]


def test_numbers_alone_count_only_if_there_are_as_many_as_molecules(tmp_path):
    with serving(lambda r: (200, {}, {"predictions": [1.5] * 3})) as (url, _):
        assert [s.value for s in make(url, tmp_path).score(ASKED)] == [1.5] * 3
        short = make(url, tmp_path).score(ASKED[:2])
    assert {score.status for score in short} == {Status.UNAVAILABLE}
    assert "3 values for 1 molecules" in short[0].reason


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_service_is_asked_again(tmp_path, status):
    busy = iter([(status, {"Retry-After": "0.02"}, b"busy"), (status, {}, b"busy")])
    with serving(lambda request: next(busy, None) or lengths(request)) as (url, asked):
        assert [score.value for score in make(url, tmp_path).score(ASKED)] == [3, 3, 3]
    assert len(asked) == 3


def test_a_wait_that_is_too_long_is_not_waited_for(tmp_path):
    wished = {"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}
    with serving(lambda _: (503, wished, b"maintenance")) as (url, asked):
        scores = make(url, tmp_path).score(ASKED)
    assert len(asked) == 1
    assert {score.status for score in scores} == {Status.UNAVAILABLE}
    assert "status 503: maintenance" in scores[0].reason


def test_a_service_that_stays_down_is_unavailable_and_not_remembered(tmp_path):
    with serving(lambda _: (500, {}, b"oops")) as (url, asked):
        oracle = make(url, tmp_path, retries=2, batch=1)
        cache = Cache(tmp_path / "oracles.db")
        scores = Remembered(oracle, cache).score(ASKED)
        assert {score.status for score in scores} == {Status.UNAVAILABLE}
        assert len(cache) == 0
        assert len(asked) == 3 + 1 + 1, "later molecules are tried once"
        cache.close()
    (score,) = oracle.score(["C"])  # nobody listens there now
    assert score.status is Status.UNAVAILABLE and "cannot be reached" in score.reason


def test_one_molecule_that_is_refused_does_not_harm_the_others(tmp_path):
    def picky(request):
        if "CCN" in request["body"]["molecules"]:
            return 422, {}, {"detail": "no amines, please"}
        return lengths(request)

    with serving(picky) as (url, _):
        scores = make(url, tmp_path).score(ASKED)
    assert [score.value for score in scores] == [3, None, 3]
    assert scores[1].status is Status.FAILED and "no amines, please" in scores[1].reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((401, {}, b"who are you?"), "status 401: who are you"),
        ((404, {}, b""), "status 404"),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), "status 302"),
        ((200, {}, b"<html>welcome</html>"), "no JSON"),
        ((200, {}, {"forecasts": [1, 2, 3]}), "no list predictions"),
        ((200, {}, {"predictions": 5}), "no list predictions"),
    ],
)
def test_an_answer_that_is_none_gives_no_value(tmp_path, answer, reason):
    with serving(lambda _: answer) as (url, asked):
        scores = make(url, tmp_path).score(ASKED)
    assert {score.status for score in scores} == {Status.UNAVAILABLE}
    assert reason in scores[0].reason
    assert len(asked) == 1


def test_values_that_are_none_are_failures(tmp_path):
    values = [{"score": None}, {"score": "NaN"}, {"score": 1, "problem": "out of domain"}]
    with serving(lambda _: (200, {}, {"predictions": values})) as (url, _):
        scores = make(url, tmp_path, error="problem").score(ASKED)
    assert {score.status for score in scores} == {Status.FAILED}
    assert scores[2].reason == "out of domain"


def test_a_service_that_is_silent_times_out(tmp_path):
    wait = threading.Event()

    def silent(_):
        wait.wait(10)
        return 200, {}, b"{}"

    with serving(silent) as (url, asked):
        (score,) = make(url, tmp_path, timeout=0.3).score(["C"])
        wait.set()
    assert score.status is Status.TIMEOUT and "within 0.3 s" in score.reason
    assert len(asked) == 1


def test_secrets_come_from_the_environment_and_go_nowhere_else(tmp_path, monkeypatch):
    monkeypatch.setenv("ACME_TOKEN", "s3cr3t")
    headers = {"Authorization": "Bearer ${ACME_TOKEN}", "X-Team": "chem"}

    def echoing(request):
        if "CCN" in request["body"]["molecules"]:
            return 422, {}, request["headers"]
        return lengths(request)

    with serving(echoing) as (url, asked):
        oracle = make(url, tmp_path, headers=headers, batch=1)
        cache = Cache(tmp_path / "oracles.db")
        scores = Remembered(oracle, cache).score(ASKED)
        cache.close()
    assert asked[0]["headers"]["Authorization"] == "Bearer s3cr3t"
    assert asked[0]["headers"]["X-Team"] == "chem"
    assert scores[1].status is Status.FAILED and "Bearer [secret]" in scores[1].reason
    assert "s3cr3t" not in json.dumps(dict(oracle.settings))
    assert b"s3cr3t" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"url": "ftp://x"}, "`url` = 'ftp://x'"),
        ({"body": {"n": 1}}, r"must hold \"\$molecules\""),
        ({"body": {"smiles": "$smiles"}}, "`batch` must be 1"),
        ({"headers": {"X": "${NO_SUCH_SECRET}"}}, "`headers.X` wants .NO_SUCH_SECRET"),
        ({"retry": 3}, "unknown key `retry`"),
    ],
)
def test_a_table_that_is_not_sound_is_told_at_once(tmp_path, table, reason):
    with pytest.raises(UsageError, match=reason):
        make(**{"url": "http://127.0.0.1:1/", "tmp_path": tmp_path, **table})


def test_what_is_asked_is_in_the_settings(tmp_path):
    first = make("http://127.0.0.1:1/", tmp_path).settings
    assert make("http://127.0.0.1:1/", tmp_path, retries=9, timeout=3).settings == first
    others = [
        {"value": "other"},
        {"each": {"s": "$smiles"}},
        {"params": {"model": "b"}},
        {"error": "e"},
    ]
    for other in others:
        assert make("http://127.0.0.1:1/", tmp_path, **other).settings != first
