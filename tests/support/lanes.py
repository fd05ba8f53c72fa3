"""Which tests need what: the one place that sets the markers for ``make quick``.

``mount``
    It mounts: FUSE, and for some tests the editors and tools that save.
``app``
    It runs the terminal app, in this process or in a terminal.
``slow``
    It starts programs, or computes for seconds.
``second_loop``
    An async test on trio; the same test also runs on asyncio.

Markers follow from what a test uses, so nobody has to remember them.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from zlib import crc32

import pytest

MARKERS = {
    "mount": "mounts a file system: needs FUSE",
    "app": "runs the terminal app",
    "slow": "starts programs, or computes for seconds",
    "second_loop": "an async test on trio, which runs on asyncio, too",
}

_BY_SUPPORT = {
    "tests.support.mounted": "mount",
    "tests.support.tui": "app",
    "tests.support.terminal": "slow",
    "tests.support.namespaces": "slow",
    "tests.support.company": "slow",
    "tests.support.trouble": "slow",
    "tests.support.judges": "slow",
    "benchmarks.pty_session": "slow",
}
_PROGRAMS = {"subprocess", "multiprocessing", "pty"}
_ATTRIBUTES = {"spawn": "slow", "fork": "slow", "run_test": "app"}

_FEW = 6
"""So many cases of a test all run on the second loop."""

_LONG = {
    # Seconds of CPU on a machine of 2026.
    "test_a_search_finds_what_a_naive_filter_finds",  # 6 times 3
    "test_the_largest_query_is_answered_and_a_larger_one_is_a_mistake",  # 4
    "test_what_could_not_be_sent_is_kept_and_sent_later",  # 8
    "test_remote_finds_what_the_query_asks_and_nothing_more",  # 3
    "test_remote_search_means_what_the_local_one_means",  # 2
    "test_no_request_is_answered_with_a_500",  # twice 2
    "test_pasted_text_is_text_however_reads_cut_it",  # 2
    "test_undo_of_a_bulk_over_500_restores_all_but_those_changed_since_and_names_them",  # 7
}


def mark(item: pytest.Item) -> None:
    """Give a test its markers."""
    for name in sorted(set(_find_markers(item))):
        item.add_marker(name)


def thin(items: list[pytest.Item]) -> list[pytest.Item]:
    """Return those on the second loop that need not run: of a test's many cases, two of three.

    All run on the first loop. Which values a test has makes no difference to the loop, and the
    cases that are left still show whether what it runs works on both. Who names a few runs them.
    """
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        if any(mark.name == "second_loop" for mark in item.iter_markers()):
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    return [
        item
        for each in cases.values()
        if len(each) > _FEW
        for nth, item in enumerate(each)
        if nth and crc32(item.nodeid.encode()) % 3  # every third may all have the same value
    ]


def _find_markers(item: pytest.Item) -> Iterator[str]:
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    if parameters.get("anyio_backend") == "trio":
        yield "second_loop"
    function, module = getattr(item, "function", None), getattr(item, "module", None)
    if not isinstance(module, ModuleType) or function is None:
        return
    if function.__name__ in _LONG:
        yield "slow"
    # A module's fixtures mount, and run the app, for all of its tests.
    for value in vars(module).values():
        marker = _BY_SUPPORT.get(getattr(value, "__module__", None) or "")
        if marker in ("mount", "app"):
            yield marker
    seen: set[int] = set()
    yield from _find_reached(inspect.unwrap(function), module, seen)
    for name in getattr(item, "fixturenames", ()):
        yield from _find_reached(vars(module).get(name), module, seen)


def _find_reached(value: object, module: ModuleType, seen: set[int]) -> Iterator[str]:
    """Yield what a function, a fixture or a class needs, itself or by others of its module."""
    if id(value) in seen:
        return
    seen.add(id(value))
    value = getattr(value, "_fixture_function", value)  # as pytest wraps it
    if isinstance(value, type):
        yield from (
            _BY_SUPPORT[base.__module__]
            for base in value.__mro__[1:]
            if base.__module__ in _BY_SUPPORT
        )
        for method in vars(value).values():
            yield from _find_reached(getattr(method, "__func__", method), module, seen)
    value = getattr(value, "__wrapped__", value)
    if isinstance(value, FunctionType):
        yield from _find_used(value, module, seen)


def _find_used(function: FunctionType, module: ModuleType, seen: set[int]) -> Iterator[str]:
    for name in _iter_names(function.__code__):
        if name in _ATTRIBUTES:
            yield _ATTRIBUTES[name]
        value = vars(module).get(name)
        if isinstance(value, ModuleType) and value.__name__ in _PROGRAMS:
            yield "slow"
        origin = getattr(value, "__module__", None)
        if origin in _BY_SUPPORT:
            yield _BY_SUPPORT[origin]
        elif origin == module.__name__:
            yield from _find_reached(value, module, seen)


def _iter_names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _iter_names(inner)
