"""Sending the bytes of a file as S3 does: parts, conditions, and errors in XML."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from coexplorer.demo.files import Content
from coexplorer.demo.storage_errors import MEDIA_TYPE, build_error

_RANGE = re.compile(r"bytes=(?:(?P<first>\d+)-(?P<last>\d*)|-(?P<suffix>\d+))")


def refuse(status: int, code: str = "", message: str = "", **more: str) -> Response:
    """Return an error of the storage (`build_error`)."""
    return Response(build_error(status, code, message, **more), status, media_type=MEDIA_TYPE)


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Return ``(first, last)`` of the one range that a ``Range`` header asks for.

    None: the whole file is sent (no range, several, or one in words of another unit).

    Raises:
        ValueError: Nothing of the file is in the range: 416.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None:
        return None
    if match["suffix"] is not None:
        first, last = max(0, size - int(match["suffix"])), size - 1
    else:
        first = int(match["first"])
        last = min(int(match["last"]), size - 1) if match["last"] else size - 1
        if match["last"] and int(match["last"]) < first:
            return None
    if first > last:
        raise ValueError(header)
    return first, last


def send_content(
    request: Request, content: Content, headers: dict[str, str] | None = None
) -> Response:
    """Send a file, or the part of it that is asked for, if the request's conditions hold.

    Args:
        request: A GET or a HEAD.
        content: The file.
        headers: More headers of the reply.
    """
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": f'"{content.etag}"',
        "Last-Modified": formatdate(content.modified, usegmt=True),
        "Content-Type": "application/octet-stream",
        **(headers or {}),
    }
    status = _check_conditions(request, content)
    if status == HTTPStatus.NOT_MODIFIED:
        return Response(status_code=status, headers={"ETag": headers["ETag"]})
    if status is not None:
        return refuse(status)
    wanted = request.headers.get("range", "")
    if request.headers.get("if-range", headers["ETag"]) != headers["ETag"]:
        wanted = ""
    try:
        part = parse_range(wanted, content.size)
    except ValueError:
        error = refuse(416, RangeRequested=wanted, ActualObjectSize=str(content.size))
        error.headers["Content-Range"] = f"bytes */{content.size}"
        return error
    first, last = part or (0, content.size - 1)
    headers["Content-Length"] = str(last - first + 1)
    if part:
        headers["Content-Range"] = f"bytes {first}-{last}/{content.size}"
    status = HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    body = _iter_chunks(content, first, last - first + 1)
    return StreamingResponse(body, status_code=status, headers=headers)


async def _iter_chunks(content: Content, first: int, length: int) -> AsyncIterator[bytes]:
    # In the loop itself: made-up bytes are copied faster than a thread is asked for them.
    for chunk in content.read(first, length):
        yield chunk


def _check_conditions(request: Request, content: Content) -> HTTPStatus | None:
    """Return the status of a reply to a request whose conditions do not hold; None: they do."""
    headers = request.headers
    if "if-match" in headers:
        if not _names(headers["if-match"], content.etag):
            return HTTPStatus.PRECONDITION_FAILED
    elif content.modified > _parse_date(headers.get("if-unmodified-since"), content.modified):
        return HTTPStatus.PRECONDITION_FAILED
    if "if-none-match" in headers:
        if _names(headers["if-none-match"], content.etag):
            return HTTPStatus.NOT_MODIFIED
    elif content.modified <= _parse_date(headers.get("if-modified-since"), content.modified - 1):
        return HTTPStatus.NOT_MODIFIED
    return None


def _names(header: str, etag: str) -> bool:
    """Tell whether a list of ETags names this one."""
    named = {each.strip().removeprefix("W/").strip('"') for each in header.split(",")}
    return bool(named & {etag, "*"})


def _parse_date(header: str | None, otherwise: int) -> float:
    """Return an HTTP date in epoch seconds; what is none counts for nothing (RFC 9110)."""
    try:
        return parsedate_to_datetime(header).timestamp() if header else otherwise
    except ValueError:
        return otherwise
