"""What a place where files lie has to offer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class FileOrigin(Protocol):
    """One file at the place where it really is.

    Attributes:
        size: Bytes of the whole file.
        etag: The mark of the content that is read; empty while nobody knows it. What comes later
            must have the same one. Emptied where reading begins again with whatever is there now.
    """

    size: int
    etag: str

    def read(self, offset: int, size: int) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Ask for a part of the file: one request, of which the pieces come in order.

        Every wait has a deadline, and what a second try may mend has been tried again. Leaving the
        context before the end cuts the request off.

        Args:
            offset: Of the first byte.
            size: How many bytes; they are all inside the file.

        Raises:
            Conflict: The content is no longer what `etag` and `size` say.
            ApiError: It can't be read.
        """
        ...
