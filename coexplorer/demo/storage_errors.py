"""Errors of the storage, S3 or signed addresses: XML with a code, as S3 gives them."""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape

CODES: Final = {
    400: ("InvalidRequest", "The request is not valid"),
    403: ("AccessDenied", "Access Denied"),
    404: ("NoSuchKey", "The specified key does not exist."),
    405: ("MethodNotAllowed", "The specified method is not allowed against this resource."),
    412: (
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
    ),
    416: ("InvalidRange", "The requested range is not satisfiable"),
    500: ("InternalError", "We encountered an internal error. Please try again."),
    501: (
        "NotImplemented",
        "A header you provided implies functionality that is not implemented",
    ),
    503: ("SlowDown", "Please reduce your request rate."),
}
"""Code and message of a status, unless something more is known."""

EXPIRED: Final = "Request has expired"
"""S3's message at a signed address whose time is over; the code is AccessDenied."""

MEDIA_TYPE: Final = "application/xml"


def is_storage(path: str) -> bool:
    """Tell whether a request's path is the storage's, not the platform's API."""
    return path.startswith(("/storage/", "/s3/")) or path == "/s3"


def build_error(status: int, code: str = "", message: str = "", **more: str) -> bytes:
    """Return the body of an error.

    Args:
        status: Of the reply.
        code: Empty: the usual one of the status; so is the message.
        message: For people.
        more: Further elements, as ``Region="us-west-2"``.
    """
    usual = CODES.get(status, ("UnknownError", "Something went wrong"))
    facts = {"Code": code or usual[0], "Message": message or usual[1], **more}
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in facts.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode()
