"""Reads files from signed addresses: by ranges, resumed where a connection broke, without a token.

A signed address expires, so the reader is given a way to ask for a fresh one.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final, Protocol, Self

import anyio
import msgspec

from coexplorer.api.bodies import read_body
from coexplorer.api.failures import (
    Failed,
    Failure,
    FailureKind,
    parse_retry_after,
)
from coexplorer.api.storage import SignedRequest, Storage, Stream
from coexplorer.api.storage_failures import OF_THE_ADDRESS, build_stopped, classify_stored
from coexplorer.api.transport import Transport
from coexplorer.errors import ApiError, BadReply, Conflict

FetchUrl = Callable[[], Awaitable[str | SignedRequest]]
"""Asks the platform for a signed address of the file, or signs a request for it."""


class Classify(Protocol):
    """Turns what a storage says instead of sending something into a failure."""

    def __call__(self, status: int, body: bytes, *, retry_after_s: float | None = None) -> Failure:
        """See `coexplorer.api.storage_failures.classify_stored`."""
        ...


_LONGEST_NUMBER: Final = 19

ADDRESSES: Final = 1
"""Addresses that are asked for anew, one after another, where the storage refuses them."""

_END_S: Final = 0.5
"""So long the end of a reply may take that has all of its bytes."""

_MOST_SKIPPED: Final = 4 * 1024 * 1024
"""So much of a file may come and be thrown away before the part of it that was asked for."""

_PROGRESS_BYTES: Final = 64 * 1024
"""So much has to come for a download to count as going on: a byte now and then is no progress."""


class Extent(msgspec.Struct, frozen=True):
    """Which bytes of a file a reply carries.

    Attributes:
        start: Offset of its first byte.
        total_bytes: Size of the whole file; None when the reply does not tell.
    """

    start: int
    total_bytes: int | None


def parse_extent(status: int, content_range: str, content_length: str) -> Extent:
    """Read which bytes come, from a reply's status and headers (RFC 9110, 14.4).

    Raises:
        ValueError: A partial reply that does not say which part it is.
    """
    found = re.fullmatch(r"bytes (\d{1,19})-\d{1,19}/(\d{1,19}|\*)", content_range.strip())
    if found is not None:  # some storages say so with 200
        return Extent(int(found[1]), None if found[2] == "*" else int(found[2]))
    if status == 206:  # noqa: PLR2004 # Partial Content
        raise ValueError("a part of a file, without saying which part")
    known = content_length.isdecimal() and len(content_length) <= _LONGEST_NUMBER
    return Extent(0, int(content_length) if known else None)


class FilePart(msgspec.Struct, frozen=True):
    """What is known of a file when a part of it is read.

    Attributes:
        total_bytes: Its size; the storage has to say the same.
        is_fixed: It never changes, so that the rest can be asked for although the storage gives no
            mark of it.
        limit_s: So long the storage may say nothing, in seconds.
    """

    total_bytes: int
    is_fixed: bool
    limit_s: float


class Download:
    """The bytes of a file, in order; iterate over it.

    Attributes:
        position: Offset of the next byte.
        total_bytes: Size of the whole file; None when the storage does not tell.
        etag: The storage's mark of this content; empty when it gives none.
    """

    def __init__(
        self,
        transport: Transport,
        storage: Storage,
        fetch_url: FetchUrl,
        *,
        start: int,
        stop: int | None,
        most: int | None,
        etag: str,
        part: FilePart | None = None,
        classify: Classify = classify_stored,
    ) -> None:
        self.position = start
        self.total_bytes: int | None = None if part is None else part.total_bytes
        self.etag = etag
        self._transport = transport
        self._storage = storage
        self._fetch_url = fetch_url
        self._stop = stop
        self._most = most
        self._part = part
        self._classify = classify
        self._limit_s = transport.timeouts.file_s if part is None else part.limit_s
        self._skip = 0
        self._is_exact = False
        self._given = start
        self._failures = 0
        self._refusals = 0
        self._deadline = 0.0
        self._since_progress = 0
        self._waited_s = 0.0
        self._stack = AsyncExitStack()
        self._chunks: AsyncIterator[bytes] | None = None

    @property
    def stop(self) -> int | None:
        """Offset after the last byte that is wanted; None while nobody knows."""
        ends = [end for end in (self._stop, self._most, self.total_bytes) if end is not None]
        return min(ends, default=None)

    async def start(self) -> None:
        """Open the first connection, so that size and mark are known.

        Raises:
            Conflict: The content has another mark than the one given.
            ApiError: It can't be read.
        """
        while self._chunks is None and not self._finished():
            try:
                await self._open()
            except Failed as failed:
                await self._recover(failed.failure)

    async def aclose(self) -> None:
        """Close the connection."""
        self._chunks = None
        await self._stack.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while not self._finished():
            try:
                chunk = await self._read()
            except Failed as failed:
                await self._recover(failed.failure)
                continue
            if chunk is None:
                break
            if chunk:
                self.position += len(chunk)
                return chunk
        await self._finish()
        await self.aclose()
        raise StopAsyncIteration

    async def _finish(self) -> None:
        """Hear that there is no more of what was asked for, so that the connection can be kept."""
        if self._chunks is not None and self._is_exact:
            with suppress(Failed), anyio.move_on_after(_END_S):
                await anext(self._chunks, None)

    def _finished(self) -> bool:
        return self.stop is not None and self.position >= self.stop

    async def _read(self) -> bytes | None:
        """Return the next wanted bytes, maybe none; None at the end of a file of unknown size."""
        if self._chunks is None:
            await self._open()
        if self._chunks is None:
            return b""
        asked_at = anyio.current_time()
        chunk: bytes | None = None
        with (
            anyio.move_on_after(self._limit_s) as scope,
            self._transport.waits.for_answer(of_storage=True),
        ):
            chunk = await anext(self._chunks, None)
        if scope.cancelled_caught:
            reason = f"sent nothing for {self._limit_s:.0f} s"
            raise Failed(build_stopped(reason, kind=FailureKind.SILENT))
        self._note_progress(len(chunk or b""), anyio.current_time() - asked_at)
        if chunk is None:
            if self.stop is None:
                return None
            raise Failed(build_stopped("stopped before the end", kind=FailureKind.LOST))
        skipped = min(self._skip, len(chunk))
        self._skip -= skipped
        wanted = None if self.stop is None else skipped + self.stop - self.position
        return chunk[skipped:wanted]

    def _note_progress(self, count: int, waited_s: float) -> None:
        """Count what came against the time that it took.

        Raises:
            Failed: It has come too slowly for too long.
        """
        self._since_progress += count
        self._waited_s += waited_s
        limit_s = self._limit_s
        if self._since_progress >= _PROGRESS_BYTES:
            self._failures = self._refusals = 0
            self._since_progress = 0
            self._waited_s = 0.0
        elif self._waited_s > limit_s:
            reason = f"sent next to nothing for {limit_s:.0f} s"
            raise Failed(build_stopped(reason, kind=FailureKind.SILENT))

    async def _open(self) -> None:
        is_fixed = self._part is not None and self._part.is_fixed
        if self.position > self._given and not (self.etag or is_fixed):
            # Nobody could tell whether the rest is of the same file.
            raise Failed(
                Failure(
                    FailureKind.FINAL,
                    Conflict(
                        "the connection broke, and the download can't resume:"
                        " the file's storage names no version of it",
                        hint="start over",
                    ),
                )
            )
        headers = {"Accept-Encoding": "identity"}
        if self.position or self._stop is not None:
            last = "" if self._stop is None else self._stop - 1
            headers["Range"] = f"bytes={self.position}-{last}"
            if self.etag and not self.etag.startswith("W/"):
                headers["If-Range"] = self.etag
        try:
            url = await self._fetch_url()
        except ApiError as error:  # its own repetitions are over
            raise Failed(Failure(FailureKind.FINAL, error)) from None
        stream = await self._stack.enter_async_context(
            self._storage.open_stream(url, headers, limit_s=self._limit_s)
        )
        await self._accept(stream)

    async def _accept(self, stream: Stream) -> None:
        may_be_end = self._stop is None or self._part is not None
        if stream.status == 416 and may_be_end:  # noqa: PLR2004 # Range Not Satisfiable
            self._check_same(parse_total(stream.headers.get("Content-Range", "")), self.etag)
            if self._finished():
                return
        if stream.status not in (200, 206):
            body = await self._read_refusal(stream)
            now = time.time() + self._transport.clock_offset_s
            told_s = parse_retry_after(stream.headers.get("Retry-After"), now=now)
            failure = self._classify(stream.status, body, retry_after_s=told_s or None)
            if stream.status in OF_THE_ADDRESS:
                # It has expired: another one is asked for, once.
                self._refusals += 1
                if self._refusals > ADDRESSES:
                    failure = Failure(FailureKind.FINAL, failure.error)
            raise Failed(failure)
        try:
            extent = parse_extent(
                stream.status,
                stream.headers.get("Content-Range", ""),
                stream.headers.get("Content-Length", ""),
            )
        except ValueError as error:
            raise Failed(_garbled(str(error))) from None
        if self._is_foreign(stream, extent):
            raise Failed(_garbled("something else than the file"))
        self._check_same(extent.total_bytes, find_mark(stream.headers))
        if extent.start > self.position:
            raise Failed(_garbled("a different part of the file than was asked for"))
        self._skip = self.position - extent.start
        self._is_exact = "Content-Range" in stream.headers
        if self._part is not None and self._skip > _MOST_SKIPPED:
            refusal = BadReply(
                "the file's storage sends whole files only, not the part that was asked for",
                hint="download the file instead: coexplorer get",
            )
            raise Failed(Failure(FailureKind.FINAL, refusal))
        self._chunks = stream.chunks

    def _is_foreign(self, stream: Stream, extent: Extent) -> bool:
        """Tell whether it is a page of something in between, not of another version of the file."""
        if self._part is None or "Content-Range" in stream.headers:
            return False
        other_size = extent.total_bytes != self._part.total_bytes
        return other_size and not find_mark(stream.headers)

    async def _read_refusal(self, stream: Stream) -> bytes:
        """Read what the storage says, as far as a sentence needs it and soon enough."""
        with suppress(ValueError), anyio.move_on_after(self._transport.timeouts.file_s):
            encoding = stream.headers.get("Content-Encoding", "")
            most = self._transport.bounds.error_bytes
            body = (await read_body(stream.chunks, encoding, most)).content
            return stream.mask(body)
        return b""

    def _check_same(self, total_bytes: int | None, etag: str) -> None:
        """Remember what is being read, or refuse to glue two versions together."""
        other_size = None not in (self.total_bytes, total_bytes) and total_bytes != self.total_bytes
        too_short = total_bytes is not None and self.position > total_bytes
        if other_size or too_short or (self.etag and etag and etag != self.etag):
            error = Conflict(
                "the file changed since the first part of it was read",
                hint="delete the partial download, then start over",
            )
            raise Failed(Failure(FailureKind.FINAL, error))
        self.total_bytes = self.total_bytes if total_bytes is None else total_bytes
        self.etag = self.etag or etag

    async def _recover(self, failure: Failure) -> None:
        """Wait before the rest is asked for, or give up."""
        await self.aclose()
        self._stack = AsyncExitStack()
        self._waited_s = 0.0
        self._failures += 1
        if self._failures == 1:
            self._deadline = self._transport.start_clock()
        if not await self._transport.wait_after(failure, self._failures, self._deadline):
            raise failure.error


@asynccontextmanager
async def open_download(
    transport: Transport,
    storage: Storage,
    fetch_url: FetchUrl,
    *,
    start: int = 0,
    stop: int | None = None,
    most: int | None = None,
    etag: str = "",
    part: FilePart | None = None,
    classify: Classify = classify_stored,
) -> AsyncIterator[Download]:
    """Open a file's bytes from `start` up to, not including, `stop`.

    Args:
        transport: Tells how long to wait, and waits before a repetition.
        storage: Where the file is.
        fetch_url: Asked for a signed address, and for another when one has expired.
        start: Offset of the first byte.
        stop: Offset after the last one; None: to the end.
        most: Offset at which reading ends although there is more; None: to the end.
        etag: The mark of an earlier part, which the rest must belong to; empty if there is none.
        part: What is known of the file, where only a part of it is wanted.
        classify: Says what a refusal means.

    Raises:
        Conflict: The content has changed since.
        ApiError: It can't be read.
    """
    download = Download(
        transport,
        storage,
        fetch_url,
        start=start,
        stop=stop,
        most=most,
        etag=etag,
        part=part,
        classify=classify,
    )
    try:
        await download.start()
        yield download
    finally:
        await download.aclose()


def find_mark(headers: Mapping[str, str]) -> str:
    """Return what tells this version of a file from others: its ETag, or else its date.

    Either can be asked for again (RFC 9110, 13.1.5).
    """
    return headers.get("ETag", "") or headers.get("Last-Modified", "")


def parse_total(content_range: str) -> int | None:
    """Read a file's size from the header of a refused range: ``bytes */SIZE``."""
    found = re.fullmatch(r"bytes \*/(\d{1,19})", content_range.strip())
    return int(found[1]) if found else None


def _garbled(reason: str) -> Failure:
    error = BadReply(f"the file's storage makes no sense: it sent {reason}", hint="try again")
    return Failure(FailureKind.GARBLED, error)
