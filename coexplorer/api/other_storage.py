"""Asks a storage that is not the platform's, with the same patience and the same suspicion.

It is asked with signed requests, or with public ones: what signs them is not known here.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Self

import anyio
import msgspec

from coexplorer.api.bodies import read_body
from coexplorer.api.download import (
    ADDRESSES,
    Classify,
    Download,
    FetchUrl,
    FilePart,
    open_download,
)
from coexplorer.api.exchange import Carrier
from coexplorer.api.failures import Failed, Failure, FailureKind, parse_retry_after
from coexplorer.api.origin import parse_origin
from coexplorer.api.storage import Storage, Stream
from coexplorer.api.storage_failures import OF_THE_ADDRESS, build_stopped
from coexplorer.api.transport import Transport
from coexplorer.errors import BadReply


class StoredReply(msgspec.Struct, frozen=True):
    """A whole reply of a storage."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class OtherStorage:
    """A storage at an address that the user, or AWS, has said.

    Args:
        transport: Of the platform: tells how long to wait.
        url: Where the storage is.
        concurrency: Connections that are kept.
        carrier: Replaces the network; for tests of waiting.

    Raises:
        ValueError: That is no address.
    """

    def __init__(
        self, transport: Transport, url: str, *, concurrency: int, carrier: Carrier | None
    ) -> None:
        self._transport = transport
        self._storage = Storage(
            parse_origin(url),
            transport.waits,
            timeouts=transport.timeouts,
            concurrency=concurrency,
            carrier=carrier,
        )

    async def __aenter__(self) -> Self:
        await self._storage.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._storage.__aexit__()

    def find_time(self) -> float:
        """Return the time in epoch seconds, by the platform's clock where ours is another one."""
        return time.time() + self._transport.clock_offset_s

    async def fetch(
        self,
        fetch_url: FetchUrl,
        *,
        classify: Classify,
        most_bytes: int,
        method: str = "GET",
        answers: Collection[int] = (200,),
    ) -> StoredReply:
        """Ask for something small, as often as it takes.

        Args:
            fetch_url: Gives the address; asked again before each repetition.
            classify: Says what a refusal means.
            most_bytes: Of the answer.
            method: ``GET`` or ``HEAD``.
            answers: Statuses that are no refusals.

        Raises:
            ApiError: It can't be had.
        """
        deadline = self._transport.start_clock()
        failures = refusals = 0
        while True:
            try:
                return await self._fetch(fetch_url, classify, most_bytes, method, answers)
            except Failed as failed:
                failure = failed.failure
            failures += 1
            refusals += failure.error.status in OF_THE_ADDRESS
            if refusals > ADDRESSES or not await self._transport.wait_after(
                failure, failures, deadline
            ):
                raise failure.error

    async def _fetch(
        self,
        fetch_url: FetchUrl,
        classify: Classify,
        most_bytes: int,
        method: str,
        answers: Collection[int],
    ) -> StoredReply:
        url = await fetch_url()
        limit_s = self._transport.timeouts.file_s
        reply: StoredReply | None = None
        with anyio.move_on_after(limit_s):
            async with self._storage.open_stream(
                url, {"Accept-Encoding": "identity"}, method=method, limit_s=limit_s
            ) as stream:
                reply = await self._read(stream, classify, most_bytes, answers)
        if reply is None:
            reason = f"gave no whole answer within {limit_s:.0f} s"
            raise Failed(build_stopped(reason, kind=FailureKind.SILENT))
        return reply

    async def _read(
        self, stream: Stream, classify: Classify, most_bytes: int, answers: Collection[int]
    ) -> StoredReply:
        is_good = stream.status in answers
        most = most_bytes if is_good else self._transport.bounds.error_bytes
        try:
            content = await read_body(
                stream.chunks, stream.headers.get("Content-Encoding", ""), most
            )
        except ValueError as error:
            raise Failed(_garbled(str(error))) from None
        if is_good and not content.cut:
            return StoredReply(stream.status, stream.headers, content.content)
        if is_good:
            raise Failed(_garbled("more than anybody asked for"))
        body = stream.mask(content.content)
        told_s = parse_retry_after(stream.headers.get("Retry-After"), now=self.find_time())
        raise Failed(classify(stream.status, body, retry_after_s=told_s or None))

    def open_download(
        self,
        fetch_url: FetchUrl,
        *,
        classify: Classify,
        start: int = 0,
        stop: int | None = None,
        most: int | None = None,
        etag: str = "",
        part: FilePart | None = None,
    ) -> AbstractAsyncContextManager[Download]:
        """Open a file's bytes; see `coexplorer.api.download.open_download`."""
        return open_download(
            self._transport,
            self._storage,
            fetch_url,
            start=start,
            stop=stop,
            most=most,
            etag=etag,
            part=part,
            classify=classify,
        )


def _garbled(reason: str) -> Failure:
    error = BadReply(f"the file's storage makes no sense: it sent {reason}", hint="try again")
    return Failure(FailureKind.GARBLED, error)
