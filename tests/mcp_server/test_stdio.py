"""The real command over standard input and output, with a real machine and real trials."""

import asyncio
import json
import os
import signal
from typing import Any

import pytest
from mcp import Client
from tiny_lab import Tiny, change, proposed, refused, said, until, verdict, with_client

HELLO = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "Claude Code", "version": "2"},
    },
}


def talk(tiny: Tiny, work: Any, **options: Any) -> Any:
    return with_client(tiny.parameters(), work, **options)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_whole_experiment_from_the_first_look_to_the_reasons(tiny, mode):
    async def work(client: Client) -> None:
        assert "Which x is the lowest?" in said(await client.call_tool("briefing", {}))
        found = await client.call_tool("read_file", {"path": "x.txt"})
        assert found.structured_content["text"] == "5 0 hello\n"
        first = await client.call_tool("propose", change(4, expected=-1, kind="size"))
        assert "the machine started a new campaign" in said(first)
        came = await verdict(client, first.structured_content["proposal"])
        assert (came["experiment"], came["verdict"], came["score"]) == (1, "keep", 4.0)
        found = await client.call_tool("read_file", {"path": "x.txt"})
        assert found.structured_content["text"] == "4 0 hello\n"
        old = await client.call_tool("read_file", {"path": "x.txt", "experiment": 0})
        assert old.structured_content["text"] == "5 0 hello\n"
        why = said(await client.call_tool("explain", {"experiment": 1}))
        assert "hypothesis: less is less" in why
        assert "METRIC score=4" in why
        history = await client.call_tool("history", {})
        rows = history.structured_content["rows"]
        assert [row["verdict"] for row in rows] == ["keep", "keep"]
        assert rows[1]["kind"] == "size"

    talk(tiny, work, mode=mode)
    (proposal,) = [one.proposal for one in tiny.experiments()[1:]]
    assert (proposal.title, proposal.expected) == ("x is 4", -1)
    assert proposal.researcher == "outside:mcp"


def test_a_diff_is_as_good_as_edits(tiny):
    diff = "--- a/x.txt\n+++ b/x.txt\n@@ -1 +1 @@\n-5 0 hello\n+3 0 hello\n"

    async def work(client: Client) -> None:
        given = {"title": "t", "hypothesis": "h", "diff": diff}
        result = await client.call_tool("propose", given)
        assert (await verdict(client, result.structured_content["proposal"]))["score"] == 3.0

    talk(tiny, work)


def test_the_machine_ends_by_itself_and_is_started_again_where_it_was(tiny):
    talk(tiny, lambda client: proposed(client, 4))
    until(lambda: tiny.machine() is None)

    async def work(client: Client) -> None:
        result = await client.call_tool("propose", change(3))
        assert "the machine went on with campaign" in said(result)
        came = await verdict(client, result.structured_content["proposal"])
        assert (came["experiment"], came["verdict"]) == (2, "keep")

    talk(tiny, work)
    with tiny.ledger() as ledger:
        assert len(ledger.campaigns()) == 1


def test_a_change_that_does_not_apply_or_is_not_allowed_is_refused_before_anything_runs(tiny):
    async def work(client: Client) -> None:
        async def propose(**more: Any) -> str:
            given = {"title": "t", "hypothesis": "h", **more}
            return refused(await client.call_tool("propose", given))

        edit = {"path": "x.txt", "search": "7 0", "replace": "3 0"}
        words = await propose(edits=[edit])
        assert "is not there: '7 0'" in words
        assert "the commit that is checked out" in words
        frozen = [{"path": "run.sh", "replace": "echo METRIC score=0"}]
        assert await propose(edits=frozen) == "run.sh may not be edited; editable: x.txt"
        for path in ("../x.txt", "/etc/passwd", "lab.toml", ".git/config", "AGENTS.md"):
            assert "may not be edited" in await propose(edits=[{"path": path, "replace": "x"}])
        diff = "--- a/run.sh\n+++ b/run.sh\n@@ -1 +1 @@\n-a\n+b\n"
        assert "run.sh may not be edited" in await propose(diff=diff)
        assert "no unified diff" in await propose(diff="make it lower")
        assert "either as edits or as a diff" in await propose()
        assert "either as edits or as a diff" in await propose(edits=[edit], diff=diff)
        same = [{"path": "x.txt", "replace": "5 0 hello\n"}]
        assert "leaves every file as it was" in await propose(edits=same)

    talk(tiny, work)
    assert not (tiny.path / ".novum").exists()


def test_a_change_that_repeats_an_earlier_one_is_answered_with_its_result(tiny):
    async def work(client: Client) -> None:
        await verdict(client, await proposed(client, 6))
        came = await verdict(client, await proposed(client, 6))
        assert (came["state"], came["experiment"], came["verdict"]) == ("repeated", 1, "discard")
        assert "repeats experiment 1" in came["reason"]
        again = await verdict(client, await proposed(client, 6, again=True))
        assert (again["state"], again["experiment"]) == ("judged", 2)

    talk(tiny, work)


def test_waiting_tells_the_progress_and_ends_in_time(tiny):
    heard: list[tuple[float, float | None, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    async def work(client: Client) -> None:
        number = await proposed(client, 4, pause=600)
        given = {"proposal": number, "seconds": 8}
        result = await client.call_tool("wait", given, progress_callback=hear)
        assert "it is being tried" in said(result)
        assert f"wait(proposal={number})" in said(result)
        now = await client.call_tool("wait", {"experiment": 1, "seconds": 0})
        assert now.structured_content["state"] == "running"

    talk(tiny, work)
    assert len(heard) >= 2
    amounts = [amount for amount, _, _ in heard]
    assert amounts == sorted(set(amounts)), "progress has to grow"
    assert all(total == 8 for _, total, _ in heard)
    assert "experiment 1 (x is 4)" in (heard[-1][2] or "")


def test_a_wait_that_is_cancelled_ends_and_the_experiment_goes_on(tiny):
    tiny.write(run_sh="read score rest < x.txt\nsleep 3\necho METRIC score=$score\n")
    tiny.commit()

    async def work(client: Client) -> None:
        number = await proposed(client, 4)
        waiting = asyncio.create_task(
            client.call_tool("wait", {"proposal": number, "seconds": 600})
        )
        await asyncio.sleep(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert "x.txt" in said(await client.call_tool("read_file", {}))  # it still answers
        assert (await verdict(client, number))["verdict"] == "keep"

    talk(tiny, work)


def test_several_calls_are_answered_at_once(tiny):
    async def work(client: Client) -> None:
        number = await proposed(client, 4, pause=600)
        waiting = asyncio.create_task(client.call_tool("wait", {"proposal": number, "seconds": 9}))
        found = [client.call_tool("read_file", {"path": "x.txt"}) for _ in range(10)]
        for result in await asyncio.gather(*found):
            assert result.structured_content["text"] == "5 0 hello\n"
        assert not waiting.done()
        waiting.cancel()

    talk(tiny, work)


def test_two_clients_at_once_are_both_served_with_their_own_results(tiny):
    """Two servers, in a lab where nothing runs yet: both may start the machine."""

    async def agent(values: list[int]) -> list[tuple[float, float]]:
        async with Client(tiny.parameters()) as client:
            numbers = [await proposed(client, value) for value in values]
            pairs = zip(values, numbers, strict=True)
            return [(value, (await verdict(client, n))["score"]) for value, n in pairs]

    async def both() -> list[list[tuple[float, float]]]:
        return await asyncio.gather(agent([40, 41, 42, 43]), agent([50, 51, 52, 53]))

    for pairs in asyncio.run(both()):
        assert len(pairs) == 4
        assert all(value == score for value, score in pairs)
    experiments = tiny.experiments()
    assert [one.number for one in experiments] == list(range(9))
    titles = sorted(one.proposal.title for one in experiments[1:])
    assert titles == sorted(f"x is {value}" for value in [*range(40, 44), *range(50, 54)])
    with tiny.ledger() as ledger:
        assert len(ledger.campaigns()) == 1


def test_a_server_that_is_killed_during_a_trial_costs_nothing(tiny):
    tiny.write(run_sh="read score pause < x.txt\nsleep 3\necho METRIC score=$score\n")
    tiny.commit()
    server = tiny.serve()
    call = {"name": "propose", "arguments": change(4)}
    for message in (
        HELLO,
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call},
    ):
        server.stdin.write(json.dumps(message) + "\n")
        server.stdin.flush()
    answers = [json.loads(server.stdout.readline()) for _ in range(2)]
    assert answers[1]["result"]["structuredContent"]["proposal"] == 1
    until(lambda: len(tiny.experiments()) == 2)
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    until(lambda: tiny.experiments()[-1].verdict)
    assert tiny.experiments()[1].verdict.outcome == "keep"
    assert tiny.experiments()[1].proposal.researcher == "outside:claude-code"
    until(lambda: tiny.machine() is None)  # and it ends by itself


def test_a_machine_that_is_killed_is_started_again_by_who_waits(tiny):
    async def work(client: Client) -> None:
        tiny.write(run_sh="read score pause < x.txt\nsleep 2\necho METRIC score=$score\n")
        tiny.commit()
        number = await proposed(client, 4)
        until(lambda: len(tiny.experiments()) == 2)
        os.kill(tiny.machine(), signal.SIGKILL)
        came = await verdict(client, number)
        assert (came["experiment"], came["verdict"]) == (1, "keep")

    talk(tiny, work)


def test_what_the_person_stopped_is_not_started_again_by_who_waits(tiny):
    async def work(client: Client) -> None:
        number = await proposed(client, 4, pause=600)
        with tiny.ledger() as ledger:
            ledger.requests.ask("stop-now", {})
        until(lambda: tiny.machine() is None)
        result = await client.call_tool("wait", {"proposal": number, "seconds": 1})
        assert "stopped by the person" in said(result)
        assert result.structured_content["state"] == "running"

    talk(tiny, work)
    assert tiny.machine() is None


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (lambda tiny: tiny.write(run_sh="changed\n"), "run.sh has changes that are not committed"),
        (lambda tiny: (tiny.write(run_sh="exit 3\n"), tiny.commit()), "the baseline fails"),
    ],
    ids=["not committed", "baseline"],
)
def test_a_machine_that_cannot_run_says_why_and_nothing_is_left_in_line(tiny, break_it, why):
    break_it(tiny)

    async def work(client: Client) -> str:
        result = await client.call_tool("propose", change(4))
        if result.is_error:
            return refused(result)
        while True:
            given = {"proposal": result.structured_content["proposal"], "seconds": 5}
            seen = await client.call_tool("wait", given)
            if seen.is_error:
                return seen.content[0].text

    words = talk(tiny, work)
    assert "the machine could not go on" in words
    assert why in words
    assert str(tiny.path.parent) not in words
    with tiny.ledger() as ledger:
        assert ledger.requests.waiting("proposal") == []


def test_what_runs_already_gets_the_proposal(tiny):
    """A person's own campaign, of whatever researcher, takes it in its turn."""
    with tiny.ledger() as ledger, ledger.lock():

        async def work(client: Client) -> None:
            result = await client.call_tool("propose", change(4))
            assert "its turn has not come yet" in said(result)
            assert "started" not in said(result)

        talk(tiny, work)
    assert tiny.log() == ""


def test_no_answer_tells_where_the_lab_is(tiny):
    async def work(client: Client) -> str:
        await verdict(client, await proposed(client, 4, words="I am"))
        await verdict(client, await proposed(client, "nonsense"))
        answers = [
            await client.call_tool("briefing", {}),
            await client.call_tool("history", {}),
            await client.call_tool("explain", {"experiment": 1}),
            await client.call_tool("explain", {"experiment": 2}),
            await client.call_tool("wait", {"proposal": 1}),
            await client.call_tool("read_file", {"path": str(tiny.path / "x.txt")}),
        ]
        ledger = await client.read_resource("novum://ledger")
        return "".join(map(str, answers)) + str(ledger)

    everything = talk(tiny, work)
    assert "I am in" in everything
    assert str(tiny.path.parent) not in everything
