"""Our errors → errno, in one place (design: mount.md, Errors that reach people)."""

from __future__ import annotations

import errno
import functools
import logging
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, ParamSpec, TypeAlias, TypeVar

import pyfuse3
import trio

from coexplorer.errors import (
    ApiError,
    AssetHeld,
    ChangedSince,
    CoexplorerError,
    Conflict,
    EditConflict,
    Forbidden,
    InvalidField,
    JournalError,
    NoLongerFits,
    NotFound,
    NotSignedIn,
    PlatformFault,
    QueryError,
    Refused,
    Rejected,
    Unreachable,
)

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")
Handler: TypeAlias = Callable[P, Coroutine[Any, Any, T]]

DEADLINE_S = 10.0
"""No call that waits for the platform waits longer."""

_ERRNOS: tuple[tuple[type[CoexplorerError], int], ...] = (
    (NotSignedIn, errno.EACCES),
    (Forbidden, errno.EACCES),
    (NotFound, errno.ENOENT),
    (Rejected, errno.EINVAL),
    (InvalidField, errno.EINVAL),
    (Conflict, errno.EBUSY),
    (EditConflict, errno.EBUSY),
    (ChangedSince, errno.EBUSY),
    (AssetHeld, errno.EBUSY),
    (NoLongerFits, errno.ENOENT),
    (Refused, errno.EPERM),
    (QueryError, errno.ENOENT),
    (Unreachable, errno.ENETDOWN),
)


def errno_of(error: CoexplorerError) -> int:
    """Return the errno of an error; EIO for whatever is the platform's or this machine's trouble.

    Never ESTALE, which makes the kernel try again and the PUT go twice, and never EINTR, which
    Node.js takes for success (design: fuse-notes.md, Errors and who shows them).
    """
    answered = isinstance(error, PlatformFault) and error.status
    if isinstance(error, ApiError) and error.outcome_unknown and not answered:
        return errno.ETIMEDOUT
    if isinstance(error, JournalError) and error.disk_is_full:
        return errno.ENOSPC
    if isinstance(error, PlatformFault) and error.status == HTTPStatus.NOT_FOUND:
        return errno.EACCES  # it is there: some platforms say so of what may not be changed
    return next((number for kind, number in _ERRNOS if isinstance(error, kind)), errno.EIO)


def errno_in_rename(number: int) -> int:
    """Replace EINVAL, which mv reports as a directory moved into itself."""
    return errno.EPERM if number == errno.EINVAL else number


def answers(
    deadline_s: float | None = None,
) -> Callable[[Handler[P, T]], Handler[P, T]]:
    """Make a method a request handler: only `pyfuse3.FUSEError` leaves it, and in time.

    Any other exception would end the whole mount.

    Args:
        deadline_s: Seconds after which it answers ETIMEDOUT; None for handlers that never wait.
    """

    def decorate(method: Handler[P, T]) -> Handler[P, T]:
        @functools.wraps(method)
        async def answer(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                if deadline_s is None:
                    return await method(*args, **kwargs)
                with trio.fail_after(deadline_s):
                    return await method(*args, **kwargs)
            except pyfuse3.FUSEError:
                raise
            except trio.TooSlowError:
                log.warning("%s did not end within %s s", method.__name__, deadline_s)
                raise pyfuse3.FUSEError(errno.ETIMEDOUT) from None
            except CoexplorerError as error:
                log.warning("%s: %s", method.__name__, error)
                raise pyfuse3.FUSEError(errno_of(error)) from error
            except OSError as error:
                raise pyfuse3.FUSEError(error.errno or errno.EIO) from error
            except Exception:
                log.exception("%s failed", method.__name__)
                raise pyfuse3.FUSEError(errno.EIO) from None

        return answer

    return decorate
