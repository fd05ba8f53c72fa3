"""Unwraps a task group's exception group into the one error that matters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from coexplorer.errors import CoexplorerError


@contextmanager
def plain_errors() -> Iterator[None]:
    """Let our own errors out of a task group as the first of them, not wrapped in a group.

    Callers wait for one sentence and a hint; anything else in the group goes on as it is.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        ours, others = group.split(CoexplorerError)
        if ours is None or others is not None:
            raise
        raise _first(ours) from None


def _first(group: BaseExceptionGroup[CoexplorerError]) -> CoexplorerError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
