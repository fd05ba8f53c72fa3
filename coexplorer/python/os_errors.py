"""Our errors → what a file object raises: `OSError`, as programs expect of one."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from coexplorer.errors import (
    ApiError,
    CoexplorerError,
    Conflict,
    Forbidden,
    NotFound,
    NotSignedIn,
    Refused,
    Unreachable,
)

_ERRNOS: Final = (
    (NotFound, errno.ENOENT),
    (Forbidden, errno.EACCES),
    (NotSignedIn, errno.EACCES),
    (Conflict, errno.ESTALE),
    (Refused, errno.EISDIR),  # all that is refused to who reads: to read a folder
    (Unreachable, errno.ENETUNREACH),
)


@contextmanager
def raising_os_errors(path: str) -> Iterator[None]:
    """Raise what the platform, or the way to it, says as an `OSError` of the matching kind.

    `FileNotFoundError` for what is not there, `PermissionError` for what is not allowed. The error
    itself is its ``__cause__``. Whatever helps is a note, which tracebacks show.

    Args:
        path: What was asked for.

    Raises:
        OSError: As above.
        CoexplorerError: The errors that have nothing to do with files: an asset's name that fits
            several, no profile, a wrong setting.
    """
    try:
        yield
    except (ApiError, Refused) as error:
        raise build_os_error(error, path) from error
    except CoexplorerError as error:
        if error.hint:
            error.add_note(error.hint)
        raise


def build_os_error(error: CoexplorerError, path: str) -> OSError:
    """Return the `OSError` that says what an error says."""
    number = next((number for kind, number in _ERRNOS if isinstance(error, kind)), errno.EIO)
    told = OSError(number, error.message, path)
    if error.hint:
        told.add_note(error.hint)
    return told
