"""What an agent says of its change, and what its output says of its cost: read tolerantly."""

import json

import pytest

from novum.records import Usage
from novum.researchers.agent.answers import read_answer, tail_of
from novum.researchers.agent.words import said_in


def test_the_note_is_read():
    said = said_in('title = "T"\nhypothesis = "H"\nkind = "k"\nexpected = -0.5', "words")
    assert (said.title, said.hypothesis, said.kind, said.expected) == ("T", "H", "k", -0.5)


def test_a_block_at_the_end_does_as_well():
    said = said_in("", 'Done.\n\n```toml\ntitle = "T"\nhypothesis = "H"\n```\n')
    assert (said.title, said.hypothesis) == ("T", "H")


@pytest.mark.parametrize(
    "text",
    ["title: T\nhypothesis: H", "**Title**: T\n**Hypothesis**: H", 'title = "T\nhypothesis=H'],
)
def test_what_is_nearly_toml_is_read_too(text):
    said = said_in(text, "")
    assert (said.title, said.hypothesis) == ("T", "H")


def test_without_a_note_the_first_sentence_is_the_title():
    said = said_in("", "I halved the batch. More steps fit into the budget.")
    assert said.title == "I halved the batch"
    assert said.hypothesis == "I halved the batch. More steps fit into the budget."


@pytest.mark.parametrize("expected", ["inf", "nan", '"much"', "true", "[1]", "1e999"])
def test_an_expectation_that_is_no_number_is_none(expected):
    assert said_in(f'title = "T"\nexpected = {expected}', "").expected is None


def test_words_are_bounded_and_harmless():
    said = said_in('title = "T\\u001b[2J"\nhypothesis = "' + "h" * 9000 + '"', "")
    assert said.title == "T"
    assert len(said.hypothesis) == 2000


def test_nothing_said_is_nothing():
    assert said_in("", "").title == ""


def test_shapes_as_they_were_recorded():
    codex = "\n".join(
        (
            '{"type":"item.completed","item":{"type":"error","message":"metadata not found"}}',
            '{"type":"item.completed","item":{"type":"agent_message","text":"Done."}}',
            '{"type":"turn.completed","usage":{"input_tokens":9,"output_tokens":1}}',
        )
    )
    answer = read_answer("codex", codex)
    assert (answer.words, answer.problem, answer.final) == ("Done.", "", True)
    failed = read_answer("codex", '{"type":"turn.failed","error":{"message":"401 Unauthorized"}}')
    assert failed.problem == "401 Unauthorized" and failed.final
    gemini = {
        "session_id": "s",
        "response": "Done.",
        "stats": {
            "models": {
                "pro": {
                    "api": {"totalRequests": 3},
                    "tokens": {"prompt": 90, "candidates": 4, "thoughts": 1, "cached": 50},
                }
            }
        },
    }
    answer = read_answer("gemini", "Loaded credentials.\n" + json.dumps(gemini, indent=2))
    assert answer.words == "Done." and answer.usage == Usage(3, 90, 50, 5, 0.0, 3)


def test_claude_that_was_ended_early_is_counted_by_its_messages():
    usage = {"input_tokens": 10, "output_tokens": 1}
    line = json.dumps({"type": "assistant", "message": {"id": "a", "usage": usage}})
    other = json.dumps({"type": "assistant", "message": {"id": "b", "usage": usage}})
    assert read_answer("claude", "\n".join([line, line, other])).usage == Usage(2, 20, 0, 2, 0, 2)


@pytest.mark.parametrize("shape", ["claude", "codex", "gemini", "opencode", "goose", "aider", "x"])
@pytest.mark.parametrize(
    "output",
    [
        "",
        "{",
        "{}" * 9,
        '{"a":' * 5000,
        "[]\nnull\n",
        '{"type": "result", "usage": 3, "stats": [], "result": 7, "error": 1}',
        '{"type": "assistant", "message": "hello"}\n{"type": "text", "part": 3}',
        '{"messages": [1, {"content": 5}], "metadata": {"total_tokens": "x"}}',
        '{"type": "step_finish", "part": {"tokens": {"input": -1}, "cost": "x"}}',
        '{"type": "turn.completed", "usage": {"input_tokens": 1e400}}',
        "Tokens: 1.2.3k sent, 4 received. Cost: $1.2.3 message",
    ],
)
def test_no_output_is_an_error(shape, output):
    answer = read_answer(shape, output)
    assert answer.usage.tokens >= 0 and answer.usage.usd >= 0


def test_the_tail_of_an_output_is_short_and_harmless():
    assert tail_of("a\n\n\x1b[31mb\n" + "c" * 900) == ("a / b / " + "c" * 900)[-500:]
