"""Which errors show that the bytes of a catalog were changed."""

from __future__ import annotations

import sqlite3
from typing import Final

from coexplorer.catalog.disk import code_of

_DAMAGED: Final = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_CONSTRAINT,  # what we write never breaks a rule of a whole file
        sqlite3.SQLITE_MISMATCH,
    }
)
_DAMAGE_TEXTS: Final = (
    "Could not decode to UTF-8",
    "no such table",
    "no such column",
    "no such index",
    "no such module",
    "has no column named",
    "constructor failed",
    "malformed",
    "incomplete input",
)
"""SQLite's words, without a code of their own, for a schema or a text with flipped bytes."""

UNREADABLE: Final = (ValueError, TypeError, IndexError, OverflowError, MemoryError)
"""What comes of rows that hold what we never wrote: no UTF-8, no JSON, absurd numbers. msgspec's
errors are ValueErrors."""


def is_damage(error: Exception) -> bool:
    """Tell whether an error, met while reading the file, shows that its bytes were changed."""
    if isinstance(error, UnicodeEncodeError):  # of what was asked for, not of what was read
        return False
    if not isinstance(error, sqlite3.Error):
        return isinstance(error, UNREADABLE)
    return code_of(error) in _DAMAGED or any(text in str(error) for text in _DAMAGE_TEXTS)
