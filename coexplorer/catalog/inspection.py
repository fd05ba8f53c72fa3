"""Looks at a catalog as it lies on the disk: nothing is made, migrated or rebuilt."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec

from coexplorer.catalog.damage import is_damage
from coexplorer.catalog.disk import explain_trouble
from coexplorer.catalog.migrations import VERSION
from coexplorer.catalog.preparing import find_version
from coexplorer.errors import CatalogError

_WAIT_S: Final = 2.0
_STEPS: Final = 10_000
"""SQLite's instructions between two looks at the clock: a few milliseconds."""

_MISTAKEN: Final = "NULL value in "
"""What SQLite 3.40 says of a table without row ids whose key is not in the order of its columns."""


class CatalogFound(msgspec.Struct, frozen=True):
    """What is known of a catalog.

    Attributes:
        error: Why it can't be used; None: it can.
        assets: How many the last sweep saw; None: there was none.
        synced_at: When that ended, epoch seconds; None: there was none.
        complete: Whether it saw everything.
        is_old: It is of an earlier version, and will be brought up to date by the next command.
        was_read: Whether all of the file was read; the largest take too long.
    """

    error: CatalogError | None = None
    assets: int | None = None
    synced_at: float | None = None
    complete: bool = True
    is_old: bool = False
    was_read: bool = True


def inspect_catalog(path: Path, *, limit_s: float) -> CatalogFound | None:
    """Look at a catalog; None: there is none.

    Args:
        path: Its file.
        limit_s: How long to look for damage.
    """
    try:
        if not path.stat().st_size:
            return None
        if path.with_name(path.name + ".damaged").exists():
            return CatalogFound(_tell_damaged(path))
        with open_untouched(path) as connection:
            return _look(connection, path, limit_s)
    except FileNotFoundError:
        return None
    except CatalogError as error:
        return CatalogFound(error)
    except (sqlite3.Error, OSError, ValueError, TypeError) as error:
        return CatalogFound(_tell_damaged(path) if is_damage(error) else _tell(path, error))


def _look(connection: sqlite3.Connection, path: Path, limit_s: float) -> CatalogFound:
    version = find_version(connection, path)
    problem = find_damage(connection, limit_s)
    if problem:
        return CatalogFound(_tell_damaged(path))
    was_read = problem is not None
    if version != VERSION:
        return CatalogFound(is_old=True, was_read=was_read)
    row = connection.execute("SELECT total, synced_at, complete FROM sync").fetchone()
    assets, synced_at, complete = row or (None, None, 0)
    return CatalogFound(
        assets=assets, synced_at=synced_at, complete=bool(complete), was_read=was_read
    )


@contextlib.contextmanager
def open_untouched(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a SQLite file to be read, and put nothing beside it that is not there already.

    Where somebody has it open, or a log was left beside it, it is read as any reader does, who may
    add SQLite's shared memory.
    """
    log = path.with_name(path.name + "-wal")
    has_log = log.exists() and log.stat().st_size > 0
    address = f"file:{quote(str(path))}?mode=ro{'' if has_log else '&immutable=1'}"
    with contextlib.closing(sqlite3.connect(address, uri=True, timeout=_WAIT_S)) as connection:
        yield connection


def find_damage(connection: sqlite3.Connection, limit_s: float) -> str | None:
    """Return what is wrong in a file: empty if nothing is, None if the time did not suffice.

    Raises:
        sqlite3.Error: It can't be read at all.
    """
    deadline = time.monotonic() + limit_s
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
    try:
        rows = connection.execute("PRAGMA quick_check").fetchall()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return None
    finally:
        connection.set_progress_handler(None, 0)
    said = (str(line) for (line,) in rows if line != "ok")
    return next((line for line in said if not line.startswith(_MISTAKEN)), "")


def _tell_damaged(path: Path) -> CatalogError:
    return CatalogError(
        f"the catalog {path} is damaged",
        hint=f"delete {path}: it is only a copy of what the platform has, and no edit is lost",
        is_damaged=True,
    )


def _tell(path: Path, error: Exception) -> CatalogError:
    reason, hint = explain_trouble(path, error)
    return CatalogError(f"the catalog {path} can't be read: {reason}", hint=hint)
