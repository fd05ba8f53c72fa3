"""The parts of pyfuse3 that we rely on, private ones too: these tests name what changed."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pyfuse3
import pyfuse3.asyncio
import pytest
import trio

from coexplorer.fs.handlers.operations import Operations
from coexplorer.fs.kernel.request_loop import Door, LowLevel

ROOT = Path(__file__).parents[2]

NAMES = {
    "EntryAttributes",
    "FUSEError",
    "FileHandleT",
    "FileInfo",
    "FileNameT",
    "InodeT",
    "ModeT",
    "Operations",
    "RENAME_NOREPLACE",
    "ReaddirToken",
    "close",
    "init",
    "invalidate_entry",
    "invalidate_inode",
    "main",
    "readdir_reply",
    "terminate",
}
"""All that `coexplorer.fs` takes from pyfuse3 by its name; what is imported from it is checked by
importing it."""

PARAMETERS: list[tuple[Callable[..., object], list[str]]] = [
    (pyfuse3.init, ["ops", "mountpoint", "options"]),
    (pyfuse3.main, ["min_tasks", "max_tasks"]),
    (pyfuse3.close, ["unmount"]),
    (pyfuse3.terminate, []),
    (pyfuse3.invalidate_inode, ["inode", "attr_only"]),
    (pyfuse3.invalidate_entry, ["inode_p", "name", "deleted"]),
    (pyfuse3.readdir_reply, ["token", "name", "attr", "next_id"]),
]

HANDLERS = sorted(
    name
    for name, function in vars(Operations).items()
    if inspect.iscoroutinefunction(function) and hasattr(pyfuse3.Operations, name)
)


def test_the_list_is_all_that_is_used() -> None:
    used = set()
    for path in (ROOT / "coexplorer" / "fs").glob("**/*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                used |= {node.attr} if node.value.id == "pyfuse3" else set()
    assert used == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_pyfuse3_still_has_what_is_taken_from_it(name: str) -> None:
    assert hasattr(pyfuse3, name)


@pytest.mark.parametrize(
    ("function", "parameters"), PARAMETERS, ids=[each.__name__ for each, _ in PARAMETERS]
)
def test_pyfuse3_still_takes_what_it_is_given(
    function: Callable[..., object], parameters: list[str]
) -> None:
    assert list(inspect.signature(function).parameters) == parameters


@pytest.mark.parametrize("name", HANDLERS)
def test_a_handler_still_takes_what_the_kernel_says(name: str) -> None:
    ours = inspect.signature(getattr(Operations, name)).parameters
    theirs = inspect.signature(getattr(pyfuse3.Operations, name)).parameters
    assert list(ours) == list(theirs)


def test_most_handlers_are_compared() -> None:
    assert len(HANDLERS) > 20


def test_it_still_looks_its_event_loop_up_where_ours_is_put() -> None:
    assert vars(pyfuse3)["trio"] is trio
    assert "pyfuse3.trio = fake_trio" in inspect.getsource(pyfuse3.asyncio.enable)


def test_the_loop_that_is_put_there_has_what_pyfuse3_and_trio_ask_of_it() -> None:
    path = Path(pyfuse3.__file__).parent / "internal.pxi"
    # What is compiled comes with its source from 3.5 on.
    if path.exists() or version("pyfuse3") >= "3.5":
        source = path.read_text("utf-8")
        assert "await trio.lowlevel.wait_readable(session_fd)" in source
        assert "worker_data.read_lock = trio.Lock()" in source
        assert "async with worker_data.read_lock:" in source
    assert inspect.iscoroutinefunction(LowLevel.wait_readable)
    assert inspect.iscoroutinefunction(Door.__aenter__)
    assert callable(LowLevel(has_cores=False).current_task)


def test_entries_still_have_the_fields_that_are_filled_in() -> None:
    entry = pyfuse3.EntryAttributes()
    for name in ("st_ino", "st_mode", "st_nlink", "st_size", "st_mtime_ns", "entry_timeout"):
        setattr(entry, name, 1)
        assert getattr(entry, name) == 1
    info = pyfuse3.FileInfo(fh=pyfuse3.FileHandleT(7), keep_cache=True, direct_io=False)
    assert (info.fh, info.keep_cache, info.direct_io) == (7, True, False)
