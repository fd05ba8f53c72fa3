"""Looks at how a reply begins before it is parsed: whether it is HTTP, and how often it is put off.

A server may say ``100 Continue`` and its like (RFC 9110, 15.2) before its reply, and httpcore reads
on however many come: 200,000 of them take seconds of computing. What is no HTTP at all it takes for
a connection that broke, unless there is a line's end in it.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable
from typing import Final

import httpcore
import httpx

_MOST_NOTICES: Final = 10
_PROTOCOL: Final = b"HTTP/"
_REQUEST: Final = re.compile(rb"[A-Z]+ [^ \r\n]+ HTTP/1\.1\r\n")
_NOTICE: Final = re.compile(rb"HTTP/\d\.\d 1")
_NOTICE_BYTES: Final = 10
_END: Final = re.compile(rb"\n\r?\n")


class NoReply(httpx.RemoteProtocolError):
    """What came instead of a reply.

    Args:
        what: What it was, as a sentence's end.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Beginning:
    """The bytes of one connection, as far as a reply has not begun in them."""

    def __init__(self) -> None:
        self._is_open = False
        self._notices = 0
        self._bytes = bytearray()
        self._searched = 0

    def note_sent(self, data: bytes) -> None:
        """Expect a reply, if this begins a request: a proxy is spoken to otherwise, too."""
        if _REQUEST.match(data):
            self._is_open = True
            self._notices = 0
            self._bytes.clear()
            self._searched = 0

    def note_received(self, data: bytes) -> None:
        """Look at what came.

        Raises:
            NoReply: It is no HTTP, or the reply was put off too often.
        """
        if not self._is_open:
            return
        self._bytes += data
        while self._bytes:
            if not _PROTOCOL.startswith(bytes(self._bytes[: len(_PROTOCOL)])):
                raise NoReply("what answers there is no web server")
            if len(self._bytes) < _NOTICE_BYTES:
                return
            if not _NOTICE.match(self._bytes):
                self._is_open = False
                self._bytes.clear()
                return
            end = _END.search(self._bytes, self._searched)
            if end is None:  # httpcore refuses a head that is too long
                self._searched = max(0, len(self._bytes) - 2)
                return
            self._searched = 0
            del self._bytes[: end.end()]
            self._notices += 1
            if self._notices > _MOST_NOTICES:
                raise NoReply(f"it put off its reply more than {_MOST_NOTICES} times")


class Backend(httpcore.AsyncNetworkBackend):
    """Makes connections whose replies are looked at.

    Args:
        inner: Makes the connections.
    """

    def __init__(self, inner: httpcore.AsyncNetworkBackend) -> None:
        self._inner = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 # httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to a server, or to a proxy."""
        return _Stream(
            await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        )

    async def sleep(self, seconds: float) -> None:
        """Wait between two tries to connect."""
        await self._inner.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection, plain or under TLS."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner
        self._beginning = Beginning()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        data = await self._inner.read(max_bytes, timeout)
        self._beginning.note_received(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        self._beginning.note_sent(buffer)
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)
