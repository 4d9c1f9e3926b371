"""The proxy lets through what is allowed and nothing else; real sockets on this machine."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from novum.researchers.agent.proxy import Hosts, Proxy, host_of, upstream_proxy


class Site(BaseHTTPRequestHandler):
    """Says what it was asked."""

    def do_GET(self):
        asked = f"{self.requestline} | host {self.headers['Host']} | {self.headers.items()}"
        self.server.asked.append(asked)
        body = asked.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def site() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Site)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def exchange(proxy: Proxy, *sent: bytes) -> bytes:
    """Send pieces, each after an answer to the one before it; all that came back."""
    with closing(socket.socket(socket.AF_UNIX)) as line:
        line.settimeout(20)
        line.connect(str(proxy.path))
        received = b""
        for number, piece in enumerate(sent):
            line.sendall(piece)
            if number + 1 < len(sent):
                received += line.recv(65536)
        while data := line.recv(65536):
            received += data
        return received


@pytest.mark.parametrize(
    ("pattern", "host", "port", "allowed"),
    [
        ("api.example.org", "api.example.org", 443, True),
        ("api.example.org", "api.example.org", 80, True),
        ("api.example.org", "api.example.org", 22, False),
        ("api.example.org", "evil.org", 443, False),
        ("api.example.org", "api.example.org.evil.org", 443, False),
        ("api.example.org", "xapi.example.org", 443, False),
        ("*.example.org", "a.b.example.org", 443, True),
        ("*.example.org", "example.org", 443, False),
        ("*.example.org", "badexample.org", 443, False),
        ("127.0.0.1:8080", "127.0.0.1", 8080, True),
        ("127.0.0.1:8080", "127.0.0.1", 8081, False),
        ("[::1]:8080", "::1", 8080, True),
        ("API.Example.org.", "api.example.org", 443, True),
    ],
)
def test_a_host_is_allowed_by_name_and_port(pattern, host, port, allowed):
    assert Hosts([pattern]).allows(host, port) is allowed


def test_local_ports_are_known():
    hosts = Hosts(["api.example.org", "localhost:2", "127.0.0.1:1", "127.0.0.1", "[::1]:3"])
    assert hosts.local_ports() == [1, 2, 3]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://api.example.org/v1", "api.example.org:443"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://plain.example.org/", "plain.example.org:80"),
        ("example.org:8443", "example.org:8443"),
        ("http://[::1]:99/x", "[::1]:99"),
        ("", ""),
        ("http://x:port/", ""),
    ],
)
def test_the_host_of_an_address(url, host):
    assert host_of(url) == host


def test_an_allowed_host_is_connected(tmp_path):
    with site() as there, Proxy(Hosts([f"127.0.0.1:{there.server_port}"]), tmp_path) as proxy:
        connect = f"CONNECT 127.0.0.1:{there.server_port} HTTP/1.1\r\n\r\n".encode()
        answer = exchange(proxy, connect, b"GET /x HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 Connection established\r\n\r\n")
    assert b"GET /x HTTP/1.0" in answer
    assert proxy.refused == []


def test_another_host_is_refused_and_remembered(tmp_path):
    with site() as there, Proxy(Hosts(["127.0.0.1:1"]), tmp_path) as proxy:
        target = f"127.0.0.1:{there.server_port}"
        answer = exchange(proxy, f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
        plain = exchange(proxy, f"GET http://{target}/ HTTP/1.1\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 403") and plain.startswith(b"HTTP/1.1 403")
    assert there.asked == []
    assert proxy.refused == [target]


def test_a_plain_request_is_passed_on_without_what_concerns_the_proxy(tmp_path):
    with site() as there, Proxy(Hosts([f"127.0.0.1:{there.server_port}"]), tmp_path) as proxy:
        head = f"GET http://127.0.0.1:{there.server_port}/a?b=c HTTP/1.1\r\nHost: h\r\n"
        answer = exchange(proxy, f"{head}Proxy-Authorization: secret\r\n\r\n".encode())
    assert b"GET /a?b=c HTTP/1.1" in answer
    assert b"secret" not in answer


def test_a_second_request_on_a_connection_cannot_reach_another_host(tmp_path):
    with site() as there, site() as secret:
        with Proxy(Hosts([f"127.0.0.1:{there.server_port}"]), tmp_path) as proxy:
            first = f"GET http://127.0.0.1:{there.server_port}/ HTTP/1.1\r\nHost: h\r\n\r\n"
            second = f"GET http://127.0.0.1:{secret.server_port}/ HTTP/1.1\r\nHost: h\r\n\r\n"
            exchange(proxy, (first + second).encode())
        assert secret.asked == []


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\r\n\r\n",
        b"CONNECT\r\n\r\n",
        b"CONNECT nowhere HTTP/1.1\r\n\r\n",
        b"CONNECT :443 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET ftp://x/ HTTP/1.1\r\n\r\n",
        b"GET http://x:y/ HTTP/1.1\r\n\r\n",
        b"\xff\xfe\x00 \x00 \x00\r\n\r\n",
        b"x" * 70_000,
    ],
)
def test_nonsense_is_refused_and_does_no_harm(tmp_path, nonsense):
    with site() as there, Proxy(Hosts([f"127.0.0.1:{there.server_port}"]), tmp_path) as proxy:
        assert exchange(proxy, nonsense).startswith(b"HTTP/1.1 400")
        plain = f"GET http://127.0.0.1:{there.server_port}/ HTTP/1.0\r\n\r\n".encode()
        assert b"200 OK" in exchange(proxy, plain)


def test_a_host_that_does_not_answer_is_a_bad_gateway(tmp_path):
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening
        target = f"127.0.0.1:{taken.getsockname()[1]}"
        with Proxy(Hosts([target]), tmp_path) as proxy:
            answer = exchange(proxy, f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 502")


def test_open_connections_end_with_the_proxy(tmp_path):
    with site() as there, closing(socket.socket(socket.AF_UNIX)) as line:
        with Proxy(Hosts([f"127.0.0.1:{there.server_port}"]), tmp_path) as proxy:
            line.connect(str(proxy.path))
            line.sendall(f"CONNECT 127.0.0.1:{there.server_port} HTTP/1.1\r\n\r\n".encode())
            assert line.recv(100).startswith(b"HTTP/1.1 200")
        assert line.recv(100) == b""


def test_a_deep_directory_is_no_obstacle(tmp_path):
    deep = tmp_path / "d" / ("x" * 100) / ("y" * 100)
    deep.mkdir(parents=True)
    with Proxy(Hosts([]), deep) as proxy:
        assert proxy.path.is_socket()
    assert not proxy.path.exists()


def test_the_persons_own_proxy_is_gone_through(tmp_path):
    above, below = tmp_path / "above", tmp_path / "below"
    above.mkdir(), below.mkdir()
    heard = []
    with closing(socket.create_server(("127.0.0.1", 0))) as theirs:

        def answer():
            line, _ = theirs.accept()
            with line:
                heard.append(line.recv(65536))
                line.sendall(b"HTTP/1.1 200 ok\r\n\r\nhello")

        thread = threading.Thread(target=answer)
        thread.start()
        upstream = f"http://me:p%40ss@127.0.0.1:{theirs.getsockname()[1]}"
        with Proxy(Hosts(["api.example.org"]), below, upstream) as proxy:
            answered = exchange(proxy, b"CONNECT api.example.org:443 HTTP/1.1\r\n\r\n")
        thread.join()
    assert answered.endswith(b"hello")
    assert heard[0].startswith(b"CONNECT api.example.org:443")
    assert b"Basic bWU6cEBzcw==" in heard[0]


def test_which_proxy_the_person_has():
    assert upstream_proxy({"https_proxy": "http://a:1", "HTTP_PROXY": "http://b:2"}) == "http://a:1"
    assert upstream_proxy({}) == ""
