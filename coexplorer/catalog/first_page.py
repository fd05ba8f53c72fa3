"""What the first frame must know about a catalog, importing nothing but SQLite."""

from __future__ import annotations

import sqlite3


def find_change_number(path: str) -> int | None:
    """Return the number of the catalog's last real change; None when it can't be read."""
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=0.05)
    except sqlite3.Error:
        return None
    try:
        row = connection.execute("SELECT value FROM counter WHERE name = 'changes'").fetchone()
    except sqlite3.Error:
        return None
    finally:
        connection.close()
    return int(row[0]) if row else None
