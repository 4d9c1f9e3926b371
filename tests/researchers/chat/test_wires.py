"""Whatever a provider sends, it is an answer or a trouble that is told, never a crash."""

import contextlib
import http.server
import json
import threading

import pytest
from chat_cases import GOOD, LAB, briefing
from hypothesis import given
from hypothesis import strategies as st

from novum.lab import parse_lab
from novum.records import Usage
from novum.researchers import Desk
from novum.researchers.chat import Chat
from novum.researchers.chat.models import models_for
from novum.researchers.chat.talk import Reply, Talk, WireError
from novum.researchers.chat.waits import Waits
from novum.researchers.chat.wires import WIRES, faults
from novum.testing.models import Answer, fail, say

NAMES = st.sampled_from(
    [
        *("type", "error", "message", "usage", "delta", "choices", "candidates", "content", "text"),
        *("parts", "finish_reason", "finishReason", "stop_reason", "usageMetadata", "input_tokens"),
        *("prompt_tokens", "prompt_tokens_details", "details", "code", "status", "promptFeedback"),
    ]
)
WORDS = st.sampled_from(["message_start", "message_delta", "content_block_delta", "error", "STOP"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
CONTROLLED = (WireError, AttributeError, KeyError, TypeError, ValueError)  # as transport has them


@pytest.mark.parametrize("protocol", sorted(WIRES))
@given(event=st.dictionaries(NAMES, JSON, max_size=4), status=st.integers(0, 600))
def test_no_event_and_no_error_is_more_than_a_trouble(protocol, event, status):
    reply = Reply()
    with contextlib.suppress(*CONTROLLED):
        WIRES[protocol].read(event, reply)
        assert reply.tokens.input >= 0 and reply.tokens.output >= 0
    with contextlib.suppress(*CONTROLLED):
        assert str(WIRES[protocol].trouble(status, event))


@contextlib.contextmanager
def raw(*answers: tuple[int, str, bytes]):
    """A server of raw answers: status, content type, body; the last one is repeated."""
    left = list(answers)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            status, kind, body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def asked(url: str, protocol: str = "openai"):
    """The proposal of a model at an address, what was told, and what it cost."""
    own = f'[chat.providers.raw]\nurl = "{url}"\nprotocol = "{protocol}"\n'
    lab = parse_lab(LAB + own)
    told: list[str] = []
    spent: list[Usage] = []
    chat = Chat(lab, models_for(lab, "raw/m", {}), Waits(0.01, 0.01))
    desk = Desk(notice=told.append, on_spend=spent.append)
    return chat.propose(briefing(lab=lab), desk), told, spent


def chunk(text: str) -> dict:
    return {"choices": [{"delta": {"content": text}, "finish_reason": None}]}


END = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
STREAM = "text/event-stream"


def test_events_may_have_comments_other_line_ends_and_strange_separators_in_their_texts():
    text = GOOD.replace("More steps", "More\u2028steps\x85")
    lines = [": keep alive", "", "event: x", "id: 7", f"data:{json.dumps(chunk(text[:50]))}", ""]
    rest = json.dumps(chunk(text[50:]), ensure_ascii=False)
    lines += [f"data: {rest}", "retry: 10", "", f"data: {json.dumps(END)}", "", "data: [DONE]", ""]
    with raw((200, STREAM, "\r\n".join([*lines, ""]).encode())) as url:
        proposal, told, _ = asked(url)
    assert proposal.edits and not told


def test_a_server_that_does_not_stream_is_understood():
    usage = {"prompt_tokens": 12, "completion_tokens": 34}
    whole = {
        "choices": [{"message": {"content": GOOD}, "finish_reason": "stop"}],
        "usage": usage,
    }
    with raw((200, "application/json", json.dumps(whole).encode())) as url:
        proposal, told, spent = asked(url)
    assert proposal.edits and not told
    assert spent == [Usage(1, 12, 0, 34)]


@pytest.mark.parametrize(
    "first",
    [
        (200, STREAM, b"data: {not json}\n\n"),
        (200, STREAM, b"data: [1]\n\ndata: 7\n\n"),
        (200, STREAM, b'data: {"choices": 7}\n\n'),
        (200, STREAM, b""),
        (200, "application/json", b"<html>"),
        (200, "text/html", b"<html>busy</html>"),
        (502, "text/html", b"<html>bad gateway</html>"),
        (503, "application/json", b'{"error": "overloaded"}'),
        (500, "application/json", b'[{"error": {"message": "a list", "code": 500}}]'),
    ],
)
def test_what_is_no_answer_is_asked_again(first):
    good = b"".join(f"data: {json.dumps(one)}\n\n".encode() for one in (chunk(GOOD), END))
    with raw(first, (200, STREAM, good)) as url:
        proposal, told, _ = asked(url)
    assert proposal.edits and len(told) == 1


def test_half_a_character_can_be_sent_back_and_stored(bench):
    made = bench([say("TITLE: \ud83d\n"), say(GOOD)])
    assert made.propose(text="Half: \udc00.").edits
    assert all(text.encode() for _, text in made.kept)


def test_the_beginning_of_an_answer_that_is_thought_only_is_no_answer(bench):
    made = bench([Answer("", thinking="hm " * 100), say(GOOD)])
    assert made.propose().edits


@pytest.mark.parametrize(
    ("status", "word", "passing"),
    [
        (0, "overloaded_error", True),
        (0, "rate_limit_error", True),
        (0, "UNAVAILABLE", True),
        (0, "", True),
        (0, "invalid_request_error", False),
        (429, "insufficient_quota", False),
        (429, "rate_limit_exceeded", True),
        (301, "", False),
        (418, "", False),
    ],
)
def test_which_errors_pass(status, word, passing):
    assert faults.trouble(status, "told", word).passing is passing


def test_waits_grow_to_a_bound_and_heed_what_was_said():
    longest, shortest = Waits(2, 60, lambda: 1.0), Waits(2, 60, lambda: 0.0)
    assert [longest.after(n) for n in (1, 2, 3, 6, 500)] == [2, 4, 8, 60, 60]
    assert [shortest.after(n) for n in (1, 2, 500)] == [1, 2, 30]
    assert shortest.after(5, 7.0) == 7 and 7 < longest.after(1, 7.0) < 8


def test_a_reply_that_is_empty_is_not_a_turn_of_its_own():
    talk = Talk("s", (("user", "a"),))
    assert talk.said(" \n", "b").turns == (("user", "a\n\nb"),)
    assert talk.said("x", "b").turns == (("user", "a"), ("assistant", "x"), ("user", "b"))


def test_what_a_model_or_a_provider_says_cannot_play_with_the_terminal(bench):
    evil = "\x1b[2Jgone\x07"
    made = bench([fail(503, evil), say(GOOD.replace("Halve", evil).replace("More", evil))])
    proposal = made.propose()
    told = repr([proposal.title, proposal.hypothesis, proposal.kind, made.notices])
    assert "gone" in told and "\\x1b" not in told and "\\x07" not in told
