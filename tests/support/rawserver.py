"""A server that can say anything at all: each reply is bytes that the test chooses."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec


class Asked(msgspec.Struct, frozen=True):
    """A request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


Answer = Callable[[Asked], Iterable[bytes]]


class RawServer:
    """Answers with what `answer` yields, then closes the connection.

    Attributes:
        asked: All requests so far.
        sent_bytes: What was sent so far; it tells when a client stopped listening.
    """

    def __init__(
        self, answer: Answer, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.sent_bytes = 0
        self._tls = tls
        self._listener = socket.create_server((host, 0), backlog=64)
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        # Wakes the thread that accepts, which a mere close does not.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _accept(self) -> None:
        workers = []
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                worker = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                worker.start()
                workers.append(worker)
        for worker in workers:
            worker.join()

    def _serve(self, connection: socket.socket) -> None:
        self._open.add(connection)
        try:
            with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
                stack.enter_context(connection)
                if self._tls is not None:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                    stack.enter_context(connection)
                asked = _read_request(connection)
                if asked is None:
                    return
                self.asked.append(asked)
                for piece in self.answer(asked):
                    connection.sendall(piece)
                    self.sent_bytes += len(piece)
        finally:
            self._open.discard(connection)


def _read_request(connection: socket.socket) -> Asked | None:
    """Read a request; None where its client went away before it was whole."""
    with connection.makefile("rb") as stream:
        first = stream.readline().decode("latin-1").split()
        if len(first) < 2:
            return None
        headers = {}
        while line := stream.readline().decode("latin-1"):
            if not line.strip():
                break
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        else:
            return None
        length = int(headers.get("content-length", "0"))
        body = stream.read(length)
    return Asked(first[0], first[1], headers, body) if len(body) == length else None


@contextlib.contextmanager
def raw_server(answer: Answer) -> Iterator[RawServer]:
    """Run such a server on this machine."""
    server = RawServer(answer)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def reply(
    status: int, content: bytes | object = b"", *, chunked: bool = False, **headers: str
) -> bytes:
    """Build a whole reply; what is no bytes is sent as JSON."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if not chunked:
        named.setdefault("Content-Length", str(len(body)))
    return head(status, **named) + body


def head(status: int, **headers: str) -> bytes:
    """Build the beginning of a reply whose body follows."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} X\r\n{lines}Connection: close\r\n\r\n".encode()
