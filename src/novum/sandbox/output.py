"""What a command printed: its beginning and its end, however much there was."""

from collections import deque


class Output:
    """Keeps the head and the tail of a stream in bounded memory, and drops the middle."""

    def __init__(self, limit: int) -> None:
        self._head = bytearray()
        self._head_limit = limit // 2
        self._tail: deque[bytes] = deque()
        self._tail_limit = limit - self._head_limit
        self._tail_size = 0
        self.total = 0

    def add(self, chunk: bytes) -> None:
        """Append a piece of the stream."""
        self.total += len(chunk)
        room = self._head_limit - len(self._head)
        if room > 0:
            self._head += chunk[:room]
            chunk = chunk[room:]
        if not chunk:
            return
        self._tail.append(chunk)
        self._tail_size += len(chunk)
        while self._tail_size - len(self._tail[0]) >= self._tail_limit:
            self._tail_size -= len(self._tail.popleft())

    def bytes(self) -> bytes:
        """What is kept, with a line that says how much is missing."""
        tail = b"".join(self._tail)[-self._tail_limit :] if self._tail else b""
        dropped = self.total - len(self._head) - len(tail)
        if not dropped:
            return bytes(self._head) + tail
        return bytes(self._head) + b"\n[... %d bytes dropped ...]\n" % dropped + tail
