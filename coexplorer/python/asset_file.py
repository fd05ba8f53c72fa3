"""A file of an asset as Python programs read files."""

from __future__ import annotations

import io
import os
import threading
from typing import TYPE_CHECKING, Final

from coexplorer.python.loop_thread import LoopThread
from coexplorer.python.os_errors import raising_os_errors
from coexplorer.remote_files import FileReader

if TYPE_CHECKING:
    from typing_extensions import Buffer

_PEEK_BYTES: Final = 8192


class AssetFile(io.BufferedIOBase):
    """A file of an asset, open for reading; `coexplorer.open_file` makes it.

    It is what ``open(path, "rb")`` gives: ``read``, ``readinto``, ``seek``, ``tell``, lines, a
    context manager. Only what is read is fetched, with a little around it, and it is kept on this
    disk. Several threads may read at once; each ``read`` has a place of its own.

    Args:
        reader: What reads it.
        background: The thread that it has to be used in.
        path: The file, within the asset.
        name: What it is called in errors: with its asset.

    Attributes:
        path: See above.
        name: Likewise.
        mode: ``rb``.
        size: Bytes of the whole file.
    """

    mode = "rb"

    def __init__(self, reader: FileReader, background: LoopThread, path: str, name: str) -> None:
        super().__init__()
        self.path = path
        self.name = name
        self.size = reader.size
        self._reader = reader
        self._background = background
        self._position = 0
        self._moving = threading.Lock()

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the place of the next read."""
        self._check_open()
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to another place, also behind the end; return it.

        Args:
            offset: Bytes.
            whence: From where on: ``os.SEEK_SET``, ``SEEK_CUR``, ``SEEK_END``.

        Raises:
            ValueError: That would be before the start, or the file is closed.
        """
        self._check_open()
        with self._moving:
            starts = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}
            if whence not in starts:
                raise ValueError(f"unknown whence: {whence}")
            place = starts[whence] + offset
            if place < 0:
                raise ValueError(f"a file has no place {place}")
            self._position = place
            return place

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes: as many as asked for, or all that are left.

        Args:
            size: How many; None or negative: all.

        Raises:
            OSError: They can't be read: see `coexplorer.open_file`.
            ValueError: The file is closed.
        """
        self._check_open()
        with self._moving:
            start = self._position
            left = max(0, self.size - start)
            count = left if size is None or size < 0 else min(left, size)
            self._position = start + count
        try:
            return self.read_at(start, count)
        except BaseException:
            self._position = start
            raise

    def read1(self, size: int = -1, /) -> bytes:
        """Return some of the next bytes: at most `size`, or a megabyte."""
        return self.read(size if size >= 0 else 1024 * 1024)

    def readinto(self, buffer: Buffer, /) -> int:
        """Put the next bytes into a buffer; return how many there were."""
        with memoryview(buffer).cast("B") as view:
            content = self.read(len(view))
            view[: len(content)] = content
        return len(content)

    def readinto1(self, buffer: Buffer, /) -> int:
        """Put the next bytes into a buffer; return how many there were."""
        return self.readinto(buffer)

    def peek(self, size: int = 0, /) -> bytes:
        """Return some of the next bytes without moving on."""
        self._check_open()
        start = self._position
        count = min(max(size, _PEEK_BYTES), max(0, self.size - start))
        return self.read_at(start, count)

    def read_at(self, offset: int, size: int) -> bytes:
        """Return bytes from a place in the file, as `os.pread` does; `tell` stays as it is.

        Args:
            offset: Of the first byte.
            size: How many at most.

        Raises:
            OSError: See `read`.
            ValueError: Likewise, or the numbers are negative.
        """
        self._check_open()
        self._background.check()
        content = self._reader.peek(offset, size)
        if content is not None:
            return content  # a way through the other thread takes a hundred times as long
        with raising_os_errors(self.name):
            return self._background.call(self._reader.read, offset, size)

    def close(self) -> None:
        """Close the file; what is on its way for it alone is cut off."""
        if not self.closed:
            super().close()
            self._background.call_soon(self._reader.close)

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("this file is closed")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}{' (closed)' if self.closed else ''}>"
