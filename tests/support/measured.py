"""Which tests coverage measures: one that costs much only with its first parameters.

Measuring takes as much CPU as two thirds of what it measures. What a test that runs a server, the
app, a mount or a program reaches with its other parameters are nearly always the same lines, and
what any test reaches on the other event loop, too.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, cast

import pytest

ENVIRONMENT = "COVERAGE_PROCESS_CONFIG"
"""What lets programs that are started be measured, too."""

_COSTLY = {"mount", "app", "slow"}
_SERVERS = {"server", "legacy_server"}
_measured = pytest.StashKey[bool]()


class _Tracer(Protocol):
    """What coverage hangs into the interpreter."""

    def start(self) -> object: ...
    def stop(self) -> None: ...


def choose_measured(items: list[pytest.Item]) -> None:
    """Note of each test whether it is measured; `tests.support.lanes` has marked them."""
    seen: set[str] = set()
    for item in items:
        test = item.nodeid.partition("[")[0]
        marks = {mark.name for mark in item.iter_markers()}
        costly = marks & _COSTLY or _SERVERS & set(getattr(item, "fixturenames", ()))
        item.stash[_measured] = test not in seen or not (costly or "second_loop" in marks)
        seen.add(test)


def is_measured(item: pytest.Item) -> bool:
    """Tell whether a test is measured, if anything is."""
    return item.stash.get(_measured, True)


@contextmanager
def unmeasured() -> Iterator[None]:
    """Measure nothing that this thread does, nor threads that it starts."""
    tracer, in_threads = sys.gettrace(), threading.gettrace()
    if type(tracer).__module__.partition(".")[0] != "coverage":
        yield  # nothing is measured, or by other means, or a debugger is here
        return
    measuring = cast("_Tracer", tracer)
    measuring.stop()
    threading.settrace(None)
    try:
        yield
    finally:
        threading.settrace(in_threads)
        measuring.start()
