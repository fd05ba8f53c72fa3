"""The three standard streams as they may be found: closed, full, or broken off half-way.

A descriptor that is closed would be given to the next file that is opened, and what is printed
would then land in it. A stream that can't be written makes Python end with 120, whatever happened.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys

TYPE_CHECKING = False  # every start comes by here
if TYPE_CHECKING:
    from typing import TextIO

    from typing_extensions import Buffer

STDIN, STDOUT, STDERR = 0, 1, 2


_missing: frozenset[int] = frozenset()


def is_missing(descriptor: int) -> bool:
    """Tell whether the caller closed a stream: what is read from it is nothing that was said."""
    return descriptor in _missing


def open_missing() -> frozenset[int]:
    """Open what the caller closed on nothing, and return which descriptors those are."""
    global _missing  # noqa: PLW0603 - descriptors are the process's, too
    missing = set()
    for descriptor in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            missing.add(descriptor)
            # The lowest free number is given out; those below are open by now.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stdin is None:
        sys.stdin = open(STDIN, encoding="utf-8", closefd=False)  # noqa: SIM115
    _missing = frozenset(missing)
    return _missing


def guard() -> None:
    """Watch what is printed, and let no work fail because a message about it can't be written."""
    sys.stdout = _wrap(_Watched(STDOUT, "w", closefd=False), sys.stdout)
    sys.stderr = _wrap(_Forgiving(STDERR, "w", closefd=False), sys.stderr)


def _wrap(raw: io.FileIO, before: TextIO | None) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(before, "encoding", None) or "utf-8",
        # A name that the terminal's encoding can't say is shown by its escapes; it breaks no list.
        errors="backslashreplace",
        line_buffering=True,
    )


def abandon_output() -> OSError | None:
    """Say once why what was printed can't be written, and write no more; None: all is written."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if not isinstance(raw, _Watched) or raw.error is None:
        return None
    # What the buffer still holds would be tried once more when Python ends.
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, STDOUT)
    os.close(nothing)
    error, raw.error = raw.error, None
    return error


class _Watched(io.FileIO):
    """A file that remembers why it could not be written."""

    error: OSError | None = None

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.error = error
            raise


class _Forgiving(io.FileIO):
    """A file that takes what it is given, and drops what it can't write."""

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(memoryview(data).cast("B"))
