"""What the storage says no with."""

from __future__ import annotations

from collections.abc import Mapping


class S3Error(Exception):
    """A request that is refused.

    Args:
        status: HTTP status.
        code: S3's code; empty: the usual one of the status.
        message: For people; empty: the usual one of the status.
        headers: More headers of the reply.
        more: More elements of the error, as ``Region="us-west-2"``.
    """

    def __init__(
        self,
        status: int,
        code: str = "",
        message: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        **more: str,
    ) -> None:
        super().__init__(message or code or str(status))
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.more = more
