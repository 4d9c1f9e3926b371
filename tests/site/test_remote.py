"""Other people's sites ask for the variant: by OpenFeature's own SDK, and from Python."""

import time

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx2")

from site_cases import BETTER, new_lab, serving

from novum.errors import SiteError
from novum.site.deciding import variant_for
from novum.site.records import Arm

HOUR = 3600.0
FLAGS = "/ofrep/v1/evaluate/flags"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(new_lab(tmp_path_factory.mktemp("site"))) as served:
        store = served.store()
        store.open_experiment(store.put_variant(BETTER), store.incumbent())
        store.close()
        yield served


@pytest.fixture
def store(served):
    store = served.store()
    yield store
    store.close()


def ask(served, key="copy", **context):
    return served.client.post(f"{FLAGS}/{key}", json={"context": context})


def ask_all(served, name, **headers):
    body = {"context": {"targetingKey": name}}
    return served.client.post(FLAGS, json=body, headers=headers)


def counted(store):
    counts = store.counts(store.batch(store.running()[0].id, "all", 10**6), HOUR)
    return counts.candidate, counts.control


def test_the_openfeature_sdk_gets_what_the_visitor_is_to_see(served):
    api = pytest.importorskip("openfeature.api")
    ofrep = pytest.importorskip("openfeature.contrib.provider.ofrep")
    evaluation = pytest.importorskip("openfeature.evaluation_context")

    provider = ofrep.OFREPProvider(served.where)
    api.set_provider(provider)
    client = api.get_client()
    arms = set()
    for number in range(20):
        who = evaluation.EvaluationContext(
            targeting_key=f"user-{number}", attributes={"plan": "free"}
        )
        details = client.get_string_details("headline", "the default", who)
        whole = client.get_object_details("copy", {}, who)
        assert (details.error_code, details.reason) == (None, "SPLIT")
        assert (details.value == BETTER.headline) == (details.variant == "candidate")
        assert whole.value["headline"] == details.value
        assert client.get_string_value("headline", "the default", who) == details.value
        arms.add(details.variant)
    assert arms == {"candidate", "control"}
    unknown = client.get_string_details("nothing", "the default", who)
    assert (unknown.value, unknown.error_code.value) == ("the default", "FLAG_NOT_FOUND")
    nobody = client.get_string_details("headline", "the default", evaluation.EvaluationContext())
    assert (nobody.value, nobody.error_code.value) == ("the default", "TARGETING_KEY_MISSING")
    wrong = client.get_boolean_details("headline", True, who)
    assert (wrong.value, wrong.error_code.value) == (True, "TYPE_MISMATCH")
    api.shutdown()
    provider.session.close()


def test_what_is_asked_wrongly_is_answered_by_the_protocol(served):
    for body, code in (
        (b"{", "PARSE_ERROR"),
        (b"\xff", "PARSE_ERROR"),
        (b"[]", "INVALID_CONTEXT"),
        (b'{"context": 3}', "INVALID_CONTEXT"),
        (b"{}", "TARGETING_KEY_MISSING"),
        (b'{"context": {"targetingKey": 3}}', "TARGETING_KEY_MISSING"),
        (b'{"context": {"targetingKey": ""}}', "TARGETING_KEY_MISSING"),
        (b"[" * 60_000, "PARSE_ERROR"),
        (b" " * 10**6, "PARSE_ERROR"),
    ):
        one = served.client.post(f"{FLAGS}/copy", content=body)
        assert (one.status_code, one.json()["errorCode"]) == (400, code)
        assert one.json()["key"] == "copy"
        many = served.client.post(FLAGS, content=body)
        assert (many.status_code, many.json()["errorCode"]) == (400, code)


def test_all_flags_at_once_are_not_sent_again_while_they_are_the_same(served):
    first = ask_all(served, "anna")
    keys = [flag["key"] for flag in first.json()["flags"]]
    assert keys == ["copy", "headline", "subhead", "call_to_action", "body"]
    etag = first.headers["etag"]
    assert ask_all(served, "anna", **{"if-none-match": etag}).status_code == 304
    assert ask_all(served, "anna", **{"if-none-match": '"other"'}).status_code == 200
    assert ask_all(served, "anna").headers["etag"] == etag != ask_all(served, "bo").headers["etag"]


def test_browsers_of_other_sites_may_ask(served):
    asks = {
        "origin": "https://example.org",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,if-none-match",
    }
    for path in (FLAGS, f"{FLAGS}/copy"):
        assert served.client.options(path, headers=asks).status_code == 200
    answer = ask_all(served, "anna", origin="https://example.org")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "etag" in answer.headers["access-control-expose-headers"].lower()


def test_by_the_token_of_a_flag_exposure_and_conversion_are_told(served, store):
    before = counted(store)
    token = ask(served, targetingKey="clara").json()["metadata"]["token"]
    for path in ("/seen", "/did"):
        assert served.client.post(path, params={"t": token}).status_code == 204
    after = counted(store)
    assert sum(c.visitors for c in after) == sum(c.visitors for c in before) + 1
    assert sum(c.conversions for c in after) == sum(c.conversions for c in before) + 1


def test_python_decides_as_the_protocol_does(served):
    for name in ("dora", "emil", "fritz", "greta"):
        said = ask(served, targetingKey=name).json()
        ours = variant_for(served.lab, name)
        assert (ours.arm, ours.copy.headline) == (said["variant"], said["value"]["headline"])
        assert served.client.post("/seen", params={"t": ours.token}).status_code == 204


def test_python_on_a_site_that_was_never_served_is_told_how(tmp_path):
    with pytest.raises(SiteError, match="novum serve"):
        variant_for(new_lab(tmp_path / "lab"), "anna")


def test_the_snippet_is_small_and_may_be_loaded_from_anywhere(served):
    answer = served.client.get("/snippet.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert 500 < len(answer.content) < 2048


def test_the_snippets_visitor_stays_who_he_is(served):
    person = served.person()
    first = person.ask("POST", "/variant").json()
    again = [person.ask("POST", "/variant", content=first["visitor"]).json() for _ in range(3)]
    assert all(one["visitor"] == first["visitor"] for one in again)
    assert all(one["copy"] == first["copy"] for one in again)
    assert person.ask("POST", "/variant", content="forged").json()["visitor"] != first["visitor"]
    assert person.ask("POST", "/variant", content=b"x" * 10**6).status_code == 413
    assert served.person(dnt="1").ask("POST", "/variant").status_code == 204


def test_a_claim_leaves_out_whom_a_program_has_asked_for_before(tmp_path):
    lab = new_lab(tmp_path / "lab", "[traffic]\nshare = 1.0\nholdout = 0.5\n")
    with serving(lab) as served:
        store = served.store()
        old = [f"old-{number}" for number in range(20)]
        for name in old:
            token = ask(served, targetingKey=name).json()["metadata"]["token"]
            served.client.post("/seen", params={"t": token})
        claim = store.open_experiment(store.put_variant(BETTER), store.first(), claim=True)
        time.sleep(1.1)  # a visitor's age is known to the second
        told = {ask(served, targetingKey=n).json()["metadata"]["experiment"] for n in old}
        assert told == {0}
        said = [ask(served, targetingKey=f"new-{n}").json() for n in range(20)]
        assert {one["variant"] for one in said} == {Arm.CANDIDATE, Arm.HOLDOUT}
        assert {one["metadata"]["experiment"] for one in said} == {claim.id}
        store.close()
