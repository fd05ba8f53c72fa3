"""What reads one file for one program."""

from __future__ import annotations

from collections import deque
from typing import Final, Self

from coexplorer.remote_files.blocks import find_blocks
from coexplorer.remote_files.pattern import Pattern
from coexplorer.remote_files.shared_file import SharedFile

_PIECE_BYTES: Final = 4 * 1024 * 1024
"""A longer read is done in pieces, so that not all of it is in memory twice."""

_MOST_SEEN: Final = 16_384
_MOST_PEEKED: Final = 4096


class FileReader:
    """An open file. Close it (`aclose`), or use it as an async context manager.

    Any number of tasks may read at once; other threads may `peek`. A read that is cancelled frees
    its request.

    Args:
        file: What it shares with the other readers of the file.

    Attributes:
        size: Bytes of the whole file.
    """

    def __init__(self, file: SharedFile) -> None:
        self.size = file.size
        self._file = file
        self._pattern = Pattern(file.size)
        self._is_closed = False
        self._seen: set[int] = set()
        self._peeked: deque[tuple[int, int]] = deque(maxlen=_MOST_PEEKED)
        file.readers += 1

    @property
    def etag(self) -> str:
        """The mark of the content; empty while nobody knows it."""
        return self._file.origin.etag

    async def read(self, offset: int, size: int) -> bytes:
        """Return bytes from `offset`: as many as asked for, or as there are.

        Args:
            offset: Of the first byte; 0 or more.
            size: How many at most; 0 or more.

        Raises:
            Conflict: The file was replaced by another one since it was opened.
            ApiError: It can't be read.
            ValueError: It is closed, or the numbers are negative.
        """
        if self._is_closed:
            raise ValueError("this file is closed")
        if offset < 0 or size < 0:
            raise ValueError("a file has no bytes before its first one")
        end = min(self.size, offset + size)
        if end <= offset:
            return b""
        while self._peeked:
            self._pattern.note_known(*self._peeked.popleft())
        if end - offset <= _PIECE_BYTES:
            content = await self._file.read(offset, end - offset, self._pattern)
            self._note_seen(offset, end - offset)
            return content
        whole = bytearray()
        while offset < end:
            piece = min(_PIECE_BYTES, end - offset)
            whole += await self._file.read(offset, piece, self._pattern)
            offset += piece
        return bytes(whole)

    def peek(self, offset: int, size: int) -> bytes | None:
        """Return bytes that were read a moment ago, from any thread, at once.

        None means: `read` them. So it is where a block is read for the first time, which may be a
        reason to fetch what follows.

        Args:
            offset: Of the first byte.
            size: How many at most.
        """
        end = min(self.size, offset + size)
        if self._is_closed or not 0 <= offset < end:
            return None
        if not self._seen.issuperset(find_blocks(offset, end - offset)):
            return None
        content = self._file.peek(offset, end - offset)
        if content is not None:
            self._peeked.append((offset, end - offset))
        return content

    def _note_seen(self, offset: int, size: int) -> None:
        if len(self._seen) > _MOST_SEEN:
            self._seen = set()
        self._seen.update(find_blocks(offset, size))

    def close(self) -> None:
        """Close the file; what is on its way for this reader alone is cut off."""
        if not self._is_closed:
            self._is_closed = True
            self._file.leave(self._pattern)

    async def aclose(self) -> None:
        """Close the file, too."""
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
