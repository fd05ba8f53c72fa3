"""The seam under HTTP: a protocol for uvicorn that lets an application cut its own connection.

ASGI can't express a reset, so the protocol puts itself into each request's scope.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from starlette.types import Receive, Scope, Send
    from uvicorn.config import Config
    from uvicorn.server import ServerState

EXTENSION = "coexplorer.connection"
"""Key under the scope's ``extensions`` of the `FaultProtocol` that a request came over."""


class FaultProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, with a way to end a connection badly.

    Give the class to uvicorn as ``http=FaultProtocol``.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._gone = asyncio.Event()
        app = self.app

        async def app_with_connection(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[EXTENSION] = self
            await app(scope, receive, send)

        self.app = app_with_connection

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake everybody who waits on this connection."""
        self._gone.set()
        super().connection_lost(exc)

    async def reset(self) -> None:
        """Send a TCP reset: what the kernel has not sent yet is lost, the peer sees ECONNRESET."""
        if self._gone.is_set():
            return
        connection: socket.socket = self.transport.get_extra_info("socket")
        # With a linger time of zero, closing means RST instead of FIN (socket(7)).
        with contextlib.suppress(OSError):  # the peer has gone already, and the socket is closed
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
        await self._gone.wait()

    async def hang_up(self) -> None:
        """Send what is left and close in good order (FIN), wherever in the reply that is."""
        self.transport.close()
        await self._gone.wait()

    async def wait(self, event: asyncio.Event | None, seconds: float | None) -> bool:
        """Wait for an event or a time, but never beyond the end of the connection.

        Args:
            event: What to wait for; None: only for the time.
            seconds: How long at most; None: forever.

        Returns:
            Whether the connection is still there.
        """
        waits = [asyncio.ensure_future(self._gone.wait())]
        if event is not None:
            waits.append(asyncio.ensure_future(event.wait()))
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return not self._gone.is_set()
