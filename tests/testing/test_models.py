"""The scripted model speaks what its protocols speak; clients, ours and others, rely on it.

The official SDKs of OpenAI, Anthropic and Google were driven against it once, by hand; here the
shapes that they need are looked at over a plain socket.
"""

import http.client
import json
from urllib.parse import urlsplit

import pytest

from novum.testing.models import (
    Answer,
    Call,
    ModelServer,
    cut,
    fail,
    refuse,
    say,
    silence,
    truncate,
)

ASKED = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "hello"}]},
    "/v1/responses": {"input": "hello", "instructions": "be brief"},
    "/v1/messages": {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 9},
    "/v1beta/models/m:generateContent": {"contents": [{"parts": [{"text": "hello"}]}]},
    "/v1beta/models/m:streamGenerateContent?alt=sse": {
        "contents": [{"parts": [{"text": "hello"}]}]
    },
}
WHOLE = [path for path in ASKED if "stream" not in path]
STREAMED = [path for path in ASKED if "generateContent" not in path]
TEXT = "A text that is long enough to be sent in several pieces."


def post(server, path, **more):
    """The status, the headers and the body of an answer."""
    link = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    body = json.dumps({"model": "m", **ASKED.get(path, {}), **more})
    try:
        link.request("POST", path, body, {"Content-Type": "application/json"})
        answer = link.getresponse()
        return answer.status, dict(answer.headers), answer.read().decode()
    finally:
        link.close()


def events(text):
    """The data of the events of a stream."""
    data = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(one) for one in data if one != "[DONE]"]


@pytest.mark.parametrize("path", WHOLE)
def test_a_text_and_a_call_are_in_a_whole_answer(path):
    with ModelServer([Answer(TEXT, (Call("edit", {"a": 1}),))]) as server:
        status, _, body = post(server, path)
    assert status == 200 and TEXT in body and "edit" in body
    (request,) = server.requests
    assert (request.text, request.model, request.stream) == ("hello", "m", False)


@pytest.mark.parametrize("path", STREAMED)
def test_a_streamed_answer_comes_in_pieces_that_make_the_whole(path):
    with ModelServer([say(TEXT)]) as server:
        _, headers, body = post(server, path, stream=True)
    assert headers["Content-Type"].startswith("text/event-stream")
    assert len(events(body)) > 3
    pieces = [
        found
        for event in events(body)
        for found in (
            event.get("delta", {}).get("text")
            if isinstance(event.get("delta"), dict)
            else event.get("delta"),
            *(c["delta"].get("content") for c in event.get("choices", [])),
            *(p["text"] for c in event.get("candidates", []) for p in c["content"]["parts"]),
        )
        if isinstance(found, str)
    ]
    assert "".join(pieces) == TEXT and server.requests[0].stream


def test_each_protocol_has_its_own_word_for_an_end():
    said = {}
    for name, one in (("stop", say("x")), ("length", truncate("x")), ("refusal", refuse("x"))):
        with ModelServer([one] * 4) as server:
            said[name] = [json.loads(post(server, path)[2]) for path in WHOLE]
    chat, responses, messages, gemini = zip(*said.values(), strict=True)
    assert [c["choices"][0]["finish_reason"] for c in chat] == ["stop", "length", "stop"]
    assert chat[2]["choices"][0]["message"]["refusal"] == "x"
    assert [r["status"] for r in responses] == ["completed", "incomplete", "completed"]
    assert [m["stop_reason"] for m in messages] == ["end_turn", "max_tokens", "refusal"]
    reasons = [g["candidates"][0]["finishReason"] for g in gemini]
    assert reasons == ["STOP", "MAX_TOKENS", "SAFETY"]


@pytest.mark.parametrize("path", WHOLE)
def test_errors_have_the_providers_shape_and_wait(path):
    with ModelServer([fail(429, "slow down", retry_after=7)]) as server:
        status, headers, body = post(server, path)
    assert (status, headers["Retry-After"]) == (429, "7")
    assert json.loads(body)["error"]["message"] == "slow down"


def test_a_cut_answer_is_no_whole_one():
    with ModelServer([cut(TEXT)] * 2) as server:
        for more in ({}, {"stream": True}):
            with pytest.raises(http.client.IncompleteRead):
                post(server, "/v1/chat/completions", **more)


def test_a_silent_one_ends_with_the_server():
    server = ModelServer([silence()])
    link = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    link.request("POST", "/v1/messages", json.dumps(ASKED["/v1/messages"]))
    while not server.requests:
        pass
    server.close()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        link.getresponse()
    link.close()


def test_keys_models_and_the_end_of_a_script():
    with ModelServer([], key="k", models=["m"]) as server:
        assert post(server, "/v1/messages")[0] == 401
        server.key = ""
        assert post(server, "/v1/messages", model="other")[0] == 404
        status, _, body = post(server, "/v1/messages")
        assert status == 400 and "no answer left" in body
        assert post(server, "/elsewhere")[0] == 404 and server.others[0].path == "/elsewhere"
        count = json.loads(post(server, "/v1/messages/count_tokens", messages=[])[2])
        assert count["input_tokens"] == 0


def test_a_script_that_stumbles_is_told_at_the_end():
    def script(request):
        raise KeyError("oops")

    server = ModelServer(script)
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        post(server, "/v1/messages")
    with pytest.raises(AssertionError, match="KeyError"):
        server.__exit__(None)
