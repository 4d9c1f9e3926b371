"""A port of this machine: taken or free, and nothing that is answered waits for a packet."""

import socket

import pytest

pytest.importorskip("uvicorn")

from novum.errors import UsageError
from novum.listening import HOST, listening


def test_a_taken_port_is_told():
    with listening(0) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} cannot be used"), listening(port):
            pass
    with listening(port):
        pass


def test_an_address_that_is_not_ours_is_told():
    with pytest.raises(UsageError, match="cannot be used"), listening(0, "192.0.2.1"):
        pass
    with pytest.raises(UsageError, match="cannot be used"), listening(0, "no.such.name.invalid"):
        pass


def test_answers_are_sent_at_once():
    """asyncio turns Nagle's algorithm off for sockets that name their protocol alone."""
    with listening(0) as sock, socket.create_connection((HOST, sock.getsockname()[1])):
        answering, _ = sock.accept()
        with answering:
            assert answering.proto == socket.IPPROTO_TCP
