"""The real command over HTTP: the same tools, for this machine alone."""

import asyncio
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from mcp import Client
from tiny_lab import proposed, refused, said, verdict, with_client

BODY = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "page", "version": "1"},
    },
}


@pytest.fixture
def url(tiny) -> str:
    return tiny.serve("--http", "0").stdout.readline().strip()


def post(url: str, **headers: str) -> int:
    """The status that a client with these headers gets."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
    always = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    try:
        connection.request("POST", place.path, json.dumps(BODY), always | headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_whole_experiment_with_progress(tiny, url, mode):
    heard = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(message)

    async def work(client: Client) -> None:
        number = await proposed(client, 4, pause=1)
        given = {"proposal": number, "seconds": 60}
        result = await client.call_tool("wait", given, progress_callback=hear)
        assert result.structured_content["verdict"] == "keep"
        assert "METRIC score=4" in said(await client.call_tool("explain", {"experiment": 1}))
        assert "there is no experiment 9" in refused(
            await client.call_tool("explain", {"experiment": 9})
        )

    with_client(url, work, mode=mode)
    assert heard


def test_two_clients_of_one_server_at_once(tiny, url):
    async def agent(value: int) -> float:
        async with Client(url) as client:
            return (await verdict(client, await proposed(client, value)))["score"]

    async def both() -> list[float]:
        return await asyncio.gather(agent(40), agent(50))

    assert asyncio.run(both()) == [40, 50]


def test_a_wait_that_is_cancelled_does_not_hold_the_server(tiny, url):
    async def work(client: Client) -> None:
        number = await proposed(client, 4, pause=600)
        call = client.call_tool("wait", {"proposal": number, "seconds": 600})
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call, 1)
        assert "x.txt" in said(await client.call_tool("read_file", {}))

    with_client(url, work)


def test_only_pages_and_names_of_this_machine_are_answered(url):
    """A page of another site that points its own name to this machine gets nothing."""
    port = urlsplit(url).port
    assert post(url) == 200
    assert post(url, Host=f"localhost:{port}", Origin=f"http://localhost:{port}") == 200
    assert post(url, Host="evil.example") == 421
    assert post(url, Host=f"evil.example:{port}") == 421
    assert post(url, Host=f"127.0.0.1.evil.example:{port}") == 421
    assert post(url, Host="127.0.0.1:1") == 421
    assert post(url, Origin="http://evil.example") == 403
    assert post(url, Origin="null") == 403
    assert post(url, Origin="http://127.0.0.1:1") == 403


def test_it_listens_on_this_machine_alone(url):
    place = urlsplit(url)
    assert place.hostname == "127.0.0.1"
    elsewhere = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with elsewhere:
        try:
            elsewhere.connect(("192.0.2.1", 9))  # sends nothing: it only picks an address
        except OSError:
            pytest.skip("this machine has no other address")
        own = elsewhere.getsockname()[0]
    if own.startswith("127."):
        pytest.skip("this machine has no other address")
    with socket.socket() as knock:
        knock.settimeout(5)
        assert knock.connect_ex((own, place.port)) != 0


def test_a_port_that_is_taken_is_named(tiny, url):
    done = subprocess.run(
        [sys.executable, "-m", "novum", "mcp", tiny.path, "--http", str(urlsplit(url).port)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert re.fullmatch(
        r"novum: port \d+ cannot be used: Address already in use; choose another\n", done.stderr
    )


def test_it_ends_when_it_is_told_to(tiny):
    server = tiny.serve("--http", "0")
    assert server.stdout.readline().startswith("http://127.0.0.1:")
    server.send_signal(signal.SIGINT)
    server.wait(timeout=30)
