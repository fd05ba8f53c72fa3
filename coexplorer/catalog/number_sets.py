"""Asset numbers out of SQLite, and sets of them: one byte for each number, in one integer.

And, or and not are single operations on a hundred kilobytes. Numbers come out of SQLite as one
text, which is several times faster than a row each.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

_decode = msgspec.json.Decoder(list[int]).decode


def read_change(connection: sqlite3.Connection) -> int:
    """Return the number of the newest change."""
    return read_counter(connection, "changes")


def read_counter(connection: sqlite3.Connection, name: str) -> int:
    """Return how often something was changed: ``changes``, ``places``."""
    row = connection.execute("SELECT value FROM counter WHERE name = ?", (name,)).fetchone()
    return int(row[0])


def fetch_numbers(
    connection: sqlite3.Connection, sql: str, parameters: tuple[object, ...]
) -> list[int]:
    """Return the numbers that a ``SELECT n`` finds."""
    row = connection.execute(f"SELECT group_concat(n) FROM ({sql})", parameters).fetchone()
    return _decode(f"[{row[0] or ''}]")


def find_beyond(connection: sqlite3.Connection) -> int:
    """Return a number larger than any asset's."""
    row = connection.execute("SELECT ifnull(max(n), 0) + 1 FROM asset").fetchone()
    return int(row[0])


def encode_numbers(numbers: Iterable[int]) -> str:
    """Return numbers as a parameter for ``json_each``."""
    return msgspec.json.encode(list(numbers)).decode()


def mask_set(found: int, beyond: int) -> bytes:
    """Return one byte for each number below `beyond`: 1 for the members of a set."""
    return found.to_bytes(beyond, "little")


def pack_set(numbers: Sequence[int], beyond: int) -> int:
    """Return the set of some numbers, all of them below `beyond`."""
    mask = bytearray(beyond)
    for number in numbers:
        mask[number] = 1
    return int.from_bytes(mask, "little")


def list_members(found: int) -> list[int]:
    """Return the numbers of a small set."""
    mask = found.to_bytes((found.bit_length() + 7) // 8, "little")
    numbers, number = [], mask.find(1)
    while number >= 0:
        numbers.append(number)
        number = mask.find(1, number + 1)
    return numbers
